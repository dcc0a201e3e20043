//! Which engine scores on a real device, what is said of it, and what becomes of images while there is none.
//!
//! What needs a machine without an NVIDIA driver says so where there is one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::Command;
use std::time::Duration;

use domain::InstanceOutcome;
use phantom::Size;
use results::StudyJson;
use serde_json::Value;
use system_tests::{Answer, Device, Instance, Settings, exam, not_run, program, reports_in, send};

/// Four images of the network and everything around them, also beside a training run.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// Is there no driver here? Says so where there is one.
fn is_without_driver(what: &str) -> bool {
    // It looks at the cache folder as well, and makes it.
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new(program()).args(["engine", "probe", "--json"]).current_dir(folder.path()).output().unwrap();
    let probed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_without = probed["steps"][0]["found"] == false;
    if !is_without {
        not_run(&format!("{what}: this machine has an NVIDIA driver"));
    }
    is_without
}

/// Sends an exam and waits for its report.
fn reported(device: &Device, folder: &std::path::Path, seed: u64) -> StudyJson {
    let images: Vec<Instance> = exam(folder, seed, Size::Small);
    assert!(Answer::are_all_success(&send(device.address(), &images)), "images are taken whatever the engine does");
    device.settle(SETTLED_WITHIN);
    reports_in(&device.settings().reports).pop().expect("the study is reported")
}

#[test]
fn without_anything_of_nvidia_the_cpu_scores_and_one_line_says_why() {
    if !is_without_driver("the CPU engine where nothing of NVIDIA is") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::started(folder.path(), Settings::new(folder.path()));
    let log = device.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("engine: ")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].ends_with("engine: CPU (the NVIDIA driver is not installed)"), "{}", lines[0]);
    let status = device.status();
    assert_eq!(status["engine"], "tract");
    let health = &status["engine_health"];
    assert_eq!((&health["state"], &health["engine"]), (&"ready".into(), &"tract".into()), "{health}");
    let report = reported(&device, folder.path(), 50);
    assert_eq!(report.engine.as_deref(), Some("tract"));
    assert!(device.stop().0.success());
}

#[test]
fn an_engine_that_is_asked_for_and_missing_costs_scores_and_no_image() {
    if !is_without_driver("AI that is unavailable") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { engine: "name = \"nvidia\"", ..Settings::new(folder.path()) };
    let mut device = Device::started(folder.path(), settings);
    let report = reported(&device, folder.path(), 51);
    assert_eq!(report.images.len(), 4);
    for image in &report.images {
        let InstanceOutcome::Failed { reason } = &image.outcome else { panic!("{:?}", image.outcome) };
        assert_eq!(reason.code, "ai_unavailable");
        assert!(reason.text.contains("driver"), "{}", reason.text);
    }
    let status = device.status();
    assert_eq!((&status["engine"], &status["engine_health"]["state"]), (&"none".into(), &"unavailable".into()));
    let text = String::from_utf8(device.ask(&["status"]).stdout).unwrap();
    assert!(text.contains("AI IS UNAVAILABLE") && text.contains("driver"), "{text}");
    assert!(device.log().contains("AI IS UNAVAILABLE"), "{}", device.log());
    assert!(device.stop().0.success());
}

#[test]
fn where_the_site_wants_it_the_cpu_stands_in_and_each_result_says_so() {
    if !is_without_driver("a CPU engine that stands in") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { engine: "name = \"nvidia\"\nwhen_lost = \"cpu\"", ..Settings::new(folder.path()) };
    let device = Device::started(folder.path(), settings);
    let report = reported(&device, folder.path(), 52);
    let name = "tract in place of nvidia";
    assert_eq!(report.engine.as_deref(), Some(name));
    for image in &report.images {
        let InstanceOutcome::Scored(finding) = &image.outcome else { panic!("{:?}", image.outcome) };
        assert_eq!(finding.engine, name);
    }
    let status = device.status();
    assert_eq!((&status["engine"], &status["engine_health"]["state"]), (&name.into(), &"standing_in".into()));
}
