//! The Mamoru appliance's command. Research use only, not a medical device.

mod analysis;
mod cli;
mod commands;
mod exit_code;
mod report;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use exit_code::Exit;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Analyze(arguments) => commands::analyze::run(&arguments),
        Command::DecodeWorker(arguments) => commands::decode_worker::run(&arguments),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            commands::complain(&error);
            Exit::Failure.into()
        }
    }
}
