//! Key sets on the device: followed anew at each operation, and never back.

use bundle::Root;

use crate::memory_disk::MemoryDisk;
use crate::world::{Parts, revoking, root, signed, with_release};
use crate::{facts, install, parts, updater};

fn second() -> Root {
    revoking(with_release(root(2), &[13], 1), &[11])
}

fn bringing_second(number: u64) -> Vec<u8> {
    Parts { roots: vec![signed(&second(), &[1, 2])], ..parts(number).signed_by(&[13]) }.bytes()
}

#[test]
fn a_key_set_of_a_refused_bundle_is_not_kept() {
    let mut updater = updater(MemoryDisk::new());
    let mut tampered = Parts { roots: vec![signed(&second(), &[1, 2])], ..parts(1).signed_by(&[13]) };
    tampered.files.get_mut("network.onnx").unwrap()[0] ^= 1;
    assert_eq!(updater.install(&tampered.bytes()[..], &crate::world::root(1), &facts()).unwrap_err().code(), "B502");
    assert_eq!((updater.root(&root(1)).unwrap(), updater.floor().unwrap().root_version), (root(1), 0));
    install(&mut updater, 1).unwrap();
}

#[test]
fn a_revoked_key_stays_revoked_when_a_key_set_is_damaged() {
    let mut updater = updater(MemoryDisk::new());
    updater.install(&bringing_second(1)[..], &crate::world::root(1), &facts()).unwrap();
    assert_eq!(updater.root(&root(1)).unwrap(), second());
    for path in ["roots/2.json", "roots/2.signatures.json"] {
        let mut disk = updater.disk().clone();
        disk.damage(path);
        let mut damaged = crate::updater(disk);
        assert_eq!(damaged.root(&root(1)).unwrap(), root(1), "{path}");
        // The old key would be trusted again: the floor knows better.
        assert_eq!(install(&mut damaged, 2).unwrap_err().code(), "U304");
        damaged.install(&bringing_second(2)[..], &crate::world::root(1), &facts()).unwrap();
        assert_eq!(damaged.root(&root(1)).unwrap(), second());
    }
}

#[test]
fn a_device_that_is_set_up_with_a_later_key_set_needs_none_of_the_old_ones() {
    let mut updater = updater(MemoryDisk::new());
    updater.install(&bringing_second(1)[..], &crate::world::root(1), &facts()).unwrap();
    let mut later = crate::updater(updater.into_disk());
    let (signed, facts) = (parts(2).signed_by(&[13]).bytes(), facts());
    later.install(&signed[..], &second(), &facts).unwrap();
    assert_eq!(later.install(&parts(3).bytes()[..], &second(), &facts).unwrap_err().code(), "B203");
}
