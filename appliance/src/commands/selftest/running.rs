//! The self-test of the running device.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::commands::progress::Progress;
use crate::control::{NotRunning, Request, Response, Status, ask, ask_status};
use crate::selftest::SelfTest;

/// An image in work and an exam, on a slow processor; an engine that is being made ready may take longer.
const WAIT: Duration = Duration::from_secs(15 * 60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Does a device run on `state_dir`?
///
/// # Errors
/// When it does not answer.
pub fn is_running(state_dir: &Path) -> anyhow::Result<bool> {
    match ask_status(state_dir) {
        Ok(_) => Ok(true),
        Err(error) if error.is::<NotRunning>() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks for a self-test and waits for its end.
///
/// # Errors
/// When the device does not answer, or not in time.
pub fn test(state_dir: &Path, accept: bool, progress: &mut Progress) -> anyhow::Result<SelfTest> {
    let number = |status: &Status| status.self_test.as_ref().map_or(0, |test| test.number);
    let before = number(ask_status(state_dir)?.as_ref());
    match ask(state_dir, &Request::SelfTest { accept })? {
        Response::Asked => {}
        Response::Failed { why } => bail!("the device holds no self-test: {why}"),
        _ => bail!("the device gave another answer than was asked for"),
    }
    let since = Instant::now();
    while since.elapsed() < WAIT {
        let status = ask_status(state_dir)?;
        match &status.self_test {
            Some(test) if number(&status) > before => return Ok(test.clone()),
            _ => {}
        }
        progress.show("the running device scores the exam after the image in work");
        std::thread::sleep(LOOK);
    }
    bail!(
        "the device did not end the self-test within {} minutes: mamoru status says what it does",
        WAIT.as_secs() / 60
    )
}
