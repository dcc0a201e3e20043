//! The Mamoru appliance's command. Research use only, not a medical device.

mod analysis;
mod child;
mod cli;
mod commands;
mod config;
mod conformance;
mod control;
mod device;
mod doctor;
mod engine;
mod exit_code;
mod installed;
mod logging;
mod model;
mod report;
mod selftest;
mod shadow;
mod support_bundle;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, ResultsArgs, ResultsCommand};
use exit_code::Exit;

fn main() -> ExitCode {
    logging::redact_panics();
    let result = match Cli::parse().command {
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Analyze(arguments) => commands::analyze::run(&arguments),
        Command::Send(arguments) => commands::send::run(&arguments),
        Command::Echo(arguments) => commands::echo::run(&arguments),
        Command::Status(arguments) => commands::status::run(&arguments),
        Command::Queue(arguments) => commands::queue::run(&arguments),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Selftest(arguments) => commands::selftest::run(&arguments),
        Command::SupportBundle(arguments) => commands::support_bundle::run(&arguments),
        Command::Results(ResultsArgs { command: ResultsCommand::VerifyDestination(arguments) }) => {
            commands::verify_destination::run(&arguments)
        }
        Command::Bundle(arguments) => commands::bundle::run(&arguments),
        Command::Console(arguments) => commands::console::run(&arguments),
        Command::Config(arguments) => commands::config::run(&arguments),
        Command::Conformance => commands::print_conformance(),
        Command::Engine(arguments) => commands::engine::run(&arguments),
        Command::Completions(arguments) => commands::help::completions(&arguments),
        Command::Manual(arguments) => commands::help::manual(&arguments),
        Command::PlanWorker(arguments) => commands::plan_worker::run(&arguments),
        Command::DecodeWorker(arguments) => commands::decode_worker::run(&arguments),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            commands::complain(&error);
            Exit::of(&error).into()
        }
    }
}
