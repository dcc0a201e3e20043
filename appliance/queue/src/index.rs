//! What is kept in memory of the rows, so that no question reads them all: made anew from the rows at each opening.

use std::collections::{BTreeMap, BTreeSet};

use contract::Uid;
use domain::{
    AeTitle, Delivery, DeliveryState, DestinationName, InstanceRecord, Reported, StudyKey, StudyState, UnixMillis,
};

use crate::rows::{self, CONFLICT, DELIVERY, INSTANCE, REPORTED};
use crate::{Counts, QueueError};

/// One study's rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct StudyRows {
    /// Sequences of its instances, in the order of arrival.
    pub(crate) instances: Vec<u64>,
    /// Those who sent them.
    pub(crate) senders: BTreeSet<AeTitle>,
    /// Sequences of its deliveries.
    pub(crate) deliveries: BTreeSet<u64>,
    /// How many of them the destination has.
    pub(crate) delivered: usize,
    /// The last revision; 0 before the first.
    pub(crate) revision: u32,
    /// As what it was given.
    pub(crate) state: StudyState,
    /// How many instances need no report any more.
    pub(crate) reported: usize,
    /// Were its files removed?
    pub(crate) files_removed: bool,
    /// When the last instance arrived.
    pub(crate) last_received_at: UnixMillis,
    /// When the last delivery was done.
    pub(crate) last_delivered_at: UnixMillis,
}

impl StudyRows {
    pub(crate) fn is_open(&self) -> bool {
        self.instances.len() > self.reported
    }

    /// When the last thing happened to it: nobody waits for its files longer than a time after that.
    pub(crate) fn last_change_at(&self) -> UnixMillis {
        self.last_received_at.max(self.last_delivered_at)
    }
}

/// A delivery that is not done.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) destination: DestinationName,
    pub(crate) study: StudyKey,
    pub(crate) state: DeliveryState,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) next_sequence: u64,
    /// Sequences of instances without an outcome.
    pub(crate) waiting: BTreeSet<u64>,
    pub(crate) instances: usize,
    pub(crate) conflicts: BTreeSet<u64>,
    pub(crate) studies: BTreeMap<StudyKey, StudyRows>,
    pub(crate) pending: BTreeMap<u64, Pending>,
    pub(crate) delivered: usize,
}

impl Index {
    /// Reads every row once; a row that cannot be read is an error.
    pub(crate) fn of(tree: &sled::Tree) -> Result<Self, QueueError> {
        let mut index = Self::default();
        for row in tree.scan_prefix([INSTANCE]) {
            let (name, value) = row?;
            index.add_instance(rows::sequence_of(&name)?, &rows::decode(&value)?);
        }
        for row in tree.scan_prefix([CONFLICT]) {
            let sequence = rows::sequence_of(&row?.0)?;
            index.conflicts.insert(sequence);
            index.passed(sequence);
        }
        for row in tree.scan_prefix([DELIVERY]) {
            let (name, value) = row?;
            index.put_delivery(rows::sequence_of(&name)?, &rows::decode(&value)?);
        }
        for row in tree.scan_prefix([REPORTED]) {
            let (name, value) = row?;
            let study = std::str::from_utf8(&name[1..]).ok().and_then(|text| Uid::parse(text).ok());
            index.put_reported(&StudyKey(study.ok_or(QueueError::Row)?), &rows::decode(&value)?);
        }
        Ok(index)
    }

    fn passed(&mut self, sequence: u64) {
        self.next_sequence = self.next_sequence.max(sequence + 1);
    }

    pub(crate) fn add_instance(&mut self, sequence: u64, record: &InstanceRecord) {
        self.passed(sequence);
        self.instances += 1;
        if record.outcome.is_none() {
            self.waiting.insert(sequence);
        }
        let study = self.studies.entry(record.received.study.clone()).or_default();
        study.instances.push(sequence);
        study.senders.insert(record.received.calling_ae.clone());
        study.last_received_at = study.last_received_at.max(record.received.received_at);
    }

    /// Takes one instance out of its study.
    pub(crate) fn remove_instance(&mut self, sequence: u64, study: &StudyKey) {
        self.instances -= 1;
        self.waiting.remove(&sequence);
        if let Some(rows) = self.studies.get_mut(study) {
            rows.instances.retain(|found| *found != sequence);
        }
    }

    /// Adds a delivery, or notes its new state.
    pub(crate) fn put_delivery(&mut self, sequence: u64, delivery: &Delivery) {
        self.passed(sequence);
        let study = self.studies.entry(delivery.study.clone()).or_default();
        study.deliveries.insert(sequence);
        if let DeliveryState::Delivered { at } = delivery.state {
            study.last_delivered_at = study.last_delivered_at.max(at);
            study.delivered += 1;
            self.delivered += 1;
        }
        if !delivery.state.is_open() {
            self.pending.remove(&sequence);
            return;
        }
        let (destination, study) = (delivery.destination.clone(), delivery.study.clone());
        self.pending.insert(sequence, Pending { destination, study, state: delivery.state.clone() });
    }

    pub(crate) fn put_reported(&mut self, study: &StudyKey, reported: &Reported) {
        let rows = self.studies.entry(study.clone()).or_default();
        rows.revision = reported.revision;
        rows.state = reported.state();
        rows.reported = reported.instances.len();
        rows.files_removed = reported.files_removed;
    }

    pub(crate) fn remove_study(&mut self, study: &StudyKey) {
        if let Some(rows) = self.studies.remove(study) {
            self.instances -= rows.instances.len();
            self.delivered -= rows.delivered;
        }
    }

    /// For each study with something to send to `destination`, the first such delivery: the order of the objects of a
    /// study is kept. What is parked or was taken holds up nothing.
    pub(crate) fn heads(&self, destination: &DestinationName) -> Vec<(u64, UnixMillis)> {
        let mut studies = BTreeSet::new();
        let mut heads = Vec::new();
        for (sequence, pending) in self.pending_for(destination) {
            if let DeliveryState::Due { at } = pending.state
                && studies.insert(&pending.study)
            {
                heads.push((sequence, at));
            }
        }
        heads
    }

    /// What `destination` took and is to be asked about, and when.
    pub(crate) fn uncommitted(&self, destination: &DestinationName) -> impl Iterator<Item = (u64, UnixMillis)> {
        let uncommitted = self.pending_for(destination).filter(|(_, pending)| pending.state.is_uncommitted());
        uncommitted.filter_map(|(sequence, pending)| Some((sequence, pending.state.next_at()?)))
    }

    /// What was asked about by `transaction`.
    pub(crate) fn asked_by(&self, transaction: &Uid) -> Vec<u64> {
        let is_asked = |pending: &Pending| matches!(&pending.state, DeliveryState::Committing { transaction: found, .. } if found == transaction);
        self.pending.iter().filter(|(_, pending)| is_asked(pending)).map(|(sequence, _)| *sequence).collect()
    }

    fn pending_for(&self, destination: &DestinationName) -> impl Iterator<Item = (u64, &Pending)> {
        let is_ours = move |pending: &Pending| pending.destination == *destination;
        self.pending.iter().filter(move |(_, pending)| is_ours(pending)).map(|(sequence, pending)| (*sequence, pending))
    }

    /// The studies of which everything is reported and every delivery is done, at most `limit` that pass `filter`.
    pub(crate) fn done(&self, limit: usize, filter: impl Fn(&StudyRows) -> bool) -> Vec<StudyKey> {
        let is_done = |rows: &StudyRows| {
            !rows.is_open() && !rows.deliveries.iter().any(|sequence| self.pending.contains_key(sequence))
        };
        let done = self.studies.iter().filter(|(_, rows)| is_done(rows) && filter(rows));
        done.map(|(study, _)| study.clone()).take(limit).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let count =
            |wanted: fn(&DeliveryState) -> bool| self.pending.values().filter(|pending| wanted(&pending.state)).count();
        Counts {
            waiting: self.waiting.len(),
            decided: self.instances - self.waiting.len(),
            conflicts: self.conflicts.len(),
            studies: self.studies.len(),
            studies_open: self.studies.values().filter(|study| study.is_open()).count(),
            deliveries_due: count(|state| matches!(state, DeliveryState::Due { .. })),
            deliveries_uncommitted: count(DeliveryState::is_uncommitted),
            deliveries_parked: count(|state| matches!(state, DeliveryState::Parked { .. })),
            deliveries_delivered: self.delivered,
        }
    }
}
