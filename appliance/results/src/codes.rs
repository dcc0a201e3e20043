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

/// Constants, and a table of all of them for the conformance statement.
macro_rules! concepts {
    ($($(#[$doc:meta])* $name:ident = $code:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: Code = $code;)*
        const NAMED: &[Code] = &[$($name),*];
    };
}

concepts! {
    SOURCE_IMAGE = dcm("121322", "Source image for image processing operation");
    PROCESSING_EQUIPMENT = dcm("109102", "Processing Equipment");
    PER_CENT = Code("%", "UCUM", "Percent");
    LANGUAGE = dcm("121049", "Language of Content Item and Descendants");
    ENGLISH = Code("en-US", "RFC5646", "English (United States)");

    // What made it (TID 1002, 1004, 4019).
    OBSERVER_TYPE = dcm("121005", "Observer Type");
    DEVICE = dcm("121007", "Device");
    DEVICE_UID = dcm("121012", "Device Observer UID");
    DEVICE_NAME = dcm("121013", "Device Observer Name");
    DEVICE_MANUFACTURER = dcm("121014", "Device Observer Manufacturer");
    DEVICE_MODEL = dcm("121015", "Device Observer Model Name");
    ALGORITHM_NAME = dcm("111001", "Algorithm Name");
    ALGORITHM_PARAMETERS = dcm("111002", "Algorithm Parameters");
    ALGORITHM_VERSION = dcm("111003", "Algorithm Version");

    // Mammography CAD (TID 4000 to 4023).
    CAD_REPORT = dcm("111036", "Mammography CAD Report");
    IMAGE_LIBRARY = dcm("111028", "Image Library");
    IMAGE_LATERALITY = dcm("111027", "Image Laterality");
    IMAGE_VIEW = dcm("111031", "Image View");
    ORIENTATION_ROW = dcm("111044", "Patient Orientation Row");
    ORIENTATION_COLUMN = dcm("111043", "Patient Orientation Column");
    SUMMARY = dcm("111017", "CAD Processing and Findings Summary");
    ALL_WITHOUT = dcm("111241", "All algorithms succeeded; without findings");
    ALL_WITH = dcm("111242", "All algorithms succeeded; with findings");
    SOME_WITHOUT = dcm("111243", "Not all algorithms succeeded; without findings");
    SOME_WITH = dcm("111244", "Not all algorithms succeeded; with findings");
    NONE_WITHOUT = dcm("111245", "No algorithms succeeded; without findings");
    IMPRESSION_TEXT = dcm("111033", "Impression Description");
    CERTAINTY_OF_IMPRESSION = dcm("111013", "Certainty of impression");
    IMPRESSION = dcm("111034", "Individual Impression/Recommendation");
    RENDERING_INTENT = dcm("111056", "Rendering Intent");
    REQUIRED = dcm("111150", "Presentation Required: Rendering device is expected to present");
    NOT_PRESENTED = dcm("111152", "Not for Presentation: Rendering device expected not to present");
    COMPOSITE_FEATURE = dcm("111015", "Composite Feature");
    COMPOSITE_TYPE = dcm("111016", "Composite type");
    SPATIALLY = dcm("111154", "Target content items are related spatially");
    SCOPE = dcm("111057", "Scope of Feature");
    MULTIPLE_IMAGES = dcm("111158", "Feature detected on multiple images");
    CERTAINTY_OF_FEATURE = dcm("111011", "Certainty of Feature");
    SINGLE_IMAGE_FINDING = dcm("111059", "Single Image Finding");
    CERTAINTY_OF_FINDING = dcm("111012", "Certainty of Finding");
    PROBABILITY_OF_CANCER = dcm("111047", "Probability of cancer");
    CENTER = dcm("111010", "Center");
    OUTLINE = dcm("111041", "Outline");
    SELECTED_REGION = dcm("111099", "Selected region");
    SELECTED_REGION_TEXT = dcm("111058", "Selected Region Description");
    BREAST_DENSITY = Code("129793001", "SCT", "Mammography breast density");
    DETECTIONS = dcm("111064", "Summary of Detections");
    ANALYSES = dcm("111065", "Summary of Analyses");
    SUCCEEDED = dcm("111222", "Succeeded");
    PARTIALLY = dcm("111223", "Partially Succeeded");
    FAILED = dcm("111224", "Failed");
    NOT_ATTEMPTED = dcm("111225", "Not Attempted");
    SUCCESSFUL_DETECTIONS = dcm("111063", "Successful Detections");
    FAILED_DETECTIONS = dcm("111025", "Failed Detections");
    DETECTION_PERFORMED = dcm("111022", "Detection Performed");

    // Measurement reports (TID 1500, 1410, 1501).
    MEASUREMENT_REPORT = dcm("126000", "Imaging Measurement Report");
    PROCEDURE_REPORTED = dcm("121058", "Procedure reported");
    MAMMOGRAPHY = Code("71651007", "SCT", "Mammography");
    /// Of CID 100, which has nothing closer: that it was mammography, the images say.
    IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure");
    MEASUREMENTS = dcm("126010", "Imaging Measurements");
    MEASUREMENT_GROUP = dcm("125007", "Measurement Group");
    TRACKING_IDENTIFIER = dcm("112039", "Tracking Identifier");
    TRACKING_UID = dcm("112040", "Tracking Unique Identifier");
    FINDING = dcm("121071", "Finding");
    FINDING_SITE = Code("363698007", "SCT", "Finding Site");
    LATERALITY = Code("272741003", "SCT", "Laterality");
    BREAST = Code("76752008", "SCT", "Breast");
    IMAGE_REGION = dcm("111030", "Image Region");
    SOURCE = Code("260753009", "SCT", "Source");
    SOURCE_OF_MEASUREMENT = dcm("121112", "Source of Measurement");
    QUALITATIVE = Code("C0034375", "UMLS", "Qualitative Evaluations");
    COMMENT = dcm("121106", "Comment");
}

/// All coded concepts that stand in objects: those above, breasts, sides and views.
pub(crate) fn all() -> Vec<Code> {
    let sides = [Laterality::Right, Laterality::Left];
    let views = [View::CranioCaudal, View::MedioLateralOblique];
    let more = sides.map(breast).into_iter().chain(sides.map(side)).chain(views.map(view));
    NAMED.iter().copied().chain(more).collect()
}

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
