//! The client against servers that answer as they should, as they should not, or not at all.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod certificates;
mod faults;
mod sending;
mod server;
mod table;
mod trust;

use std::path::PathBuf;

use contract::Uid;
use dicomweb::{Answer, WebClient, WebConfig, WebTimeouts};
use domain::Sop;
use tempfile::TempDir;

/// The SOP Instance UID of every object here.
const INSTANCE: &str = "2.25.4711";

/// Deadlines that a healthy exchange on a busy machine keeps.
const AMPLE: WebTimeouts = WebTimeouts { connect_ms: 60_000, total_ms: 120_000 };

fn sop() -> Sop {
    Sop { class: Uid::parse("1.2.840.10008.5.1.4.1.1.7").unwrap(), instance: Uid::parse(INSTANCE).unwrap() }
}

fn config(url: &str) -> WebConfig {
    WebConfig { url: url.into(), ca_file: None, authorization_file: None, timeouts: AMPLE }
}

fn client(url: &str) -> WebClient {
    WebClient::new(&config(url)).unwrap()
}

/// A result file, whose text no message may repeat.
struct Object {
    folder: TempDir,
    path: PathBuf,
}

impl Object {
    fn new() -> Self {
        Self::of(b"DICM secret-of-the-object")
    }

    fn of(content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-name.dcm");
        std::fs::write(&path, content).unwrap();
        Self { folder, path }
    }

    /// Stores it at `url`.
    fn store(&self, url: &str) -> Answer {
        client(url).store(&self.path, &sop())
    }
}

/// The kind of an answer; nothing of the object or of what the server sent is in its words.
fn kind(answer: &Answer) -> &'static str {
    let (kind, why) = match answer {
        Answer::Taken => ("taken", ""),
        Answer::Failed { why } => ("failed", why.as_str()),
        Answer::NotAccepted { why } => ("not accepted", why.as_str()),
        Answer::Refused { why } => ("refused", why.as_str()),
        Answer::Unreachable { why, .. } => ("unreachable", why.as_str()),
    };
    assert!(!why.contains("secret"), "{why}");
    assert_eq!(why.is_empty(), kind == "taken");
    kind
}

fn why(answer: &Answer) -> &str {
    match answer {
        Answer::Taken => "",
        Answer::Failed { why }
        | Answer::NotAccepted { why }
        | Answer::Refused { why }
        | Answer::Unreachable { why, .. } => why,
    }
}
