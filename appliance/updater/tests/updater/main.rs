//! Models on a device: every way in, every way back, and power cuts on each step of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod codes;
mod folder_disk;
mod keys;
mod memory_disk;
mod operations;
mod power_cuts;
mod transitions;
#[allow(dead_code)]
#[path = "../../../../models/bundle/tests/bundle/world.rs"]
mod world;

use std::collections::BTreeMap;

use contract::{CONTRACT_VERSION, Digest};
use updater::{Disk, Facts, Model, Slot, UpdateError, Updater};
use world::{Files, Parts, model_files};

/// The bundle number `number`: its model's version, its seed and its sequence.
fn parts(number: u64) -> Parts {
    Parts::of(model_files(number, &number.to_string()), number)
}

fn digest(number: u64) -> Digest {
    Digest::of(&parts(number).manifest)
}

fn facts() -> Facts {
    let device = world::device();
    Facts { contract: CONTRACT_VERSION, engines: device.engines, software: device.software, engine_bytes: 0 }
}

fn updater<D: Disk>(disk: D) -> Updater<D> {
    Updater::new(disk)
}

fn install<D: Disk>(updater: &mut Updater<D>, number: u64) -> Result<Slot, UpdateError> {
    updater.install(&parts(number).bytes()[..], &crate::world::root(1), &facts())
}

fn activate<D: Disk>(updater: &mut Updater<D>, number: u64, starts: u8) -> Result<Slot, UpdateError> {
    updater.activate(digest(number), starts, |_, _| Ok(()))
}

/// Installs, tries and confirms.
fn adopt<D: Disk>(updater: &mut Updater<D>, number: u64) {
    install(updater, number).unwrap();
    activate(updater, number, 3).unwrap();
    assert_eq!(run(updater), number);
    updater.confirm(digest(number)).unwrap();
}

/// Starts the service; the number of the model that runs, 0 for the built-in one. Its files are all there.
fn run<D: Disk>(updater: &mut Updater<D>) -> u64 {
    let started = updater.start().unwrap();
    let number = number_of(&started.run);
    if let Model::Slot(slot) = &started.run {
        assert_eq!(files_in(updater.disk(), &slot.model_folder()), parts(number).files, "not whole");
    }
    number
}

fn number_of(model: &Model) -> u64 {
    model.slot().map_or(0, |slot| slot.version.parse().unwrap())
}

/// All files below a model's folder.
fn files_in(disk: &impl Disk, folder: &str) -> Files {
    let mut files = BTreeMap::new();
    for name in disk.list(folder).unwrap() {
        if name == "plots" {
            for name in disk.list(&format!("{folder}/plots")).unwrap() {
                let path = format!("plots/{name}");
                files.insert(path.clone(), disk.read(&format!("{folder}/{path}"), 1 << 20).unwrap().unwrap());
            }
        } else {
            files.insert(name.clone(), disk.read(&format!("{folder}/{name}"), 1 << 20).unwrap().unwrap());
        }
    }
    files
}
