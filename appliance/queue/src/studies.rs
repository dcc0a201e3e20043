//! Studies: what has arrived of them, what was reported, and the hand-over of a report to its deliveries.

use std::collections::BTreeSet;

use domain::{AeTitle, Delivery, InstanceRecord, Reported, StudyKey, StudyState, UnixMillis};

use crate::rows::{self, DELIVERY};
use crate::{DELIVERIES_MAX, Queue, QueueError};

/// Everything that is known of one study.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyRecord {
    /// Its instances, in the order of arrival.
    pub instances: Vec<InstanceRecord>,
    /// What was reported.
    pub reported: Reported,
}

/// One line about a study, for status pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudySummary {
    /// Which study.
    pub study: StudyKey,
    /// How many instances arrived.
    pub instances: usize,
    /// How many of them were reported.
    pub reported: usize,
    /// The last revision; 0 before the first.
    pub revision: u32,
    /// As what it was given.
    pub state: StudyState,
    /// When the last instance arrived.
    pub last_received_at: UnixMillis,
}

impl Queue {
    /// Studies with instances that no report holds yet.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn open_studies(&self) -> Result<Vec<StudyKey>, QueueError> {
        let index = self.lock()?;
        Ok(index.studies.iter().filter(|(_, rows)| rows.is_open()).map(|(study, _)| study.clone()).collect())
    }

    /// The studies whose last instance arrived last, at most `limit`, the latest first.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn latest_studies(&self, limit: usize) -> Result<Vec<StudySummary>, QueueError> {
        let index = self.lock()?;
        let mut studies: Vec<StudySummary> = index
            .studies
            .iter()
            .map(|(study, rows)| StudySummary {
                study: study.clone(),
                instances: rows.instances.len(),
                reported: rows.reported,
                revision: rows.revision,
                state: rows.state,
                last_received_at: rows.last_received_at,
            })
            .collect();
        studies.sort_by_key(|study| std::cmp::Reverse(study.last_received_at));
        studies.truncate(limit);
        Ok(studies)
    }

    /// A study; `None` when nothing of it was received.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn study(&self, study: &StudyKey) -> Result<Option<StudyRecord>, QueueError> {
        let Some(sequences) = self.lock()?.studies.get(study).map(|rows| rows.instances.clone()) else {
            return Ok(None);
        };
        let instances = sequences.into_iter().map(|sequence| self.record(sequence)).collect::<Result<_, _>>()?;
        Ok(Some(StudyRecord { instances, reported: self.reported(study)? }))
    }

    /// The AE titles from which instances of a study came.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn senders(&self, study: &StudyKey) -> Result<BTreeSet<AeTitle>, QueueError> {
        Ok(self.lock()?.studies.get(study).map(|rows| rows.senders.clone()).unwrap_or_default())
    }

    pub(crate) fn reported(&self, study: &StudyKey) -> Result<Reported, QueueError> {
        let row = self.shared.rows.get(rows::reported_row(study))?;
        row.map_or_else(|| Ok(Reported::default()), |row| rows::decode(&row))
    }

    /// Hands a report over to its deliveries in one atomic step: when this returns, "inputs reported" and "results queued"
    /// are both durable; after a crash before, neither is. The deliveries' files must be durable already. The same hand-over
    /// again changes nothing.
    ///
    /// # Errors
    /// [`QueueError::Revision`] when `reported` does not follow the last revision; [`QueueError::Full`].
    pub fn hand_over(&self, study: &StudyKey, reported: &Reported, deliveries: &[Delivery]) -> Result<(), QueueError> {
        {
            let mut index = self.lock()?;
            let standing = self.reported(study)?;
            // Removed files are no part of what was reported.
            if (Reported { files_removed: reported.files_removed, ..standing.clone() }) == *reported {
                return Ok(());
            }
            if standing.revision.checked_add(1) != Some(reported.revision) {
                return Err(QueueError::Revision);
            }
            if index.pending.len() + deliveries.len() > DELIVERIES_MAX {
                return Err(QueueError::Full);
            }
            let mut batch = sled::Batch::default();
            batch.insert(rows::reported_row(study), rows::encode(reported)?);
            let mut added = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let name = rows::delivery_name_row(&delivery.id);
                if self.shared.rows.contains_key(&name)? {
                    continue;
                }
                let sequence = index.next_sequence + added.len() as u64;
                batch.insert(&rows::sequence_row(DELIVERY, sequence), rows::encode(delivery)?);
                batch.insert(name, &sequence.to_be_bytes());
                added.push((sequence, delivery));
            }
            self.shared.rows.apply_batch(batch)?;
            for (sequence, delivery) in added {
                index.put_delivery(sequence, delivery);
            }
            index.put_reported(study, reported);
        }
        self.shared.committer.commit()?;
        self.changed();
        Ok(())
    }

    /// Notes, durably, that instances need no report of their own: the revision stays.
    ///
    /// # Errors
    /// [`QueueError::Revision`] when `reported` is of another revision than the last one.
    pub fn note_reported(&self, study: &StudyKey, reported: &Reported) -> Result<(), QueueError> {
        {
            let mut index = self.lock()?;
            if self.reported(study)?.revision != reported.revision {
                return Err(QueueError::Revision);
            }
            self.shared.rows.insert(rows::reported_row(study), rows::encode(reported)?)?;
            index.put_reported(study, reported);
        }
        self.shared.committer.commit()?;
        self.changed();
        Ok(())
    }
}
