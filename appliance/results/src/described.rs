//! What the DICOM conformance statement says of the result objects. `tests/results/described.rs` holds it to what is made.

use domain::ResultKind;

use crate::{cad_sr, capture, codes, measurement_report, presentation_state};

/// One kind of DICOM object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribedObject {
    /// Which kind.
    pub kind: ResultKind,
    /// SOP Class UID.
    pub sop_class: &'static str,
    /// Its name in PS3.6.
    pub sop_class_name: &'static str,
    /// Template of PS3.16 that its content keeps.
    pub template: Option<&'static str>,
    /// Modality (0008,0060).
    pub modality: &'static str,
    /// Series Number (0020,0011).
    pub series_number: &'static str,
    /// Series Description (0008,103E).
    pub series_description: &'static str,
    /// How many there are of a revision.
    pub count: &'static str,
    /// The modules that have content (PS3.3 annex A).
    pub modules: &'static str,
}

const SR_MODULES: &str = "Patient, General Study, SR Document Series, General Equipment, SR Document General, SR Document Content, SOP Common";
const CAPTURE_MODULES: &str =
    "Patient, General Study, General Series, General Equipment, SC Equipment, General Image, Image Pixel, SOP Common";

/// All kinds of DICOM objects, in the order in which they are made.
pub const DESCRIBED: [DescribedObject; 5] = [
    DescribedObject {
        kind: ResultKind::Summary,
        sop_class: capture::SOP_CLASS,
        sop_class_name: "Secondary Capture Image Storage",
        template: None,
        modality: capture::MODALITY,
        series_number: capture::SERIES_NUMBER,
        series_description: capture::SERIES_DESCRIPTION,
        count: "one",
        modules: CAPTURE_MODULES,
    },
    DescribedObject {
        kind: ResultKind::Heatmap,
        sop_class: capture::SOP_CLASS,
        sop_class_name: "Secondary Capture Image Storage",
        template: None,
        modality: capture::MODALITY,
        series_number: capture::SERIES_NUMBER,
        series_description: capture::SERIES_DESCRIPTION,
        count: "one per scored image",
        modules: CAPTURE_MODULES,
    },
    DescribedObject {
        kind: ResultKind::CadSr,
        sop_class: cad_sr::SOP_CLASS,
        sop_class_name: "Mammography CAD SR Storage",
        template: Some(cad_sr::TEMPLATE),
        modality: "SR",
        series_number: cad_sr::SERIES.0,
        series_description: cad_sr::SERIES.1,
        count: "one, where an image of a known series was received",
        modules: SR_MODULES,
    },
    DescribedObject {
        kind: ResultKind::ComprehensiveSr,
        sop_class: measurement_report::SOP_CLASS,
        sop_class_name: "Comprehensive 3D SR Storage",
        template: Some(measurement_report::TEMPLATE),
        modality: "SR",
        series_number: measurement_report::SERIES.0,
        series_description: measurement_report::SERIES.1,
        count: "one, where an image of a known series was received",
        modules: SR_MODULES,
    },
    DescribedObject {
        kind: ResultKind::PresentationState,
        sop_class: presentation_state::SOP_CLASS,
        sop_class_name: "Grayscale Softcopy Presentation State Storage",
        template: None,
        modality: "PR",
        series_number: presentation_state::SERIES.0,
        series_description: presentation_state::SERIES.1,
        count: "one per scored image of a known series",
        modules: "Patient, General Study, General Series, Presentation Series, General Equipment, Presentation State \
                  Identification, Presentation State Relationship, Displayed Area, Graphic Annotation, Graphic Layer, \
                  Modality LUT, Softcopy VOI LUT, Softcopy Presentation LUT, SOP Common",
    },
];

/// Code Value, Coding Scheme Designator and Code Meaning of every coded concept that may stand in an object.
#[must_use]
pub fn coded_concepts() -> Vec<(&'static str, &'static str, &'static str)> {
    codes::all().into_iter().map(|code| (code.0, code.1, code.2)).collect()
}
