//! The Secondary Captures, read back with dicom-object and with the reader that receives images.

use std::collections::BTreeSet;
use std::io::Cursor;

use contract::PatientStudy;
use contract::manifest::ModelLabel;
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, from_reader};
use domain::{ExclusionReason, InstanceOutcome, NOTICE, ReportedImage, ResultKind, StudyReport};
use drawing::Picture;
use results::ResultObject;

use crate::made_up::{
    crowded, excluded, failed, findings, image, model, nothing_scored, objects, objects_with, png, report,
};

const CAPTURES: [ResultKind; 2] = [ResultKind::Summary, ResultKind::Heatmap];

fn captures(report: &StudyReport) -> Vec<ResultObject> {
    objects_with(report, &CAPTURES, &|_| Some(png()))
}

fn read(object: &ResultObject) -> DefaultDicomObject {
    from_reader(Cursor::new(&object.bytes)).unwrap()
}

fn text(object: &DefaultDicomObject, tag: dicom_core::Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end().to_owned()
}

fn page(object: &ResultObject) -> Picture {
    let object = read(object);
    let number = |tag| object.element(tag).unwrap().to_int::<u32>().unwrap();
    let rgb = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap().into_owned();
    let page = Picture { columns: number(tags::COLUMNS), rows: number(tags::ROWS), rgb };
    assert_eq!(page.rgb.len(), 3 * page.columns as usize * page.rows as usize);
    page
}

/// How many pixels of `colour` stand in the rows from `top` on.
fn count(page: &Picture, colour: [u8; 3], top: u32) -> usize {
    let start = 3 * page.columns as usize * top as usize;
    page.rgb[start..].chunks_exact(3).filter(|pixel| **pixel == colour).count()
}

const WARNING: [u8; 3] = [255, 190, 60];
const ALARM: [u8; 3] = [196, 30, 40];
const BACKGROUND: [u8; 3] = [12, 14, 18];

#[test]
fn a_heat_map_that_is_gone_or_damaged_is_said_on_the_page() {
    let heatmaps =
        |heatmap: &dyn Fn(&ReportedImage) -> Option<Vec<u8>>| objects_with(&report(), &[ResultKind::Heatmap], heatmap);
    let whole = heatmaps(&|_| Some(png()));
    let grey = |_: &ReportedImage| Some(b"\x89PNG\r\n\x1a\n and nothing of sense".to_vec());
    let cases = [
        (heatmaps(&|_| None), "gone"),
        (heatmaps(&grey), "cannot be read"),
        (heatmaps(&|_| Some(png()[..60].to_vec())), "cannot be read"),
        (heatmaps(&|_| Some(Vec::new())), "cannot be read"),
    ];
    for (objects, words) in cases {
        assert_eq!(objects.len(), whole.len(), "no page is left out");
        for (object, whole) in objects.iter().zip(&whole) {
            assert!(text(&read(object), tags::IMAGE_COMMENTS).contains(words), "{words}");
            assert!(count(&page(object), WARNING, 64) > 300, "words on the page: {words}");
            assert_ne!(object.sop, whole.sop, "another content, another UID");
        }
    }
    assert!(!text(&read(&whole[0]), tags::IMAGE_COMMENTS).contains("heat map's file"));
    assert_eq!(count(&page(&whole[0]), [90, 120, 150], 0), 96 * 68, "the whole picture is on the page");
}

#[test]
fn pixels_know_no_patient() {
    let mut other = report();
    other.patient_study = PatientStudy { patient_name: Some("ANOTHER^NAME".into()), ..PatientStudy::default() };
    for (one, other) in captures(&report()).iter().zip(&captures(&other)) {
        assert!(page(one) == page(other), "{}", one.name);
    }
    let says_no = |object: &ResultObject| read(object).element_opt(tags::BURNED_IN_ANNOTATION).unwrap().is_some();
    let objects = captures(&report());
    assert!(says_no(&objects[0]), "a summary has no pixels but our own");
    assert!(!objects[1..].iter().any(says_no), "an image may carry marks");
}

#[test]
fn a_revision_has_new_instances_in_the_same_series() {
    let mut second = report();
    second.revision = 2;
    let (first, second) = (captures(&report()), captures(&second));
    let names = |object: &ResultObject| {
        let object = read(object);
        let number: i32 = text(&object, tags::INSTANCE_NUMBER).parse().unwrap();
        (text(&object, tags::SERIES_INSTANCE_UID), text(&object, tags::SOP_INSTANCE_UID), number)
    };
    let all: BTreeSet<String> = first.iter().chain(&second).map(|object| names(object).1).collect();
    assert_eq!(all.len(), first.len() + second.len());
    for (first, second) in first.iter().zip(&second) {
        let (series, _, number) = names(first);
        let (later_series, instance, later_number) = names(second);
        assert_eq!(series, later_series);
        assert_eq!(series, report().study.result_series(ResultKind::Summary).as_str());
        assert_eq!(instance, second.sop.as_ref().unwrap().instance.as_str());
        assert!(later_number > number);
        let comments = text(&read(second), tags::IMAGE_COMMENTS);
        assert!(comments.starts_with(NOTICE) && comments.contains("REVISION 2, supersedes revision 1."));
        assert!(!text(&read(first), tags::IMAGE_COMMENTS).contains("supersedes"));
        assert_ne!(first.name.clone() + &first.file_name, second.name.clone() + &second.file_name);
    }
}

#[test]
fn how_long_it_took_changes_no_name() {
    let mut slower = report();
    if let InstanceOutcome::Scored(finding) = &mut slower.images[0].outcome {
        finding.timings.network_ms = 99.0;
    }
    assert!(captures(&report()) == captures(&slower));
    let mut other = report();
    other.images.pop();
    assert_ne!(captures(&report())[0].sop, captures(&other)[0].sop);
}

#[test]
fn patient_and_study_are_read_back_as_they_were() {
    for object in captures(&report()) {
        let header = dataset::inspect(Cursor::new(&object.bytes)).unwrap();
        assert!(header.patient_study == report().patient_study, "{}", object.name);
        assert_eq!(header.study, report().study.0);
        assert_eq!(header.instance, object.sop.unwrap().instance);
        assert_eq!(header.attributes.modality.as_deref(), Some("OT"));
    }
    let mut ascii = report();
    ascii.patient_study.patient_name = Some("ONLY^ASCII".into());
    assert!(read(&captures(&ascii)[0]).element_opt(tags::SPECIFIC_CHARACTER_SET).unwrap().is_none());
}

#[test]
fn missing_patient_attributes_are_empty_where_the_standard_wants_them() {
    let mut report = report();
    report.patient_study = PatientStudy::default();
    let object = read(&captures(&report)[0]);
    for tag in [tags::PATIENT_NAME, tags::PATIENT_ID, tags::STUDY_DATE, tags::ACCESSION_NUMBER] {
        assert_eq!(text(&object, tag), "");
    }
    assert!(object.element_opt(tags::ISSUER_OF_PATIENT_ID).unwrap().is_none());
}

#[test]
fn headers_name_side_view_source_model_and_time() {
    let objects = captures(&report());
    let object = read(&objects[2]);
    assert_eq!(objects[2].name, "heatmap-04");
    assert_eq!(
        (text(&object, tags::IMAGE_LATERALITY).as_str(), text(&object, tags::VIEW_POSITION).as_str()),
        ("R", "MLO")
    );
    let sources = object.element(tags::SOURCE_IMAGE_SEQUENCE).unwrap().items().unwrap();
    let uid = sources[0].element(tags::REFERENCED_SOP_INSTANCE_UID).unwrap().to_str().unwrap().into_owned();
    assert_eq!(uid.trim_end_matches('\0'), report().images[3].key.0.as_str());
    assert_eq!(
        (text(&object, tags::CONTENT_DATE), text(&object, tags::CONTENT_TIME)),
        ("20251231".into(), "235959.042".into())
    );
    let derivation = text(&object, tags::DERIVATION_DESCRIPTION);
    let model = model(ModelLabel::Research);
    for part in ["made-up 1 (research)".to_owned(), model.network.to_string(), model.preprocess.to_string()] {
        assert!(derivation.contains(&part), "{derivation}");
    }
    assert!(text(&object, tags::IMAGE_COMMENTS).contains("0.2000"));
    let summary = text(&read(&objects[0]), tags::IMAGE_COMMENTS);
    assert!(
        summary.contains("RIGHT 0.5644 from 2 images: CC, MLO.") && summary.contains("LEFT without a scored image")
    );
}

#[test]
fn an_untrained_model_and_a_study_without_a_score_are_alarms() {
    let mut untrained = report();
    untrained.model = Some(model(ModelLabel::Untrained));
    for image in &mut untrained.images {
        if let InstanceOutcome::Scored(finding) = &mut image.outcome {
            finding.model = model(ModelLabel::Untrained);
        }
    }
    for object in captures(&untrained) {
        assert!(text(&read(&object), tags::IMAGE_COMMENTS).contains("UNTRAINED: SCORES MEAN NOTHING"));
        assert!(count(&page(&object), ALARM, 0) > 5_000, "{}", object.name);
    }
    for object in captures(&report()) {
        assert_eq!(count(&page(&object), ALARM, 0), 0);
    }
    let [summary] = &captures(&nothing_scored())[..] else { panic!("a summary and no heat map") };
    assert!(count(&page(summary), ALARM, 0) > 5_000);
    assert!(text(&read(summary), tags::IMAGE_COMMENTS).contains("No image was scored."));
}

#[test]
fn an_engine_that_stood_in_is_a_warning_on_each_page() {
    let warnings = |engine: &str| {
        let mut report = report();
        findings(&mut report).for_each(|finding| finding.engine = engine.into());
        report.engine = Some(engine.into());
        captures(&report).iter().map(|object| count(&page(object), WARNING, 60)).collect::<Vec<_>>()
    };
    // As many letters: only the colour differs.
    let (usual, stand_in) = (warnings("tract is the other one.."), warnings("tract in place of nvidia"));
    assert!(!usual.is_empty());
    for (usual, stand_in) in usual.iter().zip(&stand_in) {
        assert!(stand_in > usual, "{stand_in} {usual}");
    }
}

#[test]
fn a_full_page_says_how_many_are_left() {
    // Rows of the last line of images on the page.
    let last_line = |report: &StudyReport| {
        let mut page = page(&captures(report)[0]);
        page.rgb.truncate(3 * 1000 * 1320);
        count(&page, WARNING, 1296)
    };
    assert!(last_line(&crowded(200)) > 100, "and 182 more");
    assert!(last_line(&crowded(20)) > 100, "and 2 more");
    let mut fitting = crowded(18);
    fitting.images.push(image(19, excluded(ExclusionReason::NoView)));
    assert_eq!(last_line(&fitting), 0);
    assert!(
        text(&read(&captures(&crowded(200))[0]), tags::IMAGE_COMMENTS).contains("100 scored, 100 excluded, 0 failed")
    );
}

#[test]
fn long_texts_are_cut() {
    let mut long = report();
    let mut endless = model(ModelLabel::Research);
    endless.name = "Ünendlich\\\u{7}".repeat(2_000);
    endless.version = "9".repeat(10_000);
    long.engine = Some("e".repeat(10_000));
    for image in &mut long.images {
        match &mut image.outcome {
            InstanceOutcome::Scored(finding) => finding.model = endless.clone(),
            outcome => *outcome = failed(&"long ".repeat(20_000)),
        }
    }
    long.model = Some(endless);
    long.revision = u32::MAX;
    for object in captures(&long) {
        let header = read(&object);
        assert!(text(&header, tags::DERIVATION_DESCRIPTION).chars().count() <= 1_024);
        assert!(text(&header, tags::IMAGE_COMMENTS).chars().count() <= 10_240);
        assert_eq!(text(&header, tags::INSTANCE_NUMBER), i32::MAX.to_string());
        assert!(dataset::inspect(Cursor::new(&object.bytes)).is_ok());
        let page = page(&object);
        let right = page.rgb.chunks_exact(3 * page.columns as usize).skip(64);
        let is_margin = |row: &[u8]| row[row.len() - 3 * 40..].chunks_exact(3).all(|pixel| pixel == BACKGROUND);
        assert!(right.into_iter().all(is_margin), "{} overflows", object.name);
    }
    assert!(objects(&long).iter().all(|object| object.file_name.len() < 80));
}

#[test]
fn a_patient_attribute_without_bounds_spoils_no_object() {
    let mut report = report();
    report.patient_study.patient_id = Some("I".repeat(70_000));
    report.patient_study.study_description = Some("\u{7}\u{1b}$B\r\nD\\E".into());
    for object in captures(&report) {
        let header = dataset::inspect(Cursor::new(&object.bytes)).unwrap();
        assert_eq!(header.patient_study.patient_name, report.patient_study.patient_name);
        assert_eq!(header.patient_study.accession_number, report.patient_study.accession_number);
        assert_eq!(header.patient_study.patient_id, None, "a part of an identifier would be another one");
    }
}

#[test]
fn the_summary_says_as_what_it_is_given_and_what_is_noted_of_an_image() {
    let summary = |change: &dyn Fn(&mut StudyReport)| {
        let mut report = report();
        change(&mut report);
        let object = captures(&report).swap_remove(0);
        (text(&read(&object), tags::IMAGE_COMMENTS), page(&object).rgb)
    };
    let last = summary(&|_| {});
    assert!(last.0.contains("State: final."));
    let early = summary(&|report| report.state = domain::StudyState::Provisional);
    assert!(early.0.contains("State: PROVISIONAL: a final report follows."));
    assert!(early.1 != last.1, "the page says it too");
    let noted = summary(&|report| report.images[0].notes = vec![domain::ImageNote::LossyCompression]);
    assert!(noted.1 != last.1);
}
