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
        self.change(id, |delivery, backups| match attempt {
            Attempt::NotAccepted { why } if !backups.is_empty() => {
                let replaced = delivery.after(Attempt::Replaced { why }, policy, jitter, now);
                let is_replaced = matches!(replaced.state, DeliveryState::Replaced { .. });
                let next = backups.iter().filter_map(|(_, backup)| backup.choice).map(|choice| choice.rank).min();
                let called = backups.into_iter().filter(|(_, backup)| backup.choice.map(|choice| choice.rank) == next);
                let called = called.map(|(sequence, backup)| (sequence, backup.called_in(now)));
                (replaced, called.filter(|_| is_replaced).collect())
            }
            attempt => (delivery.after(attempt, policy, jitter, now), Vec::new()),
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
        self.change(id, |delivery, _| (delivery.after_commitment(said, policy, jitter, now), Vec::new()))
    }

    /// Makes a delivery due at once, also one that is parked.
    ///
    /// # Errors
    /// [`QueueError::Unknown`].
    pub fn retry(&self, id: &DeliveryId, now: UnixMillis) -> Result<Delivery, QueueError> {
        self.change(id, |delivery, _| (delivery.retried(now), Vec::new()))
    }

    /// Changes one delivery, and with it others of its study, in one atomic step. `change` is given those that stand behind
    /// it in its choice of kinds.
    fn change(
        &self,
        id: &DeliveryId,
        change: impl FnOnce(&Delivery, Vec<(u64, Delivery)>) -> (Delivery, Vec<(u64, Delivery)>),
    ) -> Result<Delivery, QueueError> {
        let changed = {
            let mut index = self.lock()?;
            let sequence = self.shared.rows.get(rows::delivery_name_row(id))?.ok_or(QueueError::Unknown)?;
            let sequence = rows::sequence_value(&sequence)?;
            let standing = self.delivery_at(sequence)?;
            let (changed, others) = change(&standing, self.backups(&index, &standing)?);
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

    /// The deliveries that stand behind `delivery` in its choice of kinds.
    fn backups(&self, index: &Index, delivery: &Delivery) -> Result<Vec<(u64, Delivery)>, QueueError> {
        let Some(study) = index.studies.get(&delivery.study).filter(|_| delivery.choice.is_some()) else {
            return Ok(Vec::new());
        };
        let read = |sequence: &u64| self.delivery_at(*sequence).map(|other| (*sequence, other));
        let others: Result<Vec<_>, _> = study.deliveries.iter().map(read).collect();
        Ok(others?.into_iter().filter(|(_, other)| delivery.is_backed_by(other)).collect())
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
