//! Durable commits, shared by all who wait: the first one syncs for everybody who came before it began.

use std::fs::File;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::QueueError;

/// Makes sled's writes durable.
#[derive(Debug)]
pub(crate) struct Committer {
    rows: sled::Tree,
    /// sled's own file, opened a second time: 0.34 appends to this one file and never replaces it.
    file: File,
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Commits that were asked for.
    asked: u64,
    /// Commits that are done.
    done: u64,
    syncing: bool,
    /// A sync failed: the kernel may have dropped what it could not write, so trying again proves nothing.
    broken: bool,
}

impl Committer {
    pub(crate) fn new(rows: sled::Tree, database: &Path) -> Result<Self, QueueError> {
        let disk = |what: &'static str| move |source| QueueError::Disk { what, source };
        let file = File::open(database.join("db")).map_err(disk("queue database file cannot be opened"))?;
        // The names of sled's files must survive as well.
        let folder = File::open(database).map_err(disk("queue folder cannot be opened"))?;
        folder.sync_all().map_err(disk("queue folder cannot be synced"))?;
        Ok(Self { rows, file, state: Mutex::default(), done: Condvar::new() })
    }

    /// An error when an earlier commit failed.
    pub(crate) fn check(&self) -> Result<(), QueueError> {
        if self.lock().broken { Err(QueueError::Broken) } else { Ok(()) }
    }

    /// Returns when everything that was written before the call is durable.
    pub(crate) fn commit(&self) -> Result<(), QueueError> {
        let mut state = self.lock();
        state.asked += 1;
        let ticket = state.asked;
        loop {
            if state.broken {
                return Err(QueueError::Broken);
            }
            if state.done >= ticket {
                return Ok(());
            }
            if state.syncing {
                state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let covered = state.asked;
            drop(state);
            let result = self.sync();
            state = self.lock();
            state.syncing = false;
            match result {
                Ok(()) => state.done = covered,
                Err(_) => state.broken = true,
            }
            self.done.notify_all();
            result?;
        }
    }

    fn sync(&self) -> Result<(), QueueError> {
        self.rows.flush()?;
        self.file.sync_data().map_err(|source| QueueError::Disk { what: "queue database cannot be synced", source })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
