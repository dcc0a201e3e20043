//! The transitions alone.

use std::collections::BTreeSet;

use contract::Digest;
use updater::state::STARTS_MAX;
use updater::{Refused, State};

use crate::{digest, parts};

fn staged(state: &State, number: u64) -> Result<State, Refused> {
    state.stage(digest(number), &serde_json::from_slice(&parts(number).manifest).unwrap()).map(|(state, _)| state)
}

fn installed(state: &State, number: u64) -> State {
    staged(state, number).unwrap().verified().unwrap()
}

fn active(number: u64) -> State {
    let trying = installed(&State::default(), number).activated(digest(number), 3).unwrap();
    trying.started().confirmed(digest(number)).unwrap()
}

#[test]
fn what_is_not_possible_is_refused() {
    let empty = State::default();
    let waiting = installed(&active(1), 2);
    let trying = waiting.activated(digest(2), 3).unwrap();
    assert_eq!(empty.verified(), Err(Refused::NotStaging));
    assert_eq!(empty.activated(digest(1), 3), Err(Refused::NotInstalled));
    assert_eq!(empty.confirmed(digest(1)), Err(Refused::NotOnTrial));
    assert_eq!(empty.rolled_back("x"), Err(Refused::NothingBefore));
    assert_eq!(empty.failed(digest(1), "x"), Err(Refused::NotInstalled));
    assert_eq!(empty.removed(digest(1)), Err(Refused::NotInstalled));
    assert_eq!(empty.shadowed(digest(1)), Err(Refused::NotInstalled));
    assert_eq!(staged(&waiting, 1), Err(Refused::AlreadyInstalled));
    assert_eq!(staged(&waiting, 2), Err(Refused::AlreadyInstalled));
    assert_eq!(waiting.confirmed(digest(2)), Err(Refused::NotOnTrial), "it never ran");
    assert_eq!(waiting.removed(digest(1)), Err(Refused::Running));
    assert_eq!(waiting.failed(digest(1), "x"), Err(Refused::NotInstalled));
    assert_eq!(staged(&trying, 3), Err(Refused::OnTrial));
    assert_eq!(trying.activated(digest(2), 3), Err(Refused::OnTrial));
    assert_eq!(trying.shadowed(digest(2)), Err(Refused::OnTrial));
    assert_eq!(trying.removed(digest(2)), Err(Refused::Running));
    assert_eq!(trying.removed(digest(1)), Err(Refused::Running), "the trial may fall back to it");
    assert_eq!(trying.confirmed(digest(2)), Err(Refused::NotStarted));
    assert_eq!(trying.started().confirmed(digest(1)), Err(Refused::NotOnTrial), "another model ran");
}

#[test]
fn starts_are_bounded() {
    for (asked, given) in [(0, 1), (1, 1), (5, 5), (255, STARTS_MAX)] {
        let mut state = installed(&active(1), 2).activated(digest(2), asked).unwrap();
        for start in 0..given {
            state = state.started();
            assert_eq!(state.to_run().slot().unwrap().version, "2", "start {start} of {given}");
        }
        assert_eq!(state.started().to_run().slot().unwrap().version, "1");
    }
}

#[test]
fn what_failed_is_remembered_within_bounds() {
    let mut state = active(1);
    for number in 2..80 {
        state = installed(&state, number).failed(digest(number), &"why\n".repeat(1_000)).unwrap();
    }
    assert_eq!(state.denied.len(), 64);
    assert_eq!(state.denied.last().unwrap().bundle, digest(79));
    assert!(state.denied.iter().all(|denied| denied.why.len() <= 300 && !denied.why.contains('\n')));
}

/// Whatever is done in whatever order.
#[test]
fn no_order_of_operations_breaks_the_state() {
    let digests: Vec<Digest> = (1..=5).map(digest).collect();
    let manifests: Vec<bundle::BundleManifest> =
        (1..=5).map(|number| serde_json::from_slice(&parts(number).manifest).unwrap()).collect();
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut state = State::default();
        let mut numbers = BTreeSet::new();
        for step in 0..200 {
            let which = random.usize(0..5);
            let bundle = digests[which];
            let next = match random.u8(0..11) {
                0 | 1 => state.stage(bundle, &manifests[which]).map(|(next, slot)| {
                    assert!(numbers.insert(slot.number), "a number is used twice");
                    next
                }),
                2 | 3 => state.verified(),
                4 => state.activated(bundle, random.u8(0..4)),
                5 => Ok(state.started()),
                6 => state.confirmed(bundle),
                7 => state.failed(bundle, "why"),
                8 => state.rolled_back("why"),
                9 => state.shadowed(bundle),
                _ => state.removed(bundle),
            };
            let Ok(next) = next else { continue };
            check(&state, &next, &format!("seed {seed}, step {step}"));
            state = next;
        }
    }
}

fn check(before: &State, after: &State, place: &str) {
    let slots: Vec<u64> = after.slots().map(|slot| slot.number).collect();
    let different: BTreeSet<&u64> = slots.iter().collect();
    assert_eq!(different.len(), slots.len(), "{place}: a slot is two things");
    // Nothing runs that was not complete before.
    let complete: Vec<u64> =
        before.slots().filter(|slot| Some(*slot) != before.staging.as_ref()).map(|slot| slot.number).collect();
    for model in [after.to_run(), after.active.clone()] {
        assert!(model.slot().is_none_or(|slot| complete.contains(&slot.number)), "{place}: an incomplete model runs");
    }
    let text = serde_json::to_string(after).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), *after, "{place}");
    assert!(after.slots().count() <= 5 && text.len() < 200_000, "{place}: the state grows");
}
