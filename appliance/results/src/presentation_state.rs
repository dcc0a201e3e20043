//! Grayscale Softcopy Presentation State (PS3.3 section A.33.1): the outline and the score over one image, to be switched on
//! and off by the viewer.
//!
//! A presentation state replaces how an image says it is to be shown (PS3.4 section N.2): rescale, window and polarity are
//! repeated from the image. A VOI LUT is not: a linear window over the values that it maps stands for it.

use contract::InstanceAttributes;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::{NOTICE, ResultKind, StudyReport};

use crate::civil::Civil;
use crate::elements::{Element, decimal, floats, integers, item, number, reference, sequence, text};
use crate::header::Made;
use crate::marks::{self, Mark};
use crate::{ResultError, ResultObject, codes, header, wording};

/// Grayscale Softcopy Presentation State Storage.
pub(crate) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.11.1";
/// Series Number and Series Description.
pub(crate) const SERIES: (&str, &str) = ("9404", "MAMORU AI outlines - research use only");
const LAYER: &str = "MAMORU_AI";

/// The state of one scored image; `None` when its series is not known.
pub(crate) fn object(report: &StudyReport, mark: &Mark<'_>) -> Result<Option<ResultObject>, ResultError> {
    let Some(series) = &mark.image.series else { return Ok(None) };
    let time = Civil::of(report.last_received_at);
    let image = || vec![reference(&mark.image.sop_class, &mark.image.key.0)];
    let referenced = item([
        text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str()),
        sequence(tags::REFERENCED_IMAGE_SEQUENCE, image()),
    ]);
    let description = format!("{}: {NOTICE}", mark.words());
    let layer = item([
        text(tags::GRAPHIC_LAYER, VR::CS, LAYER),
        text(tags::GRAPHIC_LAYER_ORDER, VR::IS, "1"),
        text(tags::GRAPHIC_LAYER_DESCRIPTION, VR::LO, "AI result - research use only"),
    ]);
    let mut elements = vec![
        text(tags::CONTENT_LABEL, VR::CS, LAYER),
        text(tags::CONTENT_DESCRIPTION, VR::LO, &drawing::clipped(&description, 64)),
        text(tags::PRESENTATION_CREATION_DATE, VR::DA, &time.da()),
        text(tags::PRESENTATION_CREATION_TIME, VR::TM, &time.tm()),
        text(tags::CONTENT_CREATOR_NAME, VR::PN, ""),
        sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![referenced]),
        sequence(tags::DISPLAYED_AREA_SELECTION_SEQUENCE, vec![displayed_area(mark)]),
        sequence(tags::GRAPHIC_LAYER_SEQUENCE, vec![layer]),
        sequence(tags::GRAPHIC_ANNOTATION_SEQUENCE, vec![annotation(report, mark, image())]),
        contribution(report),
        // The side is that of the image; without it the series, which has both, would need one.
        text(tags::IMAGE_LATERALITY, VR::CS, mark.finding.laterality.letter()),
    ];
    elements.extend(grey_scale(mark.image.attributes.as_deref()));
    let made = Made {
        report,
        kind: ResultKind::PresentationState,
        class: SOP_CLASS,
        name: format!("presentation-state-{:02}", mark.number),
        number: u64::from(report.revision) * 1_000 + u64::from(mark.number),
        modality: "PR",
        series_number: SERIES.0,
        series_description: SERIES.1,
        settings: "",
        elements,
    };
    made.into_object().map(Some)
}

/// The whole image; corners count pixels from 1 (PS3.3 section C.10.4).
fn displayed_area(mark: &Mark<'_>) -> InMemDicomObject {
    let original = mark.finding.geometry.original;
    let corner = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    item([
        integers(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, &[1, 1]),
        integers(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, &[corner(original.columns), corner(original.rows)]),
        text(tags::PRESENTATION_SIZE_MODE, VR::CS, "SCALE TO FIT"),
        text(tags::PRESENTATION_PIXEL_ASPECT_RATIO, VR::IS, "1\\1"),
    ])
}

/// Outlines and words. Points are in pixels, the upper left corner of the first one at 0.0\0.0 (PS3.3 section C.10.5.1.2).
fn annotation(report: &StudyReport, mark: &Mark<'_>, image: Vec<InMemDicomObject>) -> InMemDicomObject {
    let lines = mark.outlines().iter().map(|ring| {
        item([
            text(tags::GRAPHIC_ANNOTATION_UNITS, VR::CS, "PIXEL"),
            number(tags::GRAPHIC_DIMENSIONS, 2),
            number(tags::NUMBER_OF_GRAPHIC_POINTS, u16::try_from(ring.points().len()).unwrap_or(u16::MAX)),
            floats(tags::GRAPHIC_DATA, ring.points().iter().flat_map(|point| [point.x, point.y])),
            text(tags::GRAPHIC_TYPE, VR::CS, "POLYLINE"),
            text(tags::GRAPHIC_FILLED, VR::CS, "N"),
        ])
    });
    let lines: Vec<InMemDicomObject> = lines.collect();
    let mut elements = vec![
        sequence(tags::REFERENCED_IMAGE_SEQUENCE, image),
        text(tags::GRAPHIC_LAYER, VR::CS, LAYER),
        sequence(tags::TEXT_OBJECT_SEQUENCE, words(report, mark)),
    ];
    if !lines.is_empty() {
        elements.push(sequence(tags::GRAPHIC_OBJECT_SEQUENCE, lines));
    }
    item(elements)
}

/// The score beside the strongest place, and the notice in the upper left corner.
fn words(report: &StudyReport, mark: &Mark<'_>) -> Vec<InMemDicomObject> {
    let score = format!("AI {}: {}", mark.words(), marks::verdict(mark.finding));
    let revision = wording::supersedes(report);
    let untrained = wording::untrained(&mark.finding.model).map(str::to_owned);
    let rule = Some(marks::rule(mark.finding));
    let notice = [Some(report.notice().to_owned()), untrained, revision, rule, Some(wording::meaning_of(mark.finding))];
    let center = mark.center();
    let object = |lines: &[String], x: f64, y: f64| {
        let lines: Vec<String> = lines.iter().map(|line| drawing::clipped(line, 200)).collect();
        item([
            text(tags::ANCHOR_POINT_ANNOTATION_UNITS, VR::CS, "PIXEL"),
            text(tags::UNFORMATTED_TEXT_VALUE, VR::ST, &lines.join("\r\n")),
            floats(tags::ANCHOR_POINT, [x, y]),
            text(tags::ANCHOR_POINT_VISIBILITY, VR::CS, "N"),
        ])
    };
    let notice: Vec<String> = notice.into_iter().flatten().collect();
    vec![object(&[score], center.x, center.y), object(&notice, 0.0, 0.0)]
}

/// Contributing Equipment Sequence (PS3.3 section C.12.1): where the score came from.
fn contribution(report: &StudyReport) -> Element {
    let mut equipment = item(header::equipment());
    let description = drawing::clipped(&marks::provenance(report).join("; "), 1_024);
    equipment.put(text(tags::CONTRIBUTION_DESCRIPTION, VR::ST, &description));
    equipment.put(sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![codes::PROCESSING_EQUIPMENT.item()]));
    sequence(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![equipment])
}

/// Modality LUT, Softcopy VOI LUT and Softcopy Presentation LUT modules.
fn grey_scale(attributes: Option<&InstanceAttributes>) -> Vec<Element> {
    let is_inverse = attributes.is_some_and(|found| found.photometric.as_deref() == Some("MONOCHROME1"));
    let shape = if is_inverse { "INVERSE" } else { "IDENTITY" };
    let mut elements = vec![text(tags::PRESENTATION_LUT_SHAPE, VR::CS, shape)];
    let Some(attributes) = attributes else { return elements };
    if let Some([slope, intercept]) = attributes.rescale {
        elements.push(text(tags::RESCALE_SLOPE, VR::DS, &decimal(slope)));
        elements.push(text(tags::RESCALE_INTERCEPT, VR::DS, &decimal(intercept)));
        elements.push(text(tags::RESCALE_TYPE, VR::LO, "US"));
    }
    let window = match (attributes.window, attributes.voi_lut) {
        (Some([center, width]), _) => Some((center, width, attributes.voi_function.as_deref())),
        (None, Some([first, entries])) => Some((first + entries / 2.0, entries, None)),
        (None, None) => None,
    };
    if let Some((center, width, function)) = window {
        let mut voi = vec![
            text(tags::WINDOW_CENTER, VR::DS, &decimal(center)),
            text(tags::WINDOW_WIDTH, VR::DS, &decimal(width)),
        ];
        let known = function.filter(|function| matches!(*function, "LINEAR" | "LINEAR_EXACT" | "SIGMOID"));
        voi.extend(known.map(|function| text(tags::VOILUT_FUNCTION, VR::CS, function)));
        elements.push(sequence(tags::SOFTCOPY_VOILUT_SEQUENCE, vec![item(voi)]));
    }
    elements
}
