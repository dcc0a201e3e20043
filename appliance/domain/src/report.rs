//! The result of one study, at one revision.

pub use contract::NOTICE;
use contract::{Digest, InstanceAttributes, PatientStudy, Uid};
use serde::{Deserialize, Serialize};

use crate::eligibility::ImageNote;
use crate::findings::{ImageFinding, ImageTimings, ModelId};
use crate::study_rules::Decision;
use crate::{
    Aggregation, BreastFinding, Document, InstanceKey, InstanceOutcome, InstanceRecord, Laterality, StudyKey,
    UnixMillis, View,
};

/// [`NOTICE`], for the results of an exam that was computed to try something out.
pub const SYNTHETIC_NOTICE: &str = "Synthetic test exam, of no patient. Research use only, not a medical device.";

/// [`NOTICE`], for the results of a device whose last self-test failed.
pub const DOUBT_NOTICE: &str =
    "This device failed its self-test: scores may be wrong. Research use only, not a medical device.";

/// All views that are scored: those of a screening examination, in the order in which reports name them.
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
    /// The site wants a provisional result before the study is complete.
    Early,
}

/// As what a revision of a study's report is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyState {
    /// No report was given.
    #[default]
    Collecting,
    /// More images are waited for; a final report follows.
    Provisional,
    /// The first report of a study that was complete, or waited for long enough.
    Final,
    /// A final report replaced by this one, because images came later or were rejected. Which one, the revision says.
    Revised,
}

impl StudyState {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Provisional => "provisional",
            Self::Final => "final",
            Self::Revised => "revised",
        }
    }

    /// Was no final report given yet?
    #[must_use]
    pub const fn is_before_final(self) -> bool {
        matches!(self, Self::Collecting | Self::Provisional)
    }
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
    /// What became of it, by itself and as part of the study.
    pub outcome: InstanceOutcome,
    /// Its attributes, when the header could be read. Holds no name and no identifier of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Box<InstanceAttributes>>,
    /// What is said beside its score.
    pub notes: Vec<ImageNote>,
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
    /// As what.
    pub state: StudyState,
    /// Right, then left, where an image was scored.
    pub breasts: Vec<BreastFinding>,
    /// Every received instance, in the order of arrival.
    pub images: Vec<ReportedImage>,
    /// Expected views without a scored image.
    pub missing_views: Vec<(Laterality, View)>,
    /// Which model scored; `None` when no image has a score.
    pub model: Option<ModelId>,
    /// Which engine; where several scored its images, all of them, separated by commas.
    pub engine: Option<String>,
    /// Patient and study modules for the result objects, from the first header that could be read.
    pub patient_study: PatientStudy,
    /// When the last instance of this revision arrived. A report made anew from the same instances says the same.
    pub last_received_at: UnixMillis,
    /// The structured reports of the revision before, which those of this one replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<Document>,
    /// Is it of an exam that was computed to try something out? Every object then says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub synthetic: bool,
    /// Had the device failed its last self-test when it was made? Every object then says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_test_failed: bool,
}

impl StudyReport {
    /// Joins the images of a study, in the order of arrival, with what is missing of the expected views. Patient and times
    /// are left empty.
    #[must_use]
    pub fn of(
        study: StudyKey,
        (revision, trigger, state): (u32, Trigger, StudyState),
        images: Vec<ReportedImage>,
        (missing_views, aggregation): (Vec<(Laterality, View)>, Aggregation),
    ) -> Self {
        let scored = images.iter().filter_map(|image| match &image.outcome {
            InstanceOutcome::Scored(finding) => Some(finding),
            _ => None,
        });
        let breast = |side: Laterality| {
            let images = scored.clone().filter(|finding| finding.laterality == side);
            let images: Vec<(View, f64)> = images.map(|finding| (finding.view, finding.probability())).collect();
            let missing = missing_views.iter().filter(|(missing, _)| *missing == side).map(|(_, view)| *view);
            let breast = BreastFinding::of(side, &images, aggregation)?;
            Some(BreastFinding { missing_views: missing.collect(), ..breast })
        };
        let last = scored.clone().next_back();
        Self {
            study,
            revision,
            trigger,
            state,
            breasts: [Laterality::Right, Laterality::Left].into_iter().filter_map(breast).collect(),
            model: last.map(|finding| finding.model.clone()),
            engine: ImageFinding::engines(scored.clone().map(Box::as_ref)),
            patient_study: PatientStudy::default(),
            last_received_at: UnixMillis::default(),
            missing_views,
            images,
            predecessors: Vec::new(),
            synthetic: false,
            self_test_failed: false,
        }
    }

    /// What every object of it says first.
    #[must_use]
    pub const fn notice(&self) -> &'static str {
        match (self.synthetic, self.self_test_failed) {
            (true, _) => SYNTHETIC_NOTICE,
            (false, true) => DOUBT_NOTICE,
            (false, false) => NOTICE,
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
    pub(crate) fn of(record: &InstanceRecord, decision: Decision) -> Self {
        Self {
            key: record.received.key.clone(),
            sop_class: record.received.sop_class.clone(),
            series: record.attributes.as_ref().and_then(|attributes| attributes.series.clone()),
            spool_name: record.received.spool.name.clone(),
            outcome: decision.outcome,
            attributes: record.attributes.clone().map(Box::new),
            notes: decision.notes,
        }
    }
}
