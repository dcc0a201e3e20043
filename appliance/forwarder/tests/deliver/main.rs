//! Deliveries to a storage SCP and to a folder: order, outages, refusals, parked objects; storage commitment; kinds that a
//! destination does not accept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../../secure-transport/tests/tls/authority.rs"]
mod authority;
mod commitment;
mod double;
mod fixture;
mod kinds;
mod tls;

use std::time::{Duration, Instant};

use domain::{AeTitle, DeliveryState, DestinationName, RetryPolicy, UnixMillis};
use forwarder::{DestinationConfig, Forwarder};

use fixture::{CAPTURE, Pacs, RETRY, Sender, UNKNOWN_CLASS, any_port, free_port, keys, to_pacs};

#[test]
fn objects_arrive_in_their_study_s_order_and_once() {
    let sender = Sender::new();
    let pacs = Pacs::start(&sender.runtime, &sender.folder.path().join("pacs"), any_port(), 0);
    let studies: Vec<_> = (0..3).map(|number| sender.report(number, 4, "pacs", CAPTURE)).collect();
    sender.forward(to_pacs(pacs.address));
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == 12);
    let arrived = pacs.instances();
    assert_eq!(arrived.len(), 12);
    for deliveries in studies {
        let wanted = keys(&deliveries);
        let of_study: Vec<_> = arrived.iter().filter(|key| wanted.contains(key)).cloned().collect();
        assert_eq!(of_study, wanted);
    }
}

#[test]
fn an_outage_delays_and_loses_nothing() {
    let sender = Sender::new();
    let folder = sender.folder.path().join("pacs");
    let address = free_port();
    sender.report(1, 2, "pacs", CAPTURE);
    sender.report(2, 2, "pacs", CAPTURE);
    let patient = RetryPolicy { attempts_max: 1_000_000, ..RETRY };
    sender.forward(DestinationConfig { retry: patient, ..to_pacs(address) });
    let tried = |sender: &Sender| sender.queue.deliveries(|_| true, 9).unwrap().iter().any(|one| one.attempts >= 3);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !tried(&sender) {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::yield_now();
    }
    let first = sender.queue.deliveries(|_| true, 1).unwrap().remove(0);
    assert_eq!(first.last_error.as_deref(), Some("cannot connect: connection refused"));
    let pacs = Pacs::start(&sender.runtime, &folder, address, 0);
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == 4);
    assert_eq!(pacs.instances().len(), 4);
    pacs.stop(&sender.runtime);
    sender.report(3, 1, "pacs", CAPTURE);
    let pacs = Pacs::start(&sender.runtime, &folder, address, 0);
    sender.wait_for("the next one too", |counts| counts.deliveries_delivered == 5);
    assert_eq!(pacs.instances().len(), 5);
}

#[test]
fn a_full_destination_is_tried_again_until_a_person_is_asked() {
    let sender = Sender::new();
    let folder = sender.folder.path().join("pacs");
    let full = Pacs::start(&sender.runtime, &folder, any_port(), u64::MAX);
    let address = full.address;
    sender.report(1, 1, "pacs", CAPTURE);
    let nudge = sender.forward(to_pacs(address));
    sender.wait_for("it is parked", |counts| counts.deliveries_parked == 1);
    let parked = sender.queue.deliveries(|_| true, 1).unwrap().remove(0);
    assert_eq!(parked.attempts, RETRY.attempts_max);
    assert_eq!(parked.last_error.as_deref(), Some("destination answered with status A700"));
    full.stop(&sender.runtime);
    let pacs = Pacs::start(&sender.runtime, &folder, address, 0);
    sender.queue.retry(&parked.id, UnixMillis(0)).unwrap();
    nudge.now();
    sender.wait_for("it is delivered", |counts| counts.deliveries_delivered == 1);
    assert_eq!(pacs.instances().len(), 1);
}

#[test]
fn what_the_destination_does_not_take_is_parked_at_once_and_holds_up_nothing() {
    let sender = Sender::new();
    let pacs = Pacs::start(&sender.runtime, &sender.folder.path().join("pacs"), any_port(), 0);
    sender.report(1, 1, "pacs", UNKNOWN_CLASS);
    sender.report(2, 1, "pacs", CAPTURE);
    let lost = sender.report(3, 1, "pacs", CAPTURE);
    std::fs::remove_file(sender.state.results().join(&lost[0].file.name)).unwrap();
    sender.forward(to_pacs(pacs.address));
    sender.wait_for("all are settled", |counts| (counts.deliveries_parked, counts.deliveries_delivered) == (2, 1));
    for parked in sender.queue.deliveries(|state| matches!(state, DeliveryState::Parked { .. }), 9).unwrap() {
        assert_eq!(parked.attempts, 1, "{:?}", parked.last_error);
    }
}

#[test]
fn a_folder_gets_its_files_also_when_it_could_not_be_written_at_first() {
    let sender = Sender::new();
    let folder = sender.folder.path().join("results");
    // A file stands where the folder should be.
    std::fs::write(&folder, "in the way").unwrap();
    let deliveries = sender.report(1, 2, "folder", CAPTURE);
    let patient = RetryPolicy { attempts_max: 1_000_000, ..RETRY };
    let config = DestinationConfig {
        folder: Some(folder.clone()),
        retry: patient,
        ..DestinationConfig::named(DestinationName::parse("folder").unwrap())
    };
    sender.forward(config);
    let deadline = Instant::now() + Duration::from_secs(30);
    while sender.queue.deliveries(|_| true, 1).unwrap()[0].attempts == 0 {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::yield_now();
    }
    std::fs::remove_file(&folder).unwrap();
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == 2);
    for delivery in deliveries {
        let source = std::fs::read(sender.state.results().join(&delivery.file.name)).unwrap();
        assert_eq!(std::fs::read(folder.join(&delivery.file.name)).unwrap(), source);
    }
}

#[test]
fn a_certificate_that_is_not_there_delays_results_and_stops_no_device() {
    let sender = Sender::new();
    sender.report(1, 1, "web", CAPTURE);
    let ca_file = sender.folder.path().join("ca.pem");
    let url = format!("https://{}/dicom-web", free_port());
    let web = |url: &str| dicomweb::WebConfig {
        url: url.into(),
        ca_file: Some(ca_file.clone()),
        authorization_file: None,
        timeouts: dicomweb::WebTimeouts::default(),
    };
    let config = DestinationConfig {
        stow: Some(web(&url)),
        retry: RetryPolicy { attempts_max: 1_000_000, ..RETRY },
        ..DestinationConfig::named(DestinationName::parse("web").unwrap())
    };
    let us = AeTitle::parse("MAMORU").unwrap();
    let checked = forwarder::Carrier::new(&config, &us).unwrap().check_files().unwrap_err();
    assert!(checked.starts_with("`ca_file` cannot be read"), "{checked}");
    sender.forward(config);
    let failed = || sender.deliveries()[0].last_error.clone();
    let deadline = Instant::now() + Duration::from_secs(30);
    while failed().is_none() {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::yield_now();
    }
    assert_eq!(failed(), Some(checked));
    // Whoever mends the file needs not start the device again.
    std::fs::write(&ca_file, "no certificate").unwrap();
    while failed().is_some_and(|why| why.contains("cannot be read")) {
        assert!(Instant::now() < deadline, "the file was not read again");
        std::thread::yield_now();
    }
}

#[test]
fn wrong_destinations_are_refused_with_their_names() {
    let sender = Sender::new();
    let us = AeTitle::parse("MAMORU").unwrap();
    let both = DestinationConfig { folder: Some("a".into()), ..to_pacs(any_port()) };
    let error = Forwarder::new(vec![both], &us, &sender.queue, &sender.state).unwrap_err();
    assert!(error.starts_with("destination pacs: give either"), "{error}");
}
