//! `mamoru selftest` on a running device: what it expects, how a device that computes otherwise is found, and who is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use phantom::Size;
use serde_json::Value;
use system_tests::{Answer, Device, Settings, exam, reports_in, send};

const LIMIT: Duration = Duration::from_secs(120);

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The verdicts on all, the path and the device, and the exit code.
fn verdicts(output: &Output) -> (String, String, Option<String>, Option<i32>) {
    let document = json(output);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let device = document["device"]["verdict"].as_str().map(str::to_owned);
    (text(&document["verdict"]), text(&document["path"]["verdict"]), device, output.status.code())
}

fn told(all: &str, path: &str, device: Option<&str>, code: i32) -> (String, String, Option<String>, Option<i32>) {
    (all.into(), path.into(), device.map(str::to_owned), Some(code))
}

/// Sends an exam, and gives the notice of its report.
fn notice_of(device: &Device, folder: &Path, seed: u64) -> String {
    let images = exam(folder, seed, Size::Small);
    assert!(Answer::are_all_success(&send(device.address(), &images)));
    device.settle(LIMIT);
    let reports = reports_in(&device.settings().reports);
    let report = reports.iter().find(|report| report.study.as_deref() == Some(images[0].study.0.as_str()));
    report.unwrap().notice.clone().into_owned()
}

#[test]
fn a_device_that_computes_other_scores_is_found_and_its_readers_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::started(folder.path(), Settings::new(folder.path()));
    let selftest = |device: &Device| device.ask(&["selftest", "--json"]);
    assert_eq!(device.status()["self_test"], Value::Null);
    let first = selftest(&device);
    assert_eq!(verdicts(&first), told("first", "passed", Some("first"), 0), "{first:?}");
    assert!(json(&first)["path"]["found"].as_str().unwrap().contains("bit for bit those of the running device"));
    assert_eq!(verdicts(&selftest(&device)), told("passed", "passed", Some("passed"), 0));
    assert_eq!(device.status()["queue"]["studies"], 0, "the exam is no study of the device");
    assert!(reports_in(&device.settings().reports).is_empty(), "and no result of it leaves");
    assert_eq!(notice_of(&device, folder.path(), 11), "Research use only, not a medical device.");

    // Since then this device gave other scores: that is what it looks like from the other side.
    let (status, _) = device.stop();
    assert!(status.success());
    let file = device.settings().state.join("selftest.json");
    let mut book: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let score = &mut book["expected"][0][1][2]["score"];
    *score = (score.as_f64().unwrap() / 2.0).into();
    fs::write(&file, serde_json::to_vec(&book).unwrap()).unwrap();
    let alone = device.ask(&["selftest", "--json"]);
    assert_eq!(verdicts(&alone), told("failed", "failed", None, 1), "{alone:?}");
    device.start();
    let failed = selftest(&device);
    // The exam through a device of its own gives what the running one gives: both are told from what is expected.
    assert_eq!(verdicts(&failed), told("failed", "passed", Some("failed"), 1), "{failed:?}");
    assert!(json(&failed)["device"]["why"].as_str().unwrap().starts_with("L CC: score "), "{failed:?}");
    let text = String::from_utf8(device.ask(&["status"]).stdout).unwrap();
    assert!(text.contains("self-test  FAILED, and results say so: L CC"), "{text}");
    let doctor = json(&device.ask(&["doctor", "--json"]));
    let findings = doctor["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == "self-test").unwrap();
    assert_eq!((&finding["verdict"], &doctor["verdict"]), (&"failed".into(), &"failed".into()));
    let doubt = "This device failed its self-test: scores may be wrong. Research use only, not a medical device.";
    assert_eq!(notice_of(&device, folder.path(), 12), doubt);

    // That outlasts a restart, until a person says that it is all right.
    device.kill();
    device.start();
    assert_eq!(notice_of(&device, folder.path(), 13), doubt);
    let accepted = device.ask(&["selftest", "--json", "--accept"]);
    assert_eq!(verdicts(&accepted), told("first", "passed", Some("first"), 0));
    assert_eq!(notice_of(&device, folder.path(), 14), "Research use only, not a medical device.");
}

#[test]
fn without_a_device_the_exam_still_goes_the_whole_way() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::new(folder.path(), Settings::new(folder.path()));
    let alone = device.ask(&["selftest", "--json"]);
    assert_eq!(verdicts(&alone), told("passed", "passed", None, 0), "{alone:?}");
    let path = &json(&alone)["path"];
    assert_eq!(path["images"].as_array().unwrap().len(), 4);
    assert!(path["results"].as_u64().unwrap() >= 9, "{path}");
    assert!(!device.settings().state.exists(), "no state folder is made");
    let accepted = device.ask(&["selftest", "--accept"]);
    let errors = String::from_utf8_lossy(&accepted.stderr);
    assert!(accepted.status.code() == Some(1) && errors.contains("none runs on"), "{accepted:?}");
}
