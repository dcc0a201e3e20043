//! Presentation states, read back.

use contract::InstanceAttributes;
use dicom_dictionary_std::tags;
use domain::{InstanceOutcome, NOTICE, ResultKind, StudyReport};
use results::ResultObject;

use crate::made_up::{findings, objects_with, one, positive, report};
use crate::tree::{items, read, text, tree};

fn states(report: &StudyReport) -> Vec<ResultObject> {
    objects_with(report, &[ResultKind::PresentationState], &|_| None)
}

fn with(change: impl Fn(&mut InstanceAttributes)) -> dicom_object::DefaultDicomObject {
    let mut report = positive();
    report.images.iter_mut().for_each(|image| change(image.attributes.as_mut().unwrap()));
    read(&states(&report)[0])
}

#[test]
fn there_is_one_per_scored_image() {
    let names: Vec<String> = states(&report()).into_iter().map(|object| object.name).collect();
    assert_eq!(names, ["presentation-state-01", "presentation-state-04"]);
    for (object, image) in states(&positive()).iter().zip(&positive().images) {
        let header = read(object);
        let series = &items(&header, tags::REFERENCED_SERIES_SEQUENCE)[0];
        let named = &items(series, tags::REFERENCED_IMAGE_SEQUENCE)[0];
        assert_eq!(text(named, tags::REFERENCED_SOP_INSTANCE_UID), image.key.0.as_str());
        assert_eq!(text(series, tags::SERIES_INSTANCE_UID), image.series.as_ref().unwrap().as_str());
    }
}

#[test]
fn its_outline_is_that_of_the_structured_reports() {
    let report = positive();
    let (cad, measured) = (one(&report, ResultKind::CadSr), one(&report, ResultKind::ComprehensiveSr));
    let (cad, measured) = (tree(&cad), tree(&measured));
    let outlines = cad.all("111041");
    for (index, object) in states(&report).iter().enumerate() {
        let annotation = &items(&read(object), tags::GRAPHIC_ANNOTATION_SEQUENCE)[0];
        let lines = items(annotation, tags::GRAPHIC_OBJECT_SEQUENCE);
        assert_eq!(lines.len(), 1);
        let points = lines[0].element(tags::GRAPHIC_DATA).unwrap().to_multi_float32().unwrap();
        assert_eq!(points, outlines[index].points);
        assert_eq!(points, measured.all("111030")[index].points);
        let count: usize = text(&lines[0], tags::NUMBER_OF_GRAPHIC_POINTS).parse().unwrap();
        assert_eq!(2 * count, points.len());
    }
}

#[test]
fn it_says_score_notice_and_verdict() {
    let said = |report: &StudyReport| {
        let annotation = items(&read(&states(report)[0]), tags::GRAPHIC_ANNOTATION_SEQUENCE).remove(0);
        let texts = items(&annotation, tags::TEXT_OBJECT_SEQUENCE);
        texts.iter().map(|item| text(item, tags::UNFORMATTED_TEXT_VALUE)).collect::<Vec<_>>()
    };
    let words = said(&positive());
    assert_eq!(words[0], "AI R CC 0.8000: called");
    assert!(words[1].starts_with(NOTICE) && words[1].contains("not a calibrated probability"));
    let mut other = positive();
    other.revision = 3;
    let untrained = crate::made_up::model(contract::manifest::ModelLabel::Untrained);
    findings(&mut other).for_each(|finding| finding.model = untrained.clone());
    let words = said(&other);
    assert_eq!(words[0], "AI R CC 0.8000: not called");
    assert!(words[1].contains("UNTRAINED: SCORES MEAN NOTHING") && words[1].contains("REVISION 3"), "{words:?}");
}

#[test]
fn the_whole_image_is_shown_as_it_says_itself() {
    let header = with(|_| {});
    let area = &items(&header, tags::DISPLAYED_AREA_SELECTION_SEQUENCE)[0];
    let corner = |tag| area.element(tag).unwrap().to_multi_int::<i32>().unwrap();
    assert_eq!(corner(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER), [1, 1]);
    assert_eq!(corner(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER), [20, 40]);
    let voi = &items(&header, tags::SOFTCOPY_VOILUT_SEQUENCE)[0];
    assert_eq!((text(voi, tags::WINDOW_CENTER), text(voi, tags::WINDOW_WIDTH)), ("2047.5".into(), "3000".into()));
    assert_eq!((text(&header, tags::RESCALE_SLOPE), text(&header, tags::RESCALE_INTERCEPT)), ("1".into(), "0".into()));
    assert_eq!(text(&header, tags::PRESENTATION_LUT_SHAPE), "IDENTITY");
}

#[test]
fn polarity_function_and_lookup_table_follow_the_image() {
    let inverse = with(|found| found.photometric = Some("MONOCHROME1".into()));
    assert_eq!(text(&inverse, tags::PRESENTATION_LUT_SHAPE), "INVERSE");
    let voi = |header: &dicom_object::DefaultDicomObject| items(header, tags::SOFTCOPY_VOILUT_SEQUENCE);
    let sigmoid = with(|found| found.voi_function = Some("SIGMOID".into()));
    assert_eq!(text(&voi(&sigmoid)[0], tags::VOILUT_FUNCTION), "SIGMOID");
    let unknown = with(|found| found.voi_function = Some("SECRET".into()));
    assert_eq!(text(&voi(&unknown)[0], tags::VOILUT_FUNCTION), "");
    let table = with(|found| (found.window, found.voi_lut) = (None, Some([100.0, 4_000.0])));
    let window = &voi(&table)[0];
    assert_eq!((text(window, tags::WINDOW_CENTER), text(window, tags::WINDOW_WIDTH)), ("2100".into(), "4000".into()));
    let plain = with(|found| *found = InstanceAttributes::default());
    assert!(voi(&plain).is_empty() && plain.element_opt(tags::RESCALE_SLOPE).unwrap().is_none());
}

#[test]
fn without_an_outline_the_words_remain() {
    let object = states(&report()).remove(0);
    let annotation = &items(&read(&object), tags::GRAPHIC_ANNOTATION_SEQUENCE)[0];
    assert!(items(annotation, tags::GRAPHIC_OBJECT_SEQUENCE).is_empty());
    let anchor = |index: usize| {
        let item = &items(annotation, tags::TEXT_OBJECT_SEQUENCE)[index];
        item.element(tags::ANCHOR_POINT).unwrap().to_multi_float32().unwrap()
    };
    let InstanceOutcome::Scored(finding) = &report().images[0].outcome else { panic!("scored") };
    let original = finding.geometry.original;
    assert!(anchor(0)[0] <= original.columns as f32 && anchor(0)[1] <= original.rows as f32);
    assert_eq!(anchor(1), [0.0, 0.0]);
}
