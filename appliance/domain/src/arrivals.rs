//! Arrival times on one clock, though the device's clock jumps.
//!
//! Rows hold the time of day at which an instance came, so that a restart changes nothing. But the time of day jumps: a
//! device that starts without a clock of its own is set right minutes later, by years. So whoever waits reads a steady
//! clock beside the time of day; what lies between the two jumps exactly when the time of day does, and each arrival is
//! moved by what its clock has jumped since it was first seen. Over a restart only the time of day is left.

use std::collections::BTreeMap;

use crate::{InstanceKey, InstanceRecord, UnixMillis};

/// Two clocks, read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The time of day.
    pub now: UnixMillis,
    /// Milliseconds since some fixed moment of this process: never jumps.
    pub steady_ms: u64,
}

impl ClockReading {
    fn offset(self) -> i128 {
        i128::from(self.now.0) - i128::from(self.steady_ms)
    }
}

/// Remembers what lay between the clocks when an instance was first seen. Holds the instances of the last round only.
#[derive(Debug, Default)]
pub struct Arrivals {
    before: BTreeMap<InstanceKey, i128>,
    seen: BTreeMap<InstanceKey, i128>,
}

impl Arrivals {
    /// When `records` arrived, on the clock as it stands now, in their order.
    pub fn of(&mut self, records: &[InstanceRecord], reading: ClockReading) -> Vec<UnixMillis> {
        let arrival = |record: &InstanceRecord| {
            let key = record.key();
            let first = *self.seen.get(key).or_else(|| self.before.get(key)).unwrap_or(&reading.offset());
            self.seen.insert(key.clone(), first);
            let moved = i128::from(record.received.received_at.0) + reading.offset() - first;
            UnixMillis(u64::try_from(moved.max(0)).unwrap_or(u64::MAX))
        };
        records.iter().map(arrival).collect()
    }

    /// Ends a round: instances that were not asked for in it are forgotten.
    pub fn end_round(&mut self) {
        self.before = std::mem::take(&mut self.seen);
    }
}
