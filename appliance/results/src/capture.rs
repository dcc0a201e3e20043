//! A page as Secondary Capture Image (PS3.3 section A.8.1), RGB, Explicit VR Little Endian.

use contract::uid::IMPLEMENTATION_CLASS;
use contract::{Digest, Uid, transfer_syntax};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use domain::findings::ModelId;
use domain::{ImageFinding, NOTICE, ReportedImage, ResultKind, Sop, StudyReport};
use drawing::Picture;

use crate::civil::Civil;
use crate::{ResultError, ResultObject, file_name, wording};

/// Secondary Capture Image Storage.
const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
/// To be raised with every change of the pages: one UID never names two different objects.
const LAYOUT: &str = "1";
/// More than any legal value of the patient and study attributes has, in UTF-8 (PN: three groups of 64 characters).
const PATIENT_BYTES_MAX: usize = 1_024;
/// Far behind the series of modalities, which count from 1.
const SERIES_NUMBER: &str = "9401";
/// Not MG, though the grey values came from there: rules that route or hang all of modality MG, above all back to this
/// appliance, must not catch its own results. PS3.3 section C.7.3.1.1.1 has OT for what no other term fits.
const MODALITY: &str = "OT";

/// A page and what its header says of it.
pub(crate) struct Capture<'a> {
    pub(crate) report: &'a StudyReport,
    pub(crate) kind: ResultKind,
    /// Name of the object within the revision.
    pub(crate) name: String,
    /// Number of the object within the revision.
    pub(crate) number: u32,
    pub(crate) page: Picture,
    /// Of what was drawn onto the page besides the report, if anything.
    pub(crate) drawn: Option<Digest>,
    /// The images that the page was made from.
    pub(crate) sources: Vec<&'a ReportedImage>,
    /// The one image that the page shows.
    pub(crate) shown: Option<&'a ImageFinding>,
    /// What the page says, for those who read headers.
    pub(crate) comments: Vec<String>,
}

type Element = DataElement<InMemDicomObject>;

impl Capture<'_> {
    pub(crate) fn into_object(self) -> Result<ResultObject, ResultError> {
        let sop = Sop { class: Uid::parse(SOP_CLASS).map_err(|_| ResultError::Encode)?, instance: self.instance() };
        let groups = [
            self.general(&sop),
            patient_and_study(self.report),
            self.series_and_device(),
            self.derivation(),
            image_pixel(&self.page)?,
        ];
        let mut object = InMemDicomObject::from_element_iter(groups.into_iter().flatten());
        let is_ascii = object.iter().all(|element| match element.value().primitive() {
            Some(PrimitiveValue::Str(text)) => text.is_ascii(),
            _ => true,
        });
        if !is_ascii {
            object.put(text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"));
        }
        let bytes = self.page.rgb.len();
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(even(self.page.rgb))));
        Ok(ResultObject {
            kind: self.kind,
            file_name: file_name(self.report, &self.name, "dcm"),
            name: self.name,
            sop: Some(sop),
            bytes: part_10(object, bytes)?,
        })
    }

    /// The same for the same report, pictures and version of this crate; another when one of them changes.
    fn instance(&self) -> Uid {
        let fingerprint = self.report.fingerprint().to_string();
        let drawn = self.drawn.map(|digest| digest.to_string()).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        Uid::derived(&["mamoru result", LAYOUT, version, &fingerprint, &self.name, &drawn])
    }

    /// SOP Common and General Image modules. Times are UTC, but Timezone Offset From UTC (0008,0201) is left out: it would
    /// govern the modality's Study Time too, which is repeated as it was.
    fn general(&self, sop: &Sop) -> Vec<Element> {
        let time = Civil::of(self.report.last_received_at);
        // Later revisions sort later. From a thousandth object on numbers meet those of the next revision, which is
        // allowed: they order, the UIDs name.
        let number = u64::from(self.report.revision) * 1_000 + u64::from(self.number);
        vec![
            text(tags::SOP_CLASS_UID, VR::UI, sop.class.as_str()),
            text(tags::SOP_INSTANCE_UID, VR::UI, sop.instance.as_str()),
            text(tags::INSTANCE_CREATION_DATE, VR::DA, &time.da()),
            text(tags::INSTANCE_CREATION_TIME, VR::TM, &time.tm()),
            text(tags::INSTANCE_NUMBER, VR::IS, &number.min(i32::MAX as u64).to_string()),
            text(tags::CONTENT_DATE, VR::DA, &time.da()),
            text(tags::CONTENT_TIME, VR::TM, &time.tm()),
            text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY"),
            text(tags::PATIENT_ORIENTATION, VR::CS, ""),
            text(tags::IMAGE_COMMENTS, VR::LT, &free_text(&self.comments(), 10_240)),
        ]
    }

    fn comments(&self) -> String {
        let revision = wording::supersedes(self.report).map(|text| format!("{text}."));
        let untrained = self.model().and_then(wording::untrained).map(|text| format!("{text}."));
        let first = [Some(NOTICE.to_owned()), revision, untrained].into_iter().flatten();
        first.chain(self.comments.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// General Series, General Equipment and SC Equipment modules.
    fn series_and_device(&self) -> Vec<Element> {
        let series = self.report.study.result_series();
        vec![
            text(tags::MODALITY, VR::CS, MODALITY),
            text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str()),
            text(tags::SERIES_NUMBER, VR::IS, SERIES_NUMBER),
            text(tags::SERIES_DESCRIPTION, VR::LO, "MAMORU AI results - research use only"),
            text(tags::MANUFACTURER, VR::LO, "Mamoru"),
            text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Mamoru"),
            text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
            // A page is synthetic; one with an image on it was made at a workstation, in DICOM's terms.
            text(tags::CONVERSION_TYPE, VR::CS, if self.shown.is_some() { "WSD" } else { "SYN" }),
        ]
    }

    /// From what and how the page was made, and what it shows. Whether the source was compressed with loss is not in
    /// the report: Lossy Image Compression is left out.
    fn derivation(&self) -> Vec<Element> {
        let mut elements = vec![text(tags::DERIVATION_DESCRIPTION, VR::ST, &free_text(&self.derivation_text(), 1_024))];
        if !self.sources.is_empty() {
            let items = self.sources.iter().map(|image| source(image)).collect();
            elements.push(sequence(tags::SOURCE_IMAGE_SEQUENCE, items));
        }
        // Where the image's is not given, the series needs a laterality: this one shows both breasts.
        let laterality = self.shown.map_or("B", |finding| finding.laterality.letter());
        elements.push(text(tags::IMAGE_LATERALITY, VR::CS, laterality));
        let Some(finding) = self.shown else {
            // No name and no identifier of a person is drawn. Of a page with an image this cannot be said: the image's
            // own pixels may hold some, as those of digitised film do.
            elements.push(text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO"));
            return elements;
        };
        // Beyond the IOD, which makes this a Standard Extended SOP Class (PS3.2): viewers sort by it.
        elements.push(text(tags::VIEW_POSITION, VR::CS, finding.view.term()));
        elements
    }

    /// That of the image that is shown, or of the study.
    fn model(&self) -> Option<&ModelId> {
        self.shown.map(|finding| &finding.model).or(self.report.model.as_ref())
    }

    fn derivation_text(&self) -> String {
        let made = match self.shown {
            Some(_) => "Class activation map drawn over the image.",
            None => "Summary of the scores of the study's images.",
        };
        let Some(model) = self.model() else {
            return format!("{made} No image was scored.");
        };
        let engine = self.shown.map(|finding| finding.engine.as_str()).or(self.report.engine.as_deref());
        format!(
            "{made} Model {}, network SHA-256 {}, preprocessing {}, engine {}.",
            wording::model(model),
            model.network,
            model.preprocess,
            engine.unwrap_or("not known"),
        )
    }
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
    let sound = |value: &Option<String>| value.clone().filter(|value| value.len() <= PATIENT_BYTES_MAX);
    let required = required.into_iter().map(|(tag, vr, value)| text(tag, vr, &sound(value).unwrap_or_default()));
    let optional = optional.into_iter().filter_map(|(tag, vr, value)| Some(text(tag, vr, &sound(value)?)));
    let study = text(tags::STUDY_INSTANCE_UID, VR::UI, report.study.0.as_str());
    required.chain(optional).chain([study]).collect()
}

/// Image Pixel module, without the pixels.
fn image_pixel(page: &Picture) -> Result<Vec<Element>, ResultError> {
    let size = |value: u32| u16::try_from(value).map_err(|_| ResultError::Encode);
    Ok(vec![
        number(tags::SAMPLES_PER_PIXEL, 3),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
        number(tags::PLANAR_CONFIGURATION, 0),
        number(tags::ROWS, size(page.rows)?),
        number(tags::COLUMNS, size(page.columns)?),
        number(tags::BITS_ALLOCATED, 8),
        number(tags::BITS_STORED, 8),
        number(tags::HIGH_BIT, 7),
        number(tags::PIXEL_REPRESENTATION, 0),
    ])
}

/// An item of the Source Image Sequence (PS3.3 section C.7.6.1).
fn source(image: &ReportedImage) -> InMemDicomObject {
    let purpose = InMemDicomObject::from_element_iter([
        text(tags::CODE_VALUE, VR::SH, "121322"),
        text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM"),
        text(tags::CODE_MEANING, VR::LO, "Source image for image processing operation"),
    ]);
    InMemDicomObject::from_element_iter([
        text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, image.sop_class.as_str()),
        text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, image.key.0.as_str()),
        sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![purpose]),
    ])
}

fn part_10(object: InMemDicomObject, pixel_bytes: usize) -> Result<Vec<u8>, ResultError> {
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

/// Text of ours for ST and LT, of at most `characters_max`: names and reasons in it may hold anything.
fn free_text(text: &str, characters_max: usize) -> String {
    drawing::clipped(text, characters_max)
}

/// Pixel data ends at an even length (PS3.5 section 8.1.1).
fn even(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
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
