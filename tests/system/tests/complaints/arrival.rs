//! Studies that come slowly, in parts, twice, or over associations that break.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use contract::transfer_syntax::EXPLICIT_LE;
use dimse::Status;
use domain::{InstanceKey, StudyKey, StudyState};
use phantom::Size;
use results::StudyJson;
use system_tests::{Answer, Device, Instance, Mammogram, RawPeer, Settings, exam, reports_in, send, until};

use crate::SETTLED_WITHIN;

/// Three times the quiet time of these tests, and more.
const LONG_AFTER: Duration = Duration::from_millis(1_500);

fn reports(device: &Device) -> Vec<StudyJson> {
    reports_in(&device.settings().reports)
}

#[test]
fn complaint_02_a_study_is_not_reported_while_one_of_its_images_is_coming_in() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { idle_timeout_ms: 600_000, ..Settings::new(folder.path()) };
    assert!(3 * settings.quiet_ms < LONG_AFTER.as_millis() as u64);
    let device = Device::started(folder.path(), settings);
    let (quick, slow) = (Mammogram::new("quick"), Mammogram::new("slow"));
    let bytes = slow.sound();
    // The second image has begun, on a slow line, when the first one is there.
    let mut line = RawPeer::associate(device.address(), &slow, EXPLICIT_LE);
    line.command(&slow);
    line.data(&bytes[..bytes.len() / 2], false);
    let mut peer = RawPeer::associate(device.address(), &quick, EXPLICIT_LE);
    assert_eq!(peer.store(&quick, &quick.sound()), Some(Status::SUCCESS));
    until("the first image is decided", SETTLED_WITHIN, || (device.status()["queue"]["decided"] == 1).then_some(()));
    let decided = Instant::now();
    until("the quiet time is over for long", SETTLED_WITHIN, || (decided.elapsed() > LONG_AFTER).then_some(()));
    assert!(reports(&device).is_empty(), "a report without the image that is coming in");
    line.data(&bytes[bytes.len() / 2..], true);
    assert_eq!(line.response(), Some(Status::SUCCESS));
    drop((line, peer));
    device.settle(SETTLED_WITHIN);
    let [report] = &reports(&device)[..] else { panic!("not one report") };
    assert_eq!((report.revision, report.images.len(), report.state), (1, 2, Some(StudyState::Final)));
}

/// The DICOM objects of a revision, by the end of their names.
fn object(folder: &std::path::Path, revision: u32, name: &str) -> PathBuf {
    let end = format!("-r{revision}-{name}.dcm");
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.to_str().unwrap().ends_with(&end)).unwrap_or_else(|| panic!("no {end}"))
}

fn contains(path: &std::path::Path, words: &str) -> bool {
    fs::read(path).unwrap().windows(words.len()).any(|window| window == words.as_bytes())
}

#[test]
fn complaint_03_of_two_results_for_one_exam_it_is_said_which_one_counts_and_nothing_makes_a_third() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let settings = Settings { objects: Some(objects.clone()), ..Settings::new(folder.path()) };
    let device = Device::started(folder.path(), settings);
    let images = exam(folder.path(), 60, Size::Small);
    let give = |instances: &[Instance]| {
        assert!(Answer::are_all_success(&send(device.address(), instances)));
        device.settle(SETTLED_WITHIN);
    };
    give(&images[..3]);
    let before = reports(&device).len() as u32;
    give(&images[3..]);
    let last = before + 1;
    let mut all = reports(&device);
    all.sort_by_key(|report| report.revision);
    let report = all.last().unwrap();
    assert_eq!((report.revision, report.state, report.images.len()), (last, Some(StudyState::Revised), 4));
    let words = format!("REVISION {last}, supersedes revision {before}");
    for name in ["summary", "heatmap-01", "cad-sr", "comprehensive-sr", "presentation-state-01"] {
        assert!(contains(&object(&objects, last, name), &words), "{name}");
    }
    for name in ["cad-sr", "comprehensive-sr"] {
        let replaced = scu::Object::open(&object(&objects, before, name)).unwrap().sop_instance;
        assert!(contains(&object(&objects, last, name), replaced.as_str()), "{name} names the one that it replaces");
    }
    // The archive sends our pages back, and the unit its last image again.
    let back = |name: &str| {
        let file = object(&objects, last, name);
        let key = InstanceKey(scu::Object::open(&file).unwrap().sop_instance);
        Instance { key, study: images[0].study.clone(), file }
    };
    give(&[back("summary"), back("heatmap-01")]);
    give(&images[3..]);
    assert_eq!(reports(&device).len() as u32, last, "a result that nothing new made");
}

#[test]
fn complaint_08_a_unit_that_aborts_and_sends_everything_again_is_answered_soon_and_has_one_result() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::started(folder.path(), Settings::new(folder.path()));
    let mammogram = Mammogram::new("aborted");
    let bytes = mammogram.sound();
    let mut broken = RawPeer::associate(device.address(), &mammogram, EXPLICIT_LE);
    broken.command(&mammogram);
    broken.data(&bytes[..bytes.len() / 2], false);
    drop(broken);
    // The device is busy with another exam meanwhile.
    let busy = exam(folder.path(), 61, Size::Full);
    assert!(Answer::are_all_success(&send(device.address(), &busy)));
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let start = Instant::now();
        let mut peer = RawPeer::associate(device.address(), &mammogram, EXPLICIT_LE);
        assert_eq!(peer.store(&mammogram, &bytes), Some(Status::SUCCESS));
        slowest = slowest.max(start.elapsed());
    }
    println!("an image is answered within {slowest:.1?} while others are scored");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    device.settle(SETTLED_WITHIN);
    let incoming = device.settings().state.join("spool/incoming");
    assert_eq!(fs::read_dir(incoming).unwrap().count(), 0, "nothing half is left");
    let study = StudyKey(Mammogram::study());
    let of_study = reports(&device).into_iter().filter(|report| report.study.as_deref() == Some(study.0.as_str()));
    let of_study: Vec<StudyJson> = of_study.collect();
    let [report] = &of_study[..] else { panic!("{} results", of_study.len()) };
    assert_eq!((report.revision, report.images.len()), (1, 1));
}
