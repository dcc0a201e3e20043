//! Studies and deliveries: hand-over, order, tries, and crashes between their steps.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, DestinationName, Reported, ResultKind, RetryPolicy, StoredFile,
    StudyKey, UnixMillis,
};
use queue::{Queue, QueueError, StateDir};

use crate::{EXCLUDED, NOW, open, received, spool};

pub(crate) const POLICY: RetryPolicy = RetryPolicy { first_ms: 100, longest_ms: 100, attempts_max: 2 };

pub(crate) fn study(number: u64) -> StudyKey {
    received(number, "").study
}

fn destination(name: &str) -> DestinationName {
    DestinationName::parse(name).unwrap()
}

/// The deliveries of two objects to two destinations, with their files.
fn deliveries(state: &StateDir, study: &StudyKey, revision: u32) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for object in ["first", "second"] {
        let name = format!("{}-{revision}-{object}.json", study.0.redacted());
        let file = state.write(&state.results(), &name, b"{}").unwrap();
        for name in ["pacs", "folder"] {
            deliveries.push(delivery(study, revision, &destination(name), object, file.clone()));
        }
    }
    deliveries
}

fn delivery(study: &StudyKey, revision: u32, to: &DestinationName, object: &str, file: StoredFile) -> Delivery {
    Delivery {
        id: DeliveryId::of(study, revision, to, object),
        destination: to.clone(),
        study: study.clone(),
        revision,
        kind: ResultKind::Json,
        choice: None,
        sop: None,
        file,
        attempts: 0,
        last_error: None,
        state: DeliveryState::Due { at: NOW },
    }
}

/// Receives, decides and hands over instance `number` in a study of its own.
pub(crate) fn report(queue: &Queue, state: &StateDir, number: u64) -> (Reported, Vec<Delivery>) {
    let instance = spool(state, number);
    queue.admit(&instance).unwrap();
    std::fs::write(state.heatmap_of(&instance.spool.name), "png").unwrap();
    queue.record_outcome(&instance.key, None, EXCLUDED).unwrap();
    let reported = Reported { revision: 1, instances: BTreeSet::from([instance.key]), ..Reported::default() };
    let deliveries = deliveries(state, &instance.study, 1);
    queue.hand_over(&instance.study, &reported, &deliveries).unwrap();
    (reported, deliveries)
}

fn ids(deliveries: &[Delivery]) -> Vec<&DeliveryId> {
    deliveries.iter().map(|delivery| &delivery.id).collect()
}

#[test]
fn a_report_is_handed_over_once_and_survives() {
    let folder = tempfile::tempdir().unwrap();
    let handed_over = {
        let (queue, state, _) = open(folder.path());
        queue.admit(&spool(&state, 7)).unwrap();
        assert_eq!(queue.open_studies().unwrap(), [study(7)]);
        let (reported, deliveries) = report(&queue, &state, 7);
        queue.hand_over(&study(7), &reported, &deliveries).unwrap();
        assert_eq!(queue.counts().unwrap().deliveries_due, 4, "the same again changes nothing");
        let skipped = Reported { revision: 3, ..reported.clone() };
        assert!(matches!(queue.hand_over(&study(7), &skipped, &[]), Err(QueueError::Revision)));
        reported
    };
    let (queue, state, _) = open(folder.path());
    assert!(queue.open_studies().unwrap().is_empty());
    assert_eq!(queue.study(&study(7)).unwrap().unwrap().reported, handed_over);
    assert_eq!(queue.counts().unwrap().deliveries_due, 4);
    assert!(queue.study(&study(8)).unwrap().is_none());
    let mut late = received(9, "late");
    late.study = study(7);
    std::fs::write(state.spool().join(&late.spool.name), "late").unwrap();
    queue.admit(&late).unwrap();
    assert_eq!(queue.open_studies().unwrap(), [study(7)], "a late image opens its study again");
    let mut noted = handed_over.clone();
    noted.instances.insert(late.key);
    queue.note_reported(&study(7), &noted).unwrap();
    assert!(queue.open_studies().unwrap().is_empty(), "and one that needs no report closes it");
    assert!(matches!(queue.note_reported(&study(7), &Reported { revision: 2, ..noted }), Err(QueueError::Revision)));
}

#[test]
fn a_study_s_objects_keep_their_order_per_destination() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let (_, first) = report(&queue, &state, 1);
    let (_, second) = report(&queue, &state, 2);
    let pacs = destination("pacs");
    let due = |now| queue.due(&pacs, now, 10).unwrap();
    assert_eq!(ids(&due(NOW)), [&first[0].id, &second[0].id], "of each study the first object");
    assert_eq!(queue.due(&pacs, NOW, 1).unwrap().len(), 1);
    assert_eq!(queue.next_due_at(&pacs).unwrap(), Some(NOW));
    let failed = || Attempt::Failed { why: "no answer".into() };
    let after = queue.settle(&first[0].id, failed(), &POLICY, 1.0, NOW).unwrap();
    assert_eq!(after.state, DeliveryState::Due { at: UnixMillis(NOW.0 + 100) });
    assert_eq!(ids(&due(NOW)), [&second[0].id], "the study waits with its first object");
    queue.settle(&second[0].id, Attempt::Delivered, &POLICY, 1.0, NOW).unwrap();
    let later = UnixMillis(NOW.0 + 100);
    assert_eq!(ids(&due(later)), [&first[0].id, &second[2].id]);
    queue.settle(&first[0].id, failed(), &POLICY, 1.0, later).unwrap();
    assert_eq!(ids(&due(later)), [&first[2].id, &second[2].id], "a parked object lets the next one pass");
    let counts = queue.counts().unwrap();
    assert_eq!((counts.deliveries_due, counts.deliveries_parked, counts.deliveries_delivered), (6, 1, 1));
    queue.retry(&first[0].id, later).unwrap();
    assert_eq!(ids(&due(later)), [&first[0].id, &second[2].id]);
    assert!(matches!(queue.retry(&DeliveryId::of(&study(1), 9, &pacs, "x"), NOW), Err(QueueError::Unknown)));
    assert_eq!(queue.due(&destination("elsewhere"), NOW, 10).unwrap(), []);
}

#[test]
fn changes_are_announced() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let mut changes = queue.changes();
    changes.borrow_and_update();
    queue.admit(&spool(&state, 1)).unwrap();
    assert!(changes.has_changed().unwrap());
}

#[test]
fn results_without_a_row_are_removed_and_those_with_one_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    report(&queue, &state, 1);
    drop(queue);
    std::fs::write(state.results().join("orphan.dcm"), "x").unwrap();
    std::fs::write(state.heatmaps().join("orphan.png"), "x").unwrap();
    open(folder.path());
    assert_eq!(std::fs::read_dir(state.results()).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(state.heatmaps()).unwrap().count(), 1);
}

/// The variable that turns this test program into the child that is killed.
const CHILD: &str = "MAMORU_QUEUE_REPORTING_CHILD";

#[test]
fn sigkill_leaves_a_report_and_its_deliveries_both_or_neither() {
    if let Some(folder) = std::env::var_os(CHILD) {
        report_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..6_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "deliveries::sigkill_leaves_a_report_and_its_deliveries_both_or_neither", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut numbers =
            lines.filter_map(|line| line.strip_prefix("handed over ").and_then(|number| number.parse::<u64>().ok()));
        acknowledged.extend(numbers.by_ref().take(5 + 3 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(numbers);
        let (queue, state, recovery) = open(folder.path());
        assert_eq!(recovery.corrupt_database, None, "round {round}");
        let all = queue.deliveries(|_| true, usize::MAX).unwrap();
        for summary in queue.latest_studies(usize::MAX).unwrap() {
            let of_study = all.iter().filter(|delivery| delivery.study == summary.study).count();
            assert_eq!(of_study, if summary.revision == 0 { 0 } else { 4 }, "round {round}");
        }
        for number in &acknowledged {
            assert_eq!(queue.study(&study(*number)).unwrap().unwrap().reported.revision, 1, "round {round}: {number}");
        }
        assert!(all.iter().all(|delivery| state.results().join(&delivery.file.name).is_file()), "round {round}");
    }
    assert!(acknowledged.len() >= 60);
}

fn report_for_ever(folder: &Path) -> ! {
    let (queue, state, _) = open(folder);
    let first = queue.counts().unwrap().studies as u64 + 1;
    for number in first.. {
        report(&queue, &state, number);
        println!("\nhanded over {number}");
    }
    unreachable!("numbers do not end");
}
