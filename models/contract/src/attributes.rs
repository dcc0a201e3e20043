//! A mammogram's attributes as they stand in its header: values, not judgements.
//!
//! `dataset` fills these types from DICOM bytes; `domain` judges them; `results` copies [`PatientStudy`] into what it
//! writes. Absent and empty are the same (`None`), because modalities use both for "not known".

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Uid;

/// One item of a code sequence (PS3.3 section 8.8), for example `(399162004, SCT)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedConcept {
    /// Code Value (0008,0100).
    pub value: String,
    /// Coding Scheme Designator (0008,0102): `SCT`, or the legacy `SRT` and `SNM3`. Empty where the header has none.
    pub scheme: String,
}

/// The most instances that a Key Object Selection Document may name to be read.
pub const KEY_OBJECTS_MAX: usize = 4_096;

/// What a Key Object Selection Document says (PS3.3 section A.35.4, PS3.16 TID 2010).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyObjects {
    /// Document title: Concept Name Code Sequence (0040,A043) of the root.
    pub title: Option<CodedConcept>,
    /// Referenced SOP Instance UIDs of its content and its evidence, in order and without repetition, at most
    /// [`KEY_OBJECTS_MAX`].
    pub instances: Vec<Uid>,
}

/// The attributes that decide what happens to an instance. Holds no name and no identifier of a person.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceAttributes {
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<Uid>,
    /// Series Instance UID (0020,000E).
    pub series: Option<Uid>,
    /// Modality (0008,0060).
    pub modality: Option<String>,
    /// Presentation Intent Type (0008,0068).
    pub presentation_intent: Option<String>,
    /// Image Type (0008,0008), all values.
    pub image_type: Vec<String>,
    /// Image Laterality (0020,0062).
    pub image_laterality: Option<String>,
    /// Frame Laterality (0020,9072) of the shared functional groups, where Breast Projection X-Ray has it.
    pub frame_laterality: Option<String>,
    /// Laterality (0020,0060).
    pub laterality: Option<String>,
    /// Patient Orientation (0020,0020), row then column direction.
    pub patient_orientation: Vec<String>,
    /// View Position (0018,5101).
    pub view_position: Option<String>,
    /// View Code Sequence (0054,0220), first item.
    pub view_code: Option<CodedConcept>,
    /// View Modifier Code Sequence (0054,0222), inside the view's item or, where some devices put it, beside the view.
    pub view_modifiers: Vec<CodedConcept>,
    /// Body Part Examined (0018,0015).
    pub body_part: Option<String>,
    /// Anatomic Region Sequence (0008,2218), first item.
    pub anatomic_region: Option<CodedConcept>,
    /// Breast Implant Present (0028,1300).
    pub breast_implant: Option<String>,
    /// Partial View (0028,1350).
    pub partial_view: Option<String>,
    /// Partial View Code Sequence (0028,1352): has it an item?
    pub has_partial_view_code: bool,
    /// Estimated Radiographic Magnification Factor (0018,1114).
    pub magnification: Option<f64>,
    /// Quality Control Image (0028,0300).
    pub quality_control: Option<String>,
    /// Calibration Image (0050,0004).
    pub calibration_image: Option<String>,
    /// Burned In Annotation (0028,0301).
    pub burned_in_annotation: Option<String>,
    /// Lossy Image Compression (0028,2110).
    pub lossy_compression: Option<String>,
    /// Photometric Interpretation (0028,0004).
    pub photometric: Option<String>,
    /// Samples per Pixel (0028,0002).
    pub samples_per_pixel: Option<u16>,
    /// Number of Frames (0028,0008).
    pub frames: Option<u32>,
    /// Rows (0028,0010).
    pub rows: Option<u16>,
    /// Columns (0028,0011).
    pub columns: Option<u16>,
    /// Bits Allocated (0028,0100).
    pub bits_allocated: Option<u16>,
    /// Bits Stored (0028,0101).
    pub bits_stored: Option<u16>,
    /// Pixel Representation (0028,0103): 0 unsigned, 1 two's complement.
    pub pixel_representation: Option<u16>,
    /// Imager Pixel Spacing (0018,1164), row then column, in mm.
    pub imager_pixel_spacing: Option<[f64; 2]>,
    /// Pixel Spacing (0028,0030), row then column, in mm.
    pub pixel_spacing: Option<[f64; 2]>,
    /// Acquisition Date and Time (0008,0022) and (0008,0032), or their DateTime (0008,002A), as
    /// `YYYYMMDDHHMMSS.FFFFFF`: only for order within a study.
    pub acquired_at: Option<String>,
    /// Rescale Slope (0028,1053) and Intercept (0028,1052).
    pub rescale: Option<[f64; 2]>,
    /// Window Center (0028,1050) and Width (0028,1051), first value.
    pub window: Option<[f64; 2]>,
    /// VOI LUT Function (0028,1056).
    pub voi_function: Option<String>,
    /// First value that the first VOI LUT (0028,3010) maps, and how many.
    pub voi_lut: Option<[f64; 2]>,
    /// Manufacturer (0008,0070).
    pub manufacturer: Option<String>,
    /// Manufacturer's Model Name (0008,1090).
    pub manufacturer_model: Option<String>,
    /// Does the data set hold Pixel Data (7FE0,0010)?
    pub has_pixel_data: bool,
    /// What a Key Object Selection Document says; `None` for any other kind of object.
    pub key_objects: Option<KeyObjects>,
}

/// The patient and study modules that a result object must repeat (PS3.3 sections C.7.1.1 and C.7.2.1).
///
/// Text is UTF-8, decoded from the source's character set. `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatientStudy {
    /// Patient's Name (0010,0010).
    pub patient_name: Option<String>,
    /// Patient ID (0010,0020).
    pub patient_id: Option<String>,
    /// Issuer of Patient ID (0010,0021).
    pub issuer_of_patient_id: Option<String>,
    /// Patient's Birth Date (0010,0030).
    pub birth_date: Option<String>,
    /// Patient's Sex (0010,0040).
    pub sex: Option<String>,
    /// Study Date (0008,0020).
    pub study_date: Option<String>,
    /// Study Time (0008,0030).
    pub study_time: Option<String>,
    /// Study ID (0020,0010).
    pub study_id: Option<String>,
    /// Study Description (0008,1030).
    pub study_description: Option<String>,
    /// Accession Number (0008,0050).
    pub accession_number: Option<String>,
    /// Referring Physician's Name (0008,0090).
    pub referring_physician: Option<String>,
    /// The same texts as they stood in the data set, where they were neither ASCII nor UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceText>,
}

/// Texts in the character set of their data set: a result object repeats the bytes, so that an archive that compares them
/// with the images' finds the same patient.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceText {
    /// Specific Character Set (0008,0005), all values.
    pub character_set: String,
    /// Hexadecimal bytes by the tag as number, without padding.
    pub values: BTreeMap<u32, String>,
}

impl SourceText {
    /// With the bytes `value` of element `(group, element)` added.
    #[must_use]
    pub fn with(mut self, (group, element): (u16, u16), value: &[u8]) -> Self {
        let digits = value.iter().map(|byte| format!("{byte:02x}")).collect();
        self.values.insert(u32::from(group) << 16 | u32::from(element), digits);
        self
    }

    /// The bytes of element `(group, element)`, if there are any.
    #[must_use]
    pub fn bytes(&self, (group, element): (u16, u16)) -> Option<Vec<u8>> {
        let digits = self.values.get(&(u32::from(group) << 16 | u32::from(element)))?.as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
    }
}

impl fmt::Debug for SourceText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SourceText(redacted)")
    }
}

impl fmt::Debug for PatientStudy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PatientStudy(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_a_version_before_still_read() {
        let old: InstanceAttributes = serde_json::from_str(r#"{"modality": "MG", "has_pixel_data": true}"#).unwrap();
        assert_eq!((old.modality.as_deref(), old.has_partial_view_code, old.key_objects), (Some("MG"), false, None));
    }

    #[test]
    fn patient_data_is_not_printed() {
        let study = PatientStudy { patient_name: Some("MARKER^JANE".into()), ..PatientStudy::default() };
        assert!(!format!("{study:?}").contains("MARKER"));
        let source = SourceText::default().with((0x10, 0x10), b"MARKER");
        assert_eq!(format!("{source:?}"), "SourceText(redacted)");
    }

    #[test]
    fn source_bytes_survive_json() {
        let bytes: Vec<u8> = (0..=255).collect();
        let source = SourceText { character_set: "ISO_IR 100".into(), ..SourceText::default() };
        let study = PatientStudy { source: Some(source.with((0x10, 0x10), &bytes)), ..PatientStudy::default() };
        let read: PatientStudy = serde_json::from_str(&serde_json::to_string(&study).unwrap()).unwrap();
        assert!(read == study);
        assert_eq!(read.source.unwrap().bytes((0x10, 0x10)), Some(bytes));
        let damaged = SourceText { values: [(7, "0".into()), (8, "zz".into())].into(), ..SourceText::default() };
        assert_eq!((damaged.bytes((0, 7)), damaged.bytes((0, 8)), damaged.bytes((0, 9))), (None, None, None));
        let before: PatientStudy = serde_json::from_str(r#"{"patient_name":"A"}"#).unwrap();
        assert!(before.source.is_none());
    }
}
