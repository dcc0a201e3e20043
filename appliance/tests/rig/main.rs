//! The rig's script: on this machine with the real command and its CPU engine, and with a made-up command for what only a
//! device shows. Each check can fail, and then the run does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Reads the script's XML: counts of the suite, and each case with what became of it.
const READ_XML: &str = "
import json, sys, xml.etree.ElementTree as xml
suite = xml.parse(sys.argv[1]).getroot()
word = lambda case: 'failed' if case.find('failure') is not None else 'not run' if case.find('skipped') is not None else 'passed'
counts = {key: int(suite.get(key)) for key in ('tests', 'failures', 'skipped')}
print(json.dumps({'counts': counts, 'cases': {case.get('name'): word(case) for case in suite}}))
";

/// Is there a Python with `tomllib`? Says so where there is none.
fn has_python() -> bool {
    let found = Command::new("python3").args(["-c", "import tomllib"]).output().is_ok_and(|run| run.status.success());
    if !found {
        let _ = writeln!(std::io::stderr(), "\nnot run: the rig's script: there is no Python 3.11 here");
    }
    found
}

fn rig(program: &str, out: &Path, more: &[&str], fault: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/rig/run");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).args(["--program", program]).args(more).arg(out).env("FAULT", fault);
    command.output().unwrap()
}

/// The verdict of each check, the same in both files, and `ok`.
fn verdicts(out: &Path) -> (BTreeMap<String, String>, bool) {
    let results: Value = serde_json::from_slice(&fs::read(out.join("results.json")).unwrap()).unwrap();
    let checks = results["checks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let verdicts: BTreeMap<String, String> =
        checks.map(|check| (text(&check["name"]), text(&check["verdict"]))).collect();
    let read = Command::new("python3").args(["-c", READ_XML]).arg(out.join("junit.xml")).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    let xml: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(xml["cases"], serde_json::to_value(&verdicts).unwrap());
    let count = |verdict: &str| verdicts.values().filter(|found| *found == verdict).count();
    let counts = serde_json::json!({"tests": verdicts.len(), "failures": count("failed"), "skipped": count("not run")});
    assert_eq!(xml["counts"], counts);
    assert_eq!(results["notice"], "Research use only, not a medical device.");
    (verdicts, results["ok"].as_bool().unwrap())
}

/// Runs the script on the made-up command, and gives the checks that did not pass.
fn on_a_device(fault: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let (study, out) = (folder.path().join("study"), folder.path().join("out"));
    fs::create_dir(&study).unwrap();
    let command = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/command.py");
    let more = ["--study", study.to_str().unwrap(), "--soak", "0.002"];
    let output = rig(command.to_str().unwrap(), &out, &more, fault);
    let (verdicts, ok) = verdicts(&out);
    assert_eq!(output.status.code(), Some(i32::from(!ok)), "{output:?}");
    assert_eq!(verdicts.len(), 12, "{verdicts:?}");
    verdicts.into_iter().filter(|(_, verdict)| verdict != "passed").collect()
}

#[test]
fn the_real_command_passes_on_the_cpu_and_what_needs_a_device_is_not_run() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = rig(env!("CARGO_BIN_EXE_mamoru"), folder.path(), &["--engine", "cpu", "--images", "2"], "");
    assert!(output.status.success(), "{output:?}");
    let (verdicts, ok) = verdicts(folder.path());
    assert!(ok);
    let with = |verdict: &str| {
        let found = verdicts.iter().filter(|(_, found)| *found == verdict);
        found.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(with("passed"), ["bench", "conformance half", "environment", "probe"]);
    let on_device = ["build half", "build half again", "build single", "build single again", "conformance single"];
    assert_eq!(with("not run"), [&on_device[..], &["damaged plan", "soak", "study"]].concat());
}

#[test]
fn a_device_on_which_all_is_well_passes_every_check() {
    if has_python() {
        assert_eq!(on_a_device(""), []);
    }
}

#[test]
fn each_check_fails_when_what_it_looks_at_is_wrong() {
    if !has_python() {
        return;
    }
    let cases: [(&str, &[&str]); 9] = [
        ("environment", &["environment"]),
        ("probe", &["probe"]),
        ("cache", &["build half again", "build single again"]),
        ("damage", &["damaged plan"]),
        ("check", &["conformance half", "conformance single", "soak"]),
        ("golden", &["conformance half", "conformance single", "soak"]),
        ("scores", &["study"]),
        ("silence", &["study"]),
        ("bench", &["bench", "soak"]),
    ];
    for (fault, failed) in cases {
        let expected: Vec<_> = failed.iter().map(|name| ((*name).to_owned(), "failed".to_owned())).collect();
        assert_eq!(on_a_device(fault), expected, "{fault}");
    }
    assert_eq!(on_a_device("outcome"), [("study".to_owned(), "failed".to_owned())]);
}

#[test]
fn a_command_that_is_not_there_fails() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = rig("no-such-command", folder.path(), &["--engine", "cpu"], "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("no-such-command cannot be run"));
}
