//! Coded concepts (PS3.16 annex D and its context groups).

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::{Laterality, View};

use crate::elements::{item, text};

/// Value, scheme and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

impl Code {
    /// The item of a code sequence (PS3.3 section 8).
    pub(crate) fn item(self) -> InMemDicomObject {
        item([
            text(tags::CODE_VALUE, VR::SH, self.0),
            text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, self.1),
            text(tags::CODE_MEANING, VR::LO, self.2),
        ])
    }
}

const fn dcm(value: &'static str, meaning: &'static str) -> Code {
    Code(value, "DCM", meaning)
}

pub(crate) const SOURCE_IMAGE: Code = dcm("121322", "Source image for image processing operation");
pub(crate) const PROCESSING_EQUIPMENT: Code = dcm("109102", "Processing Equipment");
pub(crate) const PER_CENT: Code = Code("%", "UCUM", "Percent");
pub(crate) const LANGUAGE: Code = dcm("121049", "Language of Content Item and Descendants");
pub(crate) const ENGLISH: Code = Code("en-US", "RFC5646", "English (United States)");

// What made it (TID 1002, 1004, 4019).
pub(crate) const OBSERVER_TYPE: Code = dcm("121005", "Observer Type");
pub(crate) const DEVICE: Code = dcm("121007", "Device");
pub(crate) const DEVICE_UID: Code = dcm("121012", "Device Observer UID");
pub(crate) const DEVICE_NAME: Code = dcm("121013", "Device Observer Name");
pub(crate) const DEVICE_MANUFACTURER: Code = dcm("121014", "Device Observer Manufacturer");
pub(crate) const DEVICE_MODEL: Code = dcm("121015", "Device Observer Model Name");
pub(crate) const ALGORITHM_NAME: Code = dcm("111001", "Algorithm Name");
pub(crate) const ALGORITHM_PARAMETERS: Code = dcm("111002", "Algorithm Parameters");
pub(crate) const ALGORITHM_VERSION: Code = dcm("111003", "Algorithm Version");

// Mammography CAD (TID 4000 to 4023).
pub(crate) const CAD_REPORT: Code = dcm("111036", "Mammography CAD Report");
pub(crate) const IMAGE_LIBRARY: Code = dcm("111028", "Image Library");
pub(crate) const IMAGE_LATERALITY: Code = dcm("111027", "Image Laterality");
pub(crate) const IMAGE_VIEW: Code = dcm("111031", "Image View");
pub(crate) const ORIENTATION_ROW: Code = dcm("111044", "Patient Orientation Row");
pub(crate) const ORIENTATION_COLUMN: Code = dcm("111043", "Patient Orientation Column");
pub(crate) const SUMMARY: Code = dcm("111017", "CAD Processing and Findings Summary");
pub(crate) const ALL_WITHOUT: Code = dcm("111241", "All algorithms succeeded; without findings");
pub(crate) const ALL_WITH: Code = dcm("111242", "All algorithms succeeded; with findings");
pub(crate) const SOME_WITHOUT: Code = dcm("111243", "Not all algorithms succeeded; without findings");
pub(crate) const SOME_WITH: Code = dcm("111244", "Not all algorithms succeeded; with findings");
pub(crate) const NONE_WITHOUT: Code = dcm("111245", "No algorithms succeeded; without findings");
pub(crate) const IMPRESSION_TEXT: Code = dcm("111033", "Impression Description");
pub(crate) const CERTAINTY_OF_IMPRESSION: Code = dcm("111013", "Certainty of impression");
pub(crate) const IMPRESSION: Code = dcm("111034", "Individual Impression/Recommendation");
pub(crate) const RENDERING_INTENT: Code = dcm("111056", "Rendering Intent");
pub(crate) const REQUIRED: Code = dcm("111150", "Presentation Required: Rendering device is expected to present");
pub(crate) const NOT_PRESENTED: Code = dcm("111152", "Not for Presentation: Rendering device expected not to present");
pub(crate) const COMPOSITE_FEATURE: Code = dcm("111015", "Composite Feature");
pub(crate) const COMPOSITE_TYPE: Code = dcm("111016", "Composite type");
pub(crate) const SPATIALLY: Code = dcm("111154", "Target content items are related spatially");
pub(crate) const SCOPE: Code = dcm("111057", "Scope of Feature");
pub(crate) const MULTIPLE_IMAGES: Code = dcm("111158", "Feature detected on multiple images");
pub(crate) const CERTAINTY_OF_FEATURE: Code = dcm("111011", "Certainty of Feature");
pub(crate) const SINGLE_IMAGE_FINDING: Code = dcm("111059", "Single Image Finding");
pub(crate) const CERTAINTY_OF_FINDING: Code = dcm("111012", "Certainty of Finding");
pub(crate) const PROBABILITY_OF_CANCER: Code = dcm("111047", "Probability of cancer");
pub(crate) const CENTER: Code = dcm("111010", "Center");
pub(crate) const OUTLINE: Code = dcm("111041", "Outline");
pub(crate) const SELECTED_REGION: Code = dcm("111099", "Selected region");
pub(crate) const SELECTED_REGION_TEXT: Code = dcm("111058", "Selected Region Description");
pub(crate) const BREAST_DENSITY: Code = Code("129793001", "SCT", "Mammography breast density");
pub(crate) const DETECTIONS: Code = dcm("111064", "Summary of Detections");
pub(crate) const ANALYSES: Code = dcm("111065", "Summary of Analyses");
pub(crate) const SUCCEEDED: Code = dcm("111222", "Succeeded");
pub(crate) const PARTIALLY: Code = dcm("111223", "Partially Succeeded");
pub(crate) const FAILED: Code = dcm("111224", "Failed");
pub(crate) const NOT_ATTEMPTED: Code = dcm("111225", "Not Attempted");
pub(crate) const SUCCESSFUL_DETECTIONS: Code = dcm("111063", "Successful Detections");
pub(crate) const FAILED_DETECTIONS: Code = dcm("111025", "Failed Detections");
pub(crate) const DETECTION_PERFORMED: Code = dcm("111022", "Detection Performed");

// Measurement reports (TID 1500, 1410, 1501).
pub(crate) const MEASUREMENT_REPORT: Code = dcm("126000", "Imaging Measurement Report");
pub(crate) const PROCEDURE_REPORTED: Code = dcm("121058", "Procedure reported");
pub(crate) const MAMMOGRAPHY: Code = Code("71651007", "SCT", "Mammography");
/// Of CID 100, which has nothing closer: that it was mammography, the images say.
pub(crate) const IMAGING_PROCEDURE: Code = Code("363679005", "SCT", "Imaging procedure");
pub(crate) const MEASUREMENTS: Code = dcm("126010", "Imaging Measurements");
pub(crate) const MEASUREMENT_GROUP: Code = dcm("125007", "Measurement Group");
pub(crate) const TRACKING_IDENTIFIER: Code = dcm("112039", "Tracking Identifier");
pub(crate) const TRACKING_UID: Code = dcm("112040", "Tracking Unique Identifier");
pub(crate) const FINDING: Code = dcm("121071", "Finding");
pub(crate) const FINDING_SITE: Code = Code("363698007", "SCT", "Finding Site");
pub(crate) const LATERALITY: Code = Code("272741003", "SCT", "Laterality");
pub(crate) const BREAST: Code = Code("76752008", "SCT", "Breast");
pub(crate) const IMAGE_REGION: Code = dcm("111030", "Image Region");
pub(crate) const SOURCE: Code = Code("260753009", "SCT", "Source");
pub(crate) const SOURCE_OF_MEASUREMENT: Code = dcm("121112", "Source of Measurement");
pub(crate) const QUALITATIVE: Code = Code("C0034375", "UMLS", "Qualitative Evaluations");
pub(crate) const COMMENT: Code = dcm("121106", "Comment");

/// Of CID 6022.
pub(crate) const fn breast(laterality: Laterality) -> Code {
    match laterality {
        Laterality::Right => Code("73056007", "SCT", "Right breast"),
        Laterality::Left => Code("80248007", "SCT", "Left breast"),
    }
}

/// Of CID 244.
pub(crate) const fn side(laterality: Laterality) -> Code {
    match laterality {
        Laterality::Right => Code("24028007", "SCT", "Right"),
        Laterality::Left => Code("7771000", "SCT", "Left"),
    }
}

/// Of CID 4014.
pub(crate) const fn view(view: View) -> Code {
    match view {
        View::CranioCaudal => Code("399162004", "SCT", "cranio-caudal"),
        View::MedioLateralOblique => Code("399368009", "SCT", "medio-lateral oblique"),
    }
}
