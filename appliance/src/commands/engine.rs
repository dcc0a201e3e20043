//! `mamoru engine`: what the engine needs, its plan, its times and its answers.

mod bench;
mod build;
mod check;
mod probe;

use crate::cli::{EngineCommand, EngineCommandArgs};
use crate::exit_code::Exit;

/// Does one of them.
///
/// # Errors
/// When the configuration or the model cannot be used, or what is asked for cannot be done.
pub fn run(arguments: &EngineCommandArgs) -> anyhow::Result<Exit> {
    match &arguments.command {
        EngineCommand::Probe(arguments) => probe::run(arguments),
        EngineCommand::Build(arguments) => build::run(arguments),
        EngineCommand::Bench(arguments) => bench::run(arguments),
        EngineCommand::Check(arguments) => check::run(arguments),
    }
}
