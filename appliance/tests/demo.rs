//! The demonstration: a whole device, a sender and a destination, as a stranger sees them first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str], out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
    command.args(["demo", "--untrained", "--exit", "--json", "--out"]).arg(out).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

#[test]
fn the_built_in_exam_comes_out_scored_and_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(&[], folder.path());
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    assert_eq!(report["notice"], "Research use only, not a medical device.");
    let [study] = array(&report["studies"]) else { panic!("{}", report["studies"]) };
    assert_eq!(
        (&study["revision"], &study["trigger"], &study["engine"]),
        (&1.into(), &"all_views".into(), &"tract".into())
    );
    let views: Vec<_> = array(&study["images"])
        .iter()
        .map(|image| {
            assert_eq!(image["outcome"], "scored", "{image}");
            assert!(image["score"].as_f64().is_some_and(|score| (0.0..=1.0).contains(&score)), "{}", image["score"]);
            let heatmap = std::fs::read(image["heatmap"].as_str().unwrap()).unwrap();
            assert!(heatmap.starts_with(b"\x89PNG"));
            format!("{} {}", image["laterality"].as_str().unwrap(), image["view"].as_str().unwrap())
        })
        .collect();
    assert_eq!(views, ["R CC", "R MLO", "L CC", "L MLO"]);
    let breasts: Vec<_> =
        array(&study["breasts"]).iter().map(|breast| (&breast["laterality"], &breast["images"])).collect();
    assert_eq!(breasts, [(&"R".into(), &2.into()), (&"L".into(), &2.into())]);
    let deliveries = array(&study["deliveries"]);
    for delivery in deliveries {
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &1.into()), "{delivery}");
        assert_eq!(delivery["received"], true, "{delivery}");
    }
    let kinds = |destination: &str| -> Vec<&str> {
        let to = deliveries.iter().filter(|delivery| delivery["destination"] == destination);
        to.map(|delivery| delivery["kind"].as_str().unwrap()).collect()
    };
    assert_eq!(kinds("pacs"), ["summary", "heatmap", "heatmap", "heatmap", "heatmap"]);
    let in_folder = kinds("folder");
    for kind in domain::ResultKind::ALL {
        // How many outlines there are is the model's business.
        let wanted = if kind == domain::ResultKind::Heatmap { 4 } else { 1 };
        let found = in_folder.iter().filter(|found| **found == kind.name()).count();
        assert!(found == wanted || kind == domain::ResultKind::PresentationState, "{found} {}", kind.name());
    }
    assert_eq!(std::fs::read_dir(folder.path().join("results")).unwrap().count(), in_folder.len());
    let memory = report["memory_bytes_max"].as_u64().unwrap();
    assert!(memory < 3 << 29, "{} MiB", memory >> 20);
}

#[test]
fn a_folder_without_an_image_is_no_input() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("notes.txt"), "no image").unwrap();
    assert_eq!(demo(&["--study", folder.path().to_str().unwrap()], out.path()).status.code(), Some(6));
}

#[test]
fn a_damaged_file_is_named_and_the_others_are_delivered() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let paths = phantom::Exam::new(7, phantom::Size::Small).write_into(folder.path()).unwrap();
    let bytes = std::fs::read(&paths[0]).unwrap();
    std::fs::write(&paths[0], &bytes[..bytes.len() / 2]).unwrap();
    let output = demo(&["--study", folder.path().to_str().unwrap()], out.path());
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let report = json(&output);
    let failed: Vec<_> = array(&report["sent"]).iter().filter(|file| file["ok"] == false).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0]["error"].as_str().is_some_and(|error| !error.is_empty()), "{}", failed[0]);
    let study = &report["studies"][0];
    assert_eq!((array(&study["images"]).len(), &study["trigger"]), (3, &"quiet_time".into()));
    assert_eq!(study["missing_views"], serde_json::json!([{"laterality": "R", "view": "CC"}]));
}
