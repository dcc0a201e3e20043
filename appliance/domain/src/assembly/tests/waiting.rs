//! How long a study is waited for: senders, provisional results, expected views, and clocks that jump.

use super::*;
use crate::{Arrivals, ClockReading};

fn open() -> Senders {
    Senders { is_open: true, ..Senders::default() }
}

fn receiving() -> Senders {
    Senders { is_open: true, is_receiving: true, ..Senders::default() }
}

fn wait(records: &[InstanceRecord], senders: Senders, now: u64) -> Assembly {
    with(records, &Reported::default(), senders, &policy(), now)
}

#[test]
fn the_settling_time_does_not_run_while_the_association_is_open() {
    let records = four_views(0);
    assert_eq!(wait(&records, open(), 13), Assembly::Until(UnixMillis(103)), "the quiet time runs");
    assert_eq!(ready(wait(&records, open(), 103)).trigger, Trigger::AllViews);
    let closed = |at| Senders { closed_at: Some(UnixMillis(at)), ..Senders::default() };
    assert_eq!(wait(&records, closed(50), 59), Assembly::Until(UnixMillis(60)), "it begins when the association ends");
    assert_eq!(ready(wait(&records, closed(50), 60)).trigger, Trigger::AllViews);
    assert_eq!(wait(&records, closed(98), 102), Assembly::Until(UnixMillis(103)), "never longer than the quiet time");
    assert!(
        matches!(wait(&records, closed(9_000), 13), Assembly::Ready(_)),
        "a close that lies ahead counts for nothing"
    );
}

#[test]
fn no_waiting_ends_while_an_image_is_coming_in_but_the_longest() {
    let records = &four_views(0)[..3];
    assert_eq!(wait(records, receiving(), 500), Assembly::Until(UnixMillis(1_000)));
    assert_eq!(wait(&four_views(0), receiving(), 500), Assembly::Until(UnixMillis(1_000)));
    assert_eq!(ready(wait(records, receiving(), 1_000)).trigger, Trigger::HardCap);
    assert_eq!(
        ready(wait(records, open(), 102)).trigger,
        Trigger::QuietTime,
        "an open association alone holds nothing"
    );
}

#[test]
fn associations_of_an_unknown_study_hold_only_what_they_came_before() {
    let records = four_views(0);
    let unknown = |at| Senders { unknown_since: Some(UnixMillis(at)), ..Senders::default() };
    assert_eq!(wait(&records, unknown(12), 13), Assembly::Until(UnixMillis(103)));
    assert!(matches!(wait(&records, unknown(13), 13), Assembly::Ready(_)), "others of a busy sender do not");
    let sending = |at| Senders { receiving_unknown_since: Some(UnixMillis(at)), ..Senders::default() };
    assert_eq!(wait(&records[..3], sending(101), 102), Assembly::Until(UnixMillis(1_000)));
    assert!(matches!(wait(&records[..3], sending(102), 102), Assembly::Ready(_)));
}

#[test]
fn states_follow_each_other() {
    let mut early = policy();
    early.assembly.provisional_ms = 20;
    let mut records = four_views(0);
    records.truncate(2);
    let mut reported = Reported::default();
    assert_eq!(reported.state(), StudyState::Collecting);
    let step =
        |records: &[InstanceRecord], reported: &Reported, now| with(records, reported, Senders::default(), &early, now);
    assert_eq!(step(&records, &reported, 19), Assembly::Until(UnixMillis(20)));
    let first = ready(step(&records, &reported, 20));
    assert_eq!((first.state, first.trigger, first.revision), (StudyState::Provisional, Trigger::Early, 1));
    let given = vec![document(ResultKind::CadSr, "provisional")];
    reported = reported.after(&first).with_documents(given.clone());
    assert_eq!(
        (reported.state(), reported.instances.len()),
        (StudyState::Provisional, 0),
        "all are still to be reported"
    );
    assert_eq!(step(&records, &reported, 21), Assembly::Until(UnixMillis(101)), "one is enough");
    let second = ready(step(&records, &reported, 101));
    assert_eq!((second.state, second.trigger, second.revision), (StudyState::Final, Trigger::QuietTime, 2));
    assert_eq!((first.predecessors, second.predecessors.clone()), (Vec::new(), given), "the final report replaces it");
    reported = reported.after(&second);
    assert_eq!(step(&records, &reported, 300), Assembly::UpToDate);
    records.extend(four_views(400).split_off(2));
    let third = ready(step(&records, &reported, 500));
    assert_eq!((third.state, third.revision), (StudyState::Revised, 3));
    assert_eq!(reported.after(&third).state(), StudyState::Revised);
}

#[test]
fn no_provisional_result_without_a_score_nor_by_default_nor_beside_the_final_one() {
    let mut early = policy();
    early.assembly.provisional_ms = 20;
    let excluded = Some(InstanceOutcome::Excluded { reason: ExclusionReason::ForProcessing });
    let records = [record(1, 0, excluded), record(2, 0, None)];
    let none = Reported::default();
    assert_eq!(with(&records, &none, Senders::default(), &early, 50), Assembly::Until(UnixMillis(1_000)));
    let three = &four_views(0)[..3];
    assert_eq!(with(three, &none, Senders::default(), &policy(), 50), Assembly::Until(UnixMillis(102)));
    assert_eq!(ready(with(three, &none, Senders::default(), &early, 102)).state, StudyState::Final);
    // One that is not decided yet does not hold a provisional result.
    let mut records = four_views(0);
    records.push(record(9, 5, None));
    assert_eq!(ready(with(&records, &none, Senders::default(), &early, 20)).images.len(), 4);
}

#[test]
fn the_state_of_a_row_without_one_follows_from_its_revision() {
    let state = |row: &str| serde_json::from_str::<Reported>(row).unwrap().state();
    assert_eq!(state(r#"{"revision": 0, "instances": []}"#), StudyState::Collecting);
    assert_eq!(state(r#"{"revision": 1, "instances": []}"#), StudyState::Final);
    assert_eq!(state(r#"{"revision": 2, "instances": []}"#), StudyState::Revised);
    assert_eq!(state(r#"{"revision": 2, "instances": [], "state": "final"}"#), StudyState::Final);
}

#[test]
fn a_site_says_which_views_make_a_study_complete() {
    let mut one_sided = policy();
    one_sided.assembly.expected_views = vec!["L CC".to_owned(), "L MLO".to_owned()].try_into().unwrap();
    let records = &four_views(0)[2..];
    let report = ready(with(records, &Reported::default(), Senders::default(), &one_sided, 13));
    assert_eq!((report.trigger, report.missing_views.len()), (Trigger::AllViews, 0));
    let report = ready(with(&records[..1], &Reported::default(), Senders::default(), &one_sided, 102));
    assert_eq!(report.missing_views, [(Laterality::Left, View::MedioLateralOblique)]);
    assert_eq!(report.breasts[0].missing_views, [View::MedioLateralOblique]);
    let report = ready(with(&four_views(0)[..1], &Reported::default(), Senders::default(), &one_sided, 102));
    assert!(report.breasts[0].missing_views.is_empty(), "a view that is not expected is not missing");
}

/// The wall clock and the steady clock of a device that reads both.
fn reading(now: u64, steady_ms: u64) -> ClockReading {
    ClockReading { now: UnixMillis(now), steady_ms }
}

#[test]
fn a_clock_that_jumps_either_way_neither_hastens_nor_holds_a_study() {
    let records = &four_views(1_000_000)[..3];
    for jump in [-999_000_i64, -50, 50, 3_600_000_000] {
        let mut arrivals = Arrivals::default();
        let none = Reported::default();
        let mut look = |steady_ms: u64, jump: i64| {
            let now = (1_000_000 + steady_ms).saturating_add_signed(jump);
            let found = arrivals.of(records, reading(now, steady_ms));
            arrivals.end_round();
            let so_far = StudySoFar { records, arrivals: &found, reported: &none, senders: Senders::default() };
            (assemble(&study(), &so_far, &policy(), UnixMillis(now)), now)
        };
        assert_eq!(look(10, 0).0, Assembly::Until(UnixMillis(1_000_102)));
        let (after, now) = look(60, jump);
        assert_eq!(after, Assembly::Until(UnixMillis(now + 42)), "jump by {jump}: 42 ms are left as before");
        assert_eq!(ready(look(102, jump).0).trigger, Trigger::QuietTime, "jump by {jump}");
    }
}

#[test]
fn times_over_a_restart_are_those_of_the_rows() {
    let records = &four_views(1_000)[..3];
    let first_look = |now| Arrivals::default().of(records, reading(now, 0));
    assert_eq!(first_look(1_050), [1_000, 1_001, 1_002].map(UnixMillis));
    // A restart after the wait: due at once, not once more after the whole wait.
    let late = first_look(9_000);
    let none = Reported::default();
    let so_far = StudySoFar { records, arrivals: &late, reported: &none, senders: Senders::default() };
    assert!(matches!(assemble(&study(), &so_far, &policy(), UnixMillis(9_000)), Assembly::Ready(_)));
}

#[test]
fn arrivals_are_forgotten_with_their_round() {
    let records = four_views(1_000);
    let mut arrivals = Arrivals::default();
    let _ = arrivals.of(&records, reading(1_010, 10));
    arrivals.end_round();
    arrivals.end_round();
    let again = arrivals.of(&records, reading(5_010, 11));
    assert_eq!(again[0], UnixMillis(1_000), "seen for the first time again: the row's own time");
    assert_eq!(Arrivals::default().of(&records, reading(0, u64::MAX))[0], UnixMillis(1_000));
}
