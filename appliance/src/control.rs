//! What the command line asks a running device over its local socket: one line of JSON each way.
//!
//! The socket lies in the state directory, which only its owner may enter.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::findings::ModelId;
use queue::{Counts, StateDir};
use serde::{Deserialize, Serialize};

use crate::engine::health::EngineStatus;
use crate::selftest::SelfTest;
use crate::shadow::Comparison;

/// The longest line, in bytes.
pub const LINE_BYTES_MAX: u64 = 16 << 20;
/// How long the device may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Deliveries in one answer at most.
pub const DELIVERIES_SHOWN_MAX: usize = 1_000;

/// A question or an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// How is it?
    Status,
    /// Which results are on their way?
    Deliveries {
        /// Also those that are done.
        all: bool,
    },
    /// Make results due now.
    Retry {
        /// Which one; `None` for all that are parked.
        id: Option<String>,
    },
    /// Change to the model that is to run now, after the image in work.
    ChangeModel,
    /// Hold a self-test, after the image in work.
    SelfTest {
        /// Expect from then on what it gives.
        accept: bool,
    },
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Response {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Deliveries`].
    Deliveries {
        /// The oldest first.
        deliveries: Vec<DeliveryLine>,
    },
    /// To [`Request::Retry`].
    Retried {
        /// How many were made due.
        count: usize,
    },
    /// To [`Request::ChangeModel`] and [`Request::SelfTest`]: it will be done.
    Asked,
    /// It could not be done.
    Failed {
        /// Why.
        why: String,
    },
}

/// How a device is. The schema of `mamoru status --json`; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// "Research use only, not a medical device."
    pub notice: String,
    /// Version of the software.
    pub version: String,
    /// Where it listens.
    pub listen: String,
    /// Where it listens for TLS, if it does.
    #[serde(default)]
    pub listen_tls: Option<String>,
    /// Whole days for which its certificate is still valid, negative once it has expired; null without TLS.
    #[serde(default)]
    pub certificate_days_left: Option<i64>,
    /// Its AE title.
    pub ae_title: String,
    /// Which model scores.
    pub model: ModelId,
    /// Which engine, as results have it; `none` where AI is unavailable.
    pub engine: String,
    /// How the engines are; nothing from an earlier version.
    #[serde(default)]
    pub engine_health: Option<EngineStatus>,
    /// The last self-test, of whatever model; nothing where none was held.
    #[serde(default)]
    pub self_test: Option<SelfTest>,
    /// How a shadow compares with the model that scores; nothing where there is none.
    #[serde(default)]
    pub shadow: Option<Comparison>,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// What is in the queue.
    pub queue: Counts,
    /// What the receiver has done since the start.
    pub receiver: ReceiverCounts,
    /// Each destination.
    pub destinations: Vec<DestinationStatus>,
    /// The latest studies, named by a digest of their UID.
    pub studies: Vec<StudyLine>,
}

/// What the receiver has done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverCounts {
    /// Associations accepted.
    pub associations: u64,
    /// Associations refused, aborted or broken off.
    pub associations_failed: u64,
    /// Instances acknowledged, duplicates included.
    pub instances_acknowledged: u64,
    /// Instances answered with a failure.
    pub instances_refused: u64,
    /// Of those, kept for inspection.
    pub instances_quarantined: u64,
    /// Connections over the limits or from addresses that may not connect.
    pub connections_refused: u64,
    /// TLS handshakes that failed; they are in `associations_failed` too.
    #[serde(default)]
    pub handshakes_failed: u64,
    /// Associations whose calling AE title belongs to another certificate; they too.
    #[serde(default)]
    pub certificates_refused: u64,
    /// Internal faults, each of which cost one association.
    pub panics: u64,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its name.
    pub name: String,
    /// Results on their way.
    pub due: usize,
    /// Results that it took and has not said yet that it keeps.
    #[serde(default)]
    pub uncommitted: usize,
    /// Results that need a person.
    pub parked: usize,
    /// Why the last try failed, where one is due or parked.
    pub last_error: Option<String>,
}

/// One study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyLine {
    /// A digest of its UID.
    pub study: String,
    /// Instances received.
    pub instances: usize,
    /// Of those, in a report.
    pub reported: usize,
    /// The last revision; 0 before the first.
    pub revision: u32,
    /// As what it was given: `collecting` before the first, `provisional`, `final` or `revised`.
    #[serde(default)]
    pub state: domain::StudyState,
    /// When the last instance arrived, in milliseconds since 1970.
    pub last_received_at_ms: u64,
}

/// One delivery. The schema of `mamoru queue --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryLine {
    /// For `mamoru queue retry`.
    pub id: String,
    /// Where to.
    pub destination: String,
    /// A digest of the study's UID.
    pub study: String,
    /// Of which revision.
    pub revision: u32,
    /// Which object.
    pub kind: domain::ResultKind,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Where it stands, and since or from when: `due`, `stored` or `committing` (taken, its commitment to be asked for or asked
    /// for), `delivered`, `parked`, `standby` or `replaced` (of kinds that stand for each other).
    #[serde(flatten)]
    pub state: domain::DeliveryState,
}

/// Nobody answers on the control socket.
#[derive(Debug, thiserror::Error)]
#[error("no device is running on state folder {folder} ({why})")]
pub struct NotRunning {
    folder: String,
    why: std::io::ErrorKind,
}

/// Asks the device that runs on the state directory `state_dir`.
///
/// # Errors
/// [`NotRunning`], or when the answer cannot be read.
pub fn ask(state_dir: &Path, request: &Request) -> anyhow::Result<Response> {
    let socket = StateDir::control_socket_of(state_dir);
    let mut stream = UnixStream::connect(socket)
        .map_err(|error| NotRunning { folder: state_dir.display().to_string(), why: error.kind() })?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).context("the device does not listen")?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut answer).context("the device does not answer")?;
    serde_json::from_str(&answer).context("the device's answer cannot be read: is it another version?")
}

/// The status of the device that runs on the state directory `state_dir`.
///
/// # Errors
/// As [`ask`]; when the device fails, or gives another answer.
pub fn ask_status(state_dir: &Path) -> anyhow::Result<Box<Status>> {
    match ask(state_dir, &Request::Status)? {
        Response::Status(status) => Ok(status),
        Response::Failed { why } => bail!("the device failed: {why}"),
        _ => bail!("the device gave another answer than was asked for"),
    }
}
