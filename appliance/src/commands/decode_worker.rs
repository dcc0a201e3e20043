//! `mamoru decode-worker`: the other end of [`decoding::Decoder`].

use crate::cli::DecodeWorkerArgs;
use crate::exit_code::Exit;

/// Runs one task and ends.
///
/// # Errors
/// When the limits could not be set or the answer could not be written.
pub fn run(arguments: &DecodeWorkerArgs) -> anyhow::Result<Exit> {
    decoding::run_worker(arguments.task, arguments.memory_bytes_max, arguments.cpu_seconds_max)?;
    Ok(Exit::Success)
}
