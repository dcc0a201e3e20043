//! A full disk.

use std::path::Path;
use std::process::Command;

use dimse::Status;
use system_tests::{Answer, Device, Instance, Oracle, Pacs, Settings, excluded_exam, send, until};

use crate::{SETTLED_WITHIN, assert_kept};

const MIB: u64 = 1 << 20;

/// A file system of its own in memory; unmounted when it is dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None` where mounting is not allowed.
    fn mount(folder: &'a Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let options = format!("size={bytes},mode=700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "mamoru-test"]).arg(folder);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // A device that still ends may hold it: the kernel waits for that.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

/// Sends studies until one image is refused; everything that was not acknowledged stays with the modality.
fn fill(folder: &Path, device: &Device, oracle: &mut Oracle, seed: u64) -> (Vec<Instance>, Status) {
    for seed in seed..seed + 100 {
        let images = excluded_exam(folder, seed);
        let answers = send(device.address(), &images);
        oracle.hear_all(&images, &answers);
        if let Some(Answer::Refused(status)) = answers.iter().find(|answer| **answer != Answer::Acknowledged) {
            let left = images.into_iter().filter(|image| !oracle.is_owed(image));
            return (left.collect(), *status);
        }
        assert!(Answer::are_all_success(&answers), "{answers:?}");
    }
    panic!("the disk does not get full");
}

#[test]
fn a_nearly_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    let Some(_mounted) = Small::mount(&small, 48 * MIB) else {
        println!("not run: a full disk: mounting a small file system needs root");
        return;
    };
    let pacs = Pacs::new(&folder.path().join("pacs"));
    let settings = Settings {
        state: small.join("state"),
        disk_free_bytes_min: 16 * MIB,
        ..Settings::new(folder.path()).with_pacs(pacs.address())
    };
    let device = Device::started(folder.path(), settings);
    device.take_space(20 * MIB).unwrap();
    let mut oracle = Oracle::default();
    let (left, status) = fill(folder.path(), &device, &mut oracle, 50);
    assert_eq!(status, Status::OUT_OF_RESOURCES);
    assert!(!left.is_empty() && oracle.obligations() > 0);
    // What was taken is reported and delivered all the same.
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, Some(&pacs));
    device.free_space();
    oracle.hear_all(&left, &send(device.address(), &left));
    assert!(left.iter().all(|image| oracle.is_owed(image)), "there is space again");
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, Some(&pacs));
}

#[test]
fn a_disk_without_a_free_byte_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    let Some(_mounted) = Small::mount(&small, 24 * MIB) else {
        println!("not run: a disk without a free byte: mounting a small file system needs root");
        return;
    };
    // The watermark does not help here: something else has eaten the space.
    let settings = Settings { state: small.join("state"), disk_free_bytes_min: 0, ..Settings::new(folder.path()) };
    let mut device = Device::started(folder.path(), settings);
    device.take_space(8 * MIB).unwrap();
    let mut oracle = Oracle::default();
    let (left, status) = fill(folder.path(), &device, &mut oracle, 80);
    assert!(!status.is_success());
    // Killed without a free byte, and started so: what was acknowledged is there.
    device.kill();
    device.free_space();
    device.start();
    until("the device takes images again", SETTLED_WITHIN, || {
        let waiting: Vec<Instance> = left.iter().filter(|image| !oracle.is_owed(image)).cloned().collect();
        oracle.hear_all(&waiting, &send(device.address(), &waiting));
        left.iter().all(|image| oracle.is_owed(image)).then_some(())
    });
    device.settle(SETTLED_WITHIN);
    assert_kept(&oracle, &device, None);
}
