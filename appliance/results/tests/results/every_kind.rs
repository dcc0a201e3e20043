//! What is true of the objects of every kind.

use std::collections::BTreeSet;
use std::io::Cursor;

use contract::manifest::ModelLabel;
use contract::{Digest, SourceText};
use dicom_dictionary_std::tags;
use domain::{NOTICE, ResultKind, StudyReport};
use results::ResultObject;

use crate::made_up::{MARKER, failed, findings, image, model, objects_with, png, positive, report};
use crate::tree::{read, text};

fn every(report: &StudyReport) -> Vec<ResultObject> {
    objects_with(report, &ResultKind::ALL, &|_| Some(png()))
}

fn contains(object: &ResultObject, words: &str) -> bool {
    object.bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

#[test]
fn a_model_of_any_name_and_reasons_of_any_length_spoil_nothing() {
    let mut hostile = positive();
    let mut endless = model(ModelLabel::Research);
    endless.name = "Ünendlich 乳房 \\^=\u{7}\r\n".repeat(2_000);
    endless.version = "9".repeat(70_000);
    findings(&mut hostile).for_each(|finding| {
        finding.model = endless.clone();
        finding.engine = "\u{1b}$B".repeat(9_000);
    });
    hostile.model = Some(endless);
    hostile.images.push(image(9, failed(&"long ".repeat(20_000))));
    hostile.revision = u32::MAX;
    for object in every(&hostile).iter().filter(|object| object.sop.is_some()) {
        let header = dataset::inspect(Cursor::new(&object.bytes)).unwrap();
        assert!(header.patient_study == hostile.patient_study, "{}", object.name);
        let number: i32 = text(&read(object), tags::INSTANCE_NUMBER).parse().unwrap();
        assert!(number > 0);
    }
}

#[test]
fn the_same_report_gives_the_same_bytes_under_the_same_names() {
    let (first, second) = (every(&positive()), every(&positive()));
    assert!(first == second);
    let names: BTreeSet<String> = first.iter().map(|object| object.file_name.clone()).collect();
    assert_eq!(names.len(), first.len());
    let instances: BTreeSet<String> =
        first.iter().filter_map(|object| Some(object.sop.as_ref()?.instance.as_str().to_owned())).collect();
    assert_eq!(instances.len(), 1 + 4 + 1 + 1 + 4);
    let mut slower = positive();
    findings(&mut slower).for_each(|finding| finding.timings.network_ms = 99.0);
    let without_times = |objects: Vec<ResultObject>| {
        objects.into_iter().filter(|object| object.kind != ResultKind::Json).collect::<Vec<_>>()
    };
    assert!(without_times(every(&slower)) == without_times(first));
}

#[test]
fn every_object_says_the_notice_and_where_the_scores_came_from() {
    let [network, preprocess] = [&b"network"[..], b"preprocess"].map(|bytes| Digest::of(bytes).to_string());
    for object in every(&positive()) {
        assert!(contains(&object, NOTICE), "{}", object.name);
        for words in [network.as_str(), preprocess.as_str(), "made-up", "tract"] {
            assert!(contains(&object, words), "{}: {words}", object.name);
        }
    }
}

#[test]
fn every_object_names_an_engine_that_stood_in_and_the_one_in_whose_place() {
    let name = "tract in place of nvidia";
    let mut report = positive();
    findings(&mut report).for_each(|finding| finding.engine = name.into());
    report.engine = Some(name.into());
    for object in every(&report) {
        assert!(contains(&object, name), "{}", object.name);
    }
    // Where it stood in for some images, the study's objects name both engines.
    let mut report = positive();
    findings(&mut report).for_each(|finding| finding.engine = "nvidia".into());
    let of_study = format!("nvidia, {name}");
    report.engine = Some(of_study.clone());
    let study = every(&report).into_iter().filter(|object| object.kind != ResultKind::Heatmap);
    for object in study.filter(|object| object.kind != ResultKind::PresentationState) {
        assert!(contains(&object, &of_study), "{}", object.name);
    }
}

#[test]
fn patient_and_study_are_those_of_the_images_in_every_dicom_object() {
    let report = report();
    let mut series = BTreeSet::new();
    for object in every(&report).iter().filter(|object| object.sop.is_some()) {
        let header = dataset::inspect(Cursor::new(&object.bytes)).unwrap();
        assert!(header.patient_study == report.patient_study, "{}", object.name);
        assert_eq!((&header.study, &header.instance), (&report.study.0, &object.sop.as_ref().unwrap().instance));
        assert!(report.study.is_result_series(header.attributes.series.as_ref().unwrap()));
        series.insert((header.attributes.series, header.attributes.modality));
        assert!(!object.file_name.contains(MARKER) && !format!("{object:?}").contains(MARKER));
    }
    assert_eq!(series.len(), 4, "one series, and one modality, per kind");
}

#[test]
fn texts_of_other_character_sets_are_repeated_byte_by_byte() {
    let japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    let cases: [(&str, &[u8]); 4] = [
        ("ISO_IR 100", b"M\xFCller^J\xFCrgen"),
        ("\\ISO 2022 IR 87", japanese),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"),
        ("GB18030", b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB"),
    ];
    for (character_set, name) in cases {
        let source = SourceText { character_set: character_set.into(), ..SourceText::default() };
        let source = source.with((0x10, 0x10), name).with((0x10, 0x20), b"ID-7");
        let mut report = positive();
        report.patient_study.source = Some(source.clone());
        let mut named = model(ModelLabel::Research);
        named.name = "modèle".into();
        findings(&mut report).for_each(|finding| finding.model = named.clone());
        report.model = Some(named);
        for object in every(&report).iter().filter(|object| object.sop.is_some()) {
            let header = dataset::inspect(Cursor::new(&object.bytes)).unwrap();
            assert!(header.patient_study.source.as_ref() == Some(&source), "{character_set} {}", object.name);
            assert!(!contains(object, MARKER), "what the source does not have is not there: {}", object.name);
            assert!(contains(object, "mod?le") && !contains(object, "modèle"), "{}", object.name);
        }
    }
}
