//! What all DICOM objects of a study have in common: patient and study as the images have them, our equipment, the
//! character set, the file.

use contract::uid::IMPLEMENTATION_CLASS;
use contract::{Uid, transfer_syntax};
use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use domain::{ResultKind, Sop, StudyReport};

use crate::civil::Civil;
use crate::elements::{Element, encoded, text};
use crate::{ResultError, ResultObject, file_name};

/// More than any legal value of the patient and study attributes has, in UTF-8 (PN: three groups of 64 characters).
const PATIENT_BYTES_MAX: usize = 1_024;
/// To be raised with every change of the objects that [`Made`] makes: one UID never names two different objects.
const LAYOUT: &str = "2";

/// One object that is not a page: what names it and what stands in it.
pub(crate) struct Made<'a> {
    pub(crate) report: &'a StudyReport,
    pub(crate) kind: ResultKind,
    pub(crate) class: &'static str,
    /// Name of the object within the revision.
    pub(crate) name: String,
    /// Instance Number.
    pub(crate) number: u64,
    pub(crate) modality: &'static str,
    pub(crate) series_number: &'static str,
    pub(crate) series_description: &'static str,
    /// Settings that change what stands in it.
    pub(crate) settings: &'static str,
    /// The modules of its own.
    pub(crate) elements: Vec<Element>,
}

impl Made<'_> {
    pub(crate) fn into_object(self) -> Result<ResultObject, ResultError> {
        let class = Uid::parse(self.class).map_err(|_| ResultError::Encode)?;
        let fingerprint = self.report.fingerprint().to_string();
        let version = env!("CARGO_PKG_VERSION");
        let instance = Uid::derived(&["mamoru result", LAYOUT, version, &fingerprint, &self.name, self.settings]);
        let series = self.report.study.result_series(self.kind);
        let time = Civil::of(self.report.last_received_at);
        let common = [
            text(tags::SOP_CLASS_UID, VR::UI, class.as_str()),
            text(tags::SOP_INSTANCE_UID, VR::UI, instance.as_str()),
            text(tags::INSTANCE_CREATION_DATE, VR::DA, &time.da()),
            text(tags::INSTANCE_CREATION_TIME, VR::TM, &time.tm()),
            text(tags::INSTANCE_NUMBER, VR::IS, &self.number.min(i32::MAX as u64).to_string()),
            text(tags::MODALITY, VR::CS, self.modality),
            text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str()),
            text(tags::SERIES_NUMBER, VR::IS, self.series_number),
            text(tags::SERIES_DESCRIPTION, VR::LO, self.series_description),
            text(tags::DEVICE_SERIAL_NUMBER, VR::LO, ""),
        ];
        let elements = common.into_iter().chain(equipment()).chain(self.elements);
        Ok(ResultObject {
            kind: self.kind,
            file_name: file_name(self.report, &self.name, "dcm"),
            name: self.name,
            sop: Some(Sop { class, instance }),
            bytes: part_10(object(self.report, elements), 0)?,
        })
    }
}

/// General Equipment module.
pub(crate) fn equipment() -> [Element; 3] {
    [
        text(tags::MANUFACTURER, VR::LO, "Mamoru"),
        text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Mamoru"),
        text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
    ]
}

/// `elements` with the patient and study of `report`, in the images' character set, or else in ASCII or UTF-8.
pub(crate) fn object(report: &StudyReport, elements: impl IntoIterator<Item = Element>) -> InMemDicomObject {
    let all = elements.into_iter().chain(patient_and_study(report));
    let mut object = InMemDicomObject::from_element_iter(all);
    if let Some(source) = &report.patient_study.source {
        object.put(text(tags::SPECIFIC_CHARACTER_SET, VR::CS, &source.character_set));
    } else if !is_ascii(&object) {
        object.put(text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"));
    }
    object
}

/// The report as it is written beside texts of another character set than UTF-8: with `?` for what is not ASCII, which all
/// of them can say. Where the images are ASCII or UTF-8, the report itself.
pub(crate) fn writable(report: &StudyReport) -> StudyReport {
    let mut report = report.clone();
    if report.patient_study.source.is_none() {
        return report;
    }
    let models = report.images.iter_mut().filter_map(|image| match &mut image.outcome {
        domain::InstanceOutcome::Scored(finding) => Some((&mut finding.model, Some(&mut finding.engine))),
        _ => None,
    });
    for (model, engine) in models.chain(report.model.as_mut().map(|model| (model, None))) {
        let texts = [&mut model.name, &mut model.version].into_iter().chain(engine);
        texts.for_each(to_ascii);
    }
    report.engine.iter_mut().for_each(to_ascii);
    for image in &mut report.images {
        if let domain::InstanceOutcome::Failed { reason } = &mut image.outcome {
            to_ascii(&mut reason.text);
        }
    }
    report
}

fn to_ascii(text: &mut String) {
    *text = text.chars().map(|character| if character.is_ascii() { character } else { '?' }).collect();
}

fn is_ascii(object: &InMemDicomObject) -> bool {
    object.iter().all(|element| match (element.value().primitive(), element.items()) {
        (Some(PrimitiveValue::Str(text)), _) => text.is_ascii(),
        (_, Some(items)) => items.iter().all(is_ascii),
        _ => true,
    })
}

/// Patient and General Study modules. What the images lacked is empty where the standard wants the element (type 2),
/// and otherwise absent. A value of a length that none may have counts as lacking: cut, an identifier would be another
/// one, and whole, it may not fit into its element and would cost the study its results.
fn patient_and_study(report: &StudyReport) -> Vec<Element> {
    let from = &report.patient_study;
    let required = [
        (tags::PATIENT_NAME, VR::PN, &from.patient_name),
        (tags::PATIENT_ID, VR::LO, &from.patient_id),
        (tags::PATIENT_BIRTH_DATE, VR::DA, &from.birth_date),
        (tags::PATIENT_SEX, VR::CS, &from.sex),
        (tags::STUDY_DATE, VR::DA, &from.study_date),
        (tags::STUDY_TIME, VR::TM, &from.study_time),
        (tags::STUDY_ID, VR::SH, &from.study_id),
        (tags::ACCESSION_NUMBER, VR::SH, &from.accession_number),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, &from.referring_physician),
    ];
    let optional = [
        (tags::ISSUER_OF_PATIENT_ID, VR::LO, &from.issuer_of_patient_id),
        (tags::STUDY_DESCRIPTION, VR::LO, &from.study_description),
    ];
    let element = |(tag, vr, value): (dicom_core::Tag, VR, &Option<String>)| {
        let governed = matches!(vr, VR::PN | VR::LO | VR::SH);
        if let (Some(source), true) = (&from.source, governed) {
            let bytes = source.bytes((tag.group(), tag.element())).filter(|bytes| bytes.len() <= PATIENT_BYTES_MAX);
            return bytes.map(|bytes| encoded(tag, vr, bytes));
        }
        value.as_ref().filter(|value| value.len() <= PATIENT_BYTES_MAX).map(|value| text(tag, vr, value))
    };
    let required =
        required.into_iter().map(|(tag, vr, value)| element((tag, vr, value)).unwrap_or_else(|| text(tag, vr, "")));
    let optional = optional.into_iter().filter_map(element);
    let study = text(tags::STUDY_INSTANCE_UID, VR::UI, report.study.0.as_str());
    required.chain(optional).chain([study]).collect()
}

/// The file, Explicit VR Little Endian. `pixel_bytes` is a guess of its size beyond the header.
pub(crate) fn part_10(object: InMemDicomObject, pixel_bytes: usize) -> Result<Vec<u8>, ResultError> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax::EXPLICIT_LE)
        // That of the library would change the bytes with its version.
        .implementation_class_uid(IMPLEMENTATION_CLASS)
        .implementation_version_name("MAMORU");
    let mut bytes = Vec::with_capacity(pixel_bytes + 65_536);
    let object = object.with_meta(meta).map_err(|_| ResultError::Encode)?;
    object.write_all(&mut bytes).map_err(|_| ResultError::Encode)?;
    Ok(bytes)
}
