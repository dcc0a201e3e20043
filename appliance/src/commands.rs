//! One module per command.

pub mod analyze;
pub mod bundle;
pub mod config;
pub mod console;
pub mod decode_worker;
pub mod demo;
pub mod doctor;
pub mod echo;
pub mod engine;
mod files;
pub mod help;
mod objects;
mod own_device;
pub mod plan_worker;
mod progress;
pub mod queue;
pub mod selftest;
pub mod send;
pub mod serve;
pub mod status;
mod study_text;
pub mod support_bundle;
pub mod verify_destination;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::cli::RunningArgs;
use crate::config::Config;

/// Says on standard error why a command failed.
pub fn complain(error: &anyhow::Error) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "mamoru: {}", explanation(error));
}

/// The error with its causes; a cause that the error before it ends with already is not said twice.
fn explanation(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Prints one JSON document and a line feed on standard output.
fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, document)?;
    writeln!(output)?;
    Ok(output.flush()?)
}

/// Prints the DICOM conformance statement.
///
/// # Errors
/// When standard output cannot be written.
pub fn print_conformance() -> anyhow::Result<crate::exit_code::Exit> {
    std::io::stdout().lock().write_all(crate::conformance::statement().as_bytes())?;
    Ok(crate::exit_code::Exit::Success)
}

/// Says "no DICOM file in the input".
fn complain_of_no_input() -> anyhow::Result<crate::exit_code::Exit> {
    writeln!(std::io::stderr(), "mamoru: no DICOM file in the input")?;
    Ok(crate::exit_code::Exit::NoInput)
}

fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("the runtime cannot be started")
}

/// The state directory of the device that is meant.
fn state_dir(arguments: &RunningArgs) -> anyhow::Result<PathBuf> {
    Ok(running_config(arguments)?.state_dir)
}

/// The configuration of the running device; the default one where only its state folder is named.
fn running_config(arguments: &RunningArgs) -> anyhow::Result<Config> {
    match &arguments.state {
        Some(state) => Ok(Config { state_dir: state.clone(), ..Config::default() }),
        None => Ok(Config::load(arguments.config.as_deref())?),
    }
}

/// The wish to stop: SIGTERM or SIGINT.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn causes_are_said_once() {
        let taken = || std::io::Error::other("address in use");
        let listen = anyhow::Error::new(taken()).context("cannot listen on port 1: address in use");
        assert_eq!(explanation(&listen), "cannot listen on port 1: address in use");
        let nested = Err::<(), _>(taken()).context("cannot listen").context("device");
        assert_eq!(explanation(&nested.unwrap_err()), "device: cannot listen: address in use");
    }
}
