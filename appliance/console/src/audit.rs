//! Who did what, when and from where: one JSON object a line, only ever appended to, and a line in the log.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use crate::ConsoleError;

const FILE: &str = "audit.jsonl";

/// The audit file of a console's folder.
pub struct Audit {
    path: PathBuf,
    turn: Mutex<()>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since 1970, by the device's clock.
    time_s: u64,
    who: &'a str,
    address: IpAddr,
    action: &'a str,
    outcome: &'a str,
}

impl Audit {
    /// The file is made with the first line, mode 0600.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), turn: Mutex::new(()) }
    }

    /// Writes and syncs one line. `who` is a user's name, or `unknown`: what a stranger typed may be a password.
    ///
    /// # Errors
    /// [`ConsoleError::File`]; then what was to be done must not be done.
    pub fn record(&self, who: &str, address: IpAddr, action: &str, outcome: &str) -> Result<(), ConsoleError> {
        tracing::info!(target: "audit", who, %address, action, outcome, "console");
        let time_s = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let fault = |error| ConsoleError::File(self.path.clone(), error);
        let line = Line { time_s, who, address, action, outcome };
        let mut bytes = serde_json::to_vec(&line).map_err(|error| fault(error.into()))?;
        bytes.push(b'\n');
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(&self.path);
        file.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_data())).map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let address: IpAddr = "127.0.0.1".parse().unwrap();
        for action in ["sign in", "retry\n7"] {
            Audit::new(folder.path()).record("ann", address, action, "done").unwrap();
        }
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["action"], &lines[1]["action"]), (&"sign in".into(), &"retry\n7".into()));
        assert_eq!((&lines[0]["who"], &lines[0]["address"]), (&"ann".into(), &"127.0.0.1".into()));
        assert!(lines[0]["time_s"].as_u64().unwrap() > 1_700_000_000);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        let result = Audit::new(folder.path()).record("ann", "::1".parse().unwrap(), "a", "b");
        assert!(matches!(result, Err(ConsoleError::File(..))));
    }
}
