//! `mamoru serve`: the daemon.

use std::io::Write as _;

use serde_json::json;

use crate::cli::ServeArgs;
use crate::commands::{print_json, runtime, stop_signal};
use crate::config::Config;
use crate::device::Device;
use crate::exit_code::Exit;
use crate::installed;
use crate::logging;

/// Serves until SIGTERM or SIGINT. The CPU engine is ready before anybody can send; the NVIDIA engine, for which a plan may have
/// to be built first, is made ready while images are received already.
///
/// # Errors
/// [`ConfigErrors`](crate::config::ConfigErrors) for a configuration or a model that cannot be used. When the device cannot be started, or did not stop in time.
pub fn run(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    let mut config = Config::load(arguments.config.as_deref())?;
    config.engine = arguments.engine.over(config.engine)?;
    logging::start(config.log);
    let served = installed::assembled(&config)?;
    let runtime = runtime()?;
    let is_in_time = runtime.block_on(async {
        let device = Device::start(config, served, false).await?;
        let facts = &device.facts;
        let running = facts.current.running();
        if arguments.json {
            print_json(&json!({
                "ready": true,
                "listen": facts.address.to_string(),
                "ae_title": facts.ae_title,
                "engine": running.board.engine(),
                "engine_health": running.board.status(),
                "model": running.model,
                "notice": results::NOTICE,
            }))?;
        } else {
            writeln!(std::io::stdout(), "listening on {} as {}", facts.address, facts.ae_title)?;
        }
        stop_signal().await?;
        anyhow::Ok(device.stop().await)
    })?;
    // What is still blocking after the deadline must not hold the process.
    runtime.shutdown_background();
    Ok(if is_in_time { Exit::Success } else { Exit::Failure })
}
