//! When a study is complete (clinical rules, section 3): all expected views and a short settling time, or a quiet time, or
//! the longest wait. What arrives later makes a new revision.
//!
//! Times are measured from the persisted arrival times, so that a restart changes nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::report::{EXPECTED_VIEWS, StudyReport, Trigger};
use crate::{
    Aggregation, ExclusionReason, InstanceKey, InstanceOutcome, InstanceRecord, Laterality, StudyKey, UnixMillis, View,
};

/// When to stop waiting. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssemblyPolicy {
    /// With all expected views scored: how long after the last arrival.
    pub settle_ms: u64,
    /// Otherwise: how long after the last arrival.
    pub quiet_ms: u64,
    /// At the latest after the first arrival of this revision, however many more come.
    pub longest_ms: u64,
    /// How the images of a breast become one score; `None`: as the model's manifest says, and without one as the
    /// reference method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
}

impl Default for AssemblyPolicy {
    fn default() -> Self {
        Self { settle_ms: 15_000, quiet_ms: 90_000, longest_ms: 1_200_000, aggregation: None }
    }
}

/// What was reported of a study so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reported {
    /// The last revision; 0 before the first.
    pub revision: u32,
    /// The instances in it.
    pub instances: BTreeSet<InstanceKey>,
}

/// What is to be done with a study.
#[derive(Debug, Clone, PartialEq)]
pub enum Assembly {
    /// Nothing new has arrived since the last report.
    UpToDate,
    /// An instance waits for its outcome; recording it is what to wait for.
    Undecided,
    /// Nothing to do before this time.
    Until(UnixMillis),
    /// All that is new came from ourselves: it is to be noted as reported, without a new revision. Otherwise an archive
    /// that sends every object back would get revisions without end.
    Silent(Reported),
    /// Here is the next revision.
    Ready(Box<StudyReport>),
}

/// Decides what is to be done with `study`, of which `records` are all instances in the order of arrival.
#[must_use]
pub fn assemble(
    study: &StudyKey,
    records: &[InstanceRecord],
    reported: &Reported,
    policy: &AssemblyPolicy,
    now: UnixMillis,
) -> Assembly {
    let new: Vec<&InstanceRecord> =
        records.iter().filter(|record| !reported.instances.contains(record.key())).collect();
    let is_own = |record: &&InstanceRecord| {
        matches!(record.outcome, Some(InstanceOutcome::Excluded { reason: ExclusionReason::OwnResult }))
    };
    if !new.is_empty() && new.iter().all(is_own) {
        let instances = records.iter().map(|record| record.key().clone()).collect();
        return Assembly::Silent(Reported { revision: reported.revision, instances });
    }
    let arrivals = || new.iter().map(|record| record.received.received_at);
    let (Some(first), Some(last)) = (arrivals().min(), arrivals().max()) else { return Assembly::UpToDate };
    let trigger = if now.since(first).as_millis() >= u128::from(policy.longest_ms) {
        // Those that are decided go out; the others make the next revision.
        if new.iter().all(|record| record.outcome.is_none()) {
            return Assembly::Undecided;
        }
        Trigger::HardCap
    } else {
        if new.iter().any(|record| record.outcome.is_none()) {
            return Assembly::Undecided;
        }
        let is_complete = has_all_views(records);
        let wait_ms = if is_complete { policy.settle_ms.min(policy.quiet_ms) } else { policy.quiet_ms };
        let due = UnixMillis(last.0.saturating_add(wait_ms).min(first.0.saturating_add(policy.longest_ms)));
        // An arrival in the future means that the clock was set back: its wait may never end.
        if now < due && last.0 <= now.0.saturating_add(policy.quiet_ms) {
            return Assembly::Until(due);
        }
        if is_complete { Trigger::AllViews } else { Trigger::QuietTime }
    };
    let revision = reported.revision.saturating_add(1);
    let aggregation = policy.aggregation.unwrap_or_default();
    Assembly::Ready(Box::new(StudyReport::of(study.clone(), revision, trigger, records, aggregation)))
}

fn has_all_views(records: &[InstanceRecord]) -> bool {
    let has = |(side, view): &(Laterality, View)| {
        records.iter().any(|record| match &record.outcome {
            Some(InstanceOutcome::Scored(finding)) => finding.laterality == *side && finding.view == *view,
            _ => false,
        })
    };
    EXPECTED_VIEWS.iter().all(has)
}

#[cfg(test)]
mod tests;
