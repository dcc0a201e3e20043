//! `mamoru echo`: does a peer answer?

use std::io::Write as _;
use std::time::Instant;

use scu::{Association, ScuError};
use serde_json::json;

use crate::cli::EchoArgs;
use crate::commands::{print_json, runtime};
use crate::exit_code::Exit;

/// Sends one C-ECHO.
///
/// # Errors
/// When the arguments name no peer or nothing can be printed.
pub fn run(arguments: &EchoArgs) -> anyhow::Result<Exit> {
    let peer = arguments.peer.peer()?;
    let start = Instant::now();
    let echoed = runtime()?.block_on(async {
        let mut association = Association::request(&peer, &[], arguments.peer.timeouts()).await?;
        let status = association.echo().await?;
        // The answer is there; how the association ends changes nothing.
        let _ = association.release().await;
        Ok::<_, ScuError>(status)
    });
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let (status, why) = match &echoed {
        Ok(status) => (Some(status.to_string()), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let is_success = echoed.is_ok_and(|status| status.is_success());
    if arguments.json {
        print_json(&json!({ "peer": peer.to_string(), "ok": is_success, "status": status, "error": why, "ms": ms }))?;
    } else if let Some(why) = why {
        writeln!(std::io::stderr(), "mamoru: {peer}: {why}")?;
    } else {
        writeln!(std::io::stdout(), "{peer} answered with status {} in {ms:.0} ms", status.unwrap_or_default())?;
    }
    Ok(if is_success { Exit::Success } else { Exit::Unreachable })
}
