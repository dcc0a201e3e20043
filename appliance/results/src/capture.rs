//! A page as Secondary Capture Image (PS3.3 section A.8.1), RGB, Explicit VR Little Endian.

use contract::{Digest, Uid};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::findings::ModelId;
use domain::{ImageFinding, ReportedImage, ResultKind, Sop, StudyReport};
use drawing::Picture;

use crate::civil::Civil;
use crate::elements::{self, Element, number, sequence, text};
use crate::{ResultError, ResultObject, codes, file_name, header, wording};

/// Secondary Capture Image Storage.
pub(crate) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
/// To be raised with every change of the pages: one UID never names two different objects.
const LAYOUT: &str = "3";
/// Far behind the series of modalities, which count from 1.
pub(crate) const SERIES_NUMBER: &str = "9401";
pub(crate) const SERIES_DESCRIPTION: &str = "MAMORU AI results - research use only";
/// Not MG, though the grey values came from there: rules that route or hang all of modality MG, above all back to this
/// appliance, must not catch its own results. PS3.3 section C.7.3.1.1.1 has OT for what no other term fits.
pub(crate) const MODALITY: &str = "OT";

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

impl Capture<'_> {
    pub(crate) fn into_object(self) -> Result<ResultObject, ResultError> {
        let sop = Sop { class: Uid::parse(SOP_CLASS).map_err(|_| ResultError::Encode)?, instance: self.instance() };
        let groups = [self.general(&sop), self.series_and_device(), self.derivation(), image_pixel(&self.page)?];
        let mut object = header::object(self.report, groups.into_iter().flatten());
        let bytes = self.page.rgb.len();
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(even(self.page.rgb))));
        Ok(ResultObject {
            kind: self.kind,
            file_name: file_name(self.report, &self.name, "dcm"),
            name: self.name,
            sop: Some(sop),
            bytes: header::part_10(object, bytes)?,
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
        let first = [Some(self.report.notice().to_owned()), revision, untrained].into_iter().flatten();
        first.chain(self.comments.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// General Series, General Equipment and SC Equipment modules.
    fn series_and_device(&self) -> Vec<Element> {
        let uid = self.report.study.result_series(self.kind);
        let series = [
            text(tags::MODALITY, VR::CS, MODALITY),
            text(tags::SERIES_INSTANCE_UID, VR::UI, uid.as_str()),
            text(tags::SERIES_NUMBER, VR::IS, SERIES_NUMBER),
            text(tags::SERIES_DESCRIPTION, VR::LO, SERIES_DESCRIPTION),
            // The same for all pages of the series, which have one equipment: made at a workstation, in DICOM's terms.
            text(tags::CONVERSION_TYPE, VR::CS, "WSD"),
        ];
        series.into_iter().chain(header::equipment()).collect()
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
    let mut item = elements::reference(&image.sop_class, &image.key.0);
    item.put(sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![codes::SOURCE_IMAGE.item()]));
    item
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
