//! Commands without a running device: messages and exit codes, as scripts rely on them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

fn mamoru(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamoru")).args(arguments).output().unwrap()
}

fn code(arguments: &[&str]) -> Option<i32> {
    mamoru(arguments).status.code()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_printed_default_configuration_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mamoru.toml");
    std::fs::write(&file, mamoru(&["config", "default"]).stdout).unwrap();
    let checked = mamoru(&["config", "check", "--json", file.to_str().unwrap()]);
    assert!(checked.status.success());
    assert_eq!(json(&checked)["valid"], true);
}

#[test]
fn a_wrong_configuration_stops_every_command_with_all_its_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mamoru.toml");
    std::fs::write(&file, "colour = 1\n[receiver]\nlisten = \"nowhere\"\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in [&["config", "check", file][..], &["serve", "--config", file], &["status", "--config", file]] {
        let output = mamoru(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {error}");
        assert!(error.contains("colour: unknown key") && error.contains("receiver.listen: "), "{error}");
    }
    let errors = json(&mamoru(&["config", "check", "--json", file]));
    assert_eq!(errors["errors"].as_array().unwrap().len(), 2);
}

#[test]
fn nobody_there_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    assert_eq!(code(&["status", "--state", state]), Some(4));
    assert_eq!(code(&["queue", "--state", state]), Some(4));
    assert_eq!(code(&["queue", "--state", state, "retry"]), Some(4));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let peer = format!("PACS@127.0.0.1:{port}");
    let echoed = mamoru(&["echo", "--to", &peer, "--json"]);
    assert_eq!(echoed.status.code(), Some(4));
    assert_eq!(json(&echoed)["error"], "cannot connect: connection refused");
    let exam = phantom::Exam::new(1, phantom::Size::Small).write_into(folder.path()).unwrap();
    assert_eq!(code(&["send", exam[0].to_str().unwrap(), "--to", &peer]), Some(4));
}

#[test]
fn wrong_arguments_are_explained() {
    let output = mamoru(&["echo", "--to", "PACS"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("AET@HOST:PORT"));
    assert_eq!(code(&["serve", "--no-such-flag"]), Some(2));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        code(&["send", folder.path().to_str().unwrap(), "--to", "PACS@127.0.0.1:104"]),
        Some(6),
        "no DICOM file"
    );
}

/// The command with `MAMORU_ENGINE`.
fn with_engine(engine: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamoru")).env("MAMORU_ENGINE", engine).args(arguments).output().unwrap()
}

#[test]
fn an_engine_that_is_none_is_refused_by_every_command_that_scores() {
    let folder = tempfile::tempdir().unwrap();
    let exam = phantom::Exam::new(1, phantom::Size::Small).write_into(folder.path()).unwrap();
    let exam = exam[0].to_str().unwrap();
    let commands: [&[&str]; 7] = [
        &["analyze", "--untrained", exam],
        &["demo", "--untrained", "--exit", "--study", exam],
        &["serve"],
        &["results", "verify-destination", "reports"],
        &["engine", "probe"],
        &["engine", "bench", "--untrained", exam],
        &["engine", "check", "--untrained"],
    ];
    for arguments in commands {
        let output = with_engine("gpu", arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {error}");
        assert!(error.contains("MAMORU_ENGINE: \"gpu\" is no engine; it can be auto, nvidia or cpu"), "{error}");
        assert_eq!(code(&[arguments, &["--engine", "gpu"]].concat()), Some(2), "{arguments:?}");
    }
}

#[test]
fn without_a_driver_nvidia_is_an_error_auto_is_the_cpu_and_both_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let mamoru = |engine: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
        command.current_dir(folder.path()).env("MAMORU_ENGINE", engine).args(arguments).output().unwrap()
    };
    let probed = json(&mamoru("auto", &["engine", "probe", "--json"]));
    if probed["steps"][0]["found"] == true {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "\nnot run: commands without an NVIDIA driver: this machine has one");
        return;
    }
    assert_eq!(
        (&probed["ok"], &probed["engine"], &probed["configured"]),
        (&true.into(), &"tract".into(), &"auto".into())
    );
    let output = mamoru("nvidia", &["engine", "probe", "--json"]);
    let probed = json(&output);
    assert_eq!((output.status.code(), &probed["ok"], &probed["engine"]), (Some(1), &false.into(), &Value::Null));
    assert!(probed["why"].as_str().unwrap().contains("driver"), "{probed}");
    let exam = phantom::Exam::new(1, phantom::Size::Small).write_into(folder.path()).unwrap();
    let exam = exam[0].to_str().unwrap();
    let commands: [&[&str]; 3] = [
        &["analyze", "--untrained", exam],
        &["engine", "bench", "--untrained", exam],
        &["engine", "build", "--untrained"],
    ];
    for arguments in commands {
        let output = mamoru("nvidia", arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("driver") && output.stdout.is_empty(), "{arguments:?}: {error}");
    }
    // The option goes before the variable.
    let output = mamoru("nvidia", &["analyze", "--untrained", "--json", "--engine", "auto", exam]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(json(&output)["studies"][0]["engine"], "tract");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "engine: CPU (the NVIDIA driver is not installed)\n");
    let quiet = mamoru("cpu", &["analyze", "--untrained", "--json", exam]);
    assert_eq!((quiet.status.success(), quiet.stderr.len()), (true, 0), "{quiet:?}");
}

#[test]
fn an_engine_is_measured_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let exam = phantom::Exam::new(1, phantom::Size::Small).write_into(folder.path()).unwrap();
    let bench = ["engine", "bench", "--untrained", "--json", "--images", "3", exam[0].to_str().unwrap()];
    let measured = json(&with_engine("cpu", &bench));
    assert_eq!((&measured["engine"], &measured["images"]), (&"tract".into(), &3.into()));
    assert_eq!(measured["notice"], "Research use only, not a medical device.");
    assert!(measured["images_per_second"].as_f64().unwrap() > 0.0, "{measured}");
    let stages = measured["stages"].as_array().unwrap();
    let names: Vec<_> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["preprocess", "network", "heat_map", "total"]);
    for stage in stages {
        let [p50, p99, max] = ["p50_ms", "p99_ms", "max_ms"].map(|key| stage[key].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{stage}");
    }
    let checked = json(&with_engine("cpu", &["engine", "check", "--untrained", "--json"]));
    let verdicts = checked["checks"].as_array().unwrap().iter();
    let verdicts: Vec<_> = verdicts.map(|check| check["verdict"].as_str().unwrap()).collect();
    assert_eq!((&checked["ok"], verdicts), (&true.into(), vec!["passed", "passed", "not_run"]), "{checked}");
    assert_eq!(code(&["engine", "bench", "--images", "0"]), Some(2));
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(code(&["engine", "bench", "--untrained", empty.path().to_str().unwrap()]), Some(6), "no DICOM file");
}

#[test]
fn a_builder_of_plans_says_in_its_last_line_why_it_failed() {
    for (settings, why) in [("{}", "settings: "), ("{\"cache_folder\": \"plans\"}", "model: ")] {
        let output = Command::new(env!("CARGO_BIN_EXE_mamoru"))
            .args(["plan-worker", settings])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.lines().next_back().unwrap().starts_with(why), "{said}");
    }
}

#[test]
fn completions_and_manual_pages_are_made_of_the_commands_themselves() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(mamoru(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("support-bundle") && script.contains("selftest"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = mamoru(&["manual", "--out", pages.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(pages.join("mamoru-bundle-install.1")).unwrap();
    assert!(page.starts_with(".ie") && page.contains("mamoru"), "{page}");
    let main = std::fs::read_to_string(pages.join("mamoru.1")).unwrap();
    assert!(main.contains("Research use only") && main.contains("needs attention"), "{main}");
    assert!(!pages.join("mamoru-decode-worker.1").exists());
}
