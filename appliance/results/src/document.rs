//! A structured report as object: SR Document Series and SR Document General modules around a content tree.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use domain::{ResultKind, StudyReport, StudyState, Tally};

use crate::civil::Civil;
use crate::elements::{Element, sequence, text};
use crate::evidence::{self, Evidence};
use crate::header::Made;
use crate::{ResultError, ResultObject};

/// A report's content and how it is filed.
pub(crate) struct SrDocument<'a> {
    pub(crate) report: &'a StudyReport,
    pub(crate) kind: ResultKind,
    pub(crate) class: &'static str,
    pub(crate) series_number: &'static str,
    pub(crate) series_description: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) evidence: &'a [Evidence<'a>],
    /// The elements of its root.
    pub(crate) content: Vec<Element>,
}

impl SrDocument<'_> {
    pub(crate) fn into_object(self) -> Result<ResultObject, ResultError> {
        let report = self.report;
        let time = Civil::of(report.last_received_at);
        let incomplete = incompleteness(report);
        let flag = if incomplete.is_some() { "PARTIAL" } else { "COMPLETE" };
        let preliminary = if report.state == StudyState::Provisional { "PRELIMINARY" } else { "FINAL" };
        let mut elements = vec![
            sequence(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new()),
            sequence(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new()),
            text(tags::CONTENT_DATE, VR::DA, &time.da()),
            text(tags::CONTENT_TIME, VR::TM, &time.tm()),
            text(tags::PRELIMINARY_FLAG, VR::CS, preliminary),
            text(tags::COMPLETION_FLAG, VR::CS, flag),
            // No person has looked at it.
            text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED"),
            evidence::requested_procedure(&report.study.0, self.evidence),
        ];
        elements.extend(incomplete.map(|why| text(tags::COMPLETION_FLAG_DESCRIPTION, VR::LO, &why)));
        elements.extend(evidence::predecessors(report, self.kind));
        elements.extend(self.content);
        let made = Made {
            report,
            kind: self.kind,
            class: self.class,
            name: self.kind.name().replace('_', "-"),
            number: u64::from(report.revision),
            modality: "SR",
            series_number: self.series_number,
            series_description: self.series_description,
            settings: self.settings,
            elements,
        };
        made.into_object()
    }
}

/// What is lacking, in the 64 characters of VR LO: `provisional; missing: L CC, L MLO; failed images: 1`.
fn incompleteness(report: &StudyReport) -> Option<String> {
    let provisional = (report.state == StudyState::Provisional).then(|| report.state.text().to_owned());
    let missing = report.missing_views.iter().map(|(side, view)| format!("{} {}", side.letter(), view.term()));
    let missing = missing.collect::<Vec<_>>().join(", ");
    let missing = (!missing.is_empty()).then(|| format!("missing: {missing}"));
    let Tally { failed, .. } = report.tally();
    let failed = (failed > 0).then(|| format!("failed images: {failed}"));
    let parts: Vec<String> = [provisional, missing, failed].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| drawing::clipped(&parts.join("; "), 64))
}
