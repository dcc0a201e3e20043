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
