//! The images that a report rests on, and the reports that it replaces.

use contract::Uid;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::{Document, ExclusionReason, InstanceOutcome, Laterality, ReportedImage, ResultKind, StudyReport, View};

use crate::elements::{Element, item, reference, sequence, text};

/// An image that a report may refer to: its series is known, and it has pixels.
pub(crate) struct Evidence<'a> {
    pub(crate) image: &'a ReportedImage,
    pub(crate) series: &'a Uid,
}

/// The scored and the failed images, in the order of the report; where there are none, those that were excluded, as far as
/// they are images and not ours.
pub(crate) fn of(report: &StudyReport) -> Vec<Evidence<'_>> {
    let all = report.images.iter().filter_map(|image| {
        let attributes = image.attributes.as_deref();
        let is_own = matches!(image.outcome, InstanceOutcome::Excluded { reason: ExclusionReason::OwnResult });
        let is_scored = matches!(image.outcome, InstanceOutcome::Scored(_));
        let is_image = is_scored || attributes.is_some_and(|attributes| attributes.has_pixel_data);
        (is_image && !is_own).then_some(Evidence { image, series: image.series.as_ref()? })
    });
    let is_used = |evidence: &Evidence<'_>| !matches!(evidence.image.outcome, InstanceOutcome::Excluded { .. });
    let (used, rest): (Vec<_>, Vec<_>) = all.partition(is_used);
    if used.is_empty() { rest } else { used }
}

impl Evidence<'_> {
    /// Of which breast, as far as its header says.
    pub(crate) fn laterality(&self) -> Option<Laterality> {
        if let InstanceOutcome::Scored(finding) = &self.image.outcome {
            return Some(finding.laterality);
        }
        match self.image.attributes.as_deref()?.image_laterality.as_deref()? {
            "R" => Some(Laterality::Right),
            "L" => Some(Laterality::Left),
            _ => None,
        }
    }

    /// Which view, as far as its header says.
    pub(crate) fn view(&self) -> Option<View> {
        if let InstanceOutcome::Scored(finding) = &self.image.outcome {
            return Some(finding.view);
        }
        match self.image.attributes.as_deref()?.view_position.as_deref()? {
            "CC" => Some(View::CranioCaudal),
            "MLO" => Some(View::MedioLateralOblique),
            _ => None,
        }
    }
}

/// Current Requested Procedure Evidence Sequence (PS3.3 section C.17.2), series by series in the order of arrival.
pub(crate) fn requested_procedure(study: &Uid, evidence: &[Evidence<'_>]) -> Element {
    let mut series: Vec<(&Uid, Vec<InMemDicomObject>)> = Vec::new();
    for Evidence { image, series: uid } in evidence {
        let reference = reference(&image.sop_class, &image.key.0);
        match series.iter_mut().find(|(found, _)| found == uid) {
            Some((_, items)) => items.push(reference),
            None => series.push((uid, vec![reference])),
        }
    }
    let series = series.into_iter().map(|(uid, items)| of_series(uid, items)).collect();
    sequence(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![of_study(study, series)])
}

/// Predecessor Documents Sequence, for the reports of `kind` that the revision before had.
pub(crate) fn predecessors(report: &StudyReport, kind: ResultKind) -> Option<Element> {
    let of_kind = report.predecessors.iter().filter(|document| document.kind == kind);
    let items: Vec<_> = of_kind.map(|Document { sop, .. }| reference(&sop.class, &sop.instance)).collect();
    if items.is_empty() {
        return None;
    }
    let series = of_series(&report.study.result_series(kind), items);
    Some(sequence(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, vec![of_study(&report.study.0, vec![series])]))
}

/// An item of the Hierarchical SOP Instance Reference Macro (PS3.3 table C.17-3).
fn of_study(study: &Uid, series: Vec<InMemDicomObject>) -> InMemDicomObject {
    item([text(tags::STUDY_INSTANCE_UID, VR::UI, study.as_str()), sequence(tags::REFERENCED_SERIES_SEQUENCE, series)])
}

fn of_series(series: &Uid, items: Vec<InMemDicomObject>) -> InMemDicomObject {
    item([text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str()), sequence(tags::REFERENCED_SOP_SEQUENCE, items)])
}
