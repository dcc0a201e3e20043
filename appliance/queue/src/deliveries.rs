//! Deliveries: which are due, and how their tries ended.

use contract::Uid;
use domain::{Attempt, Commitment, Delivery, DeliveryId, DeliveryState, DestinationName, RetryPolicy, UnixMillis};

use crate::index::Index;
use crate::rows::{self, DELIVERY};
use crate::{Queue, QueueError};

impl Queue {
    /// The deliveries for `destination` that are due at `now`, at most `limit`: of each study only the first that is still
    /// to be sent, so that a study's objects arrive in their order.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn due(
        &self,
        destination: &DestinationName,
        now: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Delivery>, QueueError> {
        let heads = self.lock()?.heads(destination);
        let due = heads.into_iter().filter(|(_, due_at)| *due_at <= now).take(limit);
        due.map(|(sequence, _)| self.delivery_at(sequence)).collect()
    }

    /// What `destination` took and is to be asked about at `now`, at most `limit`, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn uncommitted(
        &self,
        destination: &DestinationName,
        now: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Delivery>, QueueError> {
        let sequences: Vec<u64> = {
            let index = self.lock()?;
            let due = index.uncommitted(destination).filter(|(_, due_at)| *due_at <= now).take(limit);
            due.map(|(sequence, _)| sequence).collect()
        };
        sequences.into_iter().map(|sequence| self.delivery_at(sequence)).collect()
    }

    /// The deliveries about which a destination was asked by `transaction`, and has not answered.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn asked_by(&self, transaction: &Uid) -> Result<Vec<Delivery>, QueueError> {
        let sequences = self.lock()?.asked_by(transaction);
        sequences.into_iter().map(|sequence| self.delivery_at(sequence)).collect()
    }

    /// When something is to be done next for `destination`: to send, or to ask about what was sent; `None` without either.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn next_due_at(&self, destination: &DestinationName) -> Result<Option<UnixMillis>, QueueError> {
        let index = self.lock()?;
        let heads = index.heads(destination).into_iter().map(|(_, due_at)| due_at);
        let uncommitted = index.uncommitted(destination).map(|(_, due_at)| due_at);
        Ok(heads.chain(uncommitted).min())
    }

    /// Records, durably, how a try ended, and returns the delivery as it stands now. Where the destination does not accept
    /// the kind and another one stands by for it, that one becomes due in the same step.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn settle(
        &self,
        id: &DeliveryId,
        attempt: Attempt,
        policy: &RetryPolicy,
        jitter: f64,
        now: UnixMillis,
    ) -> Result<Delivery, QueueError> {
        self.change(id, |index, delivery| match attempt {
            Attempt::NotAccepted { why } => {
                let next = self.next_kind(index, delivery)?;
                let attempt = if next.is_empty() { Attempt::NotAccepted { why } } else { Attempt::Replaced { why } };
                // Another object of the same kind may have called them in already.
                let standing_by = next.into_iter().filter(|(_, backup)| backup.state == DeliveryState::Standby);
                let called = standing_by.map(|(sequence, backup)| (sequence, backup.called_in(now)));
                Ok((delivery.after(attempt, policy, jitter, now), called.collect()))
            }
            attempt => Ok((delivery.after(attempt, policy, jitter, now), Vec::new())),
        })
    }

    /// Records, durably, what is said of the commitment of a delivery, and returns it as it stands now.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn settle_commitment(
        &self,
        id: &DeliveryId,
        said: Commitment,
        policy: &RetryPolicy,
        jitter: f64,
        now: UnixMillis,
    ) -> Result<Delivery, QueueError> {
        self.change(id, |_, delivery| Ok((delivery.after_commitment(said, policy, jitter, now), Vec::new())))
    }

    /// Makes a delivery due at once, also one that is parked.
    ///
    /// # Errors
    /// [`QueueError::Unknown`].
    pub fn retry(&self, id: &DeliveryId, now: UnixMillis) -> Result<Delivery, QueueError> {
        self.change(id, |_, delivery| Ok((delivery.retried(now), Vec::new())))
    }

    /// Changes one delivery, and with it others of its study, in one atomic step.
    fn change(
        &self,
        id: &DeliveryId,
        change: impl FnOnce(&Index, &Delivery) -> Result<(Delivery, Vec<(u64, Delivery)>), QueueError>,
    ) -> Result<Delivery, QueueError> {
        let changed = {
            let mut index = self.lock()?;
            let sequence = self.shared.rows.get(rows::delivery_name_row(id))?.ok_or(QueueError::Unknown)?;
            let sequence = rows::sequence_value(&sequence)?;
            let standing = self.delivery_at(sequence)?;
            let (changed, others) = change(&index, &standing)?;
            if changed != standing {
                let mut batch = sled::Batch::default();
                let rows: Vec<(u64, &Delivery)> =
                    others.iter().map(|(sequence, other)| (*sequence, other)).chain([(sequence, &changed)]).collect();
                for (sequence, delivery) in &rows {
                    batch.insert(&rows::sequence_row(DELIVERY, *sequence), rows::encode(*delivery)?);
                }
                self.shared.rows.apply_batch(batch)?;
                for (sequence, delivery) in rows {
                    index.put_delivery(sequence, delivery);
                }
            }
            changed
        };
        self.shared.committer.commit()?;
        self.changed();
        Ok(changed)
    }

    /// The deliveries of the kind that comes next after that of `delivery` in its choice.
    fn next_kind(&self, index: &Index, delivery: &Delivery) -> Result<Vec<(u64, Delivery)>, QueueError> {
        let Some(study) = index.studies.get(&delivery.study).filter(|_| delivery.choice.is_some()) else {
            return Ok(Vec::new());
        };
        let read = |sequence: &u64| self.delivery_at(*sequence).map(|other| (*sequence, other));
        let mut behind = study.deliveries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        behind.retain(|(_, other)| delivery.is_backed_by(other));
        let rank = |(_, other): &(u64, Delivery)| other.choice.map(|choice| choice.rank);
        let next = behind.iter().filter_map(rank).min();
        behind.retain(|other| rank(other) == next);
        Ok(behind)
    }

    /// The deliveries whose state passes `filter`, at most `limit`, the oldest first.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn deliveries(
        &self,
        filter: impl Fn(&DeliveryState) -> bool,
        limit: usize,
    ) -> Result<Vec<Delivery>, QueueError> {
        let rows = self.shared.rows.scan_prefix([DELIVERY]).map(|row| rows::decode::<Delivery>(&row?.1));
        rows.filter(|delivery| !matches!(delivery, Ok(delivery) if !filter(&delivery.state))).take(limit).collect()
    }

    pub(crate) fn delivery_at(&self, sequence: u64) -> Result<Delivery, QueueError> {
        let row = self.shared.rows.get(rows::sequence_row(DELIVERY, sequence))?.ok_or(QueueError::Row)?;
        rows::decode(&row)
    }
}
