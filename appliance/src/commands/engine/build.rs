//! `mamoru engine build`: the network's plan for this GPU.

use std::io::Write as _;

use anyhow::bail;
use inference::EngineError;
use serde_json::json;

use crate::cli::BuildArgs;
use crate::commands::config::open_model;
use crate::commands::print_json;
use crate::config::LogLevel;
use crate::engine::health::HealthBoard;
use crate::engine::{nvidia, with_progress};
use crate::exit_code::Exit;
use crate::logging;

/// Builds the plan, or says that it is there. `mamoru engine build --json`: `{"notice", "cached", "seconds", "plan_bytes"}`.
///
/// # Errors
/// When the configuration, the model or the NVIDIA engine cannot be used.
pub fn run(arguments: &BuildArgs) -> anyhow::Result<Exit> {
    logging::start(LogLevel::Warn);
    let config = arguments.common.load(&crate::cli::EngineArgs { engine: None }, Some(&arguments.model))?;
    let model = open_model(&config)?;
    let engine = nvidia(&config.engine, &config.state_dir)?;
    let board = HealthBoard::new("nvidia");
    let report = match with_progress(&board, || engine.build(model.files())) {
        Ok(report) => report,
        Err(EngineError::Load(why)) => bail!("there is no plan: {why}"),
        Err(error) => return Err(error.into()),
    };
    let seconds = report.took.as_secs_f64();
    if arguments.common.json {
        let (cached, bytes) = (report.was_cached, report.plan_bytes);
        print_json(&json!({ "notice": results::NOTICE, "cached": cached, "seconds": seconds, "plan_bytes": bytes }))?;
    } else {
        let what = if report.was_cached { "was there already: looked up" } else { "was built" };
        writeln!(std::io::stdout(), "the plan {what} in {seconds:.1} s, {} bytes", report.plan_bytes)?;
    }
    Ok(Exit::Success)
}
