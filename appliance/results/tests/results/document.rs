//! The JSON document, and what is true of all objects.

use std::collections::BTreeSet;

use domain::{ImageNote, NOTICE, ResultKind, StudyState};
use results::{ResultError, Settings, StudyJson, for_each_object, json_report};
use serde_json::{Value, json};

use crate::made_up::{ALL, MARKER, crowded, nothing_scored, objects, objects_with, png, report};

#[test]
fn the_sinks_error_ends_the_making() {
    #[derive(Debug)]
    struct Full;
    impl From<ResultError> for Full {
        fn from(_: ResultError) -> Self {
            Self
        }
    }
    let mut made = 0;
    let result = for_each_object(&report(), &ALL, Settings::default(), &|_| Some(png()), &mut |_| {
        made += 1;
        if made == 2 { Err(Full) } else { Ok(()) }
    });
    assert!(result.is_err());
    assert_eq!(made, 2);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert!(objects(&report()) == objects(&report()));
}

#[test]
fn only_the_kinds_that_were_asked_for_are_made_in_a_fixed_order() {
    let names = |kinds: &[ResultKind]| {
        objects_with(&report(), kinds, &|_| None).into_iter().map(|object| object.name).collect::<Vec<_>>()
    };
    assert!(names(&[]).is_empty());
    assert_eq!(names(&[ResultKind::Heatmap, ResultKind::Summary]), ["summary", "heatmap-01", "heatmap-04"]);
    assert_eq!(names(&[ResultKind::Json]), ["report"]);
}

#[test]
fn no_patient_data_in_the_document_names_or_debug() {
    let report = report();
    for object in objects(&report) {
        assert!(!format!("{object:?}").contains(MARKER));
        assert!(!object.file_name.contains(report.study.0.as_str()), "a UID in a file name");
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        assert!(object.file_name.bytes().all(is_safe) && !object.file_name.starts_with('.'), "{}", object.file_name);
        assert!(!object.file_name.contains(MARKER) && !object.name.contains(MARKER));
    }
    let json = String::from_utf8(json_report(&report).unwrap().bytes).unwrap();
    for marker in [MARKER, "19700102", "rgen", "山田", "spool-"] {
        assert!(!json.contains(marker), "{marker}");
    }
    for error in [ResultError::Encode, ResultError::Json(serde_json::from_str::<u8>("MARKER").unwrap_err())] {
        assert!(!error.to_string().contains(MARKER));
    }
}

#[test]
fn the_document_is_as_described() {
    let object = json_report(&report()).unwrap();
    assert_eq!((object.name.as_str(), object.sop), ("report", None));
    assert!(object.file_name.starts_with("study-") && object.file_name.ends_with("-r1-report.json"));
    let document: Value = serde_json::from_slice(&object.bytes).unwrap();
    assert_eq!(document["notice"], NOTICE);
    let [study] = document["studies"].as_array().unwrap().as_slice() else { panic!("one study") };
    assert_eq!(study["notice"], NOTICE);
    assert_eq!(study["study"], report().study.0.as_str());
    assert_eq!((&study["revision"], &study["trigger"]), (&json!(1), &json!("quiet_time")));
    assert_eq!(study["missing_views"], json!([{"laterality": "L", "view": "CC"}, {"laterality": "L", "view": "MLO"}]));
    let breast = &study["breasts"][0];
    assert_eq!((&breast["laterality"], &breast["images"]), (&json!("R"), &json!(2)));
    let image = &study["images"][0];
    assert_eq!(
        (&image["outcome"], &image["laterality"], &image["view"]),
        (&json!("scored"), &json!("R"), &json!("CC"))
    );
    assert_eq!((&image["score"], &image["logit"]), (&json!(0.8), &json!(0.5)));
    let keys: BTreeSet<&str> = image.as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["instance", "peak", "cam", "geometry", "model", "engine", "timings"] {
        assert!(keys.contains(key), "{key}");
    }
    assert!(!keys.contains("file") && !keys.contains("heatmap"), "only commands have paths");
    assert_eq!((&study["model"]["label"], &study["engine"]), (&json!("research"), &json!("tract")));
    let timings = json!({"decode": 2.0, "preprocess": 4.0, "network": 8.0, "render": 16.0});
    assert_eq!(study["timings_ms"], timings);
}

#[test]
fn reasons_stand_in_the_document() {
    let document: Value = serde_json::from_slice(&json_report(&report()).unwrap().bytes).unwrap();
    let images = &document["studies"][0]["images"];
    assert_eq!(images[1]["outcome"], "failed");
    assert_eq!(images[1]["reason"], json!({"code": "decode_damaged", "text": "pixel data is damaged"}));
    assert_eq!((&images[2]["outcome"], &images[2]["reason"]), (&json!("excluded"), &json!("implant")));
}

#[test]
fn a_study_without_a_score_is_a_report_too() {
    let names: Vec<String> = objects(&nothing_scored()).into_iter().map(|object| object.name).collect();
    assert_eq!(names, ["report", "summary"]);
    let study = serde_json::to_value(StudyJson::of(&nothing_scored())).unwrap();
    assert_eq!((&study["model"], &study["engine"], &study["breasts"]), (&Value::Null, &Value::Null, &json!([])));
}

#[test]
fn no_image_of_a_crowded_study_is_dropped() {
    let report = crowded(200);
    assert_eq!(StudyJson::of(&report).images.len(), 200);
    let names: BTreeSet<String> = objects(&report).into_iter().map(|object| object.name).collect();
    assert_eq!(names.len(), 2 + 100);
    assert!(names.contains("heatmap-02") && names.contains("heatmap-200"));
}

#[test]
fn commands_add_paths() {
    let mut study = StudyJson::of(&report());
    study.images[0].file = Some("in/a.dcm".into());
    study.images[0].heatmap = Some("out/a.png".into());
    study.trigger = None;
    let value = serde_json::to_value(&study).unwrap();
    assert_eq!(
        (&value["images"][0]["file"], &value["images"][0]["heatmap"]),
        (&json!("in/a.dcm"), &json!("out/a.png"))
    );
    assert!(value.get("trigger").is_none());
}

#[test]
fn state_notes_and_reasons_for_people_stand_in_the_document() {
    let mut report = report();
    report.images[0].notes = vec![ImageNote::LossyCompression];
    for (state, name) in
        [(StudyState::Provisional, "provisional"), (StudyState::Final, "final"), (StudyState::Revised, "revised")]
    {
        report.state = state;
        let document: Value = serde_json::from_slice(&json_report(&report).unwrap().bytes).unwrap();
        let study = &document["studies"][0];
        assert_eq!(study["state"], name);
        assert_eq!(study["images"][0]["notes"], json!(["lossy_compression"]));
        assert!(study["images"][1].get("notes").is_none() && study["images"][1].get("reason_text").is_none());
        assert_eq!(study["images"][2]["reason_text"], "breast implant");
        assert_eq!(serde_json::from_value::<StudyJson>(study.clone()).unwrap(), StudyJson::of(&report));
    }
}
