//! Opening: the database as it is, or a new one rebuilt from the spooled files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{FailureReason, InstanceOutcome, InstanceRecord, ReceivedInstance, UnixMillis};

use crate::commit::Committer;
use crate::index::Index;
use crate::rows::INSTANCE;
use crate::{Admission, Queue, QueueError, StateDir, lock, rows};

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
    /// [`QueueError::InUse`] when another process has it open; another [`QueueError`] when not even a new database can
    /// be made.
    pub fn open(state: &StateDir, reread: Reread<'_>, now: UnixMillis) -> Result<(Self, Recovery), QueueError> {
        // Before anything else: a database that another process uses would look like a broken one.
        let lock = Arc::new(state.lock()?);
        let mut recovery = Recovery { unfinished: remove_unfinished(state)?, ..Recovery::default() };
        let queue = match open_database(&state.database(), &lock) {
            Ok(queue) => queue,
            Err(error) => {
                let aside = state.corrupt_database(now);
                tracing::error!(%error, aside = %aside.display(), "queue database cannot be opened, it is rebuilt from the spool");
                fs::rename(state.database(), &aside)
                    .map_err(|source| QueueError::Disk { what: "corrupt queue cannot be moved aside", source })?;
                recovery.corrupt_database = Some(aside);
                open_database(&state.database(), &lock)?
            }
        };
        queue.admit_spooled(state, reread, &mut recovery)?;
        queue.fail_missing(state, &mut recovery)?;
        queue.remove_orphans(state)?;
        Ok((queue, recovery))
    }

    fn spool_names(&self) -> Result<BTreeSet<String>, QueueError> {
        let records = self.shared.rows.scan_prefix([INSTANCE]);
        records.map(|row| Ok(rows::decode::<InstanceRecord>(&row?.1)?.received.spool.name)).collect()
    }

    /// Heat maps and results that a crash left between their file and their row: made again from the inputs.
    fn remove_orphans(&self, state: &StateDir) -> Result<(), QueueError> {
        let mut known: BTreeSet<PathBuf> = self.spool_names()?.iter().map(|name| state.heatmap_of(name)).collect();
        known.extend(
            self.deliveries(|_| true, usize::MAX)?.iter().map(|delivery| state.results().join(&delivery.file.name)),
        );
        let found = [files(&state.heatmaps())?, files(&state.results())?].concat();
        found.iter().filter(|path| !known.contains(*path)).try_for_each(|path| remove(path))
    }

    fn admit_spooled(&self, state: &StateDir, reread: Reread<'_>, recovery: &mut Recovery) -> Result<(), QueueError> {
        let known = self.spool_names()?;
        // Names begin with the time of arrival: their order is the order of arrival.
        for path in files(&state.spool())? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if known.contains(&name) {
                continue;
            }
            match reread(&path) {
                Ok(received) => match self.admit(&received)? {
                    Admission::New => recovery.admitted += 1,
                    // Its sender was not told success for this file; the one that is ours stays.
                    Admission::Duplicate | Admission::Conflict => remove(&path)?,
                },
                Err(_) => recovery.unreadable.push(path),
            }
        }
        Ok(())
    }

    fn fail_missing(&self, state: &StateDir, recovery: &mut Recovery) -> Result<(), QueueError> {
        for record in self.waiting(usize::MAX)? {
            if !state.spool().join(&record.received.spool.name).exists() {
                let reason = FailureReason {
                    code: crate::FILE_MISSING.into(),
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
fn open_database(path: &Path, lock: &Arc<File>) -> Result<Queue, QueueError> {
    let open = AssertUnwindSafe(|| -> Result<Queue, QueueError> {
        wait_for_lock(path);
        remove_half_written_snapshot(path);
        let database = sled::Config::new().path(path).open()?;
        let rows = database.open_tree("rows")?;
        let index = Index::of(&rows)?;
        let committer = Committer::new(rows.clone(), path)?;
        Ok(Queue::new(rows, committer, index, Arc::clone(lock)))
    });
    catch_unwind(open).unwrap_or(Err(QueueError::Row))
}

/// sled tries its lock only once, and a failure would look like a broken database. No other queue can have it: the lock of
/// the state folder is ours. It is left to sled, which takes it again; every error is sled's to tell.
fn wait_for_lock(database: &Path) {
    if let Ok(file) = File::open(database.join("db")) {
        let _ = lock::take(&file);
    }
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
        remove(path)?;
    }
    Ok(unfinished.len())
}

fn remove(path: &Path) -> Result<(), QueueError> {
    fs::remove_file(path).map_err(|source| QueueError::Disk { what: "left-over file cannot be removed", source })
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
