//! On this machine's disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use updater::{Disk, FolderDisk, UpdateError};

use crate::{activate, adopt, digest, install, number_of, parts, run, updater};

fn open(folder: &Path) -> FolderDisk {
    FolderDisk::open(&folder.join("models")).unwrap()
}

#[test]
fn a_model_is_installed_tried_confirmed_and_taken_back_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = updater(open(folder.path()));
    adopt(&mut first, 1);
    install(&mut first, 2).unwrap();
    activate(&mut first, 2, 1).unwrap();
    drop(first);
    let mut second = updater(open(folder.path()));
    assert_eq!([run(&mut second), run(&mut second)], [2, 1]);
    adopt(&mut second, 3);
    assert_eq!(number_of(&second.roll_back("worse").unwrap()), 1);
    assert_eq!(fs::read_dir(folder.path().join("models/slots")).unwrap().count(), 1, "only what is needed stays");
}

#[test]
fn nobody_else_may_read_or_change_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let mut updater = updater(open(folder.path()));
    adopt(&mut updater, 1);
    let mut pending = vec![folder.path().join("models")];
    let mut files = 0;
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
        files += usize::from(metadata.is_file());
        if metadata.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert_eq!(files, parts(1).files.len() + 2 + 3 + 1, "model, bundle, records, lock");
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let held = open(folder.path());
    assert!(matches!(FolderDisk::open(&folder.path().join("models")), Err(UpdateError::InUse)));
    drop(held);
    open(folder.path());
}

#[test]
fn a_file_that_was_exchanged_for_a_link_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut updater = updater(open(folder.path()));
    adopt(&mut updater, 1);
    let network = folder.path().join("models/slots/1/model/network.onnx");
    let elsewhere = folder.path().join("network.onnx");
    fs::rename(&network, &elsewhere).unwrap();
    symlink(&elsewhere, &network).unwrap();
    assert_eq!(run(&mut updater), 0);
}

#[test]
fn rubbish_among_the_slots_is_removed_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut updater = updater(open(folder.path()));
    adopt(&mut updater, 1);
    let kept = folder.path().join("kept");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("file"), "x").unwrap();
    let slots = folder.path().join("models/slots");
    symlink(&kept, slots.join("7")).unwrap();
    fs::write(slots.join("8"), "x").unwrap();
    fs::create_dir_all(slots.join("9/model")).unwrap();
    assert_eq!(run(&mut updater), 1);
    assert_eq!(updater.disk().list("slots").unwrap(), ["1"]);
    assert!(kept.join("file").exists());
}

#[test]
fn the_disk_does_what_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    disk.make_folder("a").unwrap();
    disk.make_folder("a").unwrap();
    disk.create("a/b").unwrap();
    assert!(disk.create("a/b").is_err());
    disk.append("a/b", b"12").unwrap();
    disk.append("a/b", b"3").unwrap();
    assert!(disk.append("a/none", b"3").is_err());
    assert_eq!(disk.read("a/b", 3).unwrap().unwrap(), b"123");
    assert!(disk.read("a/b", 2).is_err());
    assert_eq!(disk.measure("a/b").unwrap(), Some((3, contract::Digest::of(b"123"))));
    assert_eq!((disk.read("a/c", 3).unwrap(), disk.measure("a/c").unwrap()), (None, None));
    assert!(disk.measure("a").is_err());
    disk.create("a/c").unwrap();
    disk.replace("a/b", "a/c").unwrap();
    assert_eq!(disk.list("a").unwrap(), ["c"]);
    assert!(disk.list("none").unwrap().is_empty());
    disk.remove_file("a/none").unwrap();
    disk.sync_file("a/c").unwrap();
    disk.sync_folder("a").unwrap();
    disk.sync_folder("").unwrap();
    disk.remove_folder("a").unwrap();
    assert!(disk.remove_folder("a").is_err());
    assert!(disk.free_bytes().unwrap() > 0);
    assert_ne!(digest(1), digest(2));
}
