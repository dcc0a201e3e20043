//! Kinds that a destination does not accept: another one goes instead, where one stands by.

use domain::{Choice, DeliveryState};

use crate::double::{Answer, Double};
use crate::fixture::{CAPTURE, Sender, UNKNOWN_CLASS, to_pacs};

#[test]
fn the_kind_that_stands_by_goes_where_the_first_is_not_accepted() {
    let sender = Sender::new();
    let double = Double::start(&[CAPTURE], |_| Answer::LATER);
    let choice = |rank| Some(Choice { entry: 0, rank });
    let (first, second) = sender.report_choice(1, [(UNKNOWN_CLASS, choice(0)), (CAPTURE, choice(1))]);
    sender.forward(to_pacs(double.address));
    sender.wait_for("the second is delivered", |counts| counts.deliveries_delivered == 1);
    let standing = sender.deliveries();
    assert!(matches!(standing[0].state, DeliveryState::Replaced { .. }), "{:?}", standing[0]);
    assert_eq!(standing[0].id, first.id);
    assert_eq!(
        standing[0].last_error.as_deref(),
        Some("peer does not accept the object's SOP class or transfer syntax")
    );
    assert_eq!(double.seen.lock().unwrap().stored, [second.sop.unwrap().instance]);
    assert_eq!(sender.queue.counts().unwrap().deliveries_parked, 0);
}

#[test]
fn the_kind_that_stands_by_stays_where_the_first_is_accepted() {
    let sender = Sender::new();
    let double = Double::start(&[CAPTURE, UNKNOWN_CLASS], |_| Answer::LATER);
    let choice = |rank| Some(Choice { entry: 0, rank });
    let (first, _) = sender.report_choice(1, [(UNKNOWN_CLASS, choice(0)), (CAPTURE, choice(1))]);
    sender.forward(to_pacs(double.address));
    sender.wait_for("the first is delivered", |counts| counts.deliveries_delivered == 1);
    assert_eq!(double.seen.lock().unwrap().stored, [first.sop.unwrap().instance]);
    assert_eq!(sender.deliveries()[1].state, DeliveryState::Standby);
}
