//! When a study is complete (clinical rules, section 3), and as what it is reported:
//! collecting -> provisional -> final -> revised.
//!
//! All expected views and a short settling time that does not run while their sender has an association open, or a quiet
//! time that does not end while an image is coming in, or the longest wait. What arrives later makes a new revision, and so
//! does a note that rejects an image. What changes nothing makes none.
//!
//! Times are measured from the persisted arrival times, so that a restart changes nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::eligibility::EligibilityPolicy;
use crate::report::{ReportedImage, StudyReport, StudyState, Trigger};
use crate::study_rules::{Decision, Judged, decide, excluded_for, named_by};
use crate::{
    Aggregation, Document, ExclusionReason, ExpectedViews, InstanceKey, InstanceOutcome, InstanceRecord, Laterality,
    Senders, StudyKey, UnixMillis, View,
};

/// When to stop waiting. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssemblyPolicy {
    /// With all expected views scored: how long after the last arrival and the end of its association.
    pub settle_ms: u64,
    /// Otherwise: how long after the last arrival.
    pub quiet_ms: u64,
    /// At the latest after the first arrival of this revision, however many more come.
    pub longest_ms: u64,
    /// How long after the first arrival a provisional result is given of what is scored by then; 0 gives none.
    pub provisional_ms: u64,
    /// The views that make a study complete.
    pub expected_views: ExpectedViews,
    /// How the images of a breast become one score; `None`: as the model's manifest says, and without one as the
    /// reference method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
}

impl Default for AssemblyPolicy {
    fn default() -> Self {
        Self {
            settle_ms: 15_000,
            quiet_ms: 90_000,
            longest_ms: 1_200_000,
            provisional_ms: 0,
            expected_views: ExpectedViews::default(),
            aggregation: None,
        }
    }
}

/// What a site decides for whole studies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StudyPolicy {
    /// When a study is complete.
    pub assembly: AssemblyPolicy,
    /// Which images are scored.
    pub eligibility: EligibilityPolicy,
}

/// What was reported of a study so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reported {
    /// The last revision; 0 before the first.
    pub revision: u32,
    /// The instances that need no report any more. A provisional result leaves this as it was.
    pub instances: BTreeSet<InstanceKey>,
    /// The structured reports of the last revision, also of a provisional one: the next revision's replace them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
    /// As what the last revision was given; [`StudyState::Collecting`] also in rows of a version that knew no states.
    #[serde(default)]
    pub state: StudyState,
    /// Were the study's files removed after the time of retention?
    #[serde(default)]
    pub files_removed: bool,
}

impl Reported {
    /// As what the last revision was given.
    #[must_use]
    pub const fn state(&self) -> StudyState {
        match (self.state, self.revision) {
            (_, 0) => StudyState::Collecting,
            (StudyState::Collecting, 1) => StudyState::Final,
            (StudyState::Collecting, _) => StudyState::Revised,
            (state, _) => state,
        }
    }

    /// What was reported, once `report` is. The documents stay those of before, until others are made
    /// ([`Self::with_documents`]).
    #[must_use]
    pub fn after(&self, report: &StudyReport) -> Self {
        let instances = match report.state {
            StudyState::Provisional => self.instances.clone(),
            _ => report.images.iter().map(|image| image.key.clone()).collect(),
        };
        let documents = self.documents.clone();
        Self { revision: report.revision, instances, documents, state: report.state, files_removed: false }
    }

    /// With `documents`, each kind in place of those of its kind. A kind that was not made this time keeps its last ones:
    /// they stand until one replaces them.
    #[must_use]
    pub fn with_documents(mut self, documents: Vec<Document>) -> Self {
        self.documents.retain(|before| !documents.iter().any(|document| document.kind == before.kind));
        self.documents.extend(documents);
        self
    }
}

/// What is to be done with a study.
#[derive(Debug, Clone, PartialEq)]
pub enum Assembly {
    /// Nothing new has arrived since the last report.
    UpToDate,
    /// No instance has an outcome; recording one is what to wait for.
    Undecided,
    /// Nothing to do before this time, unless an outcome is recorded.
    Until(UnixMillis),
    /// All that is new changes nothing: our own results, which an archive may send back without end, and documents that
    /// reject no image that is here. It is to be noted as reported, without a new revision.
    Silent(Reported),
    /// Here is the next revision.
    Ready(Box<StudyReport>),
}

/// A study as it stands.
#[derive(Debug, Clone, Copy)]
pub struct StudySoFar<'a> {
    /// All instances, in the order of arrival.
    pub records: &'a [InstanceRecord],
    /// When each of them arrived, on the clock as it stands now ([`crate::arrivals`]).
    pub arrivals: &'a [UnixMillis],
    /// What was reported.
    pub reported: &'a Reported,
    /// Those who sent them.
    pub senders: Senders,
}

/// Decides what is to be done with `study`.
#[must_use]
pub fn assemble(study: &StudyKey, so_far: &StudySoFar<'_>, policy: &StudyPolicy, now: UnixMillis) -> Assembly {
    let StudySoFar { records, reported, .. } = *so_far;
    let new: Vec<&InstanceRecord> =
        records.iter().filter(|record| !reported.instances.contains(record.key())).collect();
    let decided = Decided::of(records, &policy.eligibility);
    if !new.is_empty() && new.iter().all(|record| decided.is_without_effect(record)) {
        let instances = records.iter().map(|record| record.key().clone()).collect();
        return Assembly::Silent(Reported { instances, files_removed: false, ..reported.clone() });
    }
    let is_new = |record: &InstanceRecord| !reported.instances.contains(record.key());
    let arrivals = records.iter().zip(so_far.arrivals).filter(|(record, _)| is_new(record)).map(|(_, at)| *at);
    let (Some(first), Some(last)) = (arrivals.clone().min(), arrivals.max()) else { return Assembly::UpToDate };
    let timing = Timing { first, last, now, policy: &policy.assembly, senders: &so_far.senders };
    let missing = decided.missing_views(policy.assembly.expected_views);
    let due = timing.due(missing.is_empty(), new.iter().any(|record| record.outcome.is_none()));
    let (trigger, state) = match due {
        // Those that are decided go out; the others make the next revision.
        Due::Now(_) if new.iter().all(|record| record.outcome.is_none()) => return Assembly::Undecided,
        Due::Now(trigger) if reported.state().is_before_final() => (trigger, StudyState::Final),
        Due::Now(trigger) => (trigger, StudyState::Revised),
        Due::At(until) => match timing.provisional(reported, &decided) {
            Some(early) if early <= now => (Trigger::Early, StudyState::Provisional),
            Some(early) => return Assembly::Until(early.min(until)),
            None => return Assembly::Until(until),
        },
    };
    let revision = reported.revision.saturating_add(1);
    let report = decided.report(study, revision, (trigger, state), &policy.assembly);
    Assembly::Ready(Box::new(StudyReport { predecessors: reported.documents.clone(), ..report }))
}

/// The first and final report of a study that nothing more is waited for.
#[must_use]
pub fn report_at_once(study: &StudyKey, records: &[InstanceRecord], policy: &StudyPolicy) -> StudyReport {
    let decided = Decided::of(records, &policy.eligibility);
    let is_complete = decided.missing_views(policy.assembly.expected_views).is_empty();
    let trigger = if is_complete { Trigger::AllViews } else { Trigger::QuietTime };
    decided.report(study, 1, (trigger, StudyState::Final), &policy.assembly)
}

/// The instances that have an outcome, and what the study makes of them.
struct Decided<'a>(Vec<(&'a InstanceRecord, Decision)>);

impl<'a> Decided<'a> {
    fn of(records: &'a [InstanceRecord], policy: &EligibilityPolicy) -> Self {
        let judged: Vec<(&InstanceRecord, Judged<'_>)> =
            records.iter().filter_map(|record| Some((record, judged(record)?))).collect();
        let decisions = decide(&judged.iter().map(|(_, judged)| *judged).collect::<Vec<_>>(), policy);
        Self(judged.into_iter().map(|(record, _)| record).zip(decisions).collect())
    }

    /// Does a report say nothing else, with or without this record?
    fn is_without_effect(&self, record: &InstanceRecord) -> bool {
        let Some(judged) = judged(record) else { return false };
        match excluded_for(&judged) {
            Some(ExclusionReason::OwnResult | ExclusionReason::KeyObjectSelection) => true,
            Some(ExclusionReason::RejectionNote) => {
                let is_here = |uid: &contract::Uid| self.0.iter().any(|(record, _)| record.key().0 == *uid);
                !named_by(&judged).any(is_here)
            }
            _ => false,
        }
    }

    fn has_score(&self) -> bool {
        self.0.iter().any(|(_, decision)| matches!(decision.outcome, InstanceOutcome::Scored(_)))
    }

    fn missing_views(&self, expected: ExpectedViews) -> Vec<(Laterality, View)> {
        let is_seen = |view: &(Laterality, View)| {
            self.0.iter().any(|(_, decision)| match &decision.outcome {
                InstanceOutcome::Scored(finding) => (finding.laterality, finding.view) == *view,
                _ => false,
            })
        };
        expected.iter().filter(|view| !is_seen(view)).collect()
    }

    fn report(
        self,
        study: &StudyKey,
        revision: u32,
        (trigger, state): (Trigger, StudyState),
        policy: &AssemblyPolicy,
    ) -> StudyReport {
        let missing_views = self.missing_views(policy.expected_views);
        let received = self.0.iter().map(|(record, _)| record.received.received_at);
        let last_received_at = received.max().unwrap_or_default();
        let patient_study = self.0.iter().find_map(|(record, _)| record.patient_study.clone()).unwrap_or_default();
        let images = self.0.into_iter().map(|(record, decision)| ReportedImage::of(record, decision)).collect();
        let aggregation = policy.aggregation.unwrap_or_default();
        StudyReport {
            patient_study,
            last_received_at,
            ..StudyReport::of(study.clone(), (revision, trigger, state), images, (missing_views, aggregation))
        }
    }
}

fn judged(record: &InstanceRecord) -> Option<Judged<'_>> {
    let outcome = record.outcome.as_ref()?;
    Some(Judged { key: Some(record.key()), attributes: record.attributes.as_ref(), outcome })
}

/// When the final report, or a revision of it, is to be given.
enum Due {
    Now(Trigger),
    At(UnixMillis),
}

struct Timing<'a> {
    first: UnixMillis,
    last: UnixMillis,
    now: UnixMillis,
    policy: &'a AssemblyPolicy,
    senders: &'a Senders,
}

impl Timing<'_> {
    fn due(&self, is_complete: bool, is_undecided: bool) -> Due {
        let Self { policy, senders, now, .. } = *self;
        let cap = plus(self.first, policy.longest_ms);
        if now >= cap {
            return Due::Now(Trigger::HardCap);
        }
        if is_undecided {
            return Due::At(cap);
        }
        let mut due = plus(self.last, policy.quiet_ms);
        let mut trigger = Trigger::QuietTime;
        if is_complete {
            trigger = Trigger::AllViews;
            // A close that lies ahead was on a clock that was set back since.
            let closed_at = senders.closed_at.filter(|at| *at <= now).unwrap_or_default();
            let settled = plus(self.last.max(closed_at), policy.settle_ms).min(due);
            if !senders.may_send_more(settled) {
                due = settled;
            }
        }
        if senders.are_sending(due) {
            due = cap;
        }
        let due = due.min(cap);
        // An arrival in the future means that the clock was set back: its wait may never end.
        let is_ahead = self.last > plus(now, policy.quiet_ms);
        if now < due && !is_ahead { Due::At(due) } else { Due::Now(trigger) }
    }

    /// When a provisional result is to be given: once, before any other, and of a score at least.
    fn provisional(&self, reported: &Reported, decided: &Decided<'_>) -> Option<UnixMillis> {
        let is_wanted = self.policy.provisional_ms > 0 && reported.revision == 0 && decided.has_score();
        is_wanted.then(|| plus(self.first, self.policy.provisional_ms))
    }
}

const fn plus(time: UnixMillis, milliseconds: u64) -> UnixMillis {
    UnixMillis(time.0.saturating_add(milliseconds))
}

#[cfg(test)]
mod tests;
