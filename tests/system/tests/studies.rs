//! Whole studies on a real device: rejection notes, over a crash too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use contract::Uid;
use domain::{ExclusionReason, InstanceKey, InstanceOutcome, StudyState, Trigger};
use phantom::Size;
use results::StudyJson;
use system_tests::{Answer, Device, Instance, Settings, exam, rejection_note, reports_in, send, until};

/// Four images of the network and everything around them, also beside a training run.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// The report of `study` with the greatest revision.
fn last_report(device: &Device, study: &Instance) -> StudyJson {
    let reports = reports_in(&device.settings().reports).into_iter();
    let of_study = reports.filter(|report| report.study.as_deref() == Some(study.study.0.as_str()));
    of_study.max_by_key(|report| report.revision).expect("the study is reported")
}

fn reason(report: &StudyJson, instance: &InstanceKey) -> Option<ExclusionReason> {
    let image = report.images.iter().find(|image| image.instance.as_deref() == Some(instance.0.as_str()));
    match image.expect("every instance is listed").outcome {
        InstanceOutcome::Excluded { reason } => Some(reason),
        _ => None,
    }
}

#[test]
fn a_rejection_note_takes_an_image_out_of_a_study_that_was_reported_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut device = Device::started(folder.path(), Settings::new(folder.path()));
    let images = exam(folder.path(), 40, Size::Small);
    assert!(Answer::are_all_success(&send(device.address(), &images)));
    device.settle(SETTLED_WITHIN);
    let first = last_report(&device, &images[0]);
    assert!(first.images.iter().all(|image| matches!(image.outcome, InstanceOutcome::Scored(_))));
    assert!(matches!(first.state, Some(StudyState::Final | StudyState::Revised)), "{:?}", first.state);

    let note = rejection_note(folder.path(), "first", &images[0].study, &[&images[1].key]);
    assert_eq!(send(device.address(), std::slice::from_ref(&note)), [Answer::Acknowledged]);
    device.kill();
    device.start();
    device.settle(SETTLED_WITHIN);
    let second = last_report(&device, &images[0]);
    assert_eq!((second.revision, second.state), (first.revision + 1, Some(StudyState::Revised)));
    assert_eq!(reason(&second, &images[1].key), Some(ExclusionReason::RejectedByNote));
    assert_eq!(reason(&second, &note.key), Some(ExclusionReason::RejectionNote));
    assert_eq!((second.breasts[0].images, second.missing_views.len()), (1, 1));
    let status = device.status();
    assert_eq!(status["studies"][0]["state"], "revised");

    // A note of images that are not here: recorded, and no revision.
    let stranger = InstanceKey(Uid::derived(&["system test", "not sent"]));
    let other = rejection_note(folder.path(), "second", &images[0].study, &[&stranger]);
    assert_eq!(send(device.address(), std::slice::from_ref(&other)), [Answer::Acknowledged]);
    device.settle(SETTLED_WITHIN);
    assert_eq!(last_report(&device, &images[0]).revision, second.revision);
    assert_eq!(device.status()["studies"][0]["instances"], 6);
}

#[test]
fn a_rejection_note_that_comes_first_waits_for_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::started(folder.path(), Settings::new(folder.path()));
    let images = exam(folder.path(), 41, Size::Small);
    let note = rejection_note(folder.path(), "early", &images[0].study, &[&images[2].key]);
    assert_eq!(send(device.address(), std::slice::from_ref(&note)), [Answer::Acknowledged]);
    device.settle(SETTLED_WITHIN);
    assert!(reports_in(&device.settings().reports).is_empty(), "a note alone is no result");
    assert_eq!(device.status()["studies"][0]["state"], "collecting");
    assert!(Answer::are_all_success(&send(device.address(), &images)));
    device.settle(SETTLED_WITHIN);
    let report = last_report(&device, &images[0]);
    assert_eq!(reason(&report, &images[2].key), Some(ExclusionReason::RejectedByNote));
    assert_eq!(report.images.len(), 5, "the note is listed");
    assert_eq!(report.breasts.iter().map(|breast| breast.images).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_study_waits_for_the_end_of_its_association_and_holds_no_other() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing but the settling time, a twentieth of a second, ends the waiting.
    let settings = Settings { quiet_ms: 600_000, idle_timeout_ms: 600_000, ..Settings::new(folder.path()) };
    let device = Device::started(folder.path(), settings);
    let [first, second] = [42, 43].map(|seed| exam(folder.path(), seed, Size::Small));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let objects: Vec<scu::Object> = first.iter().map(|image| scu::Object::open(&image.file).unwrap()).collect();
    let title = |text| domain::AeTitle::parse(text).unwrap();
    let address = device.address().to_string();
    let peer = scu::Peer::plain(address, title("MAMORU"), title("UNIT"));
    let mut open = runtime.block_on(scu::Association::request(&peer, &objects, scu::Timeouts::default())).unwrap();
    for object in &objects {
        assert!(runtime.block_on(open.store(object)).unwrap().is_success());
    }
    // Scored one after the other: when the second study is reported, the first one has been complete for long.
    assert!(Answer::are_all_success(&send(device.address(), &second)));
    let studies = || -> Vec<String> {
        reports_in(&device.settings().reports).into_iter().filter_map(|report| report.study).collect()
    };
    let is_second = |study: &String| study == second[0].study.0.as_str();
    until("the second study is reported", SETTLED_WITHIN, || studies().iter().any(is_second).then_some(()));
    assert!(studies().iter().all(is_second), "the first one is not, while its association is open");
    runtime.block_on(open.release()).unwrap();
    device.settle(SETTLED_WITHIN);
    let report = last_report(&device, &first[0]);
    assert_eq!((report.revision, report.trigger), (1, Some(Trigger::AllViews)));
}
