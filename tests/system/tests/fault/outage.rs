//! A destination that is away, or refuses.

use std::time::Duration;

use phantom::Size;
use serde_json::Value;
use system_tests::{Answer, Device, Oracle, Pacs, PacsSettings, Settings, exam, excluded_exam, send, until};

use crate::{SETTLED_WITHIN, assert_kept};

#[test]
fn what_was_made_while_the_destination_was_down_arrives_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut pacs = Pacs::new(&folder.path().join("pacs"));
    pacs.down();
    let device = Device::started(folder.path(), Settings::new(folder.path()).with_pacs(pacs.address()));
    let mut oracle = Oracle::default();
    let studies =
        [exam(folder.path(), 20, Size::Small), excluded_exam(folder.path(), 21), excluded_exam(folder.path(), 22)];
    for study in &studies {
        oracle.hear_all(study, &send(device.address(), study));
    }
    assert_eq!(oracle.obligations(), 12);
    until("all is reported, and deliveries were tried", SETTLED_WITHIN, || {
        let is_tried = device.queue().iter().any(|delivery| delivery["attempts"].as_u64() >= Some(3));
        let queue = &device.status()["queue"];
        (is_tried && queue["studies_open"] == 0 && queue["waiting"] == 0).then_some(())
    });
    assert!(pacs.records().is_empty());
    // Down in another way, then half of the objects, then gone again.
    pacs.hanging_up();
    let tries =
        |device: &Device| device.queue().iter().filter_map(|delivery| delivery["attempts"].as_u64()).sum::<u64>();
    let before = tries(&device);
    until("deliveries are tried again", SETTLED_WITHIN, || (tries(&device) > before).then_some(()));
    pacs.up();
    until("something arrives", SETTLED_WITHIN, || (!pacs.records().is_empty()).then_some(()));
    pacs.down();
    pacs.up();
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, Some(&pacs));
    assert!(pacs.records().len() >= 5 + 2, "a summary of each study, and four heat maps");
}

#[test]
fn results_that_are_refused_too_often_wait_for_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let mut pacs = Pacs::new(&folder.path().join("pacs"));
    pacs.full();
    let settings = Settings {
        pacs: Some(PacsSettings { address: pacs.address(), attempts_max: 3, more: "" }),
        ..Settings::new(folder.path())
    };
    let mut device = Device::started(folder.path(), settings);
    let images = excluded_exam(folder.path(), 23);
    let mut oracle = Oracle::default();
    oracle.hear_all(&images, &send(device.address(), &images));
    let is_parked = |delivery: &Value| delivery["state"] == "parked";
    let parked = until("all results for the PACS are parked", SETTLED_WITHIN, || {
        let open = device.queue();
        let status = device.status();
        let is_done = status["queue"]["studies_open"] == 0 && status["queue"]["deliveries_due"] == 0;
        (is_done && !open.is_empty() && open.iter().all(is_parked)).then_some(open)
    });
    for delivery in &parked {
        assert_eq!((&delivery["destination"], &delivery["attempts"]), (&Value::from("pacs"), &Value::from(3)));
        assert_eq!(delivery["last_error"], "destination answered with status A700");
    }
    assert_eq!(device.status()["destinations"][1]["parked"], parked.len());
    // Parked is for ever, also over a crash, until a person says otherwise.
    device.kill();
    device.start();
    pacs.up();
    assert!(device.queue().iter().all(is_parked) && device.queue().len() == parked.len());
    assert!(pacs.records().is_empty());
    assert_eq!(device.retry(), parked.len() as u64);
    until("all is delivered", SETTLED_WITHIN, || device.queue().is_empty().then_some(()));
    assert_kept(&oracle, &device, Some(&pacs));
    // The folder had its reports all the time, and new work flows.
    let fresh = excluded_exam(folder.path(), 24);
    assert!(Answer::are_all_success(&send(device.address(), &fresh)));
    device.settle(Duration::from_secs(60));
}
