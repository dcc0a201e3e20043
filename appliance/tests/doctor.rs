//! `mamoru doctor` and `mamoru support-bundle` where no device is running.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn mamoru(arguments: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mamoru"));
    command.env("MAMORU_ENGINE", "cpu").args(arguments).arg("--config").arg(config).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A configuration with a state folder that is there, and one destination.
fn site(folder: &Path, more: &str) -> PathBuf {
    let (state, results) = (folder.join("state"), folder.join("results"));
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let text = format!(
        "state_dir = {state:?}\n{more}\n[receiver]\ndisk_free_bytes_min = 1048576\n\
         [[destinations]]\nname = \"reports\"\nfolder = {results:?}\n"
    );
    let config = folder.join("mamoru.toml");
    fs::write(&config, text).unwrap();
    config
}

/// The verdict on each check, in order.
fn verdicts(document: &Value) -> Vec<(&str, &str)> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|finding| (finding["check"].as_str().unwrap(), finding["verdict"].as_str().unwrap())).collect()
}

#[test]
fn a_device_that_is_not_running_is_looked_at_in_order_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let config = site(folder.path(), "");
    let output = mamoru(&["doctor", "--json"], &config);
    let document = json(&output);
    let expected = [
        ("config", "ok"),
        ("state folder", "ok"),
        ("disk", "ok"),
        ("clock", "ok"),
        ("device", "attention"),
        ("engine", "ok"),
        ("model", "ok"),
        ("queue", "ok"),
        ("quarantine", "ok"),
        ("destination reports", "ok"),
        ("certificates", "ok"),
    ];
    assert_eq!(verdicts(&document), expected, "{document}");
    assert_eq!((output.status.code(), &document["verdict"]), (Some(7), &"attention".into()));
    assert_eq!(document["notice"], "Research use only, not a medical device.");
    for finding in document["findings"].as_array().unwrap() {
        let has_next = finding["next"].as_str().is_some_and(|next| !next.is_empty());
        assert_eq!(has_next, finding["verdict"] != "ok", "{finding}");
    }
    assert_eq!(fs::read_dir(folder.path().join("state")).unwrap().count(), 0, "nothing was made");
    assert!(!folder.path().join("results").exists());
    let text = String::from_utf8(mamoru(&["doctor"], &config).stdout).unwrap();
    assert!(
        text.contains("-> start it: mamoru serve") && text.ends_with("10 ok, 1 need attention, 0 failed\n"),
        "{text}"
    );
}

#[test]
fn what_does_not_work_decides_about_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let config = site(folder.path(), &format!("model = {none:?}"));
    let output = mamoru(&["doctor", "--json"], &config);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(verdicts(&json(&output)).contains(&("model", "failed")));
    fs::write(&config, "password = \"hunter2\"").unwrap();
    let output = mamoru(&["doctor", "--json"], &config);
    assert_eq!((output.status.code(), verdicts(&json(&output))), (Some(3), vec![("config", "failed")]));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hunter2"));
}

#[test]
fn a_destination_is_called_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let config = site(folder.path(), "model = \"untrained\"");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = fs::read_to_string(&config).unwrap();
    let pacs = format!("[[destinations]]\nname = \"pacs\"\naddress = \"127.0.0.1:{port}\"\ncalled_ae = \"PACS\"\n");
    fs::write(&config, text + &pacs).unwrap();
    let verdict_of = |arguments: &[&str]| {
        let document = json(&mamoru(arguments, &config));
        let verdicts = verdicts(&document);
        verdicts.iter().find(|(check, _)| *check == "destination pacs").unwrap().1.to_owned()
    };
    assert_eq!(verdict_of(&["doctor", "--json"]), "ok");
    assert_eq!(verdict_of(&["doctor", "--json", "--connect"]), "failed");
}

#[test]
fn a_support_bundle_is_made_without_a_device_and_never_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = site(folder.path(), "model = \"untrained\"");
    let out = folder.path().join("support.tar");
    let bundle = ["support-bundle", "--json", "--out", out.to_str().unwrap()];
    let made = mamoru(&bundle, &config);
    assert!(made.status.success(), "{made:?}");
    let members = json(&made)["members"].clone();
    let expected = [
        "README.txt",
        "doctor.json",
        "versions.json",
        "system.json",
        "config.toml",
        "status.json",
        "deliveries.json",
        "models.json",
        "quarantine.json",
        "disk.json",
    ];
    assert_eq!(members, serde_json::json!(expected));
    let before = fs::read(&out).unwrap();
    let again = mamoru(&bundle, &config);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not written over"), "{again:?}");
    assert_eq!(fs::read(&out).unwrap(), before);
    let nowhere = folder.path().join("none/support.tar");
    let output = mamoru(&["support-bundle", "--out", nowhere.to_str().unwrap()], &config);
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("name a folder"),
        "{output:?}"
    );
}
