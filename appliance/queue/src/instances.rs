//! Received instances: from admission to outcome.

use std::collections::BTreeSet;
use std::sync::MutexGuard;

use contract::{InstanceAttributes, PatientStudy, Uid};
use domain::{InstanceKey, InstanceOutcome, InstanceRecord, ReceivedInstance, StoredFile};

use crate::index::Index;
use crate::rows::{self, CONFLICT, INSTANCE};
use crate::{Admission, CONFLICTS_MAX, ConflictRecord, FILE_MISSING, INSTANCES_MAX, Queue, QueueError, StateDir};

impl Queue {
    /// Takes an instance whose spooled file is durable. When this returns, so is its row.
    ///
    /// # Errors
    /// [`QueueError`]: nothing was promised, the sender must be refused.
    pub fn admit(&self, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        let admission = {
            let mut index = self.lock()?;
            match self.find(&received.key)? {
                None => self.insert_instance(&mut index, received)?,
                Some((sequence, record)) if is_lost(&record) => self.replace_lost(&mut index, sequence, received)?,
                Some((_, record)) if record.received.dataset_sha256 == received.dataset_sha256 => Admission::Duplicate,
                Some(_) => self.insert_conflict(&mut index, received)?,
            }
        };
        // A duplicate waits too: the first arrival may be uncommitted still.
        self.shared.committer.commit()?;
        self.changed();
        Ok(admission)
    }

    fn insert_instance(&self, index: &mut Index, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        if index.instances >= INSTANCES_MAX {
            return Err(QueueError::Full);
        }
        let (sequence, record) = (index.next_sequence, InstanceRecord::waiting(received.clone()));
        let mut batch = sled::Batch::default();
        batch.insert(&rows::sequence_row(INSTANCE, sequence), rows::encode(&record)?);
        batch.insert(rows::key_row(&received.key), &sequence.to_be_bytes());
        self.shared.rows.apply_batch(batch)?;
        index.add_instance(sequence, &record);
        Ok(Admission::New)
    }

    /// Puts an instance in the place of one whose file was lost, and opens its study again: what was reported of the lost
    /// one is not the whole truth any more.
    fn replace_lost(&self, index: &mut Index, lost: u64, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        let (sequence, record) = (index.next_sequence, InstanceRecord::waiting(received.clone()));
        let mut reported = self.reported(&received.study)?;
        reported.instances.remove(&received.key);
        reported.files_removed = false;
        let mut batch = sled::Batch::default();
        batch.remove(&rows::sequence_row(INSTANCE, lost));
        batch.insert(&rows::sequence_row(INSTANCE, sequence), rows::encode(&record)?);
        batch.insert(rows::key_row(&received.key), &sequence.to_be_bytes());
        if reported.revision > 0 {
            batch.insert(rows::reported_row(&received.study), rows::encode(&reported)?);
        }
        self.shared.rows.apply_batch(batch)?;
        index.remove_instance(lost, &received.study);
        index.add_instance(sequence, &record);
        index.put_reported(&received.study, &reported);
        Ok(Admission::New)
    }

    fn insert_conflict(&self, index: &mut Index, received: &ReceivedInstance) -> Result<Admission, QueueError> {
        let record = ConflictRecord {
            key: received.key.clone(),
            calling_ae: received.calling_ae.clone(),
            dataset_sha256: received.dataset_sha256,
            received_at: received.received_at,
        };
        let sequence = index.next_sequence;
        let mut batch = sled::Batch::default();
        batch.insert(&rows::sequence_row(CONFLICT, sequence), rows::encode(&record)?);
        let oldest = index.conflicts.first().copied().filter(|_| index.conflicts.len() >= CONFLICTS_MAX);
        if let Some(oldest) = oldest {
            batch.remove(&rows::sequence_row(CONFLICT, oldest));
        }
        self.shared.rows.apply_batch(batch)?;
        oldest.map(|oldest| index.conflicts.remove(&oldest));
        index.conflicts.insert(sequence);
        index.next_sequence += 1;
        Ok(Admission::Conflict)
    }

    /// The record of an instance.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn instance(&self, key: &InstanceKey) -> Result<Option<InstanceRecord>, QueueError> {
        Ok(self.find(key)?.map(|(_, record)| record))
    }

    /// Of each of `keys` the SOP class under which its instance is held: durably in the queue, its received file still
    /// there. `None` where there is none: never received, refused, removed by retention or lost. `None` as well where
    /// another object with the same UID was refused: whose instance is meant cannot be told. Blocks.
    ///
    /// # Errors
    /// [`QueueError`]: nothing is known of any.
    pub fn held<'a>(
        &self,
        state: &StateDir,
        keys: impl IntoIterator<Item = &'a InstanceKey>,
    ) -> Result<Vec<Option<Uid>>, QueueError> {
        let disputed = self.disputed()?;
        let held = |key: &InstanceKey| {
            let record = self.instance(key)?.filter(|_| !disputed.contains(key)).map(|record| record.received);
            let file = |name: &str| std::fs::metadata(state.spool().join(name)).ok().filter(std::fs::Metadata::is_file);
            let is_there = |spool: &StoredFile| file(&spool.name).is_some_and(|file| file.len() == spool.len);
            Ok(record.filter(|received| is_there(&received.spool)).map(|received| received.sop_class))
        };
        let held = keys.into_iter().map(held).collect::<Result<Vec<_>, QueueError>>()?;
        // A row that is being admitted just now may be uncommitted still.
        self.shared.committer.commit()?;
        Ok(held)
    }

    /// UIDs under which another object was refused.
    fn disputed(&self) -> Result<BTreeSet<InstanceKey>, QueueError> {
        let rows = self.shared.rows.scan_prefix([CONFLICT]);
        rows.map(|row| Ok(rows::decode::<ConflictRecord>(&row?.1)?.key)).collect()
    }

    /// Instances without an outcome, at most `limit`, in the order of their arrival.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn waiting(&self, limit: usize) -> Result<Vec<InstanceRecord>, QueueError> {
        let sequences: Vec<u64> = self.lock()?.waiting.iter().take(limit).copied().collect();
        sequences.into_iter().map(|sequence| self.record(sequence)).collect()
    }

    /// Notes, durably, that the analysis of a waiting instance begins, and returns how often it did: one that ends the
    /// process each time must not be begun for ever.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn begin(&self, key: &InstanceKey) -> Result<u32, QueueError> {
        let attempts = {
            let index = self.lock()?;
            let (sequence, mut record) = self.find(key)?.ok_or(QueueError::Unknown)?;
            record.attempts = record.attempts.saturating_add(1);
            self.put_instance(&index, sequence, &record)?;
            record.attempts
        };
        self.shared.committer.commit()?;
        Ok(attempts)
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
            let mut index = self.lock()?;
            let (sequence, mut record) = self.find(key)?.ok_or(QueueError::Unknown)?;
            match &record.outcome {
                Some(standing) if *standing != outcome => return Err(QueueError::Decided),
                _ => record.outcome = Some(outcome),
            }
            if let Some((attributes, patient_study)) = header {
                record.attributes = Some(attributes);
                record.patient_study = Some(patient_study);
            }
            self.put_instance(&index, sequence, &record)?;
            index.waiting.remove(&sequence);
        }
        self.shared.committer.commit()?;
        self.changed();
        Ok(())
    }

    /// Replaces a row; the index is asked for as a proof that the writer's lock is held.
    fn put_instance(
        &self,
        _locked: &MutexGuard<'_, Index>,
        sequence: u64,
        record: &InstanceRecord,
    ) -> Result<(), QueueError> {
        self.shared.rows.insert(rows::sequence_row(INSTANCE, sequence), rows::encode(record)?)?;
        Ok(())
    }

    pub(crate) fn record(&self, sequence: u64) -> Result<InstanceRecord, QueueError> {
        let row = self.shared.rows.get(rows::sequence_row(INSTANCE, sequence))?.ok_or(QueueError::Row)?;
        rows::decode(&row)
    }

    fn find(&self, key: &InstanceKey) -> Result<Option<(u64, InstanceRecord)>, QueueError> {
        let Some(sequence) = self.shared.rows.get(rows::key_row(key))? else { return Ok(None) };
        let sequence = rows::sequence_value(&sequence)?;
        Ok(Some((sequence, self.record(sequence)?)))
    }
}

/// Did the instance fail because its file was gone? Then its sender's new try is welcome.
fn is_lost(record: &InstanceRecord) -> bool {
    matches!(&record.outcome, Some(InstanceOutcome::Failed { reason }) if reason.code == FILE_MISSING)
}
