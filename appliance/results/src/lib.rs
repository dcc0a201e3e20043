//! Result objects of a study: a pure function from [`StudyReport`] to a JSON document and DICOM Secondary Captures.
//!
//! No IO, no clock, no randomness: the same report and the same heat maps give the same bytes. A result object repeats
//! the patient and study modules of the received images; beyond these, nothing that is written here names a person:
//! not the JSON document, not a file name, not the pixels, not an error.
//!
//! All captures of a study stand in one series, in every revision. A changed result has new SOP Instance UIDs and
//! greater instance numbers; nothing that was sent is ever overwritten.

mod capture;
mod civil;
mod heatmap_page;
mod json;
mod page;
mod summary;
mod wording;

use std::fmt;

use contract::Digest;
use domain::{InstanceOutcome, ReportedImage, ResultKind, Sop, StudyReport};
use thiserror::Error;

pub use domain::NOTICE;
pub use json::{DocumentJson, ImageJson, MissingViewJson, StudyJson, TimingsMsJson};

/// One object that says what was found. `Debug` prints no content: the bytes of a capture hold patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct ResultObject {
    /// Which kind.
    pub kind: ResultKind,
    /// Its name within a study's revision: `report`, `summary`, or `heatmap-01` by the image's number in the report.
    pub name: String,
    /// For instance `study-0123456789abcdef-r1-summary.dcm`: ASCII letters, digits, `-` and `.`, no UID and no patient
    /// data, so that it is safe in a path and in a log.
    pub file_name: String,
    /// Its DICOM names; `None` for the JSON document.
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

/// Makes the objects of `kinds`, one at a time, and gives each to `sink`: the JSON document, the summary, then the heat
/// maps of the scored images in the order of the report. Only one object is in memory: about 20 MB with what it is made
/// from, four times as much for the largest heat map that is read.
///
/// `heatmap` gives the PNG that was drawn for an image, as 8-bit RGB. Where it gives none, or a damaged one, the page
/// of this image says so in place of the map.
///
/// # Errors
/// The first of `sink`, or [`ResultError`]; objects that were given before stay.
pub fn for_each_object<E: From<ResultError>>(
    report: &StudyReport,
    kinds: &[ResultKind],
    heatmap: &dyn Fn(&ReportedImage) -> Option<Vec<u8>>,
    sink: &mut dyn FnMut(ResultObject) -> Result<(), E>,
) -> Result<(), E> {
    if kinds.contains(&ResultKind::Json) {
        sink(json_report(report)?)?;
    }
    if kinds.contains(&ResultKind::Summary) {
        sink(summary::object(report)?)?;
    }
    if kinds.contains(&ResultKind::Heatmap) {
        for (number, image) in (1..).zip(&report.images) {
            if let InstanceOutcome::Scored(finding) = &image.outcome {
                let png = heatmap(image);
                sink(heatmap_page::object(report, number, image, finding, png.as_deref())?)?;
            }
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
