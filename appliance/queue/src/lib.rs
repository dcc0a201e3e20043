//! The record of everything that was acknowledged to a sender: an embedded sled database beside the spooled files.
//!
//! # Design
//!
//! **On disk.** Below the state directory: `spool/` holds one Part 10 file per acknowledged instance, `spool/incoming/` files
//! that are still being received, `queue/` the database. Files are payload; rows are small state. One tree holds all
//! rows, so that a change of several rows is one atomic batch: `i<sequence>` an [`InstanceRecord`] as JSON, `k<SOP
//! Instance UID>` its sequence, `c<sequence>` a [`ConflictRecord`].
//!
//! **Write.** sled's `flush` alone does not survive a power cut (it asks for `sync_file_range`, not for `fsync`), so each change
//! waits for `flush` *and* `fdatasync` of sled's `db` file. Waiting callers share one such commit. Only then a sender may be
//! told "success".
//!
//! **Read.** Rows are read from memory-mapped pages of sled; nothing is cached here.
//!
//! **Crash.** A spooled file without a row was written but perhaps not acknowledged: it is admitted at the next start, which
//! harms nobody. A row without a file is reported, and its instance fails with a reason. A database that cannot be opened,
//! or panics on opening, is moved aside and rebuilt from the spooled files, loudly. After a failed commit nothing can be
//! known of the disk, so the queue refuses all further changes ([`QueueError::Broken`]) until it is opened anew.
//!
//! Never here: the network, the clock (callers give `now`), and patient data in a log.

mod commit;
mod open;
mod state_dir;

use std::sync::{Arc, Mutex, PoisonError};

use contract::{Digest, InstanceAttributes, PatientStudy};
use domain::{AeTitle, InstanceKey, InstanceOutcome, InstanceRecord, ReceivedInstance, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use open::{Recovery, Reread};
pub use state_dir::StateDir;

use commit::Committer;

/// Rows of instances that are kept at most; beyond, [`Queue::admit`] refuses and the sender keeps its study.
pub const INSTANCES_MAX: usize = 100_000;

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
    /// A row is not what this version wrote.
    #[error("a row of the queue cannot be read")]
    Row,
    /// An earlier commit failed: nothing more can be promised before a restart.
    #[error("queue is out of service since a commit failed")]
    Broken,
    /// There are [`INSTANCES_MAX`] instances.
    #[error("queue is full with {INSTANCES_MAX} instances")]
    Full,
    /// The instance is not known.
    #[error("instance is not in the queue")]
    Unknown,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Instances without an outcome.
    pub waiting: usize,
    /// Instances with one.
    pub decided: usize,
    /// Objects that were refused because their UID was taken.
    pub conflicts: usize,
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
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    next_sequence: u64,
    instances: usize,
}

const INSTANCE: u8 = b'i';
const KEY: u8 = b'k';
const CONFLICT: u8 = b'c';

fn sequence_row(kind: u8, sequence: u64) -> [u8; 9] {
    let mut row = [kind; 9];
    row[1..].copy_from_slice(&sequence.to_be_bytes());
    row
}

fn key_row(key: &InstanceKey) -> Vec<u8> {
    [&[KEY], key.0.as_str().as_bytes()].concat()
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, QueueError> {
    serde_json::to_vec(value).map_err(|_| QueueError::Row)
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, QueueError> {
    serde_json::from_slice(bytes).map_err(|_| QueueError::Row)
}

impl Queue {
    /// Takes an instance whose spooled file is durable. When this returns, so is its row.
    ///
    /// # Errors
    /// [`QueueError`]; then nothing may be acknowledged.
    pub fn admit(&self, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        let admission = {
            let mut writer = self.lock()?;
            match self.find(&received.key)? {
                Some((_, record)) if record.received.dataset_sha256 == received.dataset_sha256 => Admission::Duplicate,
                Some(_) => self.insert_conflict(&mut writer, received)?,
                None => self.insert_instance(&mut writer, received)?,
            }
        };
        // A duplicate waits too: the first arrival may be uncommitted still.
        self.shared.committer.commit()?;
        Ok(admission)
    }

    fn insert_instance(&self, writer: &mut Writer, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        if writer.instances >= INSTANCES_MAX {
            return Err(QueueError::Full);
        }
        let sequence = writer.next_sequence;
        let mut batch = sled::Batch::default();
        batch.insert(&sequence_row(INSTANCE, sequence), encode(&InstanceRecord::waiting(received.clone()))?);
        batch.insert(key_row(&received.key), &sequence.to_be_bytes());
        self.shared.rows.apply_batch(batch)?;
        writer.next_sequence += 1;
        writer.instances += 1;
        Ok(Admission::New)
    }

    fn insert_conflict(&self, writer: &mut Writer, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        let record = ConflictRecord {
            key: received.key.clone(),
            calling_ae: received.calling_ae.clone(),
            dataset_sha256: received.dataset_sha256,
            received_at: received.received_at,
        };
        self.shared.rows.insert(sequence_row(CONFLICT, writer.next_sequence), encode(&record)?)?;
        writer.next_sequence += 1;
        Ok(Admission::Conflict)
    }

    /// The record of an instance.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn instance(&self, key: &InstanceKey) -> Result<Option<InstanceRecord>, QueueError> {
        Ok(self.find(key)?.map(|(_, record)| record))
    }

    /// Instances without an outcome, at most `limit`, in the order of their arrival.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn waiting(&self, limit: usize) -> Result<Vec<InstanceRecord>, QueueError> {
        let records = self.records().filter(|record| !matches!(record, Ok(record) if record.outcome.is_some()));
        records.take(limit).collect()
    }

    /// Records what became of an instance, durably. Saying the same again is no error.
    ///
    /// # Errors
    /// [`QueueError::Decided`] when another outcome stands already.
    pub fn record_outcome(
        &self,
        key: &InstanceKey,
        header: Option<(InstanceAttributes, PatientStudy)>,
        outcome: InstanceOutcome,
    ) -> Result<(), QueueError> {
        {
            let _writer = self.lock()?;
            let (sequence, mut record) = self.find(key)?.ok_or(QueueError::Unknown)?;
            match &record.outcome {
                Some(standing) if *standing != outcome => return Err(QueueError::Decided),
                _ => record.outcome = Some(outcome),
            }
            if let Some((attributes, patient_study)) = header {
                record.attributes = Some(attributes);
                record.patient_study = Some(patient_study);
            }
            self.shared.rows.insert(sequence_row(INSTANCE, sequence), encode(&record)?)?;
        }
        self.shared.committer.commit()
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn counts(&self) -> Result<Counts, QueueError> {
        let mut counts = Counts { conflicts: self.shared.rows.scan_prefix([CONFLICT]).count(), ..Counts::default() };
        for record in self.records() {
            match record?.outcome {
                Some(_) => counts.decided += 1,
                None => counts.waiting += 1,
            }
        }
        Ok(counts)
    }

    fn records(&self) -> impl Iterator<Item = Result<InstanceRecord, QueueError>> {
        self.shared.rows.scan_prefix([INSTANCE]).map(|row| decode(&row?.1))
    }

    fn find(&self, key: &InstanceKey) -> Result<Option<(u64, InstanceRecord)>, QueueError> {
        let Some(sequence) = self.shared.rows.get(key_row(key))? else { return Ok(None) };
        let sequence = u64::from_be_bytes(sequence.as_ref().try_into().map_err(|_| QueueError::Row)?);
        let row = self.shared.rows.get(sequence_row(INSTANCE, sequence))?.ok_or(QueueError::Row)?;
        Ok(Some((sequence, decode(&row)?)))
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, Writer>, QueueError> {
        self.shared.committer.check()?;
        Ok(self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
