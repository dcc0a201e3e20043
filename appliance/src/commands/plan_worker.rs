//! `mamoru plan-worker`: the process in which a plan is built.

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::cli::PlanWorkerArgs;
use crate::config::LogLevel;
use crate::engine::plan_worker;
use crate::exit_code::Exit;
use crate::logging;

/// Builds one plan and ends; also when the process that wants it ends.
///
/// # Errors
/// When the answer cannot be written.
pub fn run(arguments: &PlanWorkerArgs) -> anyhow::Result<Exit> {
    logging::start(LogLevel::Info);
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_done = plan_worker::run(&arguments.settings, std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(if is_done { Exit::Success } else { Exit::Failure })
}
