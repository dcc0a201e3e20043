//! What a destination took and must commit, and kinds that stand by for each other.

use std::collections::BTreeSet;

use contract::Uid;
use domain::{
    Attempt, Choice, Commitment, Delivery, DeliveryId, DeliveryState, DestinationName, Reported, ResultKind,
    RetryPolicy, UnixMillis,
};
use queue::{Queue, StateDir};

use crate::{EXCLUDED, NOW, open, spool};

const POLICY: RetryPolicy = RetryPolicy { first_ms: 100, longest_ms: 100, attempts_max: 5 };

fn pacs() -> DestinationName {
    DestinationName::parse("pacs").unwrap()
}

/// Hands over a study whose objects have `choices`: the first kind of each entry due, the others standing by.
fn hand_over(queue: &Queue, state: &StateDir, number: u64, choices: &[Option<(u16, u16)>]) -> Vec<Delivery> {
    let instance = spool(state, number);
    queue.admit(&instance).unwrap();
    queue.record_outcome(&instance.key, None, EXCLUDED).unwrap();
    let delivery = |(place, choice): (usize, &Option<(u16, u16)>)| {
        let object = format!("object-{place}");
        let is_first = choice.is_none_or(|(_, rank)| rank == 0);
        Delivery {
            id: DeliveryId::of(&instance.study, 1, &pacs(), &object),
            destination: pacs(),
            study: instance.study.clone(),
            revision: 1,
            kind: ResultKind::Summary,
            choice: choice.map(|(entry, rank)| Choice { entry, rank }),
            sop: None,
            file: state.write(&state.results(), &format!("study-{number}-{object}.dcm"), b"x").unwrap(),
            attempts: 0,
            last_error: None,
            state: if is_first { DeliveryState::Due { at: NOW } } else { DeliveryState::Standby },
        }
    };
    let deliveries: Vec<Delivery> = choices.iter().enumerate().map(delivery).collect();
    let reported = Reported { revision: 1, instances: BTreeSet::from([instance.key.clone()]), ..Reported::default() };
    queue.hand_over(&instance.study, &reported, &deliveries).unwrap();
    deliveries
}

fn settle(queue: &Queue, delivery: &Delivery, attempt: Attempt) -> Delivery {
    queue.settle(&delivery.id, attempt, &POLICY, 1.0, NOW).unwrap()
}

fn said(queue: &Queue, delivery: &Delivery, said: Commitment) -> Delivery {
    queue.settle_commitment(&delivery.id, said, &POLICY, 1.0, NOW).unwrap()
}

fn not_accepted() -> Attempt {
    Attempt::NotAccepted { why: "unknown class".into() }
}

fn ids(deliveries: &[Delivery]) -> Vec<&DeliveryId> {
    deliveries.iter().map(|delivery| &delivery.id).collect()
}

#[test]
fn what_was_taken_waits_for_its_commitment_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let transaction = Uid::derived(&["transaction"]);
    let asked = || Commitment::Asked { transaction: transaction.clone(), wait_ms: 50 };
    let deliveries = {
        let (queue, state, _) = open(folder.path());
        let deliveries = hand_over(&queue, &state, 1, &[None, None]);
        settle(&queue, &deliveries[0], Attempt::Stored);
        assert_eq!(ids(&queue.due(&pacs(), NOW, 9).unwrap()), [&deliveries[1].id], "it does not hold up the next one");
        settle(&queue, &deliveries[1], Attempt::Stored);
        assert_eq!(ids(&queue.uncommitted(&pacs(), NOW, 9).unwrap()), ids(&deliveries));
        assert_eq!(queue.uncommitted(&pacs(), NOW, 1).unwrap().len(), 1);
        assert_eq!(queue.next_due_at(&pacs()).unwrap(), Some(NOW));
        deliveries.iter().for_each(|delivery| drop(said(&queue, delivery, asked())));
        deliveries
    };
    let (queue, state, _) = open(folder.path());
    assert_eq!(queue.uncommitted(&pacs(), NOW, 9).unwrap(), [], "it was asked, and has time to answer");
    let later = UnixMillis(NOW.0 + 50);
    assert_eq!(queue.next_due_at(&pacs()).unwrap(), Some(later));
    assert_eq!(queue.uncommitted(&pacs(), later, 9).unwrap().len(), 2);
    assert_eq!(ids(&queue.asked_by(&transaction).unwrap()), ids(&deliveries));
    assert_eq!(queue.asked_by(&Uid::derived(&["another"])).unwrap(), []);
    assert_eq!(queue.counts().unwrap().deliveries_uncommitted, 2);
    said(&queue, &deliveries[0], Commitment::Committed);
    said(&queue, &deliveries[1], Commitment::Missing { why: "lost".into() });
    let counts = queue.counts().unwrap();
    assert_eq!((counts.deliveries_delivered, counts.deliveries_due, counts.deliveries_uncommitted), (1, 1, 0));
    assert_eq!(queue.retire(&state, UnixMillis(u64::MAX), 9).unwrap(), 0, "nothing goes before it is committed");
}

#[test]
fn the_next_kind_goes_where_one_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    // CAD SR, or two presentation states, or a page; and something that has nothing to do with it.
    let choices = [Some((0, 0)), None, Some((0, 1)), Some((0, 1)), Some((0, 2))];
    let deliveries = hand_over(&queue, &state, 1, &choices);
    assert_eq!(queue.counts().unwrap().deliveries_due, 2);
    let replaced = settle(&queue, &deliveries[0], not_accepted());
    assert!(matches!(replaced.state, DeliveryState::Replaced { .. }));
    assert_eq!(queue.counts().unwrap().deliveries_due, 3, "both objects of the next kind, not the one after it");
    settle(&queue, &deliveries[2], not_accepted());
    assert_eq!(queue.counts().unwrap().deliveries_due, 3);
    settle(&queue, &deliveries[3], not_accepted());
    let due = || queue.deliveries(|state| matches!(state, DeliveryState::Due { .. }), 9).unwrap();
    assert_eq!(ids(&due()), [&deliveries[1].id, &deliveries[4].id], "called in once");
    let last = settle(&queue, &deliveries[4], not_accepted());
    assert!(matches!(last.state, DeliveryState::Parked { .. }), "nothing is left to send: a person is asked");
    queue.retry(&last.id, NOW).unwrap();
    settle(&queue, &deliveries[1], Attempt::Delivered);
    settle(&queue, &deliveries[4], Attempt::Delivered);
    let counts = queue.counts().unwrap();
    assert_eq!((counts.deliveries_due, counts.deliveries_parked, counts.deliveries_delivered), (0, 0, 2));
}

#[test]
fn a_kind_that_was_delivered_already_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    // Two presentation states, or a page, which is delivered before the second state is tried.
    let deliveries = hand_over(&queue, &state, 1, &[Some((0, 1)), Some((0, 0)), Some((0, 0))]);
    settle(&queue, &deliveries[1], not_accepted());
    settle(&queue, &deliveries[0], Attempt::Delivered);
    let second = settle(&queue, &deliveries[2], not_accepted());
    assert!(matches!(second.state, DeliveryState::Replaced { .. }), "the page went instead of it, too");
    let counts = queue.counts().unwrap();
    assert_eq!((counts.deliveries_due, counts.deliveries_delivered), (0, 1));
}

#[test]
fn what_stands_by_holds_nothing_up_and_is_forgotten_with_its_study() {
    let folder = tempfile::tempdir().unwrap();
    let names = || std::fs::read_dir(folder.path().join("results")).map_or(0, Iterator::count);
    {
        let (queue, state, _) = open(folder.path());
        let deliveries = hand_over(&queue, &state, 1, &[Some((0, 0)), Some((0, 1))]);
        settle(&queue, &deliveries[0], Attempt::Delivered);
    }
    let (queue, state, _) = open(folder.path());
    assert_eq!(queue.counts().unwrap().deliveries_delivered, 1);
    assert_eq!(queue.remove_files(&state, UnixMillis(u64::MAX), 9).unwrap(), 1);
    assert_eq!(queue.retire(&state, UnixMillis(u64::MAX), 9).unwrap(), 1);
    assert_eq!((queue.counts().unwrap(), names()), (queue::Counts::default(), 0));
}
