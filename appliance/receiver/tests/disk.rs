//! The disk: full, failing, bounded, and after a crash.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _, stderr};
use std::path::Path;
use std::process::{Command, Stdio};

use common::wire::{self, STORE};
use common::{Device, Peer, Reply, dataset, eventually};
use dimse::Status;
use domain::UnixMillis;
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig, reread};

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);
const OUT_OF_RESOURCES: Reply = Reply::Status(Status::OUT_OF_RESOURCES);
const CANNOT_UNDERSTAND: Reply = Reply::Status(Status::CANNOT_UNDERSTAND);

#[test]
fn limits_are_answered_with_out_of_resources_and_nothing_is_kept() {
    let small = Device::new(|config| config.instance_bytes_max = 10_000);
    let mut peer = small.associate();
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 5000)), OUT_OF_RESOURCES);
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 2)), SUCCESS);
    let full = Device::new(|config| config.disk_free_bytes_min = u64::MAX);
    let mut peer = full.associate();
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 1)), OUT_OF_RESOURCES);
    assert_eq!(peer.store("1.2.3.4", &[0xAB; 100]), OUT_OF_RESOURCES, "not even looked at");
    for device in [&small, &full] {
        device.has_no_part_file();
        assert!(device.quarantined().is_empty());
        device.still_works();
    }
}

#[test]
fn a_failing_disk_is_answered_with_out_of_resources() {
    let device = Device::new(|_| {});
    let (incoming, aside) = (device.state.incoming(), device.folder.path().join("aside"));
    let mut peer = device.associate();
    let bytes = dataset("1.2.3.4", 10);
    peer.begin(STORE, "1.2.3.4");
    eventually("the file is made", || common::device::files(&incoming).len() == 1);
    std::fs::rename(&incoming, &aside).unwrap();
    peer.say(&wire::data(STORE, true, &bytes));
    assert_eq!(peer.reply(), OUT_OF_RESOURCES, "the file cannot be renamed");
    assert_eq!(peer.store("1.2.3.4", &bytes), OUT_OF_RESOURCES, "the file cannot be made");
    assert_eq!(device.queue.counts().unwrap().waiting, 0);
    std::fs::rename(&aside, &incoming).unwrap();
    assert_eq!(peer.store("1.2.3.4", &bytes), SUCCESS, "the same association, when the disk is well again");
}

/// A file system of its own in memory over the folder `folder`; unmounted when it is dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None` where mounting is not allowed.
    fn mount(folder: &'a Path, bytes: u64) -> Option<Self> {
        let options = format!("size={bytes},mode=700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "mamoru-test"]).arg(folder);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_an_instance_is_answered_with_out_of_resources() {
    let device = Device::new(|_| {});
    let incoming = device.state.incoming();
    let Some(mounted) = Small::mount(&incoming, 1 << 20) else {
        // Past the test program's capture, which hides what passing tests print.
        let _ = writeln!(stderr(), "\nnot run: ENOSPC within an instance: mounting a small file system needs root");
        return;
    };
    let mut peer = device.associate();
    let large = dataset("1.2.3.4", 6_144);
    // The beginning of its three mebibytes is written: the disk is full only further on.
    peer.begin(STORE, "1.2.3.4");
    let (first, rest) = large.split_at(1 << 16);
    peer.say(&wire::data(STORE, false, first));
    eventually("a part is on the disk", || {
        common::device::files(&incoming).iter().any(|file| std::fs::metadata(file).is_ok_and(|file| file.len() > 0))
    });
    for (index, part) in rest.chunks(1 << 16).enumerate() {
        let is_last = (index + 1) << 16 >= rest.len();
        peer.say(&wire::data(STORE, is_last, part));
    }
    assert_eq!(peer.reply(), OUT_OF_RESOURCES);
    device.has_no_part_file();
    assert!(device.spooled().is_empty() && device.quarantined().is_empty(), "nothing half-written is left");
    assert_eq!(device.queue.counts().unwrap().waiting, 0);
    drop(mounted);
    assert_eq!(peer.store("1.2.3.4", &large), SUCCESS, "the same association, when there is space");
}

#[test]
fn the_quarantine_is_bounded() {
    let device = Device::new(|config| config.quarantine_bytes_max = 4000);
    let mut peer = device.associate();
    for byte in 1..=5 {
        assert_eq!(peer.store("1.2.3.4", &[byte; 1000]), CANNOT_UNDERSTAND);
    }
    let last_bytes = || -> Vec<u8> {
        device.quarantined().iter().map(|path| *std::fs::read(path).unwrap().last().unwrap()).collect()
    };
    assert_eq!(last_bytes(), [3, 4, 5], "the oldest made room");
    assert_eq!(peer.store("1.2.3.4", &[6; 5000]), CANNOT_UNDERSTAND);
    assert_eq!(last_bytes(), [3, 4, 5], "one that is larger than the bound is dropped");
    device.has_no_part_file();
    assert_eq!(Device::count(&device.counters.instances_quarantined), 5);
    assert_eq!(Device::count(&device.counters.instances_refused), 6);

    let without = Device::new(|config| config.quarantine_bytes_max = 0);
    assert_eq!(without.associate().store("1.2.3.4", &[1; 1000]), CANNOT_UNDERSTAND);
    without.has_no_part_file();
    assert!(!without.folder.path().join("quarantine").exists());
}

/// The variable that turns this test program into the device that is killed.
const CHILD: &str = "MAMORU_RECEIVER_CHILD";

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Some(folder) = std::env::var_os(CHILD) {
        receive_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_sigkill", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| line.strip_prefix("port ")?.parse::<u16>().ok()).unwrap();
        let mut peer = Peer::associate(([127, 0, 0, 1], port).into());
        for number in 0..10 + 3 * round {
            let instance = format!("1.2.{round}.{number}");
            let bytes = dataset(&instance, 20);
            assert_eq!(peer.store(&instance, &bytes), SUCCESS);
            acknowledged.push((instance, bytes));
        }
        // It dies in the middle of one more.
        peer.begin(STORE, "1.2.3");
        peer.say(&wire::data(STORE, false, &[0; 1000]));
        child.kill().unwrap();
        child.wait().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let (queue, recovery) = Queue::open(&state, &reread, UnixMillis(0)).unwrap();
        assert_eq!((recovery.corrupt_database, recovery.missing), (None, 0), "round {round}");
        let waiting = queue.waiting(usize::MAX).unwrap();
        for (instance, bytes) in &acknowledged {
            let record = waiting.iter().find(|record| record.key().0.as_str() == instance);
            let record = record.unwrap_or_else(|| panic!("round {round}: {instance} is lost"));
            let path = state.spool().join(&record.received.spool.name);
            assert!(std::fs::read(path).unwrap().ends_with(bytes), "round {round}: {instance} is damaged");
        }
    }
}

fn receive_for_ever(folder: &Path) -> ! {
    let state = StateDir::create(folder).unwrap();
    let (queue, _) = Queue::open(&state, &reread, UnixMillis(0)).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = ReceiverConfig { listen, disk_free_bytes_min: 0, ..ReceiverConfig::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::bind(config, queue, state)).unwrap();
    println!("\nport {}", receiver.local_addr().port());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    runtime.block_on(receiver.run(stopped));
    unreachable!("nobody stops it");
}
