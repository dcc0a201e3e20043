//! Commands of our own that run as a process beside this one.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// What is kept of each of its outputs, in bytes.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

/// What `program` with `arguments` and, last, `path` came to; `None` when it could not be started, or did not end within
/// `limit` and was killed.
pub fn output_within(program: &Path, arguments: &[&str], path: &Path, limit: Duration) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let start = Instant::now();
    let (stdout, stderr) = (child.stdout.take()?, child.stderr.take()?);
    let read = |input: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What is longer is cut: then nobody reads any more, and the process ends at its next word.
            let _ = input.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
            bytes
        })
    };
    let (stdout, stderr) = (read(Box::new(stdout)), read(Box::new(stderr)));
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if start.elapsed() < limit => std::thread::sleep(LOOK),
            _ => break None,
        }
    };
    if status.is_none() {
        // It may have ended in between.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (stdout, stderr) = (stdout.join().ok()?, stderr.join().ok()?);
    Some(Output { status: status?, stdout, stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_does_not_end_is_ended_and_one_that_does_is_heard() {
        let shell = Path::new("/bin/sh");
        let said =
            output_within(shell, &["-c", "echo $0; echo why >&2; exit 3"], Path::new("a"), Duration::from_secs(20));
        let said = said.unwrap();
        assert_eq!((said.status.code(), &said.stdout[..], &said.stderr[..]), (Some(3), &b"a\n"[..], &b"why\n"[..]));
        let start = Instant::now();
        let silent = ["-c", "exec tail -f /dev/null"];
        assert!(output_within(shell, &silent, Path::new("a"), Duration::from_millis(100)).is_none());
        let loud =
            output_within(shell, &["-c", "exec cat /dev/zero"], Path::new("a"), Duration::from_secs(20)).unwrap();
        assert!(!loud.status.success() && loud.stdout.len() as u64 == OUTPUT_BYTES_MAX, "{}", loud.status);
        assert!(start.elapsed() < Duration::from_secs(20));
        assert!(output_within(Path::new("/none"), &[], Path::new("a"), Duration::from_secs(1)).is_none());
    }
}
