//! The record of everything that was acknowledged to a sender: an embedded sled database beside the spooled files.
//!
//! # Design
//!
//! **On disk.** Below the state directory: `spool/` holds one Part 10 file per acknowledged instance, `spool/incoming/` files
//! that are still being received, `heatmaps/` a picture per scored instance, `results/` the objects that are delivered,
//! `queue/` the database. Files are payload; rows are small state. One tree holds all rows, as JSON, so that a change of
//! several rows is one atomic batch: `i<sequence>` an [`InstanceRecord`](domain::InstanceRecord), `k<SOP Instance UID>` its
//! sequence, `c<sequence>` a [`ConflictRecord`], `r<Study Instance UID>` what was [`Reported`](domain::Reported),
//! `d<sequence>` a [`Delivery`](domain::Delivery), `n<delivery id>` its sequence.
//!
//! **Write.** sled's `flush` alone does not survive a power cut (it asks for `sync_file_range`, not for `fsync`), so each change
//! waits for `flush` *and* `fdatasync` of sled's `db` file. Waiting callers share one such commit. Only then a sender may be
//! told "success".
//!
//! **Read.** An index in memory, made from the rows at each opening, knows what waits, what is open and what is due; records
//! are read from sled.
//!
//! **Hand over.** A study's report becomes deliveries in one batch: inputs reported and results queued, both or neither.
//!
//! **Delete.** Of studies that are delivered and old, first the files of the images are removed, later all that is left:
//! files first, rows last.
//!
//! **Crash.** A spooled file without a row was written but perhaps not acknowledged: it is admitted at the next start, which
//! harms nobody; heat maps and results without a row are removed, because their inputs make them again. A row without a
//! file is reported, and its instance fails with a reason. A database that cannot be opened,
//! or panics on opening, is moved aside and rebuilt from the spooled files, loudly. After a failed commit nothing can be
//! known of the disk, so the queue refuses all further changes ([`QueueError::Broken`]) until it is opened anew.
//!
//! Never here: the network, the clock (callers give `now`), and patient data in a log.

mod commit;
mod deliveries;
mod index;
mod instances;
mod lock;
mod open;
mod retention;
mod rows;
mod state_dir;
mod studies;

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::Digest;
use domain::{AeTitle, InstanceKey, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

pub use open::{Recovery, Reread};
pub use state_dir::StateDir;
pub use studies::{StudyRecord, StudySummary};

use commit::Committer;
use index::Index;

/// Rows of instances that are kept at most; beyond, [`Queue::admit`] refuses and the sender keeps its study.
pub const INSTANCES_MAX: usize = 100_000;
/// Deliveries that are not done, at most; beyond, [`Queue::hand_over`] refuses and the report waits.
pub const DELIVERIES_MAX: usize = 100_000;
/// Conflicts that are kept; beyond, the oldest is forgotten.
pub const CONFLICTS_MAX: usize = 1_000;

/// The reason's code of an instance whose spooled file is gone.
pub const FILE_MISSING: &str = "spool_file_missing";

/// Why the queue could not do what it was asked.
#[derive(Debug, Error)]
pub enum QueueError {
    /// sled failed.
    #[error("queue database failed: {0}")]
    Database(#[from] sled::Error),
    /// A file or folder of the state directory failed.
    #[error("{what}: {source}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// How it failed.
        source: std::io::Error,
    },
    /// Another process works on the state directory.
    #[error("state folder is in use by another process")]
    InUse,
    /// A row is not what this version wrote.
    #[error("a row of the queue cannot be read")]
    Row,
    /// An earlier commit failed: nothing more can be promised before a restart.
    #[error("queue is out of service since a commit failed")]
    Broken,
    /// There are [`INSTANCES_MAX`] instances or [`DELIVERIES_MAX`] deliveries.
    #[error("queue is full")]
    Full,
    /// The instance or delivery is not known.
    #[error("there is no such row in the queue")]
    Unknown,
    /// Another revision of the study was reported in the meantime.
    #[error("report does not follow the study's last revision")]
    Revision,
    /// The instance has another outcome already.
    #[error("instance has an outcome already")]
    Decided,
}

/// What became of an instance that a sender gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is ours from now on, durably.
    New,
    /// The same bytes were ours already, durably.
    Duplicate,
    /// Another object with the same UID is ours; that this one came was recorded.
    Conflict,
}

/// Another object came with a UID that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictRecord {
    /// The UID.
    pub key: InstanceKey,
    /// Who sent it.
    pub calling_ae: AeTitle,
    /// SHA-256 of its data set.
    pub dataset_sha256: Digest,
    /// When.
    pub received_at: UnixMillis,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Instances without an outcome.
    pub waiting: usize,
    /// Instances with one.
    pub decided: usize,
    /// Objects that were refused because their UID was taken.
    pub conflicts: usize,
    /// Studies.
    pub studies: usize,
    /// Studies with instances that no report holds yet.
    pub studies_open: usize,
    /// Deliveries that are tried until they succeed.
    pub deliveries_due: usize,
    /// Deliveries that a destination took, and of which it has not said yet that it keeps them.
    #[serde(default)]
    pub deliveries_uncommitted: usize,
    /// Deliveries that wait for a person.
    pub deliveries_parked: usize,
    /// Deliveries that are done.
    pub deliveries_delivered: usize,
}

/// The queue. Clones share one database; methods block until their change is durable.
#[derive(Debug, Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rows: sled::Tree,
    committer: Committer,
    /// Held while a change reads and writes rows, but not while it is committed.
    index: Mutex<Index>,
    changes: watch::Sender<u64>,
    /// Keeps other processes off the state directory.
    _lock: Arc<File>,
}

impl Queue {
    fn new(rows: sled::Tree, committer: Committer, index: Index, lock: Arc<File>) -> Self {
        let changes = watch::Sender::new(0);
        Self { shared: Arc::new(Shared { rows, committer, index: Mutex::new(index), changes, _lock: lock }) }
    }

    /// A receiver that sees a new value after each change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn counts(&self) -> Result<Counts, QueueError> {
        Ok(self.lock()?.counts())
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|change| *change = change.wrapping_add(1));
    }

    fn lock(&self) -> Result<MutexGuard<'_, Index>, QueueError> {
        self.shared.committer.check()?;
        Ok(self.shared.index.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
