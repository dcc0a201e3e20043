//! Result objects of a study: a pure function from [`StudyReport`] to documents (JSON, FHIR) and DICOM objects (Secondary
//! Captures, structured reports, presentation states).
//!
//! No IO, no clock, no randomness: the same report and the same heat maps give the same bytes. A result object repeats
//! the patient and study modules of the received images; beyond these, nothing that is written here names a person:
//! not the documents, not a file name, not the pixels, not an error.
//!
//! All captures of a study stand in one series, in every revision, and so do the objects of each other kind. A changed
//! result has new SOP Instance UIDs and greater instance numbers, and a report names the one that it replaces; nothing that
//! was sent is ever overwritten. What is marked on an image, and its outline, is decided once ([`marks`]) for all kinds.

mod cad_sr;
mod capture;
mod civil;
mod codes;
mod described;
mod document;
mod elements;
mod evidence;
mod fhir;
mod header;
mod heatmap_page;
mod json;
mod marks;
mod measurement_report;
mod operating_point;
mod page;
mod presentation_state;
mod sr;
mod summary;
mod wording;

use std::fmt;

use contract::Digest;
use domain::{InstanceOutcome, ReportedImage, ResultKind, Sop, StudyReport};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use cad_sr::FindingCode;
pub use described::{DESCRIBED, DescribedObject, coded_concepts};
pub use domain::NOTICE;
pub use json::{DocumentJson, ImageJson, MissingViewJson, StudyJson, TimingsMsJson};
pub use operating_point::{OperatingPointChoice, OperatingPointError};

/// What a site decides about its result objects.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// As what called regions are coded in Mammography CAD SR.
    pub finding_code: FindingCode,
    /// From which of the model's operating points on an image is called.
    pub operating_point: OperatingPointChoice,
}

/// One object that says what was found. `Debug` prints no content: the bytes of a capture hold patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct ResultObject {
    /// Which kind.
    pub kind: ResultKind,
    /// Its name within a study's revision: `report`, `summary`, `cad-sr`, `comprehensive-sr`, `fhir`, or `heatmap-01` and
    /// `presentation-state-01` by the image's number in the report.
    pub name: String,
    /// For instance `study-0123456789abcdef-r1-summary.dcm`: ASCII letters, digits, `-` and `.`, no UID and no patient
    /// data, so that it is safe in a path and in a log.
    pub file_name: String,
    /// Its DICOM names; `None` for documents.
    pub sop: Option<Sop>,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Why an object was not made. Faults of this crate, or of a report that no study can have.
#[derive(Debug, Error)]
pub enum ResultError {
    /// The JSON document could not be written.
    #[error("report could not be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The DICOM object could not be encoded. The library's own message may quote values: it is left out.
    #[error("result object could not be encoded")]
    Encode,
}

impl fmt::Debug for ResultObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ResultObject({}, {} bytes)", self.file_name, self.bytes.len())
    }
}

/// Makes the objects of `kinds`, one at a time, and gives each to `sink`, in the order of [`ResultKind::ALL`] and of the
/// report's images. Only one object is in memory: about 20 MB with what it is made from, four times as much for the largest
/// heat map that is read. A study without any image of a known series has no structured report.
///
/// `heatmap` gives the PNG that was drawn for an image, as 8-bit RGB. Where it gives none, or a damaged one, the page
/// of this image says so in place of the map.
///
/// # Errors
/// The first of `sink`, or [`ResultError`]; objects that were given before stay.
pub fn for_each_object<E: From<ResultError>>(
    report: &StudyReport,
    kinds: &[ResultKind],
    settings: Settings,
    heatmap: &dyn Fn(&ReportedImage) -> Option<Vec<u8>>,
    sink: &mut dyn FnMut(ResultObject) -> Result<(), E>,
) -> Result<(), E> {
    let report = &*settings.operating_point.applied_to(report);
    let written = header::writable(report);
    for kind in ResultKind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        match kind {
            ResultKind::Json => sink(json_report(report)?)?,
            ResultKind::Summary => sink(summary::object(&written)?)?,
            ResultKind::Heatmap => {
                for (number, image) in (1..).zip(&written.images) {
                    if let InstanceOutcome::Scored(finding) = &image.outcome {
                        let png = heatmap(image);
                        sink(heatmap_page::object(&written, number, image, finding, png.as_deref())?)?;
                    }
                }
            }
            ResultKind::CadSr => cad_sr::object(&written, settings.finding_code)?.map_or(Ok(()), &mut *sink)?,
            ResultKind::ComprehensiveSr => measurement_report::object(&written)?.map_or(Ok(()), &mut *sink)?,
            ResultKind::PresentationState => {
                for mark in marks::of(&written) {
                    presentation_state::object(&written, &mark)?.map_or(Ok(()), &mut *sink)?;
                }
            }
            ResultKind::Fhir => sink(fhir::object(report)?)?,
        }
    }
    Ok(())
}

/// The report as JSON document; [`StudyJson`] describes it.
///
/// # Errors
/// [`ResultError::Json`].
pub fn json_report(report: &StudyReport) -> Result<ResultObject, ResultError> {
    let document = DocumentJson { notice: NOTICE.into(), studies: vec![StudyJson::of(report)] };
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(ResultError::Json)?;
    bytes.push(b'\n');
    let name = "report".to_owned();
    Ok(ResultObject { kind: ResultKind::Json, file_name: file_name(report, &name, "json"), name, sop: None, bytes })
}

fn file_name(report: &StudyReport, name: &str, extension: &str) -> String {
    let study = Digest::of(report.study.0.as_str().as_bytes()).short(16);
    format!("study-{study}-r{}-{name}.{extension}", report.revision)
}
