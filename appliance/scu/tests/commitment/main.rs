//! Storage commitment against peers that do it right, late, early, on the wrong foot, or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod side;

use std::time::Duration;

use commitment::{BYTES_MAX, Encoding, Failed, INSTANCES_MAX, Report, Request, reason, service};
use contract::Uid;
use dicom_ul::pdu::Pdu;
use dimse::{Message, Status, sop_class};
use domain::Sop;
use scu::{Association, Peer, ScuError, Timeouts, report_commitment};
use side::{ALL, Grants, Side, event, peer};
use tokio::runtime::Runtime;

const PATIENT: Timeouts = Timeouts { connect_ms: 10_000, send_ms: 10_000, response_ms: 10_000 };
const HURRIED: Timeouts = Timeouts { connect_ms: 10_000, send_ms: 10_000, response_ms: 200 };
/// No report of a test takes longer, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);
const IMPLICIT: Encoding = Encoding::ImplicitLittle;

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn sop(number: usize) -> Sop {
    Sop { class: uid("1.2.840.10008.5.1.4.1.1.7"), instance: uid(&format!("1.2.3.{number}")) }
}

fn request() -> Request {
    Request { transaction: uid("1.2.77"), instances: vec![sop(1), sop(2)] }
}

fn report() -> Report {
    let failed = vec![Failed { sop: sop(2), reason: reason::NO_SUCH_INSTANCE }];
    Report { transaction: uid("1.2.77"), committed: vec![sop(1)], failed }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(work)
}

async fn associate(peer: &Peer) -> Association {
    Association::request_with_commitment(peer, &[], PATIENT).await.unwrap()
}

/// Asks, demands success, waits for `count` reports and then for one that does not come, and releases.
fn ask(peer: &Peer, count: usize) -> Vec<Report> {
    run(async {
        let mut association = associate(peer).await;
        assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::SUCCESS);
        let mut reports = Vec::new();
        for _ in 0..count {
            reports.push(association.wait_for_report(LONG).await.unwrap().expect("a report"));
        }
        assert_eq!(association.wait_for_report(SHORT).await.unwrap(), None);
        association.release().await.unwrap();
        reports
    })
}

#[test]
fn a_report_comes_on_the_same_association() {
    let (peer, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        assert_eq!(side.event(2, report().to_bytes(IMPLICIT)), Status::SUCCESS);
        side.until_release();
    });
    assert_eq!(ask(&peer, 1), [report()]);
    thread.join().unwrap();
}

#[test]
fn a_report_may_come_before_the_response_or_in_one_pdu_with_it() {
    let (before, thread) = peer(ALL, |mut side| {
        let response = side.action();
        assert_eq!(side.event(2, report().to_bytes(IMPLICIT)), Status::SUCCESS);
        side.say(response, None);
        side.until_release();
    });
    assert_eq!(ask(&before, 1), [report()]);
    thread.join().unwrap();
    let (together, thread) = peer(ALL, |mut side| {
        let response = side.action();
        let mut values = side.values(response, None);
        values.extend(side.values(event(&service(), 2), Some(report().to_bytes(IMPLICIT))));
        side.association.send(&Pdu::PData { data: values }).unwrap();
        assert_eq!(side.answer(), Status::SUCCESS);
        side.until_release();
    });
    assert_eq!(ask(&together, 1), [report()]);
    thread.join().unwrap();
}

#[test]
fn a_report_may_come_before_the_response_to_something_else() {
    let (peer, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        let (message, _) = side.receive().unwrap();
        let Message::Request(dimse::Request::Echo { message_id }) = message else { panic!("{message:?}") };
        let (echo, commitment) = (side.context, side.context + 2);
        side.context = commitment;
        assert_eq!(side.event(2, report().to_bytes(IMPLICIT)), Status::SUCCESS);
        side.context = echo;
        // On the context of C-ECHO nobody takes reports.
        assert_eq!(side.event(2, report().to_bytes(IMPLICIT)), Status::UNRECOGNIZED_OPERATION);
        side.say(dimse::echo_response(message_id, Status::SUCCESS), None);
        side.until_release();
    });
    run(async {
        let mut association = associate(&peer).await;
        assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::SUCCESS);
        assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
        assert_eq!(association.wait_for_report(LONG).await.unwrap(), Some(report()));
        assert_eq!(association.wait_for_report(SHORT).await.unwrap(), None);
        association.release().await.unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn a_peer_that_breaks_the_protocol_is_left() {
    type Breaking = fn(&mut Side);
    let cases: [(&str, Breaking); 4] = [
        ("an echo", |side| side.say(dimse::echo_request(1), None)),
        ("a response to nothing", |side| side.say(dimse::echo_response(7, Status::SUCCESS), None)),
        ("a command of no sense", |side| side.say(vec![0xAB; 100], None)),
        ("a command without end", |side| {
            let mut values = side.values(vec![0; 10_000], None);
            values[0].is_last = false;
            for _ in 0..2 {
                side.association.send(&Pdu::PData { data: values.clone() }).unwrap();
            }
        }),
    ];
    for (what, breaking) in cases {
        let (peer, thread) = peer(ALL, move |mut side| {
            let response = side.action();
            side.say(response, None);
            breaking(&mut side);
            assert!(side.receive().is_none());
        });
        run(async {
            let mut association = associate(&peer).await;
            assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::SUCCESS);
            let error = association.wait_for_report(LONG).await.unwrap_err();
            assert!(matches!(error, ScuError::Protocol(_)), "{what}: {error}");
            association.abort().await;
        });
        thread.join().unwrap();
    }
}

#[test]
fn what_is_no_sound_report_is_answered_so_and_a_sound_one_is_waited_for() {
    let (peer, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        let good = report().to_bytes(IMPLICIT);
        let other = |class: &str, instance: &str| Sop { class: uid(class), instance: uid(instance) };
        let (class, instance) = (sop_class::STORAGE_COMMITMENT, sop_class::STORAGE_COMMITMENT_INSTANCE);
        assert_eq!(side.event(2, vec![0xAB; 1000]), Status::PROCESSING_FAILURE);
        assert_eq!(side.event(2, good[..good.len() - 1].to_vec()), Status::PROCESSING_FAILURE);
        assert_eq!(side.event(1, good.clone()), Status::INVALID_ARGUMENT);
        assert_eq!(side.event(3, good.clone()), Status::NO_SUCH_EVENT_TYPE);
        assert_eq!(side.event_of(&other("1.2.3", instance), 2, good.clone()), Status::NO_SUCH_CLASS);
        assert_eq!(side.event_of(&other(class, "1.2.3"), 2, good.clone()), Status::NO_SUCH_INSTANCE);
        assert_eq!(side.event(2, vec![0; BYTES_MAX + 1]), Status::RESOURCE_LIMITATION);
        let many = (0..=INSTANCES_MAX).map(sop).collect();
        let many = Report { committed: many, failed: vec![], ..report() };
        assert_eq!(side.event(1, many.to_bytes(IMPLICIT)), Status::RESOURCE_LIMITATION);
        assert_eq!(side.event(2, good), Status::SUCCESS);
        side.until_release();
    });
    assert_eq!(ask(&peer, 1), [report()]);
    thread.join().unwrap();
}

#[test]
fn reports_without_end_before_the_response_are_refused() {
    let (peer, thread) = peer(ALL, |mut side| {
        let response = side.action();
        let statuses: Vec<_> = (0..10).map(|_| side.event(2, report().to_bytes(IMPLICIT))).collect();
        side.say(response, None);
        side.until_release();
        statuses
    });
    assert_eq!(ask(&peer, 8).len(), 8);
    let statuses = thread.join().unwrap();
    assert!(statuses[..8].iter().all(|status| *status == Status::SUCCESS));
    assert!(statuses[8..].iter().all(|status| *status == Status::RESOURCE_LIMITATION));
}

#[test]
fn a_peer_that_releases_or_says_nothing_reports_elsewhere() {
    let (releasing, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        side.association.send(&Pdu::ReleaseRQ).unwrap();
        assert!(matches!(side.association.receive(), Ok(Pdu::ReleaseRP)));
    });
    run(async {
        let mut association = associate(&releasing).await;
        assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::SUCCESS);
        for _ in 0..2 {
            assert_eq!(association.wait_for_report(LONG).await.unwrap(), None);
        }
        association.release().await.unwrap();
    });
    thread.join().unwrap();
    let (silent, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        side.until_release();
    });
    assert_eq!(ask(&silent, 0), []);
    thread.join().unwrap();
}

#[test]
fn refusals_aborts_and_silence_are_told_apart() {
    let (refusing, thread) = peer(ALL, |mut side| {
        side.action();
        let (sop_class, sop_instance) = (service().class, service().instance);
        let action =
            dimse::ActionRequest { message_id: 1, sop_class, sop_instance, action_type: 1, has_data_set: false };
        side.say(action.response(Status::NO_SUCH_ACTION), None);
        side.until_release();
    });
    run(async {
        let mut association = associate(&refusing).await;
        assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::NO_SUCH_ACTION);
        association.release().await.unwrap();
    });
    thread.join().unwrap();
    let (aborting, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        side.association.abort().unwrap();
    });
    run(async {
        let mut association = associate(&aborting).await;
        assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::SUCCESS);
        let error = association.wait_for_report(LONG).await.unwrap_err();
        assert!(matches!(error, ScuError::Ended("waiting for its report")), "{error}");
    });
    thread.join().unwrap();
    let (silent, thread) = peer(ALL, |mut side| {
        side.action();
        assert!(side.receive().is_none());
    });
    run(async {
        let mut association = Association::request_with_commitment(&silent, &[], HURRIED).await.unwrap();
        let error = association.request_commitment(&request()).await.unwrap_err();
        assert!(matches!(error, ScuError::Timeout(_)), "{error}");
        association.abort().await;
    });
    thread.join().unwrap();
}

#[test]
fn a_peer_without_storage_commitment_leaves_the_association_usable() {
    let (peer, thread) = peer(Grants { class: false, role: false }, |mut side| {
        let (message, _) = side.receive().unwrap();
        let Message::Request(dimse::Request::Echo { message_id }) = message else { panic!("{message:?}") };
        side.say(dimse::echo_response(message_id, Status::SUCCESS), None);
        side.until_release();
    });
    run(async {
        let mut association = associate(&peer).await;
        assert!(!association.accepts_commitment());
        let error = association.request_commitment(&request()).await.unwrap_err();
        assert!(matches!(error, ScuError::NoCommitment) && !error.is_of_object(), "{error}");
        assert_eq!(association.echo().await.unwrap(), Status::SUCCESS);
        association.release().await.unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn nobody_is_asked_about_nothing_or_too_much() {
    let (peer, thread) = peer(ALL, |mut side| {
        let response = side.action();
        side.say(response, None);
        side.until_release();
    });
    run(async {
        let mut association = associate(&peer).await;
        for instances in [vec![], (0..=INSTANCES_MAX).map(sop).collect()] {
            let error = association.request_commitment(&Request { instances, ..request() }).await.unwrap_err();
            assert!(matches!(error, ScuError::TooManyInstances) && error.is_of_object(), "{error}");
        }
        assert_eq!(association.request_commitment(&request()).await.unwrap(), Status::SUCCESS);
        association.release().await.unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn we_report_on_an_association_of_our_own() {
    for status in [Status::SUCCESS, Status::PROCESSING_FAILURE] {
        let (peer, thread) = peer(ALL, move |mut side| {
            let (message, data) = side.receive().unwrap();
            let Message::Request(dimse::Request::EventReport(event)) = message else { panic!("{message:?}") };
            assert_eq!((&event.sop_class, &event.sop_instance), (&service().class, &service().instance));
            side.say(event.response(status), None);
            side.until_release();
            Report::parse(event.event_type, &data, IMPLICIT)
        });
        assert_eq!(run(report_commitment(&peer, &report(), PATIENT)).unwrap(), status);
        assert_eq!(thread.join().unwrap(), Ok(report()));
    }
}

#[test]
fn a_peer_that_does_not_let_us_report_is_told_nothing() {
    for grants in [Grants { class: true, role: false }, Grants { class: false, role: true }] {
        let (peer, thread) = peer(grants, |mut side| side.receive().is_none());
        let error = run(report_commitment(&peer, &report(), PATIENT)).unwrap_err();
        assert!(matches!(error, ScuError::NoCommitment), "{error}");
        assert!(thread.join().unwrap(), "no message came");
    }
    let (silent, thread) = peer(ALL, |mut side| (side.receive().is_some(), side.receive().is_none()));
    let error = run(report_commitment(&silent, &report(), HURRIED)).unwrap_err();
    assert!(matches!(error, ScuError::Timeout(_)), "{error}");
    assert_eq!(thread.join().unwrap(), (true, true));
}
