//! What is removed when, and what never is.

use domain::{Attempt, Delivery, Reported, StudyState, UnixMillis};
use queue::{Admission, Queue, StateDir};

use crate::deliveries::{POLICY, report, study};
use crate::{EXCLUDED, NOW, open, received, spool};

fn later(milliseconds: u64) -> UnixMillis {
    UnixMillis(NOW.0 + milliseconds)
}

fn deliver(queue: &Queue, deliveries: &[Delivery], at: UnixMillis) {
    for delivery in deliveries {
        queue.settle(&delivery.id, Attempt::Delivered, &POLICY, 0.0, at).unwrap();
    }
}

/// Is the received file there, and is the heat map?
fn files(state: &StateDir, number: u64) -> (bool, bool) {
    let name = received(number, "").spool.name;
    (state.spool().join(&name).exists(), state.heatmap_of(&name).exists())
}

#[test]
fn what_is_delivered_and_old_is_forgotten_with_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (_, done) = report(&queue, &state, 1);
    let (_, parked) = report(&queue, &state, 2);
    queue.admit(&spool(&state, 3)).unwrap();
    for delivery in &done {
        queue.settle(&delivery.id, Attempt::Delivered, &POLICY, 0.0, NOW).unwrap();
    }
    for delivery in &parked[1..] {
        queue.settle(&delivery.id, Attempt::Delivered, &POLICY, 0.0, NOW).unwrap();
    }
    queue.settle(&parked[0].id, Attempt::Refused { why: "no".into() }, &POLICY, 0.0, NOW).unwrap();
    assert_eq!(queue.retire(&state, NOW, 10).unwrap(), 0, "not old enough");
    let later = UnixMillis(NOW.0 + 1);
    assert_eq!(queue.retire(&state, later, 10).unwrap(), 1, "parked and open studies stay");
    let check = |queue: &Queue| {
        let counts = queue.counts().unwrap();
        assert_eq!((counts.studies, counts.decided, counts.waiting, counts.deliveries_delivered), (2, 1, 1, 3));
        assert!(queue.study(&study(1)).unwrap().is_none());
    };
    check(&queue);
    assert!(!state.spool().join(&received(1, "").spool.name).exists());
    assert!(!state.heatmap_of(&received(1, "").spool.name).exists());
    assert_eq!(std::fs::read_dir(state.results()).unwrap().count(), 2);
    drop(queue);
    let (queue, _, recovery) = open(folder.path());
    assert_eq!(recovery.admitted, 0);
    check(&queue);
}

#[test]
fn files_go_first_and_results_and_rows_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (_, done) = report(&queue, &state, 1);
    deliver(&queue, &done, NOW);
    assert_eq!(queue.remove_files(&state, NOW, 10).unwrap(), 0, "not old enough");
    assert_eq!(files(&state, 1), (true, true));
    assert_eq!(queue.remove_files(&state, later(1), 10).unwrap(), 1);
    assert_eq!(files(&state, 1), (false, false));
    assert_eq!(queue.remove_files(&state, later(1), 10).unwrap(), 0, "once is enough");
    assert_eq!(std::fs::read_dir(state.results()).unwrap().count(), 2, "results stay");
    drop(queue);
    // A start finds nothing to repair, and still knows the image.
    let (queue, state, recovery) = open(folder.path());
    assert_eq!(recovery, queue::Recovery::default());
    assert_eq!(queue.remove_files(&state, later(1), 10).unwrap(), 0);
    assert_eq!(queue.admit(&received(1, "1")).unwrap(), Admission::Duplicate);
    assert_eq!(queue.counts().unwrap().deliveries_delivered, 4);
    assert_eq!(queue.retire(&state, later(1), 10).unwrap(), 1);
    assert_eq!(std::fs::read_dir(state.results()).unwrap().count(), 0);
    assert_eq!(queue.admit(&spool(&state, 1)).unwrap(), Admission::New, "what is forgotten is new");
}

#[test]
fn nothing_that_is_due_or_parked_or_provisional_loses_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (_, due) = report(&queue, &state, 1);
    deliver(&queue, &due[1..], NOW);
    let (_, parked) = report(&queue, &state, 2);
    deliver(&queue, &parked[1..], NOW);
    queue.settle(&parked[0].id, Attempt::Refused { why: "no".into() }, &POLICY, 0.0, NOW).unwrap();
    let provisional = spool(&state, 3);
    queue.admit(&provisional).unwrap();
    queue.record_outcome(&provisional.key, None, EXCLUDED).unwrap();
    let reported = Reported { revision: 1, state: StudyState::Provisional, ..Reported::default() };
    queue.hand_over(&provisional.study, &reported, &[]).unwrap();
    queue.admit(&spool(&state, 4)).unwrap();
    let far = UnixMillis(u64::MAX);
    assert_eq!((queue.remove_files(&state, far, 10).unwrap(), queue.retire(&state, far, 10).unwrap()), (0, 0));
    for number in 1..=4 {
        assert!(files(&state, number).0, "{number}");
    }
    assert_eq!(std::fs::read_dir(state.results()).unwrap().count(), 4);
    // Once a person had the parked one sent, its time begins.
    queue.retry(&parked[0].id, later(100)).unwrap();
    deliver(&queue, &parked[..1], later(500));
    assert_eq!(
        queue.remove_files(&state, later(500), 10).unwrap(),
        0,
        "delivered late: kept for late images from then on"
    );
    assert_eq!(queue.remove_files(&state, later(501), 10).unwrap(), 1);
    assert_eq!((files(&state, 1).0, files(&state, 2).0), (true, false));
}

#[test]
fn complaint_7_a_disk_that_fills_is_freed_of_what_is_done_only() {
    // Many studies, done and not: whatever is called how often, only the done ones go, a few at a time.
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    for number in 1..=9 {
        let (_, deliveries) = report(&queue, &state, number);
        if number % 3 == 0 {
            deliver(&queue, &deliveries, NOW);
        }
    }
    let removed: Vec<usize> = (0..4).map(|_| queue.remove_files(&state, later(1), 2).unwrap()).collect();
    assert_eq!(removed, [2, 1, 0, 0]);
    for number in 1..=9 {
        assert_eq!(files(&state, number).0, number % 3 != 0, "{number}");
    }
    assert_eq!(queue.counts().unwrap().deliveries_due, 24, "no delivery was lost");
}

#[test]
fn a_late_image_opens_a_study_whose_files_are_gone_and_is_removed_in_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (reported, done) = report(&queue, &state, 1);
    deliver(&queue, &done, NOW);
    queue.remove_files(&state, later(1), 10).unwrap();
    let mut late = spool(&state, 7);
    (late.study, late.received_at) = (study(1), later(1_000));
    queue.admit(&late).unwrap();
    assert_eq!(queue.open_studies().unwrap(), [study(1)]);
    queue.record_outcome(&late.key, None, EXCLUDED).unwrap();
    let mut second = reported;
    second.instances.insert(late.key.clone());
    second.revision = 2;
    queue.hand_over(&study(1), &second, &[]).unwrap();
    assert_eq!(queue.remove_files(&state, later(1_000), 10).unwrap(), 0);
    assert!(files(&state, 7).0);
    assert_eq!(queue.remove_files(&state, later(1_001), 10).unwrap(), 1);
    assert!(!files(&state, 7).0);
}

#[test]
fn a_crash_between_file_and_row_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (_, done) = report(&queue, &state, 1);
    deliver(&queue, &done, NOW);
    drop(queue);
    std::fs::remove_file(state.spool().join(received(1, "").spool.name)).unwrap();
    let (queue, state, recovery) = open(folder.path());
    assert_eq!((recovery.missing, recovery.admitted), (0, 0));
    assert_eq!(queue.remove_files(&state, later(1), 10).unwrap(), 1);
    assert_eq!(files(&state, 1), (false, false));
}

#[test]
fn the_state_of_a_study_is_in_its_summary_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state_of = |queue: &Queue, number: u64| {
        let found = queue.latest_studies(10).unwrap();
        found.iter().find(|summary| summary.study == study(number)).unwrap().state
    };
    {
        let (queue, state, _) = open(folder.path());
        report(&queue, &state, 1);
        queue.admit(&spool(&state, 2)).unwrap();
        queue.admit(&spool(&state, 3)).unwrap();
        let reported = Reported { revision: 1, state: StudyState::Provisional, ..Reported::default() };
        queue.hand_over(&study(3), &reported, &[]).unwrap();
        assert_eq!(state_of(&queue, 3), StudyState::Provisional);
    }
    let (queue, ..) = open(folder.path());
    let states = [1, 2, 3].map(|number| state_of(&queue, number));
    assert_eq!(states, [StudyState::Final, StudyState::Collecting, StudyState::Provisional]);
}

#[test]
fn what_is_held_has_its_row_and_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (_, done) = report(&queue, &state, 1);
    deliver(&queue, &done, NOW);
    queue.admit(&spool(&state, 2)).unwrap();
    queue.admit(&spool(&state, 3)).unwrap();
    // Other bytes under the UID of 3 came and were refused.
    assert_eq!(queue.admit(&received(3, "other")).unwrap(), Admission::Conflict);
    let keys: Vec<_> = (1..=4).map(|number| received(number, "").key).collect();
    let held = |queue: &Queue| queue.held(&state, &keys).unwrap();
    let class = Some(received(1, "").sop_class);
    assert_eq!(held(&queue), [class.clone(), class.clone(), None, None], "3 is disputed, 4 never came");
    assert_eq!(queue.remove_files(&state, later(1), 10).unwrap(), 1);
    assert_eq!(held(&queue), [None, class.clone(), None, None], "the row of 1 is there, its file is not");
    // Files that somebody else cut or removed.
    std::fs::write(state.spool().join(received(2, "").spool.name), "").unwrap();
    assert_eq!(held(&queue), [const { None }; 4]);
    std::fs::remove_file(state.spool().join(received(2, "").spool.name)).unwrap();
    assert_eq!(held(&queue), [const { None }; 4]);
    assert_eq!(queue.held(&state, []).unwrap(), []);
}
