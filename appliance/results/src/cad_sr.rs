//! Mammography CAD SR (PS3.3 section A.35.5, PS3.16 TID 4000): marks for mammography workstations.
//!
//! Called images are marked, together as one composite feature where several views of a breast are called. Images that are
//! not called are in the report with their score, as regions that are not for presentation. The raw score stands as
//! certainty; a probability of cancer only where the model is calibrated and the finding's code may have one.

mod detections;
mod impressions;

use domain::{ResultKind, StudyReport};
use serde::{Deserialize, Serialize};

use crate::codes::{self, Code, PER_CENT};
use crate::document::SrDocument;
use crate::elements::per_cent;
use crate::evidence::{self, Evidence};
use crate::marks::{self, Mark};
use crate::sr::{self, Item, Relation};
use crate::{ResultError, ResultObject};

/// Mammography CAD SR Storage.
pub(crate) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.88.50";
/// Series Number and Series Description.
pub(crate) const SERIES: (&str, &str) = ("9402", "MAMORU AI CAD SR - research use only");
/// Template Identifier.
pub(crate) const TEMPLATE: &str = "4000";

/// As what a called region is coded. The model cannot tell a mass from calcifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// (111099, DCM, "Selected region"): what it is. Many workstations draw nothing for it, and it may have no probability.
    #[default]
    SelectedRegion,
    /// (129793001, SCT, "Mammography breast density"): what workstations draw.
    BreastDensity,
}

impl FindingCode {
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::SelectedRegion => codes::SELECTED_REGION,
            Self::BreastDensity => codes::BREAST_DENSITY,
        }
    }

    /// Names the setting within the object's UID.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SelectedRegion => "selected_region",
            Self::BreastDensity => "breast_density",
        }
    }
}

/// The report as object; `None` when the study has no image that it could refer to.
pub(crate) fn object(report: &StudyReport, finding: FindingCode) -> Result<Option<ResultObject>, ResultError> {
    let evidence = evidence::of(report);
    if evidence.is_empty() {
        return Ok(None);
    }
    let marks = marks::of(report);
    let children = vec![
        sr::language(),
        library(&evidence),
        summary(report, &marks, &evidence, finding),
        detections::summary(report, &evidence, finding),
        Item::code(Relation::Contains, codes::ANALYSES, codes::NOT_ATTEMPTED),
    ];
    let document = SrDocument {
        report,
        kind: ResultKind::CadSr,
        class: SOP_CLASS,
        series_number: SERIES.0,
        series_description: SERIES.1,
        settings: finding.name(),
        evidence: &evidence,
        content: sr::root(codes::CAD_REPORT, TEMPLATE, children),
    };
    document.into_object().map(Some)
}

/// The position of image `index` in the tree: the library is the root's second item.
pub(crate) fn position(evidence: &[Evidence<'_>], mark: &Mark<'_>) -> Option<[u32; 3]> {
    let index = evidence.iter().position(|evidence| evidence.image.key == mark.image.key)?;
    Some([1, 2, u32::try_from(index).ok()? + 1])
}

/// TID 4020.
fn library(evidence: &[Evidence<'_>]) -> Item {
    let images = evidence.iter().map(|evidence| {
        let context = Relation::HasAcqContext;
        let attributes = evidence.image.attributes.as_deref();
        let side = evidence.laterality().map(|side| Item::code(context, codes::IMAGE_LATERALITY, codes::breast(side)));
        let view = evidence.view().map(|view| Item::code(context, codes::IMAGE_VIEW, codes::view(view)));
        let orientation = attributes.map_or(&[][..], |attributes| &attributes.patient_orientation);
        let names = [codes::ORIENTATION_ROW, codes::ORIENTATION_COLUMN].into_iter();
        let is_pair = orientation.len() == 2 && orientation.iter().all(|value| !value.is_empty());
        let orientation = names.zip(orientation).filter(|_| is_pair);
        let orientation = orientation.map(|(name, value)| Item::text(context, name, value));
        let image = Item::image(Relation::Contains, None, evidence.image);
        image.with_all(side).with_all(view).with_all(orientation)
    });
    Item::container(Relation::Contains, codes::IMAGE_LIBRARY).with_all(images)
}

/// TID 4001 with 4002.
fn summary(report: &StudyReport, marks: &[Mark<'_>], evidence: &[Evidence<'_>], finding: FindingCode) -> Item {
    let has_findings = marks.iter().any(Mark::is_marked);
    let is_whole = report.missing_views.is_empty() && report.tally().failed == 0;
    let outcome = match (marks.is_empty(), is_whole, has_findings) {
        (true, ..) => codes::NONE_WITHOUT,
        (false, true, true) => codes::ALL_WITH,
        (false, true, false) => codes::ALL_WITHOUT,
        (false, false, true) => codes::SOME_WITH,
        (false, false, false) => codes::SOME_WITHOUT,
    };
    let strongest = report.breasts.iter().map(|breast| breast.score).reduce(f64::max);
    let certainty = strongest.map(|score| percentage(codes::CERTAINTY_OF_IMPRESSION, score));
    Item::code(Relation::Contains, codes::SUMMARY, outcome)
        .with(Item::text(Relation::HasProperties, codes::IMPRESSION_TEXT, &marks::summary(report, marks)))
        .with_all(certainty)
        .with_all(algorithm(report))
        .with_all(
            marks::provenance(report)
                .iter()
                .map(|line| Item::text(Relation::HasProperties, codes::ALGORITHM_PARAMETERS, line)),
        )
        .with_all(impressions::of(report, marks, evidence, finding))
}

/// TID 4019, without parameters.
fn algorithm(report: &StudyReport) -> [Item; 2] {
    let (name, version) = marks::algorithm(report.model.as_ref());
    [
        Item::text(Relation::HasProperties, codes::ALGORITHM_NAME, &name),
        Item::text(Relation::HasProperties, codes::ALGORITHM_VERSION, &version),
    ]
}

/// A score in per cent.
fn percentage(name: Code, score: f64) -> Item {
    Item::number(Relation::HasProperties, name, &per_cent(score), PER_CENT)
}
