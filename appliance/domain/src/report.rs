//! The result of one study, at one revision.

use std::collections::BTreeSet;

pub use contract::NOTICE;
use contract::{Digest, PatientStudy, Uid};
use serde::{Deserialize, Serialize};

use crate::findings::{ImageTimings, ModelId};
use crate::{
    Aggregation, BreastFinding, InstanceKey, InstanceOutcome, InstanceRecord, Laterality, StudyKey, UnixMillis, View,
};

/// The views of a screening examination, in the order in which reports name them.
pub const EXPECTED_VIEWS: [(Laterality, View); 4] = [
    (Laterality::Right, View::CranioCaudal),
    (Laterality::Right, View::MedioLateralOblique),
    (Laterality::Left, View::CranioCaudal),
    (Laterality::Left, View::MedioLateralOblique),
];

/// Why a study was reported when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// All expected views were there.
    AllViews,
    /// Nothing more came for the quiet time.
    QuietTime,
    /// Images kept coming until the longest wait was over.
    HardCap,
}

/// One instance in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportedImage {
    /// SOP Instance UID.
    pub key: InstanceKey,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Series Instance UID, when the header could be read.
    pub series: Option<Uid>,
    /// Name of its spooled file: the heat map's file has the same name.
    pub spool_name: String,
    /// What became of it.
    pub outcome: InstanceOutcome,
}

/// The result of one study. A later revision replaces all earlier ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyReport {
    /// Which study.
    pub study: StudyKey,
    /// From 1.
    pub revision: u32,
    /// Why now.
    pub trigger: Trigger,
    /// Right, then left, where an image was scored.
    pub breasts: Vec<BreastFinding>,
    /// Every received instance, in the order of arrival.
    pub images: Vec<ReportedImage>,
    /// Expected views without a scored image.
    pub missing_views: Vec<(Laterality, View)>,
    /// Which model scored; `None` when no image has a score.
    pub model: Option<ModelId>,
    /// Which engine.
    pub engine: Option<String>,
    /// Patient and study modules for the result objects, from the first header that could be read.
    pub patient_study: PatientStudy,
    /// When the last instance of this revision arrived. A report made anew from the same instances says the same.
    pub last_received_at: UnixMillis,
}

impl StudyReport {
    /// Joins decided records into revision `revision`. Records without an outcome are left out.
    #[must_use]
    pub fn of(
        study: StudyKey,
        revision: u32,
        trigger: Trigger,
        records: &[InstanceRecord],
        aggregation: Aggregation,
    ) -> Self {
        let decided: Vec<(&InstanceRecord, &InstanceOutcome)> =
            records.iter().filter_map(|record| Some((record, record.outcome.as_ref()?))).collect();
        let mut scored = decided.iter().filter_map(|(_, outcome)| match outcome {
            InstanceOutcome::Scored(finding) => Some(finding),
            _ => None,
        });
        let views: Vec<(Laterality, View, f64)> =
            scored.clone().map(|finding| (finding.laterality, finding.view, finding.probability())).collect();
        let breast = |side: Laterality| {
            let images = views.iter().filter(|(laterality, ..)| *laterality == side);
            BreastFinding::of(side, &images.map(|(_, view, score)| (*view, *score)).collect::<Vec<_>>(), aggregation)
        };
        let seen: BTreeSet<(Laterality, View)> = views.iter().map(|(side, view, _)| (*side, *view)).collect();
        let last = scored.next_back();
        Self {
            study,
            revision,
            trigger,
            breasts: [Laterality::Right, Laterality::Left].into_iter().filter_map(breast).collect(),
            missing_views: EXPECTED_VIEWS.into_iter().filter(|view| !seen.contains(view)).collect(),
            model: last.map(|finding| finding.model.clone()),
            engine: last.map(|finding| finding.engine.clone()),
            patient_study: decided.iter().find_map(|(record, _)| record.patient_study.clone()).unwrap_or_default(),
            last_received_at: decided.iter().map(|(record, _)| record.received.received_at).max().unwrap_or_default(),
            images: decided.into_iter().map(|(record, outcome)| ReportedImage::of(record, outcome)).collect(),
        }
    }

    /// Names what the report says: equal for equal results, however long they took to compute. Result objects derive
    /// their UIDs from it, so that a changed result is a new object and a repeated one the same.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut report = self.clone();
        for image in &mut report.images {
            if let InstanceOutcome::Scored(finding) = &mut image.outcome {
                finding.timings = ImageTimings::default();
            }
        }
        // Serialising plain data into memory does not fail; were it to, the study's key alone would still be a name.
        Digest::of_canonical(&report).unwrap_or_else(|_| Digest::of(self.study.0.as_str().as_bytes()))
    }

    /// The revision's number of images scored, excluded and failed.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.images.iter().fold(Tally::default(), |mut tally, image| {
            match image.outcome {
                InstanceOutcome::Scored(_) => tally.scored += 1,
                InstanceOutcome::Excluded { .. } => tally.excluded += 1,
                InstanceOutcome::Failed { .. } => tally.failed += 1,
            }
            tally
        })
    }
}

/// How many images ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// With a score.
    pub scored: usize,
    /// Not for the network, by a rule.
    pub excluded: usize,
    /// Without the score that they should have.
    pub failed: usize,
}

impl ReportedImage {
    fn of(record: &InstanceRecord, outcome: &InstanceOutcome) -> Self {
        Self {
            key: record.received.key.clone(),
            sop_class: record.received.sop_class.clone(),
            series: record.attributes.as_ref().and_then(|attributes| attributes.series.clone()),
            spool_name: record.received.spool.name.clone(),
            outcome: outcome.clone(),
        }
    }
}
