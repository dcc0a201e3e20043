//! Memory and open files, measured in a process of its own: bounded, whatever a peer sends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use common::wire::{self, STORE, STORE_DEFLATED};
use common::{AssociateRq, DataSetWriter, Device, Mammogram as _, Peer, Reply, eventually};
use dimse::Status;

/// Beyond the idle process.
const GROWTH_BYTES_MAX: u64 = 32 << 20;

/// What is measured belongs to the process: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn no_peer_makes_memory_grow() {
    type Act = fn(&mut Peer) -> Reply;
    let too_large = Reply::Status(Status::CANNOT_UNDERSTAND);
    let cases: [(&str, Act, Reply); 5] = [
        ("an instance of 123 MB", large_instance, Reply::Status(Status::SUCCESS)),
        ("a PDU of four gigabytes, begun", endless_pdu, Reply::Aborted([2, 6])),
        ("a command without end", endless_command, Reply::Aborted([2, 6])),
        ("a megabyte that inflates to more than a gigabyte", |peer| bomb(peer, 1040), too_large),
        (
            "a megabyte that inflates to more pixels than rows and columns",
            |peer| bomb(peer, 1000),
            Reply::Status(Status::DATA_SET_MISMATCH),
        ),
    ];
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::new(|_| {});
    device.still_works();
    for (what, act, expected) in cases {
        let mut peer = device.associate();
        // From here on the peak counts anew (proc(5), clear_refs).
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory_bytes("VmRSS:");
        assert_eq!(act(&mut peer), expected, "{what}");
        let grown = memory_bytes("VmHWM:").saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{what}: {} MiB more than before", grown >> 20);
    }
    device.still_works();
}

#[test]
fn a_thousand_associations_leave_no_file_open() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let device = Device::new(|_| {});
    let stranger = AssociateRq { called: "SOMEBODY".into(), ..AssociateRq::default() };
    device.still_works();
    let before = open_files();
    for _ in 0..500 {
        let reply = device.connect().ask(&stranger);
        // A place may be on its way back still.
        assert!(matches!(reply, Reply::Rejected(_) | Reply::Closed), "{reply:?}");
        device.still_works();
    }
    eventually("all sockets are closed", || open_files() <= before);
}

/// A line of the process's status: its resident memory now, or at its peak.
fn memory_bytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    value.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn large_instance(peer: &mut Peer) -> Reply {
    let pixels = 60_000 * 2048;
    let head = DataSetWriter::explicit().mammogram("1.2.3.4").size(60_000, 1024).header(0x7FE0, 0x10, "OW", pixels);
    peer.begin(STORE, "1.2.3.4");
    peer.say(&wire::data(STORE, false, &head.bytes));
    let chunk = [1_u8; 16_000];
    let mut rest = pixels as usize;
    while rest > 0 {
        let length = rest.min(chunk.len());
        rest -= length;
        peer.say(&wire::data(STORE, rest == 0, &chunk[..length]));
    }
    peer.reply()
}

fn endless_pdu(peer: &mut Peer) -> Reply {
    peer.begin(STORE, "1.2.3.4");
    peer.say(&wire::pdu_header(4, u32::MAX));
    peer.flood(&[0; 1 << 16])
}

fn endless_command(peer: &mut Peer) -> Reply {
    peer.flood(&wire::pdu(4, &wire::value(STORE, true, false, &[0; 1000])))
}

/// `mebibytes` of zeros as pixels: one mebibyte is compressed, and its block repeated.
fn bomb(peer: &mut Peer, mebibytes: usize) -> Reply {
    let head = DataSetWriter::explicit().mammogram("1.2.3.4").size(60_000, 1024);
    let head = head.header(0x7FE0, 0x10, "OW", (mebibytes << 20) as u32);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    // A flush ends a block at a whole byte; the first mebibyte fills the window that the others refer to.
    let mut add = |bytes: &[u8]| {
        encoder.write_all(bytes).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    };
    let zeros = vec![0; 1 << 20];
    let (first, second, block) = (add(&head.bytes), add(&zeros), add(&zeros));
    let deflated = [first, second, block.repeat(mebibytes - 1), encoder.finish().unwrap()].concat();
    assert!(deflated.len() < 2 << 20);
    peer.store_on(STORE_DEFLATED, "1.2.3.4", &deflated)
}
