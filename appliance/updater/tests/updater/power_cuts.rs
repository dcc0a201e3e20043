//! The power fails at each step of each operation, with every kind of survival: what runs afterwards is the old model or the
//! new one, whole, and the device goes on from there.

use std::collections::BTreeSet;

use bundle::Root;
use updater::{State, UpdateError, Updater};

use crate::memory_disk::{Lie, MemoryDisk, Survival};
use crate::world::{Parts, keys, revoking, root, signed, with_release};
use crate::{activate, digest, facts, files_in, install, number_of, parts, updater};

const SURVIVALS: [Survival; 5] =
    [Survival::Nothing, Survival::Everything, Survival::Some(1), Survival::Some(2), Survival::Some(3)];

/// An operation of the scenario, on the bundle of this number.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Install(u64),
    /// A bundle that is found bad after some of it was written.
    InstallBad(u64),
    /// A bundle that brings new keys, and is signed by one of them.
    InstallWithKeys(u64),
    Activate(u64, u8),
    ActivateFailing(u64),
    Start,
    Confirm(u64),
    Fail(u64),
    RollBack,
    Shadow(u64),
    Remove(u64),
}

use Operation::*;

/// Every operation in every state that it may be in.
const SCENARIO: [Operation; 33] = [
    Start,
    Install(1),
    Activate(1, 3),
    Start,
    Confirm(1),
    Start,
    InstallBad(2),
    Install(2),
    Install(3),
    Activate(3, 3),
    Start,
    Confirm(3),
    Install(4),
    Shadow(4),
    Start,
    Install(5),
    Activate(5, 1),
    Start,
    // No start is left.
    Start,
    Install(6),
    ActivateFailing(6),
    Install(7),
    Activate(7, 3),
    Start,
    Fail(7),
    Activate(4, 3),
    Start,
    Confirm(4),
    RollBack,
    Start,
    InstallWithKeys(8),
    Remove(8),
    Start,
];

fn next_root() -> Root {
    revoking(with_release(root(2), &[13], 1), &[11])
}

fn with_keys(number: u64) -> Parts {
    Parts { roots: vec![signed(&next_root(), &[1, 2])], ..parts(number).signed_by(&[13]) }
}

fn perform(updater: &mut Updater<MemoryDisk>, operation: Operation) -> Result<(), UpdateError> {
    match operation {
        Install(number) => install(updater, number).map(|_| ()),
        InstallBad(number) => {
            let mut bad = parts(number);
            bad.files.get_mut("network.onnx").unwrap()[0] ^= 1;
            match updater.install(&bad.bytes()[..], &crate::world::root(1), &facts()) {
                Err(error) if error.code() == "B502" => Ok(()),
                result => result.map(|_| ()),
            }
        }
        InstallWithKeys(number) => {
            updater.install(&with_keys(number).bytes()[..], &crate::world::root(1), &facts()).map(|_| ())
        }
        Activate(number, starts) => activate(updater, number, starts).map(|_| ()),
        ActivateFailing(number) => match updater.activate(digest(number), 3, |_, _| Err("other outputs".into())) {
            Err(UpdateError::SelfTest(_)) => Ok(()),
            result => result.map(|_| ()),
        },
        Start => updater.start().map(|_| ()),
        Confirm(number) => updater.confirm(digest(number)).map(|_| ()),
        Fail(number) => updater.fail(digest(number), "no scores"),
        RollBack => updater.roll_back("a person wanted it").map(|_| ()),
        Shadow(number) => updater.shadow(digest(number)),
        Remove(number) => updater.remove(digest(number)),
    }
}

/// The models that may run after a cut between two states: those that ran or would have run, and what a trial falls back to.
fn allowed(states: [&State; 2]) -> BTreeSet<u64> {
    states.into_iter().flat_map(|state| [number_of(&state.to_run()), number_of(&state.active)]).collect()
}

/// What is wrong after the power came back, if anything.
fn fault(disk: MemoryDisk, before: &State, after: &State) -> Result<MemoryDisk, String> {
    let mut updater = updater(disk);
    let started = updater.start().map_err(|error| format!("no start: {error}"))?;
    let number = number_of(&started.run);
    if !started.events.is_empty() && !started.events.iter().all(|event| format!("{event:?}").contains("used up")) {
        return Err(format!("{:?}", started.events));
    }
    if !allowed([before, after]).contains(&number) {
        return Err(format!("model {number} runs"));
    }
    if let Some(slot) = started.run.slot()
        && files_in(updater.disk(), &slot.model_folder()) != parts(number).files
    {
        return Err(format!("model {number} is not whole"));
    }
    let state = updater.state().map_err(|error| error.to_string())?;
    let floor = updater.floor().map_err(|error| error.to_string())?;
    if state.active.slot().is_some_and(|slot| slot.sequence > floor.sequence) {
        return Err("the floor is below the active model".into());
    }
    for slot in state.slots() {
        updater.manifest(slot).map_err(|error| format!("slot {}: {error}", slot.number))?;
    }
    let mut folders: Vec<String> = state.slots().map(|slot| slot.number.to_string()).collect();
    folders.sort_unstable();
    if updater::Disk::list(updater.disk(), "slots").unwrap() != folders {
        return Err("there is rubbish after a start".into());
    }
    Ok(updater.into_disk())
}

/// What still can be done: another model is installed, tried and confirmed.
fn goes_on(disk: MemoryDisk) -> Result<(), String> {
    let mut updater = updater(disk);
    // A trial that still runs ends first.
    if updater.state().unwrap().candidate.is_some_and(|candidate| candidate.trial.is_some()) {
        updater.roll_back("enough").map_err(|error| error.to_string())?;
    }
    let version = updater.root(&root(1)).map_err(|error| error.to_string())?.version;
    let parts = if version == 1 { parts(9) } else { parts(9).signed_by(&[13]) };
    let mut steps = || {
        updater.install(&parts.bytes()[..], &crate::world::root(1), &facts())?;
        activate(&mut updater, 9, 3)?;
        updater.start()?;
        updater.confirm(digest(9))
    };
    steps().map_err(|error| error.to_string())?;
    if number_of(&updater.start().unwrap().run) == 9 { Ok(()) } else { Err("model 9 does not run".into()) }
}

/// Cuts the power at each step of the scenario; the number of cuts and what was wrong after them.
fn matrix(lie: Lie) -> (u64, Vec<String>) {
    let mut disk = MemoryDisk { lie, ..MemoryDisk::new() };
    let (mut cuts, mut faults) = (0, Vec::new());
    for operation in SCENARIO {
        let before = updater(disk.clone()).state().unwrap();
        let mut whole = updater(MemoryDisk { steps: 0, ..disk.clone() });
        perform(&mut whole, operation).unwrap_or_else(|error| panic!("{operation:?}: {error}"));
        let after = whole.state().unwrap();
        let next = whole.into_disk();
        for cut_at in 0..=next.steps {
            let mut cut = updater(MemoryDisk { steps: 0, cut_at: Some(cut_at), ..disk.clone() });
            let result = perform(&mut cut, operation);
            let cut = cut.into_disk();
            // The last round is not cut: only what was synced at the end survives.
            assert!(cut.is_cut() || (result.is_ok() && cut_at == next.steps), "{operation:?} at {cut_at}: {result:?}");
            for survival in SURVIVALS {
                cuts += 1;
                let rebooted = fault(cut.clone().after_cut(survival), &before, &after);
                let outcome = rebooted.and_then(|disk| if cuts % 7 == 0 { goes_on(disk) } else { Ok(()) });
                if let Err(fault) = outcome {
                    faults.push(format!("{operation:?} cut at {cut_at}, {survival:?} survived: {fault}"));
                }
            }
        }
        disk = next;
    }
    (cuts, faults)
}

#[test]
fn a_power_cut_leaves_the_old_model_or_the_new_one_whole() {
    let (cuts, faults) = matrix(Lie::None);
    assert!(faults.is_empty(), "{} of {cuts}:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
    assert!(cuts > 2_000, "{cuts} cuts");
    println!("{cuts} power cuts");
}

#[test]
fn syncs_that_were_left_out_would_be_noticed() {
    for lie in [Lie::Files, Lie::Folders] {
        assert!(!matrix(lie).1.is_empty(), "{lie:?}");
    }
}

#[test]
fn a_second_power_cut_during_the_start_after_the_first_one_changes_nothing() {
    let mut whole = updater(MemoryDisk::new());
    for operation in [Install(1), Activate(1, 3), Start, Confirm(1), Install(2), Activate(2, 3)] {
        perform(&mut whole, operation).unwrap();
    }
    let disk = MemoryDisk { steps: 0, ..whole.into_disk() };
    let mut starts = 0;
    for first in 0..40 {
        let mut cut = updater(MemoryDisk { cut_at: Some(first), ..disk.clone() });
        let _ = cut.start().and_then(|_| cut.confirm(digest(2)));
        for survival in SURVIVALS {
            let rebooted = cut.disk().clone().after_cut(survival);
            for second in 0..20 {
                let mut again = updater(MemoryDisk { cut_at: Some(second), ..rebooted.clone() });
                let _ = again.start();
                let mut last = updater(again.into_disk().after_cut(survival));
                let run = number_of(&last.start().unwrap().run);
                assert!([1, 2].contains(&run), "cuts at {first} and {second}: model {run}");
                starts += 1;
            }
        }
    }
    assert_eq!(starts, 40 * 5 * 20);
}

#[test]
fn key_sets_that_came_with_a_bundle_are_kept() {
    let mut updater = updater(MemoryDisk::new());
    perform(&mut updater, InstallWithKeys(8)).unwrap();
    let mut updater = crate::updater(updater.into_disk().after_cut(Survival::Nothing));
    assert_eq!(updater.root(&root(1)).unwrap(), next_root());
    assert_eq!(install(&mut updater, 9).unwrap_err().code(), "B203", "the old key is revoked");
    assert!(!keys(&[13]).is_empty());
}
