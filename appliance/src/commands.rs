//! One module per command.

pub mod analyze;
pub mod decode_worker;

use std::io::Write as _;

/// Says on standard error why a command failed.
pub fn complain(error: &anyhow::Error) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "mamoru: {error:#}");
}
