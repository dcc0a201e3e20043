//! Deliveries: which are due, and how their tries ended.

use domain::{Attempt, Delivery, DeliveryId, DeliveryState, DestinationName, RetryPolicy, UnixMillis};

use crate::rows::{self, DELIVERY};
use crate::{Queue, QueueError};

impl Queue {
    /// The deliveries for `destination` that are due at `now`, at most `limit`: of each study only the first that is not
    /// parked, so that a study's objects arrive in their order.
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

    /// When the next delivery for `destination` is due; `None` without one.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn next_due_at(&self, destination: &DestinationName) -> Result<Option<UnixMillis>, QueueError> {
        Ok(self.lock()?.heads(destination).into_iter().map(|(_, due_at)| due_at).min())
    }

    /// Records, durably, how a try ended, and returns the delivery as it stands now.
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
        self.change(id, |delivery| delivery.after(attempt, policy, jitter, now))
    }

    /// Makes a delivery due at once, also one that is parked.
    ///
    /// # Errors
    /// [`QueueError::Unknown`].
    pub fn retry(&self, id: &DeliveryId, now: UnixMillis) -> Result<Delivery, QueueError> {
        self.change(id, |delivery| delivery.retried(now))
    }

    fn change(&self, id: &DeliveryId, change: impl FnOnce(&Delivery) -> Delivery) -> Result<Delivery, QueueError> {
        let changed = {
            let mut index = self.lock()?;
            let sequence = self.shared.rows.get(rows::delivery_name_row(id))?.ok_or(QueueError::Unknown)?;
            let sequence = rows::sequence_value(&sequence)?;
            let standing = self.delivery_at(sequence)?;
            let changed = change(&standing);
            if changed != standing {
                self.shared.rows.insert(rows::sequence_row(DELIVERY, sequence), rows::encode(&changed)?)?;
                index.put_delivery(sequence, &changed);
            }
            changed
        };
        self.shared.committer.commit()?;
        self.changed();
        Ok(changed)
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
