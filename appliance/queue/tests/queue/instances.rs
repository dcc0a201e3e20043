//! Received instances: admission, outcomes, recovery.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use domain::InstanceOutcome;
use domain::eligibility::ExclusionReason;
use queue::{Admission, QueueError, Recovery};

use crate::{EXCLUDED, open, received, spool};

#[test]
fn an_instance_is_admitted_once() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, recovery) = open(folder.path());
    assert_eq!(recovery, Recovery::default());
    let first = spool(&state, 1);
    assert_eq!(queue.admit(&first).unwrap(), Admission::New);
    assert_eq!(queue.admit(&first).unwrap(), Admission::Duplicate);
    assert_eq!(queue.admit(&received(1, "other bytes")).unwrap(), Admission::Conflict);
    let counts = queue.counts().unwrap();
    assert_eq!((counts.waiting, counts.decided, counts.conflicts), (1, 0, 1));
    assert_eq!(queue.instance(&first.key).unwrap().unwrap().received, first, "the first one stays");
}

#[test]
fn outcomes_are_recorded_once_and_survive() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (queue, state, _) = open(folder.path());
        for number in 1..=3 {
            queue.admit(&spool(&state, number)).unwrap();
        }
        let key = received(2, "2").key;
        queue.record_outcome(&key, None, EXCLUDED).unwrap();
        queue.record_outcome(&key, None, EXCLUDED).unwrap();
        let other = InstanceOutcome::Excluded { reason: ExclusionReason::Implant };
        assert!(matches!(queue.record_outcome(&key, None, other), Err(QueueError::Decided)));
        assert!(matches!(queue.record_outcome(&received(9, "").key, None, EXCLUDED), Err(QueueError::Unknown)));
    }
    let (queue, _, recovery) = open(folder.path());
    assert_eq!(recovery, Recovery::default());
    let waiting: Vec<_> = queue.waiting(10).unwrap().into_iter().map(|record| record.received.spool.name).collect();
    assert_eq!(waiting, ["0000000000001.dcm", "0000000000003.dcm"], "in the order of arrival");
    assert_eq!(queue.waiting(1).unwrap().len(), 1);
}

#[test]
fn a_crash_between_file_and_row_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let gone = spool(&state, 1);
    queue.admit(&gone).unwrap();
    drop(queue);
    std::fs::remove_file(state.spool().join(&gone.spool.name)).unwrap();
    spool(&state, 2);
    std::fs::write(state.spool().join("9999999999999.dcm"), "not ours").unwrap();
    std::fs::write(state.incoming().join("half.part"), "half").unwrap();
    let (queue, _, recovery) = open(folder.path());
    assert_eq!((recovery.admitted, recovery.missing, recovery.unfinished), (1, 1, 1));
    assert_eq!(recovery.unreadable.len(), 1);
    let failed = queue.instance(&gone.key).unwrap().unwrap().outcome.unwrap();
    assert!(matches!(failed, InstanceOutcome::Failed { reason } if reason.code == "spool_file_missing"));
    assert_eq!(queue.waiting(10).unwrap().len(), 1);
    assert!(!state.incoming().join("half.part").exists());
}

#[test]
fn begun_analyses_are_counted_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let key = received(1, "1").key;
    for times in 1..=3 {
        let (queue, state, recovery) = open(folder.path());
        assert_eq!(recovery, Recovery::default());
        if times == 1 {
            queue.admit(&spool(&state, 1)).unwrap();
        }
        assert_eq!(queue.begin(&key).unwrap(), times);
    }
}

#[test]
fn a_database_that_is_locked_a_moment_longer_is_not_a_broken_one() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    queue.admit(&spool(&state, 1)).unwrap();
    drop(queue);
    // What a child between fork and exec does for a moment, for longer: about a hundred syncs.
    let closing = std::fs::File::open(state.database().join("db")).unwrap();
    closing.lock().unwrap();
    let work = folder.path().join("work");
    let thread = std::thread::spawn(move || {
        for _ in 0..100 {
            std::fs::write(&work, "x").and_then(|()| std::fs::File::open(&work)?.sync_all()).unwrap();
        }
        drop(closing);
    });
    let (queue, _, recovery) = open(folder.path());
    thread.join().unwrap();
    assert_eq!(recovery, Recovery::default());
    assert_eq!(queue.waiting(10).unwrap().len(), 1);
}

#[test]
fn conflicts_are_kept_up_to_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    queue.admit(&spool(&state, 1)).unwrap();
    for number in 0..queue::CONFLICTS_MAX + 10 {
        assert_eq!(queue.admit(&received(1, &format!("other {number}"))).unwrap(), Admission::Conflict);
    }
    assert_eq!(queue.counts().unwrap().conflicts, queue::CONFLICTS_MAX);
}

#[test]
fn a_corrupt_database_is_put_aside_and_rebuilt_from_the_spool() {
    for seed in 0..12_u64 {
        let folder = tempfile::tempdir().unwrap();
        {
            let (queue, state, _) = open(folder.path());
            for number in 0..20 {
                queue.admit(&spool(&state, number)).unwrap();
            }
        }
        let file = folder.path().join("queue/db");
        let mut bytes = std::fs::read(&file).unwrap();
        let place = (seed as usize * 7919 + 13) % 4096;
        match seed % 3 {
            0 => bytes.truncate(place),
            1 => bytes[place..place + 512].fill(0xAA),
            _ => bytes[..4096].iter_mut().for_each(|byte| *byte ^= 0x55),
        }
        std::fs::write(&file, bytes).unwrap();
        let (queue, _, _) = open(folder.path());
        assert_eq!(queue.waiting(100).unwrap().len(), 20, "seed {seed}: every spooled instance is there");
    }
}

#[test]
fn four_threads_share_commits_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (queue, state) = (queue.clone(), state.clone());
            scope.spawn(move || {
                for number in 0..25 {
                    assert_eq!(queue.admit(&spool(&state, thread * 100 + number)).unwrap(), Admission::New);
                }
            });
        }
    });
    assert_eq!(queue.counts().unwrap().waiting, 100);
}

/// The variable that turns this test program into the child that is killed.
const CHILD: &str = "MAMORU_QUEUE_CHILD";

#[test]
fn sigkill_at_any_moment_loses_nothing_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD) {
        admit_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..8_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "instances::sigkill_at_any_moment_loses_nothing_acknowledged", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // The kill comes after an acknowledgement, while the child is in the middle of the next admission.
        let mut lines =
            lines.filter_map(|line| line.strip_prefix("ack ").and_then(|number| number.parse::<u64>().ok()));
        acknowledged.extend(lines.by_ref().take(20 + 7 * round as usize));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines);
        let (queue, _, recovery) = open(folder.path());
        assert_eq!(recovery.corrupt_database, None, "round {round}");
        assert_eq!(recovery.missing, 0, "round {round}");
        for number in &acknowledged {
            assert!(queue.instance(&received(*number, "").key).unwrap().is_some(), "round {round}: {number} is lost");
        }
    }
    assert!(acknowledged.len() > 300);
}

fn admit_for_ever(folder: &Path) -> ! {
    let (queue, state, _) = open(folder);
    let first = queue.counts().unwrap().waiting as u64;
    for number in first.. {
        queue.admit(&spool(&state, number)).unwrap();
        println!("\nack {number}");
    }
    unreachable!("numbers do not end");
}

#[test]
fn a_state_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    queue.admit(&spool(&state, 1)).unwrap();
    assert!(matches!(queue::Queue::open(&state, &crate::reread, crate::NOW), Err(QueueError::InUse)));
    drop(queue);
    assert_eq!(open(folder.path()).0.counts().unwrap().waiting, 1);
}

#[test]
fn an_instance_whose_file_was_lost_is_taken_again_and_reported_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, state, _) = open(folder.path());
    let first = spool(&state, 1);
    queue.admit(&first).unwrap();
    drop(queue);
    std::fs::remove_file(state.spool().join(&first.spool.name)).unwrap();
    let (queue, state, _) = open(folder.path());
    let instances = [first.key.clone()].into();
    let reported = domain::Reported { revision: 1, instances, ..domain::Reported::default() };
    queue.hand_over(&first.study, &reported, &[]).unwrap();
    assert!(queue.open_studies().unwrap().is_empty());
    assert_eq!(queue.admit(&spool(&state, 1)).unwrap(), Admission::New);
    assert_eq!(queue.admit(&spool(&state, 1)).unwrap(), Admission::Duplicate);
    let check = |queue: &queue::Queue| {
        let counts = queue.counts().unwrap();
        assert_eq!((counts.waiting, counts.decided, counts.studies_open), (1, 0, 1));
        let study = queue.study(&first.study).unwrap().unwrap();
        assert_eq!((study.instances.len(), study.reported.revision), (1, 1), "the next revision is the second");
    };
    check(&queue);
    drop(queue);
    check(&open(folder.path()).0);
}
