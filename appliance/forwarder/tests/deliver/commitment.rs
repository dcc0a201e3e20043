//! Storage commitment: a delivery is done when the destination keeps the object, and not before.

use commitment::{Failed, Report, Request, reason};
use dimse::{Status, sop_class};
use domain::{DeliveryState, UnixMillis};
use forwarder::{CommitmentMode, DestinationConfig};

use crate::double::{Answer, Double};
use crate::fixture::{CAPTURE, RETRY, Sender, to_pacs};

const CLASSES: &[&str] = &[CAPTURE, sop_class::STORAGE_COMMITMENT];
const NOW: UnixMillis = UnixMillis(7);

fn committing(double: &Double) -> DestinationConfig {
    DestinationConfig { commitment: CommitmentMode::Required, ..to_pacs(double.address) }
}

fn all(request: &Request) -> Report {
    Report { transaction: request.transaction.clone(), committed: request.instances.clone(), failed: Vec::new() }
}

/// None of it is kept, for `reason`.
fn none(request: &Request, reason: u16) -> Report {
    let failed = request.instances.iter().map(|sop| Failed { sop: sop.clone(), reason });
    Report { transaction: request.transaction.clone(), committed: Vec::new(), failed: failed.collect() }
}

fn at_once(report: Report) -> Answer {
    Answer { status: Status::SUCCESS, report: Some(report) }
}

#[test]
fn a_report_on_the_same_association_makes_a_study_delivered() {
    let sender = Sender::new();
    let double = Double::start(CLASSES, |request| at_once(all(request)));
    sender.report(1, 3, "pacs", CAPTURE);
    sender.forward(committing(&double));
    sender.wait_for("all are committed", |counts| counts.deliveries_delivered == 3);
    let seen = double.seen.lock().unwrap();
    assert_eq!(seen.stored.len(), 3);
    assert_eq!(seen.asked.iter().map(|request| request.instances.len()).sum::<usize>(), 3, "each was asked about once");
}

#[test]
fn a_report_from_elsewhere_is_taken_by_its_transaction() {
    let sender = Sender::new();
    let double = Double::start(CLASSES, |_| Answer::LATER);
    sender.report(1, 1, "pacs", CAPTURE);
    let (_, reports) = sender.forward_with_reports(committing(&double));
    let is_asked = || sender.deliveries().iter().all(|one| matches!(one.state, DeliveryState::Committing { .. }));
    sender.wait_for("it is asked about", |counts| counts.deliveries_uncommitted == 1 && is_asked());
    assert_eq!(sender.queue.counts().unwrap().deliveries_delivered, 0);
    let DeliveryState::Committing { transaction, .. } = sender.deliveries()[0].state.clone() else { unreachable!() };
    let sop = sender.deliveries()[0].sop.clone().unwrap();
    let report = Report { transaction, committed: vec![sop], failed: Vec::new() };
    let strange = Report { transaction: contract::Uid::derived(&["strange"]), ..report.clone() };
    assert_eq!(reports.take(&strange, NOW).unwrap(), 0);
    assert_eq!(sender.queue.counts().unwrap().deliveries_delivered, 0, "nobody commits by another transaction");
    assert_eq!(reports.take(&report, NOW).unwrap(), 1);
    assert_eq!(sender.queue.counts().unwrap().deliveries_delivered, 1);
    assert_eq!(reports.take(&report, NOW).unwrap(), 0, "the same report again changes nothing");
}

#[test]
fn a_destination_that_lost_the_object_gets_it_again_and_is_not_believed_for_ever() {
    let sender = Sender::new();
    let mut asked = 0;
    let double = Double::start(CLASSES, move |request| {
        asked += 1;
        at_once(if asked == 1 { none(request, reason::NO_SUCH_INSTANCE) } else { all(request) })
    });
    sender.report(1, 1, "pacs", CAPTURE);
    sender.forward(committing(&double));
    sender.wait_for("it is committed", |counts| counts.deliveries_delivered == 1);
    assert_eq!(double.seen.lock().unwrap().stored.len(), 2);

    let liar = Double::start(CLASSES, |request| at_once(none(request, reason::NO_SUCH_INSTANCE)));
    let sender = Sender::new();
    sender.report(1, 1, "pacs", CAPTURE);
    sender.forward(committing(&liar));
    sender.wait_for("a person is asked", |counts| counts.deliveries_parked == 1);
    let parked = sender.deliveries().remove(0);
    let why = "destination took it but does not keep it (failure reason 0112)";
    assert_eq!((parked.last_error.as_deref(), parked.attempts), (Some(why), RETRY.attempts_max));
}

#[test]
fn one_that_will_not_keep_it_is_parked_and_one_that_cannot_now_is_asked_again() {
    let sender = Sender::new();
    let mut asked = 0;
    let double = Double::start(CLASSES, move |request| {
        asked += 1;
        match asked {
            1 => Answer { status: Status::RESOURCE_LIMITATION, report: None },
            2 => at_once(none(request, reason::PROCESSING_FAILURE)),
            _ => at_once(none(request, reason::CLASS_NOT_SUPPORTED)),
        }
    });
    sender.report(1, 1, "pacs", CAPTURE);
    sender.forward(committing(&double));
    sender.wait_for("a person is asked", |counts| counts.deliveries_parked == 1);
    let seen = double.seen.lock().unwrap();
    assert_eq!((seen.stored.len(), seen.asked.len()), (1, 3), "asked again, and not sent again");
}

#[test]
fn one_that_never_answers_is_asked_again_with_a_new_transaction() {
    let sender = Sender::new();
    let double = Double::start(CLASSES, |_| Answer::LATER);
    sender.report(1, 1, "pacs", CAPTURE);
    sender.forward(DestinationConfig { commitment_wait_ms: 1, ..committing(&double) });
    sender.wait_for("a person is asked", |counts| counts.deliveries_parked == 1);
    let parked = sender.deliveries().remove(0);
    assert_eq!(parked.last_error.as_deref(), Some("no answer about its commitment"));
    let seen = double.seen.lock().unwrap();
    let transactions: std::collections::BTreeSet<_> = seen.asked.iter().map(|request| &request.transaction).collect();
    assert_eq!((seen.stored.len(), transactions.len()), (1, seen.asked.len()));
    assert!(seen.asked.len() > 1);
}

#[test]
fn one_that_does_not_offer_commitment_is_told_apart() {
    // It does not know the class; or it does, and answers 0211.
    let off = || Answer { status: Status::UNRECOGNIZED_OPERATION, report: None };
    for double in [Double::start(&[CAPTURE], |_| Answer::LATER), Double::start(CLASSES, move |_| off())] {
        let sender = Sender::new();
        sender.report(1, 1, "pacs", CAPTURE);
        sender.forward(committing(&double));
        sender.wait_for("a person is asked", |counts| counts.deliveries_parked == 1);
        let parked = sender.deliveries().remove(0);
        assert_eq!(parked.last_error.as_deref(), Some("destination does not offer storage commitment"));
        assert!(double.seen.lock().unwrap().asked.len() <= 1);
    }
}

#[test]
fn a_report_that_passes_an_object_over_commits_only_the_others() {
    let sender = Sender::new();
    let mut asked = 0;
    let double = Double::start(CLASSES, move |request| {
        asked += 1;
        let mut report = all(request);
        if asked == 1 {
            report.committed.truncate(1);
        }
        at_once(report)
    });
    sender.report(1, 2, "pacs", CAPTURE);
    sender.forward(committing(&double));
    sender.wait_for("both are committed in the end", |counts| counts.deliveries_delivered == 2);
    assert_eq!(double.seen.lock().unwrap().stored.len(), 2);
}
