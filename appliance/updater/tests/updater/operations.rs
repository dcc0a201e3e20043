//! Each operation, on a disk in memory.

use std::cell::Cell;

use updater::{Event, Model, Outcome, UpdateError};

use crate::memory_disk::MemoryDisk;
use crate::{activate, adopt, digest, facts, install, number_of, parts, run, updater};

fn code<T>(result: Result<T, UpdateError>) -> &'static str {
    result.err().map_or("", |error| error.code())
}

#[test]
fn a_model_is_installed_tried_confirmed_and_taken_back() {
    let mut updater = updater(MemoryDisk::new());
    assert_eq!(run(&mut updater), 0, "the built-in model runs where nothing is installed");
    let slot = install(&mut updater, 1).unwrap();
    assert_eq!((slot.name.as_str(), slot.version.as_str(), slot.sequence), ("test-model", "1", 1));
    assert_eq!(run(&mut updater), 0, "an installed model waits");
    activate(&mut updater, 1, 3).unwrap();
    let started = updater.start().unwrap();
    assert!(started.is_on_trial && number_of(&started.run) == 1);
    updater.confirm(digest(1)).unwrap();
    assert!(!updater.start().unwrap().is_on_trial);
    adopt(&mut updater, 2);
    assert_eq!(updater.floor().unwrap().sequence, 2);
    assert_eq!(number_of(&updater.roll_back("worse").unwrap()), 1);
    assert_eq!(run(&mut updater), 1);
    assert_eq!(code(updater.roll_back("worse still")), "U105", "only one model from before is kept");
    // What was taken back does not come again by itself.
    assert_eq!(code(install(&mut updater, 2)), "B403");
    updater.allow(digest(2)).unwrap();
    assert_eq!(code(updater.allow(digest(2))), "U103");
    adopt(&mut updater, 2);
}

#[test]
fn the_first_model_rolls_back_to_the_built_in_one() {
    let mut updater = updater(MemoryDisk::new());
    assert_eq!(code(updater.roll_back("nothing")), "U105");
    adopt(&mut updater, 1);
    assert_eq!(updater.roll_back("worse").unwrap(), Model::BuiltIn);
    assert_eq!(run(&mut updater), 0);
    assert!(updater.disk().clone().after_cut(crate::memory_disk::Survival::Everything).steps == 0);
}

#[test]
fn a_model_that_is_never_confirmed_is_taken_back_after_its_starts() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    install(&mut updater, 2).unwrap();
    activate(&mut updater, 2, 2).unwrap();
    assert_eq!([run(&mut updater), run(&mut updater)], [2, 2]);
    let started = updater.start().unwrap();
    assert_eq!(number_of(&started.run), 1);
    assert!(matches!(&started.events[..], [Event::TakenBack { slot, .. }] if slot.version == "2"));
    assert!(matches!(updater.state().unwrap().last, Some(Outcome::RolledBack { why, .. }) if why.contains("2 times")));
    assert_eq!(code(install(&mut updater, 2)), "B403");
    assert_eq!(updater.floor().unwrap().sequence, 1, "what was not confirmed raises nothing");
}

#[test]
fn a_failed_self_test_changes_nothing_but_that_the_bundle_is_denied() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    install(&mut updater, 2).unwrap();
    let tested = Cell::new(String::new());
    let result = updater.activate(digest(2), 3, |disk, folder| {
        tested.set(folder.to_owned());
        assert_eq!(crate::files_in(disk, folder), parts(2).files);
        Err("golden vector 1: logit differs".into())
    });
    assert!(matches!(result, Err(UpdateError::SelfTest(why)) if why.contains("logit")));
    assert_eq!(tested.into_inner(), "slots/2/model");
    assert_eq!(run(&mut updater), 1);
    assert_eq!(code(install(&mut updater, 2)), "B403");
    assert_eq!(updater::Disk::list(updater.disk(), "slots").unwrap(), ["1"]);
}

#[test]
fn a_bad_bundle_changes_nothing_also_what_waits() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    install(&mut updater, 2).unwrap();
    let before = updater.state().unwrap();
    let good = parts(3).bytes();
    let mut tampered = parts(3);
    tampered.files.get_mut("golden.json").unwrap()[0] ^= 1;
    let later = tampered.bytes();
    let bad = [
        ("B103", b"no bundle".to_vec()),
        ("B102", good[..good.len() / 2].to_vec()),
        ("B107", [&good[..], b"x"].concat()),
        ("B202", parts(3).signed_by(&[99]).bytes()),
        ("B502", later),
        ("B402", parts(5_000).bytes()),
    ];
    for (expected, bytes) in bad {
        assert_eq!(code(updater.install(&bytes[..], &crate::world::root(1), &facts())), expected);
        let after = updater.state().unwrap();
        assert_eq!(
            (&after.candidate, &after.active, &after.previous),
            (&before.candidate, &before.active, &before.previous)
        );
        assert_eq!((after.staging, after.denied.len()), (None, 0));
        assert_eq!(updater::Disk::list(updater.disk(), "slots").unwrap(), ["1", "2"]);
    }
    activate(&mut updater, 2, 1).unwrap();
    assert_eq!(run(&mut updater), 2);
}

#[test]
fn an_older_bundle_than_the_confirmed_one_is_refused() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 5);
    assert_eq!(code(install(&mut updater, 4)), "B401");
    // Not even when one copy of the floor is lost, or the state.
    let mut disk = updater.into_disk();
    disk.damage("floor-a.json");
    let mut updater = crate::updater(disk);
    assert_eq!(code(install(&mut updater, 4)), "B401");
    updater.start().unwrap();
    let mut disk = updater.into_disk();
    disk.damage("floor-b.json");
    let mut updater = crate::updater(disk);
    assert_eq!(code(install(&mut updater, 4)), "B401", "the start repaired the other copy");
    let mut disk = updater.into_disk();
    disk.damage("state.json");
    let mut updater = crate::updater(disk);
    updater.start().unwrap();
    assert_eq!(code(install(&mut updater, 4)), "B401");
}

#[test]
fn there_must_be_room_before_anything_is_written() {
    let mut disk = MemoryDisk::new();
    let payload: u64 = parts(1).files.values().map(|content| content.len() as u64).sum();
    disk.free = payload + (64 << 20) - 1;
    let mut updater = updater(disk);
    assert!(matches!(install(&mut updater, 1), Err(UpdateError::NoRoom { needed, free }) if needed == free + 1));
    assert_eq!(updater.disk().steps, 0, "something was written");
    let mut disk = updater.into_disk();
    disk.free += 1;
    let mut updater = crate::updater(disk);
    install(&mut updater, 1).unwrap();
    let facts = updater::Facts { engine_bytes: 1, ..facts() };
    assert_eq!(
        code(updater.install(&parts(2).bytes()[..], &crate::world::root(1), &facts)),
        "U201",
        "the engine's plan needs room too"
    );
}

#[test]
fn a_damaged_model_makes_way_for_the_one_before_and_that_for_the_built_in_one() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    adopt(&mut updater, 2);
    let mut disk = updater.into_disk();
    disk.damage("slots/2/model/network.onnx");
    let mut both = disk.clone();
    both.damage("slots/1/bundle.json");
    let mut updater = crate::updater(disk);
    let started = updater.start().unwrap();
    assert_eq!(number_of(&started.run), 1);
    assert!(matches!(&started.events[..], [Event::TakenBack { why, .. }] if why.contains("network.onnx")));
    // The disk's fault is not the bundle's: it may be installed again.
    adopt(&mut updater, 2);
    let started = crate::updater(both).start().unwrap();
    assert_eq!((number_of(&started.run), started.events.len()), (0, 2));
}

#[test]
fn a_damaged_candidate_is_not_activated_and_one_on_trial_is_taken_back() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    install(&mut updater, 2).unwrap();
    let mut disk = updater.into_disk();
    let mut waiting = disk.clone();
    waiting.damage("slots/2/model/plots/roc.svg");
    let mut waiting = crate::updater(waiting);
    assert_eq!(code(activate(&mut waiting, 2, 3)), "U302");
    assert_eq!(run(&mut waiting), 1);
    install(&mut waiting, 2).unwrap();
    let mut trying = crate::updater(disk);
    activate(&mut trying, 2, 3).unwrap();
    disk = trying.into_disk();
    disk.damage("slots/2/model/network.onnx");
    assert_eq!(run(&mut crate::updater(disk)), 1);
}

#[test]
fn a_damaged_state_means_the_built_in_model_and_is_said() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    let mut disk = updater.into_disk();
    disk.damage("state.json");
    let mut updater = crate::updater(disk);
    assert_eq!(code(updater.state()), "U302");
    let started = updater.start().unwrap();
    assert_eq!((number_of(&started.run), &started.events[..]), (0, &[Event::StateDamaged][..]));
    assert!(updater.start().unwrap().events.is_empty());
    adopt(&mut updater, 1);
    assert_eq!(updater.state().unwrap().active.slot().unwrap().number, 2, "a number is never used twice");
}

#[test]
fn a_state_of_later_software_is_left_alone() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    let mut disk = updater.into_disk();
    let content = serde_json::json!({"quantum": true});
    let sha256 = contract::Digest::of_canonical(&content).unwrap();
    let later = serde_json::json!({"content": content, "sha256": sha256}).to_string();
    updater::Disk::remove_file(&mut disk, "state.json").unwrap();
    updater::Disk::create(&mut disk, "state.json").unwrap();
    updater::Disk::append(&mut disk, "state.json", later.as_bytes()).unwrap();
    let mut updater = crate::updater(disk);
    let started = updater.start().unwrap();
    assert_eq!((started.run, &started.events[..]), (Model::BuiltIn, &[Event::LaterState][..]));
    assert_eq!(code(install(&mut updater, 2)), "U303");
    assert_eq!(code(updater.roll_back("x")), "U303");
    assert_eq!(updater::Disk::read(updater.disk(), "state.json", 1 << 20).unwrap().unwrap(), later.as_bytes());
    assert_eq!(updater::Disk::list(updater.disk(), "slots").unwrap(), ["1"], "its models stay");
}

#[test]
fn a_shadow_waits_beside_the_active_model() {
    let mut updater = updater(MemoryDisk::new());
    adopt(&mut updater, 1);
    install(&mut updater, 2).unwrap();
    updater.shadow(digest(2)).unwrap();
    let started = updater.start().unwrap();
    assert_eq!((number_of(&started.run), started.shadow.unwrap().version.as_str()), (1, "2"));
    install(&mut updater, 3).unwrap();
    assert_eq!(code(install(&mut updater, 2)), "U102");
    activate(&mut updater, 2, 3).unwrap();
    assert_eq!(run(&mut updater), 2);
    updater.confirm(digest(2)).unwrap();
    assert_eq!(updater.start().unwrap().shadow, None);
    install(&mut updater, 3).unwrap();
    updater.shadow(digest(3)).unwrap();
    let mut disk = updater.into_disk();
    disk.damage("slots/4/model/network.onnx");
    let started = crate::updater(disk).start().unwrap();
    assert_eq!((number_of(&started.run), started.shadow), (2, None));
}
