//! Does the device answer?

use std::path::Path;

use anyhow::bail;

use super::Finding;
use crate::control::{NotRunning, Request, Response, Status, ask};

const CHECK: &str = "device";

/// The status of the device that runs on `state_dir`.
///
/// # Errors
/// [`NotRunning`], or when it cannot answer.
pub fn ask_status(state_dir: &Path) -> anyhow::Result<Box<Status>> {
    match ask(state_dir, &Request::Status)? {
        Response::Status(status) => Ok(status),
        Response::Failed { why } => bail!("it failed: {why}"),
        _ => bail!("it gave another answer than was asked for"),
    }
}

/// Does it answer, and is it this version?
pub fn check(asked: &anyhow::Result<Box<Status>>) -> Finding {
    match asked {
        Ok(status) if status.version != env!("CARGO_PKG_VERSION") => {
            let found = format!("version {} runs, this command is {}", status.version, env!("CARGO_PKG_VERSION"));
            Finding::attention(CHECK, found, "restart the device, or use the command of its version")
        }
        Ok(status) => {
            let Status { ae_title, listen, uptime_seconds, .. } = status.as_ref();
            Finding::ok(CHECK, format!("answers as {ae_title} on {listen}, up {uptime_seconds} s"))
        }
        Err(error) if error.is::<NotRunning>() => {
            let next = "start it: mamoru serve with this configuration, or systemctl start mamoru";
            Finding::attention(CHECK, error.to_string(), next)
        }
        Err(error) => {
            let next = "restart the device; if that does not help, read its log";
            Finding::failed(CHECK, format!("it is there but gives no status: {error:#}"), next)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::doctor::Verdict;

    fn answering(line: &'static str) -> Finding {
        let state = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(state.path().join("control.sock")).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut String::new()).unwrap();
            stream.write_all(line.as_bytes()).unwrap();
        });
        let finding = check(&ask_status(state.path()));
        server.join().unwrap();
        finding
    }

    #[test]
    fn nobody_there_is_told_from_somebody_who_does_not_answer() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(check(&ask_status(state.path())).verdict, Verdict::Attention);
        // Left behind by a device that was killed.
        drop(UnixListener::bind(state.path().join("control.sock")).unwrap());
        assert_eq!(check(&ask_status(state.path())).verdict, Verdict::Attention);
        for line in ["", "nonsense\n", "{\"answer\":\"failed\",\"why\":\"queue is out of service\"}\n"] {
            assert_eq!(answering(line).verdict, Verdict::Failed, "{line:?}");
        }
    }
}
