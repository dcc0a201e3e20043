//! `mamoru analyze` as a user runs it: small files made here, sound ones and hostile ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::{Command, Output};

use dataset::testing::DataSetWriter;
use serde_json::Value;

/// Marks that stand in every patient attribute and must never come out anywhere but in a report's own fields.
const PATIENT_MARK: &str = "ZZMARKER";

fn mammogram(instance: &str, side: &str, view: &str, samples: &[u16], columns: u16) -> DataSetWriter {
    let rows = (samples.len() / usize::from(columns)) as u16;
    DataSetWriter::part_10()
        .text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.2")
        .text(8, 0x18, "UI", instance)
        .text(8, 0x60, "CS", "MG")
        .text(8, 0x68, "CS", "FOR PRESENTATION")
        .text(0x10, 0x10, "PN", PATIENT_MARK)
        .text(0x10, 0x20, "LO", PATIENT_MARK)
        .text(0x18, 0x5101, "CS", view)
        .text(0x20, 0x0D, "UI", "1.2.3.4")
        .text(0x20, 0x0E, "UI", "1.2.3.5")
        .text(0x20, 0x62, "CS", side)
        .grey(rows, columns, 16, 12)
        .samples(samples)
}

fn write(file: &DataSetWriter, path: &Path) {
    std::fs::write(path, &file.bytes).unwrap();
}

fn picture() -> Vec<u16> {
    (0..300_u32 * 160)
        .map(|index| ((index % 160) * 20 + (index / 160) * 3 + index * index % 97) as u16 & 0xFFF)
        .collect()
}

fn analyze(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamoru"))
        .args(["analyze", "--untrained"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn all_result_objects_are_written_and_the_same_ones_again() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for (number, (side, view)) in [("R", "CC"), ("R", "MLO"), ("L", "CC")].into_iter().enumerate() {
        let instance = format!("1.2.9.{number}");
        write(&mammogram(&instance, side, view, &picture(), 160), &images.join(format!("{number}.dcm")));
    }
    std::fs::write(images.join("3.dcm"), b"no DICOM").unwrap();
    let objects = |name: &str, more: &[&str]| {
        let results = folder.path().join(name);
        let arguments = [&["--results", results.to_str().unwrap(), "--json"], more].concat();
        json(&analyze(&images, &arguments));
        let files = std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap());
        let read = files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()));
        read.collect::<std::collections::BTreeMap<String, Vec<u8>>>()
    };
    let first = objects("first", &[]);
    let kinds: Vec<&str> = first.keys().map(|name| name.split_once("-r1-").unwrap().1).collect();
    let expected = [
        "cad-sr.dcm",
        "comprehensive-sr.dcm",
        "fhir.json",
        "heatmap-01.dcm",
        "heatmap-02.dcm",
        "heatmap-03.dcm",
        "presentation-state-01.dcm",
        "presentation-state-02.dcm",
        "presentation-state-03.dcm",
        "report.json",
        "summary.dcm",
    ];
    assert_eq!(kinds, expected);
    assert!(first.keys().all(|name| !name.contains(PATIENT_MARK)));
    for (name, bytes) in &first {
        let has_patient = bytes.windows(PATIENT_MARK.len()).any(|window| window == PATIENT_MARK.as_bytes());
        assert_eq!(has_patient, name.ends_with(".dcm"), "{name}");
    }
    // The JSON report alone says how long it took.
    let untimed = |objects: &std::collections::BTreeMap<String, Vec<u8>>| {
        objects
            .iter()
            .filter(|(name, _)| !name.ends_with("report.json"))
            .map(|(_, bytes)| bytes.clone())
            .collect::<Vec<_>>()
    };
    assert!(untimed(&objects("second", &[])) == untimed(&first));
    let other = objects("other", &["--finding-code", "breast-density"]);
    let changed = |name: &String| other[name] != first[name] && !name.ends_with("report.json");
    let changed: Vec<&String> = first.keys().filter(|name| changed(name)).collect();
    assert!(changed.len() == 1 && changed[0].ends_with("cad-sr.dcm"), "{changed:?}");
}

#[test]
fn a_study_is_scored_per_image_and_per_breast() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (side, view)) in [("R", "CC"), ("R", "MLO"), ("L", "CC")].into_iter().enumerate() {
        let instance = format!("1.2.9.{number}");
        write(&mammogram(&instance, side, view, &picture(), 160), &folder.path().join(format!("{number}.dcm")));
    }
    let out = folder.path().join("out");
    let output = analyze(folder.path(), &["--json", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    assert_eq!(report["notice"], "Research use only, not a medical device.");
    let study = &report["studies"][0];
    assert_eq!((&study["revision"], &study["engine"]), (&Value::from(1), &Value::from("tract")));
    assert_eq!(study["model"]["label"], "untrained");
    let breasts = study["breasts"].as_array().unwrap();
    assert_eq!(breasts.len(), 2);
    assert_eq!((&breasts[0]["laterality"], &breasts[0]["images"]), (&Value::from("R"), &Value::from(2)));
    assert_eq!(breasts[1]["missing_views"], serde_json::json!(["MLO"]));
    let images = study["images"].as_array().unwrap();
    let scores: Vec<f64> = images.iter().map(|image| image["score"].as_f64().unwrap()).collect();
    assert_eq!(scores.len(), 3);
    assert!(scores.iter().all(|score| score.is_finite() && (0.0..=1.0).contains(score)));
    // P = mean of squares of two equal pictures' scores; 1 - (1 - P)^2.
    let expected = 1.0 - (1.0 - scores[0] * scores[0]).powi(2);
    assert!((breasts[0]["score"].as_f64().unwrap() - expected).abs() < 1e-9);
    for number in 1..=3 {
        let png = std::fs::read(out.join(format!("heatmap-00{number}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
    }
    assert!(out.join("report.json").is_file());
    assert!(!format!("{output:?}").contains(PATIENT_MARK), "patient data in the output");
}

#[test]
fn every_file_ends_with_an_outcome_and_hostile_ones_harm_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let sound = mammogram("1.2.9.1", "R", "CC", &picture(), 160);
    write(&sound, &folder.path().join("1-sound.dcm"));
    write(&mammogram("1.2.9.2", "L", "ML", &picture(), 160), &folder.path().join("2-lateral.dcm"));
    write(&mammogram("1.2.9.3", "L", "CC", &[7; 4800], 160), &folder.path().join("3-blank.dcm"));
    let mut cut = mammogram("1.2.9.4", "L", "CC", &picture(), 160);
    cut.bytes.truncate(cut.bytes.len() - 1000);
    write(&cut, &folder.path().join("4-cut.dcm"));
    let mut bomb = DataSetWriter::part_10();
    for _ in 0..60_000 {
        bomb.bytes.extend([0x40, 0, 0x60, 2, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bomb.bytes.extend([0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    write(&bomb, &folder.path().join("5-nested.dcm"));
    let mut huge = DataSetWriter::part_10();
    huge.bytes.extend([8, 0, 0x40, 0x11, b'O', b'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF]);
    write(&huge, &folder.path().join("6-huge-length.dcm"));
    let output = analyze(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(5), "partly done");
    let report = json(&output);
    let outcomes: std::collections::BTreeMap<String, Value> = report["studies"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|study| study["images"].as_array().unwrap())
        .map(|image| {
            let file = Path::new(image["file"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
            let reason = if image["outcome"] == "failed" { &image["reason"]["code"] } else { &image["reason"] };
            (file, serde_json::json!([image["outcome"], reason]))
        })
        .collect();
    let expected = [
        ("1-sound.dcm", serde_json::json!(["scored", null])),
        ("2-lateral.dcm", serde_json::json!(["excluded", "not_screening_view"])),
        ("3-blank.dcm", serde_json::json!(["failed", "image_blank"])),
        ("4-cut.dcm", serde_json::json!(["failed", "dataset_damaged"])),
        ("5-nested.dcm", serde_json::json!(["failed", "dataset_too_large"])),
        ("6-huge-length.dcm", serde_json::json!(["failed", "dataset_damaged"])),
    ];
    assert_eq!(outcomes, expected.into_iter().map(|(file, outcome)| (file.to_owned(), outcome)).collect());
}

#[test]
fn no_input_and_wrong_paths_have_their_own_ends() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(analyze(folder.path(), &[]).status.code(), Some(6));
    let missing = analyze(&folder.path().join("nothing"), &[]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("cannot be read"));
    assert_eq!(analyze(folder.path(), &["--no-such-flag"]).status.code(), Some(2));
}

#[test]
fn a_worker_without_memory_costs_its_image_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.dcm");
    write(&mammogram("1.2.9.1", "R", "CC", &picture(), 160), &path);
    let decoder = |limits| decoding::Decoder::new(env!("CARGO_BIN_EXE_mamoru").into(), limits);
    let starved = decoding::WorkerLimits { memory_bytes_max: 1 << 20, ..decoding::WorkerLimits::default() };
    let failure = decoder(starved).decode(&path).unwrap_err();
    // Whether the first thing that finds no memory is a read or an allocation is the system's choice.
    assert!(["worker_crashed", "file_unreadable"].contains(&failure.code.as_str()), "{failure:?}");
    let hurried = decoding::WorkerLimits { wall_seconds_max: 0, ..decoding::WorkerLimits::default() };
    assert_eq!(decoder(hurried).decode(&path).unwrap_err().code, "worker_timeout");
    let image = decoder(decoding::WorkerLimits::default()).decode(&path).unwrap();
    assert_eq!(image.samples(), picture());
    assert!(decoder(decoding::WorkerLimits::default()).inspect(&folder.path().join("gone")).unwrap_err().transient);
}
