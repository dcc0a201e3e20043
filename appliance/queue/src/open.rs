//! Opening: the database as it is, or a new one rebuilt from the spooled files.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use domain::{FailureReason, InstanceOutcome, ReceivedInstance, UnixMillis};

use crate::commit::Committer;
use crate::{CONFLICT, INSTANCE, Queue, QueueError, Shared, StateDir, Writer};

/// Makes the row of a spooled file anew from the file alone, or says why it cannot.
pub type Reread<'a> = &'a dyn Fn(&Path) -> Result<ReceivedInstance, String>;

/// What opening found to repair. All zero and `None` after a clean shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Where the database was put that could not be opened.
    pub corrupt_database: Option<PathBuf>,
    /// Spooled files without a row, now admitted.
    pub admitted: usize,
    /// Spooled files that could not be read; they stay where they are.
    pub unreadable: Vec<PathBuf>,
    /// Waiting rows whose file is gone; their instances have failed.
    pub missing: usize,
    /// Files that were being received.
    pub unfinished: usize,
}

impl Queue {
    /// Opens the queue below `state` and repairs what a crash left behind.
    ///
    /// # Errors
    /// [`QueueError`] when not even a new database can be made.
    pub fn open(state: &StateDir, reread: Reread<'_>, now: UnixMillis) -> Result<(Self, Recovery), QueueError> {
        let mut recovery = Recovery { unfinished: remove_unfinished(state)?, ..Recovery::default() };
        let queue = match open_database(&state.database()) {
            Ok(queue) => queue,
            Err(_) => {
                let aside = state.corrupt_database(now);
                tracing::error!(aside = %aside.display(), "queue database cannot be opened, it is rebuilt from the spool");
                fs::rename(state.database(), &aside)
                    .map_err(|source| QueueError::Disk { what: "corrupt queue cannot be moved aside", source })?;
                recovery.corrupt_database = Some(aside);
                open_database(&state.database())?
            }
        };
        queue.admit_spooled(state, reread, &mut recovery)?;
        queue.fail_missing(state, &mut recovery)?;
        Ok((queue, recovery))
    }

    fn admit_spooled(&self, state: &StateDir, reread: Reread<'_>, recovery: &mut Recovery) -> Result<(), QueueError> {
        let known: std::collections::BTreeSet<String> =
            self.records().map(|record| Ok(record?.received.spool.name)).collect::<Result<_, QueueError>>()?;
        // Names begin with the time of arrival: their order is the order of arrival.
        for path in files(&state.spool())? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if known.contains(&name) {
                continue;
            }
            match reread(&path) {
                Ok(received) => {
                    self.admit(&received)?;
                    recovery.admitted += 1;
                }
                Err(_) => recovery.unreadable.push(path),
            }
        }
        Ok(())
    }

    fn fail_missing(&self, state: &StateDir, recovery: &mut Recovery) -> Result<(), QueueError> {
        for record in self.waiting(usize::MAX)? {
            if !state.spool().join(&record.received.spool.name).exists() {
                let reason = FailureReason {
                    code: "spool_file_missing".into(),
                    text: "the received file is gone from the disk".into(),
                };
                self.record_outcome(record.key(), None, InstanceOutcome::Failed { reason })?;
                recovery.missing += 1;
            }
        }
        Ok(())
    }
}

/// sled reports corruption as errors and as panics; both are an error here, as is a row that cannot be read.
fn open_database(path: &Path) -> Result<Queue, QueueError> {
    let open = AssertUnwindSafe(|| -> Result<Queue, QueueError> {
        remove_half_written_snapshot(path);
        let database = sled::Config::new().path(path).open()?;
        let rows = database.open_tree("rows")?;
        let (mut next_sequence, mut instances) = (0, 0);
        for kind in [INSTANCE, CONFLICT] {
            for row in rows.scan_prefix([kind]) {
                let (key, _) = row?;
                let sequence = key.get(1..9).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
                next_sequence = next_sequence.max(sequence.ok_or(QueueError::Row)? + 1);
                instances += usize::from(kind == INSTANCE);
            }
        }
        let committer = Committer::new(rows.clone(), path)?;
        let writer = Mutex::new(Writer { next_sequence, instances });
        let queue = Queue { shared: Arc::new(Shared { rows, committer, writer }) };
        queue.records().try_for_each(|record| record.map(|_| ()))?;
        Ok(queue)
    });
    catch_unwind(open).unwrap_or(Err(QueueError::Row))
}

/// A snapshot that was being written stops sled from opening at all; without it, sled replays its log.
fn remove_half_written_snapshot(database: &Path) {
    let Ok(found) = files(database) else { return };
    for path in found.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "generating")) {
        tracing::warn!("half-written snapshot of the queue database removed");
        // When it cannot be removed, opening fails and says so.
        let _ = fs::remove_file(path);
    }
}

fn remove_unfinished(state: &StateDir) -> Result<usize, QueueError> {
    let unfinished = files(&state.incoming())?;
    for path in &unfinished {
        fs::remove_file(path)
            .map_err(|source| QueueError::Disk { what: "unfinished file cannot be removed", source })?;
    }
    Ok(unfinished.len())
}

/// The plain files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, QueueError> {
    let disk = |source| QueueError::Disk { what: "state folder cannot be read", source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(disk)? {
        let entry = entry.map_err(disk)?;
        if entry.file_type().map_err(disk)?.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
