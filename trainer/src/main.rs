//! The trainer's command. What it makes is for research only, not a medical device.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Summary(arguments) => commands::summary(&arguments),
        Command::Grow(arguments) => commands::grow(&arguments),
        Command::Fit(arguments) => commands::fit(&arguments),
        Command::Predict(arguments) => commands::predict(&arguments),
        Command::Evaluate(arguments) => commands::evaluation::evaluate(&arguments),
        Command::Cams(arguments) => commands::evaluation::cams(&arguments),
        Command::Pack(arguments) => commands::evaluation::pack(&arguments),
    };
    match result {
        Ok(exit) => exit,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}
