//! Data sets that may not become ours: their status, and what is kept of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::wire::{MAMMOGRAM, STORE, STORE_IMPLICIT, STORE_JPEG};
use common::{DataSetWriter, Device, Mammogram as _, Reply, dataset};
use dimse::Status;

const INSTANCE: &str = "1.2.3.4";

struct Case {
    what: &'static str,
    context: u8,
    bytes: Vec<u8>,
    status: Status,
}

fn case(what: &'static str, context: u8, bytes: Vec<u8>, status: Status) -> Case {
    Case { what, context, bytes, status }
}

fn unreadable() -> Vec<Case> {
    let sound = dataset(INSTANCE, 10);
    let explicit = || DataSetWriter::explicit().mammogram(INSTANCE).size(10, 256);
    let implicit = DataSetWriter::implicit().mammogram(INSTANCE).size(10, 256).pixels(5120).bytes;
    let mut nested = explicit();
    for _ in 0..60_000 {
        nested = nested.header(0x40, 0x260, "SQ", u32::MAX);
        nested.bytes.extend([0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    let rows_as_long = DataSetWriter::explicit().mammogram(INSTANCE).element(0x28, 0x10, "UL", &u32::MAX.to_le_bytes());
    let status = Status::CANNOT_UNDERSTAND;
    vec![
        case("empty", STORE, Vec::new(), status),
        case("cut in the pixels", STORE, sound[..sound.len() - 100].to_vec(), status),
        case("cut in a header", STORE, sound[..30].to_vec(), status),
        case("cut in a tag", STORE, sound[..1].to_vec(), status),
        case("garbage", STORE, vec![0xAB; 5000], status),
        case("an impossible length", STORE, explicit().header(9, 1, "OB", 0xFFFF_FFF0).bytes, status),
        case("nested without end", STORE, nested.bytes, status),
        case("implicit bytes in an explicit context", STORE, implicit, status),
        case("explicit bytes in an implicit context", STORE_IMPLICIT, sound, status),
        case("rows that are no US", STORE, rows_as_long.pixels(16).bytes, status),
        case("rows twice", STORE, explicit().number(0x28, 0x10, 10).pixels(5120).bytes, status),
        case("a fragment without end", STORE_JPEG, fragments(&[None]), status),
        case("fragments without their delimiter", STORE_JPEG, fragments(&[Some(4)]), status),
    ]
}

fn contradicting() -> Vec<Case> {
    let without_uids = DataSetWriter::explicit().size(10, 256).pixels(5120).bytes;
    let path = DataSetWriter::explicit().mammogram("../../x").size(10, 256).pixels(5120).bytes;
    let other_class = DataSetWriter::explicit().text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.7");
    let other_class = other_class.text(8, 0x18, "UI", INSTANCE).text(0x20, 0x0D, "UI", "1.2.3").bytes;
    let without_study = DataSetWriter::explicit().text(8, 0x16, "UI", MAMMOGRAM).text(8, 0x18, "UI", INSTANCE).bytes;
    let sized = |rows, columns| DataSetWriter::explicit().mammogram(INSTANCE).size(rows, columns).pixels(512).bytes;
    let status = Status::DATA_SET_MISMATCH;
    vec![
        case("no UIDs", STORE, without_uids, status),
        case("no study", STORE, without_study, status),
        case("a path for a UID", STORE, path, status),
        case("another instance", STORE, dataset("1.2.3.5", 10), status),
        case("another class", STORE, other_class, status),
        case("native pixels in a JPEG context", STORE_JPEG, dataset(INSTANCE, 10), status),
        case("fragments in a native context", STORE, closed(fragments(&[Some(4)])), status),
        case("no fragment", STORE_JPEG, closed(fragments(&[])), status),
        case("huge rows and columns", STORE, sized(u16::MAX, u16::MAX), status),
        case("no rows", STORE, sized(0, 256), status),
        case("more pixels than rows and columns", STORE, sized(1, 128), status),
    ]
}

/// Encapsulated pixels: an empty offset table and fragments of these lengths, without their end.
fn fragments(lengths: &[Option<u32>]) -> Vec<u8> {
    let mut bytes =
        DataSetWriter::explicit().mammogram(INSTANCE).size(10, 256).header(0x7FE0, 0x10, "OB", u32::MAX).bytes;
    for length in [Some(0)].iter().chain(lengths) {
        bytes.extend([0xFE, 0xFF, 0, 0xE0]);
        bytes.extend(length.unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(vec![0; length.unwrap_or(0) as usize]);
    }
    bytes
}

fn closed(mut fragments: Vec<u8>) -> Vec<u8> {
    fragments.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    fragments
}

#[test]
fn refused_data_sets_have_their_status_and_are_kept_in_quarantine() {
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    for (number, Case { what, context, bytes, status }) in unreadable().into_iter().chain(contradicting()).enumerate() {
        assert_eq!(peer.store_on(context, INSTANCE, &bytes), Reply::Status(status), "{what}");
        let kept = device.quarantined();
        assert_eq!(kept.len(), number + 1, "{what}");
        let newest = kept.last().unwrap();
        assert!(newest.to_str().unwrap().ends_with(&format!(".{status}.dcm")), "{what}: {newest:?}");
        assert!(std::fs::read(newest).unwrap().ends_with(&bytes), "{what}: the bytes are those of the wire");
    }
    assert!(device.spooled().is_empty());
    device.has_no_part_file();
    assert_eq!(Device::count(&device.counters.instances_quarantined), device.quarantined().len() as u64);
    let mode = std::fs::metadata(device.folder.path().join("quarantine")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(peer.store(INSTANCE, &dataset(INSTANCE, 10)), Reply::Status(Status::SUCCESS), "as good as new");
}

#[test]
fn what_is_odd_but_legal_is_taken() {
    let explicit = |instance| DataSetWriter::explicit().mammogram(instance).size(10, 256);
    let mut private = DataSetWriter::explicit().mammogram("1.2.3.1").header(0x41, 0x1001, "UN", u32::MAX);
    // An item of unknown length in implicit VR (CP-246), then the end of the sequence.
    private.bytes.extend([0xFE, 0xFF, 0, 0xE0, 8, 0, 0, 0, 0x41, 0, 1, 0, 0, 0, 0, 0]);
    let cases = [
        ("a private sequence of unknown VR", STORE, "1.2.3.1", closed(private.bytes)),
        (
            "implicit",
            STORE_IMPLICIT,
            "1.2.3.2",
            DataSetWriter::implicit().mammogram("1.2.3.2").size(10, 256).pixels(5120).bytes,
        ),
        ("no pixels", STORE, "1.2.3.3", explicit("1.2.3.3").bytes),
        ("fragments, one of them empty", STORE_JPEG, INSTANCE, closed(fragments(&[Some(4), Some(0), Some(6)]))),
        (
            "an element after the pixels",
            STORE,
            "1.2.3.5",
            explicit("1.2.3.5").pixels(5120).element(0xFFFC, 0xFFFC, "OB", &[0; 10]).bytes,
        ),
    ];
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    for (what, context, instance, bytes) in &cases {
        assert_eq!(peer.store_on(*context, instance, bytes), Reply::Status(Status::SUCCESS), "{what}");
    }
    assert_eq!(device.spooled().len(), cases.len());
}
