//! Damaged and hostile data sets, sent to the real daemon.

use std::process::Output;

use contract::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, JPEG_LS_LOSSLESS};
use dimse::Status;
use domain::InstanceOutcome;
use phantom::Size;
use system_tests::{
    Answer, Device, Instance, Mammogram, Oracle, PATIENT_MARK, RawPeer, Settings, exam, reports_in, send,
};

use crate::{SETTLED_WITHIN, assert_kept};

/// A data set that must be refused, under the names of `mammogram`.
struct Case {
    name: &'static str,
    syntax: &'static str,
    bytes: Vec<u8>,
    status: Status,
}

fn cases(mammogram: &Mammogram) -> Vec<Case> {
    let sound = mammogram.sound();
    let case = |name, bytes: Vec<u8>, status| Case { name, syntax: EXPLICIT_LE, bytes, status };
    let mut nested = mammogram.head.bytes.clone();
    for _ in 0..60_000 {
        nested.extend([
            0x40, 0, 0x60, 2, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF,
        ]);
    }
    let huge = [&mammogram.head.bytes[..], &[0x31, 0, 1, 0, b'O', b'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0, 0]].concat();
    vec![
        case("cut in the pixels", sound[..sound.len() - 100].to_vec(), Status::CANNOT_UNDERSTAND),
        case("cut in an element's header", sound[..30].to_vec(), Status::CANNOT_UNDERSTAND),
        case("empty", Vec::new(), Status::DATA_SET_MISMATCH),
        case("garbage", vec![0xAB; 5_000], Status::CANNOT_UNDERSTAND),
        case("nested 60,000 deep", nested, Status::CANNOT_UNDERSTAND),
        case("an impossible length", huge, Status::CANNOT_UNDERSTAND),
        case("another instance than the command's", Mammogram::new("other").sound(), Status::DATA_SET_MISMATCH),
        Case {
            name: "explicit in an implicit context",
            syntax: IMPLICIT_LE,
            bytes: sound.clone(),
            status: Status::CANNOT_UNDERSTAND,
        },
        Case {
            name: "native pixels in JPEG-LS",
            syntax: JPEG_LS_LOSSLESS,
            bytes: sound,
            status: Status::DATA_SET_MISMATCH,
        },
    ]
}

#[test]
fn damaged_files_are_refused_and_honest_work_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::started(folder.path(), Settings::new(folder.path()));
    let mammogram = Mammogram::new("damaged");
    for case in cases(&mammogram) {
        let mut peer = RawPeer::associate(device.address(), &mammogram, case.syntax);
        assert_eq!(peer.store(&mammogram, &case.bytes), Some(case.status), "{}", case.name);
    }
    // Sound for the receiver, but no decoder can read it: taken, and reported as failed.
    let undecodable = Mammogram::new("undecodable");
    let mut peer = RawPeer::associate(device.address(), &undecodable, JPEG_LS_LOSSLESS);
    assert_eq!(peer.store(&undecodable, &undecodable.encapsulated(&[0x5A; 600])), Some(Status::SUCCESS));
    let mut oracle = Oracle::default();
    let instance = domain::InstanceKey(undecodable.instance.clone());
    let study = domain::StudyKey(Mammogram::study());
    oracle.hear(&Instance { key: instance, study, file: Default::default() }, Answer::Acknowledged);
    let honest = exam(folder.path(), 40, Size::Small);
    oracle.hear_all(&honest, &send(device.address(), &honest));
    assert_eq!(oracle.obligations(), 5);
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, None);
    let reports = reports_in(&device.settings().reports);
    let outcomes = reports.iter().flat_map(|report| &report.images);
    let outcome = { outcomes }.find(|image| image.instance.as_deref() == Some(undecodable.instance.as_str())).unwrap();
    assert!(matches!(outcome.outcome, InstanceOutcome::Failed { .. }), "{:?}", outcome.outcome);
    let status = device.status();
    assert_eq!((&status["receiver"]["instances_refused"], &status["queue"]["decided"]), (&9.into(), &5.into()));
    no_patient_data_shows(&device, &mammogram, &undecodable);
}

/// Neither in the log nor in what a technician is shown, in words and in JSON.
fn no_patient_data_shows(device: &Device, mammogram: &Mammogram, undecodable: &Mammogram) {
    let shown: [&[&str]; 6] = [
        &["status"],
        &["status", "--json"],
        &["queue"],
        &["queue", "--json"],
        &["queue", "--all"],
        &["queue", "--all", "--json"],
    ];
    let text = |output: Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let mut texts: Vec<(String, String)> =
        shown.iter().map(|arguments| (arguments.join(" "), text(device.ask(arguments)))).collect();
    texts.push(("log".into(), device.log()));
    let study = Mammogram::study();
    for (place, text) in texts {
        assert!(!text.is_empty(), "{place} says nothing");
        for secret in [PATIENT_MARK, mammogram.instance.as_str(), undecodable.instance.as_str(), study.as_str()] {
            assert!(!text.contains(secret), "{place} shows {secret}:\n{text}");
        }
    }
}
