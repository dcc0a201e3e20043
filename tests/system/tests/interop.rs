//! The whole way on a good day: images in, one report and its pictures out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use domain::InstanceOutcome;
use phantom::Size;
use results::StudyJson;
use system_tests::{
    Answer, Device, Instance, Oracle, Pacs, Settings, arrivals_of, exam, objects_of, program, reports_in, send,
};

/// Four images of the network and everything around them, on a shared machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

fn check(oracle: &Oracle, device: &Device, pacs: &Pacs) {
    assert_eq!(oracle.judge_reports(&reports_in(&device.settings().reports)), Vec::<String>::new());
    let made = objects_of(&device.settings().state);
    assert_eq!(Oracle::judge_objects(&made, &arrivals_of(pacs)), Vec::<String>::new());
    assert_eq!(pacs.conflicts(), 0);
}

fn scored(report: &StudyJson) -> usize {
    report.images.iter().filter(|image| matches!(image.outcome, InstanceOutcome::Scored(_))).count()
}

#[test]
fn four_views_become_one_report_and_five_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let pacs = Pacs::new(&folder.path().join("pacs"));
    // Nothing but the fourth view ends the waiting.
    let settings = Settings { quiet_ms: 600_000, ..Settings::new(folder.path()).with_pacs(pacs.address()) };
    let device = Device::started(folder.path(), settings);
    let images = exam(folder.path(), 1, Size::Small);
    let to = format!("MAMORU@{}", device.address());
    let echo = Command::new(program()).args(["echo", "--to", &to]).output().unwrap();
    assert!(echo.status.success(), "{echo:?}");
    // Two views by the command, two by the crate.
    let mut command = Command::new(program());
    command.args(["send", "--to", &to]).args(images[..2].iter().map(|image| &image.file));
    let sent = command.output().unwrap();
    assert!(sent.status.success(), "{sent:?}");
    assert!(Answer::are_all_success(&send(device.address(), &images[2..])));
    device.settle(SETTLED_WITHIN);

    let mut oracle = Oracle::default();
    images.iter().for_each(|image| oracle.hear(image, Answer::Acknowledged));
    check(&oracle, &device, &pacs);
    let reports = reports_in(&device.settings().reports);
    let [report] = &reports[..] else { panic!("{} reports", reports.len()) };
    let sides: Vec<_> = report.breasts.iter().map(|breast| (breast.laterality.letter(), breast.images)).collect();
    assert_eq!(sides, [("R", 2), ("L", 2)]);
    assert_eq!((scored(report), report.missing_views.len()), (4, 0));
    assert_eq!(report.notice, results::NOTICE);
    let records = pacs.records();
    assert_eq!(records.len(), 5, "a summary and four heat maps");
    for record in &records {
        assert_eq!(record.received.sop_class.as_str(), SECONDARY_CAPTURE);
        assert_eq!(record.received.study, images[0].study);
        assert!(contains(&std::fs::read(pacs.file(record)).unwrap(), b"PHANTOM-1"), "the patient is the sender's");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_late_image_makes_a_second_revision_that_follows_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let pacs = Pacs::new(&folder.path().join("pacs"));
    let device = Device::started(folder.path(), Settings::new(folder.path()).with_pacs(pacs.address()));
    let images = exam(folder.path(), 2, Size::Small);
    let mut oracle = Oracle::default();
    let mut give = |images: &[Instance]| {
        oracle.hear_all(images, &send(device.address(), images));
        device.settle(SETTLED_WITHIN);
    };
    give(&images[..3]);
    give(&images[3..]);
    check(&oracle, &device, &pacs);
    assert_eq!(oracle.obligations(), 4);
    let mut reports = reports_in(&device.settings().reports);
    reports.sort_by_key(|report| report.revision);
    let last = reports.last().unwrap();
    assert_eq!((scored(last), last.missing_views.len()), (4, 0));
    assert!(reports.len() >= 2, "the first three images were reported before the fourth came");
    let before = &reports[reports.len() - 2];
    assert_eq!((scored(before), before.missing_views.len()), (3, 1));
    let made = objects_of(&device.settings().state);
    let revisions: BTreeSet<u32> = made.iter().map(|object| object.place.1).collect();
    assert_eq!(revisions.len(), reports.len(), "each revision has its pictures, delivered in order");
}

#[test]
fn four_full_size_images_stay_within_the_memory() {
    const BYTES_MAX: u64 = 3 << 29;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::started(folder.path(), Settings::new(folder.path()));
    let images = exam(folder.path(), 3, Size::Full);
    let (mut workers, address) = (0, device.address());
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(address, &images));
        system_tests::until("four images are decided", SETTLED_WITHIN, || {
            workers = workers.max(device.workers_memory_bytes());
            (device.status()["queue"]["decided"] == 4).then_some(())
        });
        assert!(Answer::are_all_success(&sending.join().unwrap()));
    });
    device.settle(SETTLED_WITHIN);
    let daemon = device.memory_bytes_max();
    println!("daemon {} MiB at most, workers {} MiB at most", daemon >> 20, workers >> 20);
    assert!(daemon + workers < BYTES_MAX, "daemon {} MiB, workers {} MiB", daemon >> 20, workers >> 20);
    assert_eq!(reports_in(&device.settings().reports).iter().map(scored).max(), Some(4));
}
