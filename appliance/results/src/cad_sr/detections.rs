//! Which images were analysed with success (TID 4015 and 4017).

use domain::{InstanceOutcome, StudyReport};

use super::{FindingCode, algorithm};
use crate::codes::{self, Code};
use crate::evidence::Evidence;
use crate::sr::{Item, Relation};

pub(super) fn summary(report: &StudyReport, evidence: &[Evidence<'_>], finding: FindingCode) -> Item {
    let positions = |wanted: fn(&InstanceOutcome) -> bool| -> Vec<u32> {
        let numbered = (1..).zip(evidence).filter(|(_, evidence)| wanted(&evidence.image.outcome));
        numbered.map(|(number, _)| number).collect()
    };
    let scored = positions(|outcome| matches!(outcome, InstanceOutcome::Scored(_)));
    let failed = positions(|outcome| matches!(outcome, InstanceOutcome::Failed { .. }));
    let status = match (scored.is_empty(), failed.is_empty()) {
        (false, true) => codes::SUCCEEDED,
        (false, false) => codes::PARTIALLY,
        (true, false) => codes::FAILED,
        (true, true) => codes::NOT_ATTEMPTED,
    };
    let groups = [(codes::SUCCESSFUL_DETECTIONS, scored), (codes::FAILED_DETECTIONS, failed)];
    let groups = groups.into_iter().filter(|(_, images)| !images.is_empty());
    Item::code(Relation::Contains, codes::DETECTIONS, status)
        .with_all(groups.map(|(name, images)| group(report, name, &images, finding)))
}

fn group(report: &StudyReport, name: Code, images: &[u32], finding: FindingCode) -> Item {
    let references = images.iter().map(|image| Item::by_reference(Relation::HasProperties, &[1, 2, *image]));
    let detection = Item::code(Relation::Contains, codes::DETECTION_PERFORMED, finding.code())
        .with_all(algorithm(report))
        .with_all(references);
    Item::container(Relation::InferredFrom, name).with(detection)
}
