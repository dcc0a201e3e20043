//! `mamoru doctor` and `mamoru support-bundle` on a running device that holds patient data and secrets: none of them shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use contract::transfer_syntax::EXPLICIT_LE;
use dimse::Status;
use serde_json::Value;
use system_tests::{
    Answer, Device, Mammogram, PATIENT_MARK, PacsSettings, RawPeer, Settings, excluded_exam, program, send, until,
};

const LIMIT: Duration = Duration::from_secs(120);
/// Stands in files and settings that are secret.
const SECRET_MARK: &str = "QQSECRET";

/// Does any file below `folder` hold `mark`?
fn is_below(folder: &Path, mark: &str) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() { is_below(&path, mark) } else { holds(&fs::read(&path).unwrap_or_default(), mark) }
    })
}

fn holds(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window.eq_ignore_ascii_case(mark.as_bytes()))
}

/// The members of an archive, unpacked by GNU tar.
fn unpacked(archive: &Path, folder: &Path) -> std::path::PathBuf {
    fs::create_dir(folder).unwrap();
    let output = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    folder.join("mamoru-support")
}

fn document(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// A device whose one destination is away and parks, with a token for another, and what must not show of it.
fn planted(folder: &Path) -> (Device, Vec<String>) {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let token = folder.join("token");
    fs::write(&token, format!("Bearer {SECRET_MARK}")).unwrap();
    let more = format!(
        "[[destinations]]\nname = \"web\"\npost = {{ url = \"http://{closed}/results\", authorization_file = {token:?} }}\n\
         retry = {{ first_ms = 20, longest_ms = 200, attempts_max = 1 }}\n"
    );
    let pacs = PacsSettings { address: closed, attempts_max: 1, more: more.leak() };
    let device = Device::started(folder, Settings { pacs: Some(pacs), ..Settings::new(folder) });
    let (sound, damaged) = (Mammogram::new("sound"), Mammogram::new("damaged"));
    let mut peer = RawPeer::associate(device.address(), &sound, EXPLICIT_LE);
    assert_eq!(peer.store(&sound, &sound.sound()), Some(Status::SUCCESS));
    let mut peer = RawPeer::associate(device.address(), &damaged, EXPLICIT_LE);
    let bytes = damaged.sound();
    assert_eq!(peer.store(&damaged, &bytes[..bytes.len() - 100]), Some(Status::CANNOT_UNDERSTAND));
    let exam = excluded_exam(folder, 71);
    assert!(Answer::are_all_success(&send(device.address(), &exam)));
    let marks = [PATIENT_MARK, SECRET_MARK, "PHANTOM^MAMORU", "PHANTOM-71"].map(str::to_owned);
    let uids = [sound.instance.as_str(), damaged.instance.as_str(), Mammogram::study().as_str()].map(str::to_owned);
    let of_exam = exam.iter().flat_map(|image| [image.key.0.as_str().to_owned(), image.study.0.as_str().to_owned()]);
    let marks = marks.into_iter().chain(uids).chain(of_exam).collect();
    (device, marks)
}

#[test]
fn no_byte_of_a_support_bundle_holds_what_was_planted() {
    let folder = tempfile::tempdir().unwrap();
    let (device, marks) = planted(folder.path());
    device.settle(LIMIT);
    until("a result is parked", LIMIT, || (device.status()["queue"]["deliveries_parked"] != 0).then_some(()));
    let state = &device.settings().state;
    // Somebody copied a file into the wrong folder, and a terminal wrote into the log.
    fs::write(state.join("quarantine").join(format!("{PATIENT_MARK}.dcm")), PATIENT_MARK).unwrap();
    let log = folder.path().join("mamoru.log");
    writeln!(fs::OpenOptions::new().append(true).open(&log).unwrap(), "{PATIENT_MARK}").unwrap();
    for mark in marks.iter().filter(|mark| !mark.starts_with(SECRET_MARK)) {
        assert!(is_below(state, mark), "{mark} is not even there");
    }
    let out = folder.path().join("support.tar");
    let arguments = ["support-bundle", "--out", out.to_str().unwrap(), "--log", log.to_str().unwrap(), "--connect"];
    let made = device.ask(&arguments);
    assert!(made.status.success(), "{made:?}");
    let archive = fs::read(&out).unwrap();
    let doctor = device.ask(&["doctor", "--connect"]);
    for mark in &marks {
        for (place, bytes) in [("archive", &archive), ("output", &made.stdout), ("doctor", &doctor.stdout)] {
            assert!(!bytes.is_empty() && !holds(bytes, mark), "{place} holds {mark}");
        }
        assert!(!holds(&doctor.stderr, mark) && !holds(&made.stderr, mark), "standard error holds {mark}");
    }
    // And it says what there is to say.
    let members = unpacked(&out, &folder.path().join("unpacked"));
    assert_eq!(document(&members, "status.json")["queue"]["decided"], 5);
    assert!(!document(&members, "deliveries.json")["deliveries"].as_array().unwrap().is_empty());
    let quarantine = document(&members, "quarantine.json");
    assert_eq!((&quarantine["refused"][0]["status"], &quarantine["other_files"]), (&"C000".into(), &1.into()));
    let config = fs::read_to_string(members.join("config.toml")).unwrap();
    assert!(config.contains("authorization_file") && config.contains("[receiver]"), "{config}");
    let log = fs::read_to_string(members.join("log.txt")).unwrap();
    assert!(log.contains("device is ready") && log.contains("were left out"), "{log}");
    let readme = fs::read_to_string(members.join("README.txt")).unwrap();
    assert!(readme.contains("config.toml") && readme.contains("no patient data"), "{readme}");
    let findings = document(&members, "doctor.json")["findings"].clone();
    let verdict = |check: &str| {
        let found = findings.as_array().unwrap().iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("{check} is not in {findings}"))["verdict"].clone()
    };
    for (check, expected) in [
        ("device", "ok"),
        ("engine", "ok"),
        ("model", "ok"),
        ("queue", "attention"),
        ("quarantine", "attention"),
        ("destination folder", "ok"),
        ("destination pacs", "failed"),
        ("destination web", "failed"),
    ] {
        assert_eq!(verdict(check), expected, "{check}: {findings}");
    }
    assert_eq!(doctor.status.code(), Some(1));
}

#[test]
fn a_password_in_a_configuration_that_is_wrong_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mamoru.toml");
    for (name, text) in [
        ("key", format!("password = \"{SECRET_MARK}\"")),
        ("value", format!("[receiver]\nidle_timeout_ms = \"{SECRET_MARK}\"")),
        ("toml", format!("password = {SECRET_MARK}")),
    ] {
        fs::write(&config, text).unwrap();
        let out = folder.path().join(format!("{name}.tar"));
        let mut command = Command::new(program());
        let output = command.args(["support-bundle", "--out"]).arg(&out).arg("--config").arg(&config).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let archive = fs::read(&out).unwrap();
        for bytes in [&archive, &output.stdout, &output.stderr] {
            assert!(!holds(bytes, SECRET_MARK), "{name}");
        }
        assert!(holds(&archive, "doctor.json") && holds(&archive, "1 wrong"), "{name}");
    }
}
