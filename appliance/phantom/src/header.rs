//! The header: Digital Mammography X-Ray Image IOD (PS3.3 section A.27), For Presentation.

use contract::uid::IMPLEMENTATION_CLASS;
use contract::{Uid, transfer_syntax};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use domain::{Laterality, View};

use crate::picture::BITS;
use crate::{PhantomError, PhantomImage};

/// SOP Class of the images: Digital Mammography X-Ray Image Storage - For Presentation.
pub const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.1.2";
/// Patient's Name (0010,0010).
pub const PATIENT_NAME: &str = "PHANTOM^MAMORU";

/// Patient ID (0010,0020) of the exam of `seed`.
#[must_use]
pub fn patient_id(seed: u64) -> String {
    format!("PHANTOM-{seed}")
}

const DATE: &str = "20260101";
const TIME: &str = "120000";

type Element = DataElement<InMemDicomObject>;

/// Preamble, file meta information and data set up to, not including, Pixel Data.
pub(crate) fn part_10_before_pixels(image: &PhantomImage) -> Result<Vec<u8>, PhantomError> {
    let groups = [sop(image), patient_and_study(image), series_and_device(image), view(image), pixels(image)];
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax::EXPLICIT_LE)
        // That of the library would change the bytes with its version.
        .implementation_class_uid(IMPLEMENTATION_CLASS)
        .implementation_version_name("MAMORU_PHANTOM");
    let object = InMemDicomObject::from_element_iter(groups.into_iter().flatten())
        .with_meta(meta)
        .map_err(|_| PhantomError::Header)?;
    let mut bytes = Vec::new();
    object.write_all(&mut bytes).map_err(|_| PhantomError::Header)?;
    Ok(bytes)
}

/// The header of Pixel Data (7FE0,0010) as OW, Explicit VR Little Endian (PS3.5 section 7.1.2).
pub(crate) fn pixel_data_header(bytes: u32) -> [u8; 12] {
    let [a, b, c, d] = bytes.to_le_bytes();
    [0xE0, 0x7F, 0x10, 0x00, b'O', b'W', 0, 0, a, b, c, d]
}

/// The UID of `what`, one part of an exam: the study, its series or an image.
pub(crate) fn derived(seed: u64, size: &str, what: &str) -> Uid {
    /// To be raised with every change of the bytes: one UID never names two different objects.
    const VERSION: &str = "1";
    Uid::derived(&["mamoru phantom", VERSION, size, &seed.to_string(), what])
}

/// SOP Common and General Image modules.
fn sop(image: &PhantomImage) -> Vec<Element> {
    vec![
        text(tags::SOP_CLASS_UID, VR::UI, SOP_CLASS),
        text(tags::SOP_INSTANCE_UID, VR::UI, image.instance.as_str()),
        text(tags::INSTANCE_NUMBER, VR::IS, &image.number.to_string()),
        text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\"),
        text(tags::CONTENT_DATE, VR::DA, DATE),
        text(tags::CONTENT_TIME, VR::TM, TIME),
        text(tags::ACQUISITION_DATE, VR::DA, DATE),
        text(tags::ACQUISITION_TIME, VR::TM, &format!("12{:02}00", image.number)),
        text(tags::DERIVATION_DESCRIPTION, VR::ST, "Computed picture, no exposure"),
        text(tags::IMAGE_COMMENTS, VR::LT, "Synthetic phantom. Research use only, not a medical device."),
    ]
}

/// Patient and General Study modules.
fn patient_and_study(image: &PhantomImage) -> Vec<Element> {
    vec![
        text(tags::PATIENT_NAME, VR::PN, PATIENT_NAME),
        text(tags::PATIENT_ID, VR::LO, &patient_id(image.seed)),
        text(tags::PATIENT_BIRTH_DATE, VR::DA, "19700101"),
        text(tags::PATIENT_SEX, VR::CS, "F"),
        text(tags::STUDY_INSTANCE_UID, VR::UI, image.study.as_str()),
        text(tags::STUDY_DATE, VR::DA, DATE),
        text(tags::STUDY_TIME, VR::TM, TIME),
        text(tags::STUDY_ID, VR::SH, "1"),
        text(tags::STUDY_DESCRIPTION, VR::LO, "Synthetic phantom, four views"),
        text(tags::ACCESSION_NUMBER, VR::SH, ""),
        text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, ""),
    ]
}

/// Series modules, General Equipment and DX Detector.
fn series_and_device(image: &PhantomImage) -> Vec<Element> {
    let spacing = image.size.pixel_mm_text();
    vec![
        text(tags::MODALITY, VR::CS, "MG"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, image.series.as_str()),
        text(tags::SERIES_NUMBER, VR::IS, "1"),
        text(tags::SERIES_DESCRIPTION, VR::LO, "Synthetic phantom"),
        text(tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION"),
        text(tags::MANUFACTURER, VR::LO, "Mamoru"),
        text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Synthetic phantom"),
        text(tags::DETECTOR_TYPE, VR::CS, ""),
        text(tags::IMAGER_PIXEL_SPACING, VR::DS, &format!("{spacing}\\{spacing}")),
    ]
}

/// DX Anatomy Imaged, Mammography Image and Acquisition Context modules.
///
/// Quality Control Image (0028,0300) is left out: `YES`, for a phantom that lay on a device, would exclude the image
/// from scoring, and scoring it is its purpose.
fn view(image: &PhantomImage) -> Vec<Element> {
    let (code, meaning) = match image.view {
        View::CranioCaudal => ("399162004", "cranio-caudal"),
        View::MedioLateralOblique => ("399368009", "medio-lateral oblique"),
    };
    let mut view = coded(code, meaning);
    view.put(sequence(tags::VIEW_MODIFIER_CODE_SEQUENCE, vec![]));
    vec![
        text(tags::BODY_PART_EXAMINED, VR::CS, "BREAST"),
        text(tags::IMAGE_LATERALITY, VR::CS, image.laterality.letter()),
        text(tags::PATIENT_ORIENTATION, VR::CS, orientation(image.laterality, image.view)),
        text(tags::VIEW_POSITION, VR::CS, image.view.term()),
        sequence(tags::VIEW_CODE_SEQUENCE, vec![view]),
        sequence(tags::ANATOMIC_REGION_SEQUENCE, vec![coded("76752008", "Breast")]),
        sequence(tags::ACQUISITION_CONTEXT_SEQUENCE, vec![]),
        text(tags::POSITIONER_TYPE, VR::CS, "MAMMOGRAPHIC"),
        text(tags::ORGAN_EXPOSED, VR::CS, "BREAST"),
        text(tags::BREAST_IMPLANT_PRESENT, VR::CS, "NO"),
        text(tags::PARTIAL_VIEW, VR::CS, "NO"),
        text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
    ]
}

/// Image Pixel, DX Image and VOI LUT modules.
fn pixels(image: &PhantomImage) -> Vec<Element> {
    let extent = image.size.extent();
    vec![
        number(tags::SAMPLES_PER_PIXEL, 1),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        number(tags::ROWS, extent.rows as u16),
        number(tags::COLUMNS, extent.columns as u16),
        number(tags::BITS_ALLOCATED, 16),
        number(tags::BITS_STORED, BITS),
        number(tags::HIGH_BIT, BITS - 1),
        number(tags::PIXEL_REPRESENTATION, 0),
        text(tags::PIXEL_INTENSITY_RELATIONSHIP, VR::CS, "LOG"),
        // Less radiation, greater value.
        DataElement::new(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, VR::SS, PrimitiveValue::from(-1_i16)),
        text(tags::RESCALE_INTERCEPT, VR::DS, "0"),
        text(tags::RESCALE_SLOPE, VR::DS, "1"),
        text(tags::RESCALE_TYPE, VR::LO, "US"),
        text(tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY"),
        text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        text(tags::WINDOW_CENTER, VR::DS, "2000"),
        text(tags::WINDOW_WIDTH, VR::DS, "3600"),
    ]
}

/// Patient Orientation (0020,0020): rows run to the chest wall of a right breast and from that of a left one; columns
/// run from lateral to medial in a CC, and so also from head to feet in an MLO.
fn orientation(laterality: Laterality, view: View) -> &'static str {
    match (laterality, view) {
        (Laterality::Right, View::CranioCaudal) => "P\\L",
        (Laterality::Right, View::MedioLateralOblique) => "P\\FL",
        (Laterality::Left, View::CranioCaudal) => "A\\R",
        (Laterality::Left, View::MedioLateralOblique) => "A\\FR",
    }
}

fn text(tag: Tag, vr: VR, value: &str) -> Element {
    if value.is_empty() {
        return DataElement::new(tag, vr, PrimitiveValue::Empty);
    }
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

fn number(tag: Tag, value: u16) -> Element {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> Element {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// An item of a code sequence, with a code of SNOMED CT.
fn coded(value: &str, meaning: &str) -> InMemDicomObject {
    InMemDicomObject::from_element_iter([
        text(tags::CODE_VALUE, VR::SH, value),
        text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT"),
        text(tags::CODE_MEANING, VR::LO, meaning),
    ])
}
