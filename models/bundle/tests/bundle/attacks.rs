//! The attack corpus: a bundle per attack, each refused with its own code before anything of it could be used.

mod archive;
mod device;
mod keys;
mod manifest;
mod payload;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;

use bundle::Root;
use bundle::verify::Device;

use crate::world::{Parts, device, root, take};

/// A bundle that must be refused, and by whom.
pub struct Attack {
    name: String,
    bytes: Vec<u8>,
    root: Root,
    device: Device,
    code: &'static str,
    /// Whether it is refused before the model's files are read.
    is_early: bool,
}

/// Against a device of the usual kind, before the model's files are read.
fn attack(name: impl Into<String>, bytes: Vec<u8>, code: &'static str) -> Attack {
    Attack { name: name.into(), bytes, root: root(1), device: device(), code, is_early: true }
}

/// The same that is found only in the model's files.
fn late(name: impl Into<String>, bytes: Vec<u8>, code: &'static str) -> Attack {
    Attack { is_early: false, ..attack(name, bytes, code) }
}

pub fn corpus() -> Vec<Attack> {
    let parts = [archive::attacks(), keys::attacks(), manifest::attacks(), device::attacks(), payload::attacks()];
    parts.into_iter().flatten().collect()
}

#[test]
fn a_good_bundle_is_taken() {
    let good = Parts::good();
    let (digest, files) = take(&good.bytes(), &root(1), &device()).unwrap();
    assert_eq!(files, good.files);
    assert_eq!(digest, contract::Digest::of(&good.manifest));
}

#[test]
fn each_attack_is_refused_with_its_code() {
    let mut names = BTreeSet::new();
    for attack in corpus() {
        let Attack { name, bytes, root, device, code, .. } = &attack;
        match take(bytes, root, device) {
            Ok(_) => panic!("{name}: taken"),
            Err(refusal) => assert_eq!(refusal.code(), *code, "{name}: {refusal}"),
        }
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    assert!(names.len() > 90, "{} attacks", names.len());
}

/// Counts what is read.
struct Counting<'a>(&'a [u8], &'a Cell<usize>);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // A few bytes at a time, as from a slow connection.
        let len = buffer.len().min(100);
        let read = self.0.read(&mut buffer[..len])?;
        self.1.set(self.1.get() + read);
        Ok(read)
    }
}

#[test]
fn nothing_of_the_model_is_read_before_the_signature_holds() {
    let good = Parts::good();
    let payload: usize = good.files.values().map(|content| 512 + content.len().next_multiple_of(512)).sum();
    let head = good.bytes().len() - payload - 1024;
    for attack in corpus().into_iter().filter(|attack| attack.is_early) {
        let read = Cell::new(0);
        let opened = bundle::open(Counting(&attack.bytes, &read), &attack.root, &attack.device);
        assert!(opened.is_err(), "{}: only the model's files give it away", attack.name);
    }
    let read = Cell::new(0);
    bundle::open(Counting(&good.bytes(), &read), &root(1), &device()).unwrap();
    assert_eq!(read.get(), head + 512, "the head and the next member's header");
}

#[test]
fn refusals_are_found_late_only_where_they_must() {
    for attack in corpus().into_iter().filter(|attack| !attack.is_early) {
        assert!(bundle::open(&attack.bytes[..], &attack.root, &attack.device).is_ok(), "{}", attack.name);
    }
}

impl Attack {
    pub const fn code(&self) -> &'static str {
        self.code
    }

    pub fn refusal(&self) -> bundle::Refusal {
        take(&self.bytes, &self.root, &self.device).unwrap_err()
    }
}
