//! Attributes of a scanned file, read with `dicom-object` up to the pixel data.

use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};

use contract::{CodedConcept, InstanceAttributes, PatientStudy, Uid};
use dicom_core::header::Tag;
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, OpenFileOptions};
use thiserror::Error;

use crate::key_objects::key_objects;
use crate::part10::{Part10Error, read_file_meta};
use crate::scan::{Scan, ScanError, ScanLimits, scan};

/// Why a header could not be read.
#[derive(Debug, Error)]
pub enum InspectError {
    /// It is no Part 10 file.
    #[error(transparent)]
    Part10(#[from] Part10Error),
    /// The data set did not pass the scan.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// `dicom-object` could not parse what the scan let through. Its own message may quote values: it is left out.
    #[error("header could not be parsed")]
    Parse,
    /// A Key Object Selection Document holds more than is read of one.
    #[error("key object selection exceeds the limit of {0}")]
    KeyObjects(&'static str),
}

impl InspectError {
    /// Stable and machine-readable.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Part10(Part10Error::Read(_)) | Self::Scan(ScanError::Read(_)) => "file_unreadable",
            Self::Part10(_) => "file_not_part_10",
            Self::Scan(ScanError::TooLarge { .. }) => "dataset_too_large",
            Self::Scan(ScanError::UnsupportedSyntax) => "transfer_syntax_unsupported",
            Self::Scan(ScanError::PixelMismatch(_)) => "pixel_data_mismatch",
            Self::Scan(_) => "dataset_damaged",
            Self::Parse => "header_unparsable",
            Self::KeyObjects(_) => "key_objects_too_many",
        }
    }
}

/// A lookup table of the data set (PS3.3 sections C.11.1 and C.11.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupTable {
    /// First stored (or rescaled) value that is mapped.
    pub first: i32,
    /// Bits of each entry.
    pub bits: u16,
    /// The entries.
    pub values: Vec<u16>,
}

/// What the header says of the pixels; see the attribute names of PS3.3 sections C.7.6.3, C.11.1 and C.11.2.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelHeader {
    /// Transfer syntax of the file.
    pub transfer_syntax: Uid,
    /// Where its data set begins.
    pub dataset_offset: u64,
    /// What the scan found.
    pub scan: Scan,
    /// Rows.
    pub rows: Option<u16>,
    /// Columns.
    pub columns: Option<u16>,
    /// Samples per Pixel; 1 when absent.
    pub samples_per_pixel: u16,
    /// Number of Frames; 1 when absent.
    pub frames: u32,
    /// Bits Allocated.
    pub bits_allocated: Option<u16>,
    /// Bits Stored.
    pub bits_stored: Option<u16>,
    /// High Bit.
    pub high_bit: Option<u16>,
    /// Pixel Representation is 1.
    pub signed: bool,
    /// Photometric Interpretation.
    pub photometric: Option<String>,
    /// Rescale Slope and Intercept.
    pub rescale: Option<(f64, f64)>,
    /// Modality LUT Sequence, first item.
    pub modality_lut: Option<LookupTable>,
    /// Window Centers and Widths, in pairs.
    pub windows: Vec<(f64, f64)>,
    /// VOI LUT Function.
    pub voi_function: Option<String>,
    /// VOI LUT Sequence, first item.
    pub voi_lut: Option<LookupTable>,
    /// Pixel Padding Value, and Pixel Padding Range Limit (the same where absent), in order.
    pub padding: Option<(i32, i32)>,
}

/// A header, read for the eligibility rules and the result objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Study Instance UID.
    pub study: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// What the eligibility rules look at.
    pub attributes: InstanceAttributes,
    /// What result objects repeat.
    pub patient_study: PatientStudy,
}

/// Reads the header of the Part 10 file in `reader`.
///
/// # Errors
/// [`InspectError`].
pub fn inspect<R: Read + Seek>(mut reader: R) -> Result<Header, InspectError> {
    let Opened { object, scan, .. } = open(&mut reader)?;
    Ok(Header {
        attributes: instance_attributes(&object, &scan)?,
        patient_study: patient_study(&object, &scan),
        study: scan.study,
        instance: scan.sop_instance,
    })
}

/// Reads what decoding needs from the Part 10 file in `reader`.
///
/// # Errors
/// [`InspectError`].
pub fn read_pixel_header<R: Read + Seek>(reader: &mut R) -> Result<PixelHeader, InspectError> {
    let opened = open(reader)?;
    let object = &opened.object;
    let signed = number(object, tags::PIXEL_REPRESENTATION) == Some(1_u16);
    let windows = numbers(object, tags::WINDOW_CENTER).into_iter().zip(numbers(object, tags::WINDOW_WIDTH)).collect();
    let padding = signed_or_not(object, tags::PIXEL_PADDING_VALUE, signed).map(|value| {
        let limit = signed_or_not(object, tags::PIXEL_PADDING_RANGE_LIMIT, signed).unwrap_or(value);
        (value.min(limit), value.max(limit))
    });
    Ok(PixelHeader {
        rows: number(object, tags::ROWS),
        columns: number(object, tags::COLUMNS),
        samples_per_pixel: number(object, tags::SAMPLES_PER_PIXEL).unwrap_or(1),
        frames: frames(object).unwrap_or(1),
        bits_allocated: number(object, tags::BITS_ALLOCATED),
        bits_stored: number(object, tags::BITS_STORED),
        high_bit: number(object, tags::HIGH_BIT),
        signed,
        photometric: text(object, tags::PHOTOMETRIC_INTERPRETATION),
        rescale: rescale(object),
        modality_lut: lookup_table(object, tags::MODALITY_LUT_SEQUENCE, signed),
        windows,
        voi_function: text(object, tags::VOILUT_FUNCTION),
        voi_lut: lookup_table(object, tags::VOILUT_SEQUENCE, signed),
        padding,
        transfer_syntax: opened.transfer_syntax,
        dataset_offset: opened.dataset_offset,
        scan: opened.scan,
    })
}

struct Opened {
    object: InMemDicomObject,
    scan: Scan,
    transfer_syntax: Uid,
    dataset_offset: u64,
}

fn open<R: Read + Seek>(reader: &mut R) -> Result<Opened, InspectError> {
    let meta = read_file_meta(reader)?;
    let scan = scan(reader, &meta.transfer_syntax, &ScanLimits::default())?;
    reader.seek(SeekFrom::Start(meta.dataset_offset)).map_err(Part10Error::from)?;
    let object = OpenFileOptions::new()
        .read_until(tags::PIXEL_DATA)
        .from_reader(Cursor::new(complete_meta(&meta.transfer_syntax, &scan)?).chain(BufReader::new(reader)))
        .map_err(|_| InspectError::Parse)?
        .into_inner();
    Ok(Opened { object, scan, transfer_syntax: meta.transfer_syntax, dataset_offset: meta.dataset_offset })
}

/// File meta information for `dicom-object`, which refuses files in the field that leave some of theirs out.
fn complete_meta(transfer_syntax: &Uid, scan: &Scan) -> Result<Vec<u8>, InspectError> {
    let mut bytes = [vec![0; 128], b"DICM".to_vec()].concat();
    FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax.as_str())
        .media_storage_sop_class_uid(scan.sop_class.as_str())
        .media_storage_sop_instance_uid(scan.sop_instance.as_str())
        .build()
        .and_then(|table| table.write(&mut bytes))
        .map_err(|_| InspectError::Parse)?;
    Ok(bytes)
}

fn instance_attributes(object: &InMemDicomObject, scan: &Scan) -> Result<InstanceAttributes, InspectError> {
    let view = first_item(object, tags::VIEW_CODE_SEQUENCE);
    let modifiers = view.into_iter().chain([object]).flat_map(|place| items(place, tags::VIEW_MODIFIER_CODE_SEQUENCE));
    let shared = first_item(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let anatomy = shared.and_then(|shared| first_item(shared, tags::FRAME_ANATOMY_SEQUENCE));
    Ok(InstanceAttributes {
        sop_class: Some(scan.sop_class.clone()),
        series: scan.series.clone(),
        modality: text(object, tags::MODALITY),
        presentation_intent: text(object, tags::PRESENTATION_INTENT_TYPE),
        image_type: texts(object, tags::IMAGE_TYPE),
        image_laterality: text(object, tags::IMAGE_LATERALITY),
        frame_laterality: anatomy.and_then(|anatomy| text(anatomy, tags::FRAME_LATERALITY)),
        laterality: text(object, tags::LATERALITY),
        patient_orientation: texts(object, tags::PATIENT_ORIENTATION),
        view_position: text(object, tags::VIEW_POSITION),
        view_code: view.and_then(coded_concept),
        view_modifiers: modifiers.filter_map(modifier).collect(),
        body_part: text(object, tags::BODY_PART_EXAMINED),
        anatomic_region: first_item(object, tags::ANATOMIC_REGION_SEQUENCE).and_then(coded_concept),
        breast_implant: text(object, tags::BREAST_IMPLANT_PRESENT),
        partial_view: text(object, tags::PARTIAL_VIEW),
        has_partial_view_code: first_item(object, tags::PARTIAL_VIEW_CODE_SEQUENCE).is_some(),
        magnification: decimal(object, tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR),
        quality_control: text(object, tags::QUALITY_CONTROL_IMAGE),
        calibration_image: text(object, tags::CALIBRATION_IMAGE),
        burned_in_annotation: text(object, tags::BURNED_IN_ANNOTATION),
        lossy_compression: text(object, tags::LOSSY_IMAGE_COMPRESSION),
        photometric: text(object, tags::PHOTOMETRIC_INTERPRETATION),
        samples_per_pixel: number(object, tags::SAMPLES_PER_PIXEL),
        frames: frames(object),
        rows: number(object, tags::ROWS),
        columns: number(object, tags::COLUMNS),
        bits_allocated: number(object, tags::BITS_ALLOCATED),
        bits_stored: number(object, tags::BITS_STORED),
        pixel_representation: number(object, tags::PIXEL_REPRESENTATION),
        imager_pixel_spacing: pair(object, tags::IMAGER_PIXEL_SPACING),
        pixel_spacing: pair(object, tags::PIXEL_SPACING),
        acquired_at: acquired_at(object),
        rescale: rescale(object).map(|(slope, intercept)| [slope, intercept]),
        window: numbers(object, tags::WINDOW_CENTER)
            .first()
            .zip(numbers(object, tags::WINDOW_WIDTH).first())
            .map(|(center, width)| [*center, *width]),
        voi_function: text(object, tags::VOILUT_FUNCTION),
        voi_lut: voi_lut_input(object),
        manufacturer: text(object, tags::MANUFACTURER),
        manufacturer_model: text(object, tags::MANUFACTURER_MODEL_NAME),
        has_pixel_data: scan.pixels.is_some(),
        key_objects: key_objects(object, &scan.sop_class)?,
    })
}

fn patient_study(object: &InMemDicomObject, scan: &Scan) -> PatientStudy {
    PatientStudy {
        patient_name: text(object, tags::PATIENT_NAME),
        patient_id: text(object, tags::PATIENT_ID),
        issuer_of_patient_id: text(object, tags::ISSUER_OF_PATIENT_ID),
        birth_date: text(object, tags::PATIENT_BIRTH_DATE),
        sex: text(object, tags::PATIENT_SEX),
        study_date: text(object, tags::STUDY_DATE),
        study_time: text(object, tags::STUDY_TIME),
        study_id: text(object, tags::STUDY_ID),
        study_description: text(object, tags::STUDY_DESCRIPTION),
        accession_number: text(object, tags::ACCESSION_NUMBER),
        referring_physician: text(object, tags::REFERRING_PHYSICIAN_NAME),
        source: scan.texts.source(),
    }
}

fn acquired_at(object: &InMemDicomObject) -> Option<String> {
    text(object, tags::ACQUISITION_DATE_TIME).or_else(|| {
        let date = text(object, tags::ACQUISITION_DATE)?;
        Some(date + &text(object, tags::ACQUISITION_TIME).unwrap_or_default())
    })
}

/// The value's text without padding; `None` when absent, empty or not text.
pub(crate) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.value().to_str().ok()?.trim_matches([' ', '\0']).to_owned();
    (!text.is_empty()).then_some(text)
}

fn texts(object: &InMemDicomObject, tag: Tag) -> Vec<String> {
    text(object, tag).map(|text| text.split('\\').map(|part| part.trim().to_owned()).collect()).unwrap_or_default()
}

fn numbers(object: &InMemDicomObject, tag: Tag) -> Vec<f64> {
    let values = object.get(tag).and_then(|element| element.value().to_multi_float64().ok()).unwrap_or_default();
    values.into_iter().filter(|value| value.is_finite()).collect()
}

fn decimal(object: &InMemDicomObject, tag: Tag) -> Option<f64> {
    numbers(object, tag).first().copied()
}

fn pair(object: &InMemDicomObject, tag: Tag) -> Option<[f64; 2]> {
    numbers(object, tag).get(..2).map(|pair| [pair[0], pair[1]])
}

fn number(object: &InMemDicomObject, tag: Tag) -> Option<u16> {
    object.get(tag)?.value().to_int::<u16>().ok()
}

fn frames(object: &InMemDicomObject) -> Option<u32> {
    object.get(tags::NUMBER_OF_FRAMES)?.value().to_int::<u32>().ok()
}

/// A value whose VR, US or SS, follows Pixel Representation: implicit VR cannot tell, so the bits decide.
fn signed_or_not(object: &InMemDicomObject, tag: Tag, signed: bool) -> Option<i32> {
    let value = object.get(tag)?.value().to_int::<i32>().ok()?;
    Some(as_signed(value, signed))
}

fn as_signed(value: i32, signed: bool) -> i32 {
    if signed && value > i32::from(i16::MAX) { value - (1 << 16) } else { value }
}

pub(crate) fn items(object: &InMemDicomObject, tag: Tag) -> Vec<&InMemDicomObject> {
    object.get(tag).and_then(|element| element.items()).map(|items| items.iter().collect()).unwrap_or_default()
}

pub(crate) fn first_item(object: &InMemDicomObject, tag: Tag) -> Option<&InMemDicomObject> {
    items(object, tag).first().copied()
}

pub(crate) fn coded_concept(item: &InMemDicomObject) -> Option<CodedConcept> {
    Some(CodedConcept { value: text(item, tags::CODE_VALUE)?, scheme: text(item, tags::CODING_SCHEME_DESIGNATOR)? })
}

/// A view modifier, also one whose code is not complete: it may not pass for none. An empty item is none.
fn modifier(item: &InMemDicomObject) -> Option<CodedConcept> {
    let part = |tag| text(item, tag).unwrap_or_default();
    let is_empty = item.iter().next().is_none();
    (!is_empty).then(|| CodedConcept { value: part(tags::CODE_VALUE), scheme: part(tags::CODING_SCHEME_DESIGNATOR) })
}

fn rescale(object: &InMemDicomObject) -> Option<(f64, f64)> {
    match (decimal(object, tags::RESCALE_SLOPE), decimal(object, tags::RESCALE_INTERCEPT)) {
        (None, None) => None,
        (slope, intercept) => Some((slope.unwrap_or(1.0), intercept.unwrap_or(0.0))),
    }
}

/// First mapped value and number of entries of the first VOI LUT.
fn voi_lut_input(object: &InMemDicomObject) -> Option<[f64; 2]> {
    let signed = number(object, tags::PIXEL_REPRESENTATION) == Some(1_u16);
    let table = lookup_table(object, tags::VOILUT_SEQUENCE, signed)?;
    Some([f64::from(table.first), table.values.len() as f64])
}

/// The first lookup table of a sequence: LUT Descriptor (0028,3002) is (entries, first value, bits), 0 entries meaning
/// 65,536; LUT Data (0028,3006) may be US or OW.
fn lookup_table(object: &InMemDicomObject, tag: Tag, signed: bool) -> Option<LookupTable> {
    let item = first_item(object, tag)?;
    let descriptor = item.get(tags::LUT_DESCRIPTOR)?.value().to_multi_int::<i32>().ok()?;
    let [entries, first, bits] = descriptor.get(..3)?.try_into().ok()?;
    let entries = if entries & 0xFFFF == 0 { 1 << 16 } else { (entries & 0xFFFF) as usize };
    let data = item.get(tags::LUT_DATA)?.value();
    let values: Vec<u16> = match data.to_multi_int::<u16>() {
        Ok(values) if values.len() >= entries => values,
        // Eight-bit entries packed as bytes.
        _ => data.to_bytes().ok()?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
    };
    let bits = u16::try_from(bits).ok().filter(|bits| (1..=16).contains(bits))?;
    (values.len() >= entries).then(|| LookupTable {
        first: as_signed(first, signed),
        bits,
        values: values[..entries].to_vec(),
    })
}

#[cfg(test)]
mod tests;
