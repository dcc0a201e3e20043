//! Durable commits, shared by all who wait: the first one syncs for everybody who came before it began.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::QueueError;

/// Makes durable what was written to sled's file; tests give one that fails.
type Sync = Box<dyn Fn() -> std::io::Result<()> + Send + std::marker::Sync>;

/// Makes sled's writes durable.
pub(crate) struct Committer {
    rows: sled::Tree,
    sync: Sync,
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
        // sled's own file, opened a second time: 0.34 appends to this one file and never replaces it.
        let file = File::open(database.join("db")).map_err(disk("queue database file cannot be opened"))?;
        // The names of sled's files must survive as well.
        let folder = File::open(database).map_err(disk("queue folder cannot be opened"))?;
        folder.sync_all().map_err(disk("queue folder cannot be synced"))?;
        Ok(Self::with(rows, Box::new(move || file.sync_data())))
    }

    fn with(rows: sled::Tree, sync: Sync) -> Self {
        Self { rows, sync, state: Mutex::default(), done: Condvar::new() }
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
            // sled reports some faults by panics; one here must not leave the others waiting for ever.
            let result = catch_unwind(AssertUnwindSafe(|| self.sync())).unwrap_or(Err(QueueError::Broken));
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
        (self.sync)().map_err(|source| QueueError::Disk { what: "queue database cannot be synced", source })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Committer").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A committer on a database of its own whose `sync` is called with the number of the call.
    fn committer(sync: impl Fn(u32) -> std::io::Result<()> + Send + std::marker::Sync + 'static) -> Committer {
        let rows = sled::Config::new().temporary(true).open().unwrap().open_tree("rows").unwrap();
        let calls = AtomicU32::new(0);
        Committer::with(rows, Box::new(move || sync(calls.fetch_add(1, Ordering::Relaxed))))
    }

    #[test]
    fn a_failed_sync_is_final() {
        let fails_once = |call| if call == 1 { Err(std::io::Error::other("disk")) } else { Ok(()) };
        let committer = committer(fails_once);
        committer.commit().unwrap();
        assert!(matches!(committer.commit(), Err(QueueError::Disk { .. })));
        // The kernel would now say that all is well, but the lost pages do not come back.
        assert!(matches!(committer.commit(), Err(QueueError::Broken)));
        assert!(matches!(committer.check(), Err(QueueError::Broken)));
    }

    #[test]
    fn a_panic_while_syncing_leaves_nobody_waiting() {
        let committer = committer(|_| std::panic::resume_unwind(Box::new("sled")));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| committer.commit())).collect();
            for thread in threads {
                assert!(matches!(thread.join().unwrap(), Err(QueueError::Broken)));
            }
        });
    }

    #[test]
    fn those_who_wait_share_a_sync() {
        let (entered, wait) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        let gates = std::sync::Arc::new((entered, wait));
        let calls = std::sync::Arc::new(AtomicU32::new(0));
        let (inner, counted) = (std::sync::Arc::clone(&gates), std::sync::Arc::clone(&calls));
        let committer = committer(move |call| {
            counted.fetch_add(1, Ordering::Relaxed);
            if call == 0 {
                inner.0.wait();
                inner.1.wait();
            }
            Ok(())
        });
        std::thread::scope(|scope| {
            let first = scope.spawn(|| committer.commit());
            gates.0.wait();
            let others: Vec<_> = (0..8).map(|_| scope.spawn(|| committer.commit())).collect();
            while committer.lock().asked < 9 {
                std::thread::yield_now();
            }
            gates.1.wait();
            first.join().unwrap().unwrap();
            others.into_iter().for_each(|other| other.join().unwrap().unwrap());
        });
        assert_eq!(calls.load(Ordering::Relaxed), 2, "one for the first, one for all who came while it ran");
    }
}
