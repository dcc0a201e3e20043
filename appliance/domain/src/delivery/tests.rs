use super::*;

fn delivery() -> Delivery {
    let study = StudyKey(Uid::derived(&["study"]));
    let destination = DestinationName::parse("pacs").unwrap();
    Delivery {
        id: DeliveryId::of(&study, 1, &destination, "summary"),
        destination,
        study,
        revision: 1,
        kind: ResultKind::Summary,
        choice: None,
        sop: None,
        file: StoredFile { name: "a.dcm".into(), len: 1, sha256: Digest::of(b"a") },
        attempts: 0,
        last_error: None,
        state: DeliveryState::Due { at: UnixMillis(0) },
    }
}

const POLICY: RetryPolicy = RetryPolicy { first_ms: 100, longest_ms: 1_000, attempts_max: 3 };

fn tried(delivery: &Delivery, attempt: Attempt, now: u64) -> Delivery {
    delivery.after(attempt, &POLICY, 1.0, UnixMillis(now))
}

fn said(delivery: &Delivery, commitment: Commitment, now: u64) -> Delivery {
    delivery.after_commitment(commitment, &POLICY, 1.0, UnixMillis(now))
}

fn asked(name: &str) -> Commitment {
    Commitment::Asked { transaction: Uid::derived(&[name]), wait_ms: 50 }
}

#[test]
fn a_failing_delivery_waits_longer_and_longer_and_is_parked() {
    let failed = |delivery: &Delivery| tried(delivery, Attempt::Failed { why: "no".into() }, 0);
    let first = failed(&delivery());
    assert_eq!(first.state, DeliveryState::Due { at: UnixMillis(100) });
    let second = failed(&first);
    assert_eq!((&second.state, second.attempts), (&DeliveryState::Due { at: UnixMillis(200) }, 2));
    let third = failed(&second);
    assert_eq!((&third.state, third.last_error.as_deref()), (&DeliveryState::Parked { at: UnixMillis(0) }, Some("no")));
    assert_eq!(failed(&third), third, "a parked delivery is not tried");
    let again = third.retried(UnixMillis(7));
    assert_eq!((again.attempts, again.state), (0, DeliveryState::Due { at: UnixMillis(7) }));
}

#[test]
fn refused_is_parked_at_once_and_delivered_is_for_ever() {
    for attempt in [Attempt::Refused { why: "never".into() }, Attempt::NotAccepted { why: "never".into() }] {
        assert_eq!(tried(&delivery(), attempt, 1).state, DeliveryState::Parked { at: UnixMillis(1) });
    }
    let delivered = tried(&delivery(), Attempt::Delivered, 2);
    assert_eq!(delivered.state, DeliveryState::Delivered { at: UnixMillis(2) });
    assert_eq!(delivered.retried(UnixMillis(3)), delivered);
    assert_eq!(tried(&delivered, Attempt::Refused { why: "late".into() }, 3), delivered);
    assert_eq!(said(&delivered, Commitment::Missing { why: "late".into() }, 3), delivered);
}

#[test]
fn what_is_stored_is_done_only_when_it_is_committed() {
    let stored = tried(&delivery(), Attempt::Stored, 5);
    assert_eq!(stored.state, DeliveryState::Stored { at: UnixMillis(5) });
    assert!(stored.state.is_open());
    let committing = said(&stored, asked("one"), 6);
    let transaction = Uid::derived(&["one"]);
    assert_eq!(committing.state, DeliveryState::Committing { transaction, until: UnixMillis(56) });
    assert_eq!(committing.state.next_at(), Some(UnixMillis(56)));
    let done = said(&committing, Commitment::Committed, 7);
    assert_eq!((&done.state, done.last_error), (&DeliveryState::Delivered { at: UnixMillis(7) }, None));
    // An answer can overtake the note that it was asked for again.
    assert_eq!(said(&stored, Commitment::Committed, 7).state, DeliveryState::Delivered { at: UnixMillis(7) });
    assert_eq!(said(&delivery(), Commitment::Committed, 7), delivery(), "what was not sent cannot be committed");
}

#[test]
fn what_is_not_committed_is_asked_again_sent_again_or_parked() {
    let committing = said(&tried(&delivery(), Attempt::Stored, 0), asked("one"), 0);
    let unknown = said(&committing, Commitment::Unknown { why: "busy".into() }, 10);
    assert_eq!((&unknown.state, unknown.attempts), (&DeliveryState::Stored { at: UnixMillis(210) }, 2));
    let missing = said(&committing, Commitment::Missing { why: "gone".into() }, 10);
    assert_eq!(missing.state, DeliveryState::Due { at: UnixMillis(210) });
    let stored_again = tried(&missing, Attempt::Stored, 300);
    assert_eq!(stored_again.last_error.as_deref(), Some("gone"), "why it went twice is still to be seen");
    let lost_again = said(&stored_again, Commitment::Missing { why: "gone".into() }, 400);
    assert_eq!(
        lost_again.state,
        DeliveryState::Parked { at: UnixMillis(400) },
        "a destination that lies is not believed for ever"
    );
    let refused = said(&committing, Commitment::Refused { why: "no".into() }, 10);
    assert_eq!(refused.state, DeliveryState::Parked { at: UnixMillis(10) });
}

#[test]
fn a_destination_that_never_answers_is_asked_again_and_given_up() {
    let mut standing = said(&tried(&delivery(), Attempt::Stored, 0), asked("one"), 0);
    assert_eq!(standing.last_error, None);
    standing = said(&standing, asked("two"), 50);
    let transaction = Uid::derived(&["two"]);
    assert_eq!(standing.state, DeliveryState::Committing { transaction, until: UnixMillis(100) });
    assert_eq!(standing.last_error.as_deref(), Some("no answer about its commitment yet"));
    standing = said(&standing, asked("three"), 100);
    assert_eq!(standing.state, DeliveryState::Parked { at: UnixMillis(100) });
    assert!(matches!(said(&standing, Commitment::Committed, 101).state, DeliveryState::Parked { .. }));
}

#[test]
fn a_retry_asks_about_what_was_taken_instead_of_sending_it_again() {
    let committing = said(&tried(&delivery(), Attempt::Stored, 0), asked("one"), 0);
    assert_eq!(committing.retried(UnixMillis(9)).state, DeliveryState::Stored { at: UnixMillis(9) });
}

#[test]
fn a_kind_that_is_not_accepted_calls_in_the_next_one() {
    let of = |entry, rank| Delivery { choice: Some(Choice { entry, rank }), ..delivery() };
    let standby = Delivery { state: DeliveryState::Standby, ..of(0, 1) };
    assert!(of(0, 0).is_backed_by(&standby));
    assert!(!of(0, 1).is_backed_by(&standby) && !of(0, 2).is_backed_by(&standby) && !of(1, 0).is_backed_by(&standby));
    assert!(!delivery().is_backed_by(&standby) && !of(0, 0).is_backed_by(&delivery()));
    assert!(!of(0, 0).is_backed_by(&Delivery { revision: 2, ..standby.clone() }));
    let replaced = tried(&of(0, 0), Attempt::Replaced { why: "unknown class".into() }, 4);
    assert_eq!(replaced.state, DeliveryState::Replaced { at: UnixMillis(4) });
    assert!(!replaced.state.is_open() && !standby.state.is_open());
    assert_eq!(replaced.retried(UnixMillis(5)), replaced);
    assert_eq!(standby.retried(UnixMillis(5)), standby);
    assert_eq!(standby.called_in(UnixMillis(5)).state, DeliveryState::Due { at: UnixMillis(5) });
    assert_eq!(replaced.called_in(UnixMillis(5)), replaced);
}

#[test]
fn ids_tell_objects_apart_and_are_the_same_again() {
    let id = |revision, name| DeliveryId::of(&delivery().study, revision, &delivery().destination, name);
    assert_eq!(id(1, "summary"), delivery().id);
    assert_ne!(id(2, "summary"), delivery().id);
    assert_ne!(id(1, "heatmap"), delivery().id);
}

#[test]
fn deliveries_keep_their_stored_form() {
    let text = serde_json::to_string(&delivery()).unwrap();
    assert!(text.contains(r#""kind":"summary""#) && text.contains(r#""state":"due","at":0"#), "{text}");
    assert!(!text.contains("choice"), "{text}");
    let committing = said(&tried(&delivery(), Attempt::Stored, 0), asked("one"), 0);
    let standby = Delivery { state: DeliveryState::Standby, choice: Some(Choice { entry: 1, rank: 2 }), ..delivery() };
    for delivery in [delivery(), committing, standby] {
        let text = serde_json::to_string(&delivery).unwrap();
        assert_eq!(serde_json::from_str::<Delivery>(&text).unwrap(), delivery);
    }
}
