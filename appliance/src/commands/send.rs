//! `mamoru send`: DICOM files to a storage SCP.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use scu::{Association, Object, Peer, ScuError, Timeouts};
use serde::Serialize;

use crate::cli::SendArgs;
use crate::commands::progress::Progress;
use crate::commands::{complain_of_no_input, files, print_json, runtime};
use crate::exit_code::Exit;

/// SOP classes and transfer syntaxes that are proposed on one association: each takes up to three contexts of 128.
const KINDS_MAX: usize = 40;

/// How one file fared. The schema of `mamoru send --json`: `{"peer", "files": [...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentFile {
    /// The file.
    pub file: PathBuf,
    /// Does the peer have it?
    pub ok: bool,
    /// Status of the response, four hexadecimal digits.
    pub status: Option<String>,
    /// Why there is none.
    pub error: Option<String>,
}

/// What was sent.
pub struct Sent {
    /// Each file, in the order in which they were given.
    pub files: Vec<SentFile>,
    /// Could the peer be reached at all?
    pub is_reached: bool,
}

#[derive(Serialize)]
struct SendReport<'a> {
    peer: String,
    files: &'a [SentFile],
}

/// Sends what the arguments name.
///
/// # Errors
/// When a path cannot be read or nothing can be printed.
pub fn run(arguments: &SendArgs) -> anyhow::Result<Exit> {
    let peer = arguments.peer.peer()?;
    let paths = files::collect(&arguments.paths)?;
    if paths.is_empty() {
        return complain_of_no_input();
    }
    let mut progress = Progress::new();
    let all = paths.len();
    let sent = runtime()?.block_on(send_all(&peer, &paths, arguments.peer.timeouts(), |done| progress.bar(done, all)));
    drop(progress);
    if arguments.json {
        print_json(&SendReport { peer: peer.to_string(), files: &sent.files })?;
    } else {
        print(&peer, &sent)?;
    }
    Ok(match sent.files.iter().filter(|file| !file.ok).count() {
        0 => Exit::Success,
        _ if !sent.is_reached => Exit::Unreachable,
        failed if failed == all => Exit::Failure,
        _ => Exit::Partial,
    })
}

fn print(peer: &Peer, sent: &Sent) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for file in sent.files.iter().filter(|file| !file.ok) {
        let status = file.status.as_ref().map(|status| format!("status {status}"));
        let why = status.or_else(|| file.error.clone()).unwrap_or_default();
        writeln!(output, "not sent: {}: {why}", file.file.display())?;
    }
    let count = sent.files.iter().filter(|file| file.ok).count();
    writeln!(output, "{count} of {} files sent to {peer}", sent.files.len())?;
    Ok(())
}

/// Sends `paths` to `peer`, several on one association, and says after each how many are done.
pub async fn send_all(peer: &Peer, paths: &[PathBuf], timeouts: Timeouts, mut progress: impl FnMut(usize)) -> Sent {
    let mut sent = Sent { files: Vec::with_capacity(paths.len()), is_reached: false };
    let mut rest = paths;
    while !rest.is_empty() {
        let (batch, count) = batch(rest).await;
        send_batch(peer, batch, timeouts, &mut sent, &mut progress).await;
        rest = &rest[count..];
    }
    sent
}

type Opened = (PathBuf, Result<Object, ScuError>);

/// Opens files for one association, and says how many they are.
async fn batch(paths: &[PathBuf]) -> (Vec<Opened>, usize) {
    let mut kinds = BTreeSet::new();
    let mut batch = Vec::new();
    for path in paths {
        let opened = path.clone();
        let object = tokio::task::spawn_blocking(move || Object::open(&opened)).await;
        let object = object.unwrap_or_else(|_| Err(ScuError::File("could not be read".into())));
        if let Ok(object) = &object {
            let kind = (object.sop_class.clone(), object.transfer_syntax.clone());
            if kinds.len() >= KINDS_MAX && !kinds.contains(&kind) {
                break;
            }
            kinds.insert(kind);
        }
        batch.push((path.clone(), object));
    }
    let count = batch.len();
    (batch, count)
}

async fn send_batch(
    peer: &Peer,
    batch: Vec<Opened>,
    timeouts: Timeouts,
    sent: &mut Sent,
    progress: &mut impl FnMut(usize),
) {
    let objects: Vec<Object> = batch.iter().filter_map(|(_, object)| object.as_ref().ok().cloned()).collect();
    let mut association = None;
    for (file, object) in batch {
        let stored = match object {
            Err(error) => Err(error),
            Ok(object) => store(peer, &objects, timeouts, &object, &mut association, &mut sent.is_reached).await,
        };
        sent.files.push(match stored {
            Ok(status) => SentFile { file, ok: status.is_success(), status: Some(status.to_string()), error: None },
            Err(error) => SentFile { file, ok: false, status: None, error: Some(error.to_string()) },
        });
        progress(sent.files.len());
    }
    if let Some(association) = association {
        // Every answer is there; how the association ends changes nothing.
        let _ = association.release().await;
    }
}

/// Stores one object, on the association that is open or on a new one. After a failure none is open.
async fn store(
    peer: &Peer,
    objects: &[Object],
    timeouts: Timeouts,
    object: &Object,
    open: &mut Option<Association>,
    is_reached: &mut bool,
) -> Result<dimse::Status, ScuError> {
    let mut association = match open.take() {
        Some(association) => association,
        None => Association::request(peer, objects, timeouts).await?,
    };
    *is_reached = true;
    let stored = association.store(object).await;
    match &stored {
        // Nothing of the object was sent.
        Ok(_) | Err(ScuError::NotAccepted) => *open = Some(association),
        Err(_) => association.abort().await,
    }
    stored
}
