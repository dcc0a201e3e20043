//! Requests and reports: there and back, as others write them, damaged, and beyond every limit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use commitment::{BYTES_MAX, CommitmentError, Encoding, Failed, INSTANCES_MAX, Report, Request, reason};
use contract::Uid;
use domain::Sop;

const ENCODINGS: [Encoding; 3] = [Encoding::ImplicitLittle, Encoding::ExplicitLittle, Encoding::ExplicitBig];
const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn sop(number: usize) -> Sop {
    Sop { class: uid(MAMMOGRAM), instance: uid(&format!("1.2.3.{number}")) }
}

fn request() -> Request {
    Request { transaction: uid("1.2.77"), instances: vec![sop(1), sop(20)] }
}

fn report() -> Report {
    let failed = vec![Failed { sop: sop(3), reason: reason::CLASS_INSTANCE_CONFLICT }];
    Report { transaction: uid("1.2.77"), committed: vec![sop(1), sop(20)], failed }
}

/// An element of implicit VR.
fn element(group: u16, element: u16, value: &[u8]) -> Vec<u8> {
    let tag = [group.to_le_bytes(), element.to_le_bytes()].concat();
    [&tag[..], &(value.len() as u32).to_le_bytes(), value].concat()
}

/// A tag and the length that it claims.
fn header(group: u16, element: u16, length: u32) -> Vec<u8> {
    [&group.to_le_bytes()[..], &element.to_le_bytes(), &length.to_le_bytes()].concat()
}

fn parse(bytes: &[u8]) -> Result<Request, CommitmentError> {
    Request::parse(bytes, Encoding::ImplicitLittle)
}

#[test]
fn both_come_back_in_every_encoding() {
    for encoding in ENCODINGS {
        assert_eq!(Request::parse(&request().to_bytes(encoding), encoding), Ok(request()));
        assert_eq!(Report::parse(2, &report().to_bytes(encoding), encoding), Ok(report()));
        let all = Report { failed: vec![], ..report() };
        assert_eq!((all.event_type(), report().event_type()), (1, 2));
        assert_eq!(Report::parse(1, &all.to_bytes(encoding), encoding), Ok(all));
        let none = Report { committed: vec![], ..report() };
        assert_eq!(Report::parse(2, &none.to_bytes(encoding), encoding), Ok(none));
    }
    let syntaxes = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"];
    assert_eq!(syntaxes.map(|syntax| Encoding::of(&uid(syntax)).unwrap()), ENCODINGS);
    assert_eq!(Encoding::of(&uid("1.2.840.10008.1.2.1.99")), Err(CommitmentError::Syntax));
}

#[test]
fn the_bytes_are_those_of_the_standard() {
    let one = Request { transaction: uid("1.2.77"), instances: vec![sop(1)] };
    let item = [element(8, 0x1150, b"1.2.840.10008.5.1.4.1.1.1.2\0"), element(8, 0x1155, b"1.2.3.1\0")].concat();
    let sequence = element(8, 0x1199, &element(0xFFFE, 0xE000, &item));
    assert_eq!(one.to_bytes(Encoding::ImplicitLittle), [element(8, 0x1195, b"1.2.77"), sequence].concat());
}

#[test]
fn what_others_add_or_write_differently_is_read() {
    let item = [element(8, 0x1150, b"1.2.840.10008.5.1.4.1.1.1.2\0"), element(8, 0x1155, b"1.2.3.1\0")].concat();
    // Sequences and items of undefined length, a media file set, a private sequence with a reference deep inside.
    let media = [element(0x88, 0x130, b"SET "), element(0x88, 0x140, b"1.2.9\0")].concat();
    let inner = [header(0x8, 0x1199, u32::MAX), header(0xFFFE, 0xE000, u32::MAX), item.clone()].concat();
    let closed = [header(0xFFFE, 0xE00D, 0), header(0xFFFE, 0xE0DD, 0)].concat();
    let bytes = [
        element(8, 0, &[0; 4]),
        element(8, 0x54, b"PACS"),
        element(8, 0x1195, b"1.2.77"),
        header(8, 0x1199, u32::MAX),
        header(0xFFFE, 0xE000, u32::MAX),
        item,
        inner.clone(),
        closed.clone(),
        closed.clone(),
        media,
        header(0x77, 0x1010, u32::MAX),
        header(0xFFFE, 0xE000, u32::MAX),
        inner,
        closed.clone(),
        closed,
    ]
    .concat();
    assert_eq!(parse(&bytes), Ok(Request { transaction: uid("1.2.77"), instances: vec![sop(1)] }));
}

#[test]
fn reports_that_contradict_themselves_count_for_nothing() {
    let encoding = Encoding::ImplicitLittle;
    let parse = |event_type, report: &Report| Report::parse(event_type, &report.to_bytes(encoding), encoding);
    let all = Report { failed: vec![], ..report() };
    assert_eq!(parse(1, &report()), Err(CommitmentError::Contradiction("failures in a report of success")));
    assert_eq!(parse(2, &all), Err(CommitmentError::Missing("Failed SOP Sequence")));
    assert_eq!(
        parse(1, &Report { committed: vec![], ..all.clone() }),
        Err(CommitmentError::Missing("Referenced SOP Sequence"))
    );
    let both = Report { failed: vec![Failed { sop: sop(20), reason: reason::NO_SUCH_INSTANCE }], ..report() };
    assert_eq!(parse(2, &both), Err(CommitmentError::Contradiction("an instance is committed and failed")));
    for event_type in [0, 3, u16::MAX] {
        assert_eq!(parse(event_type, &all), Err(CommitmentError::EventType));
    }
}

#[test]
fn a_failure_without_a_reason_is_a_failure() {
    let names = [element(8, 0x1150, b"1.2.840.10008.5.1.4.1.1.1.2\0"), element(8, 0x1155, b"1.2.3.3\0")].concat();
    for reason in [vec![], element(8, 0x1197, b""), element(8, 0x1197, &[1, 2, 3, 4])] {
        let item = element(0xFFFE, 0xE000, &[names.clone(), reason].concat());
        let bytes = [element(8, 0x1195, b"1.2.77"), element(8, 0x1198, &item)].concat();
        let found = Report::parse(2, &bytes, Encoding::ImplicitLittle).unwrap();
        assert_eq!(found.failed, [Failed { sop: sop(3), reason: reason::PROCESSING_FAILURE }]);
    }
}

#[test]
fn what_is_missing_or_no_uid_refuses_the_whole() {
    let class = element(8, 0x1150, b"1.2.840.10008.5.1.4.1.1.1.2\0");
    let item = |instance: &[u8]| element(0xFFFE, 0xE000, &[class.clone(), element(8, 0x1155, instance)].concat());
    let transaction = element(8, 0x1195, b"1.2.77");
    let sequence = |items: &[Vec<u8>]| element(8, 0x1199, &items.concat());
    let good = sequence(&[item(b"1.2.3.1\0")]);
    assert!(parse(&[transaction.clone(), good.clone()].concat()).is_ok());
    let cases = [
        ("Transaction UID", good.clone()),
        ("Transaction UID", [element(8, 0x1195, b"../../x "), good.clone()].concat()),
        ("Transaction UID", [element(8, 0x1195, b""), good].concat()),
        ("Referenced SOP Sequence", transaction.clone()),
        ("Referenced SOP Sequence", [transaction.clone(), sequence(&[])].concat()),
        (
            "Referenced SOP Class UID",
            [transaction.clone(), sequence(&[element(0xFFFE, 0xE000, &element(8, 0x1155, b"1.2\0"))])].concat(),
        ),
        ("Referenced SOP Class UID", [transaction.clone(), sequence(&[element(0xFFFE, 0xE000, &[])])].concat()),
        ("Referenced SOP Instance UID", [transaction.clone(), sequence(&[item(b"1.2\0"), item(b"x\xFF")])].concat()),
        ("Referenced SOP Instance UID", [transaction, sequence(&[item(&[b'1'; 66])])].concat()),
    ];
    for (name, bytes) in cases {
        assert_eq!(parse(&bytes), Err(CommitmentError::Missing(name)));
    }
}

#[test]
fn limits_hold() {
    let many = |count| Request { instances: (0..count).map(sop).collect(), ..request() };
    let bytes = |count| many(count).to_bytes(Encoding::ImplicitLittle);
    assert_eq!(parse(&bytes(INSTANCES_MAX)).unwrap().instances.len(), INSTANCES_MAX);
    let error = parse(&bytes(INSTANCES_MAX + 1)).unwrap_err();
    assert_eq!(error, CommitmentError::TooLarge { limit: INSTANCES_MAX, what: "instances" });
    assert_eq!(error.status(), dimse::Status::RESOURCE_LIMITATION);
    let padded = [bytes(2), element(0x10, 0x10, &vec![b'x'; BYTES_MAX])].concat();
    assert_eq!(parse(&padded), Err(CommitmentError::TooLarge { limit: BYTES_MAX, what: "bytes" }));
    let nested = [header(8, 0x1199, u32::MAX), header(0xFFFE, 0xE000, u32::MAX)].concat().repeat(60_000);
    assert!(matches!(parse(&nested), Err(CommitmentError::TooLarge { what: "levels of nesting", .. })));
    // As many elements as a megabyte can hold.
    let empty = element(0x10, 0x10, b"").repeat(BYTES_MAX / 8);
    assert_eq!(parse(&empty), Err(CommitmentError::Missing("Transaction UID")));
}

#[test]
fn lengths_that_cannot_be_are_damage() {
    let transaction = element(8, 0x1195, b"1.2.77");
    for bytes in [
        header(8, 0x1195, 0xFFFF_FFF0),
        [&transaction[..], &header(8, 0x1199, 100)].concat(),
        // An item that is longer than its sequence, an element that is longer than its item.
        [&transaction[..], &header(8, 0x1199, 8), &header(0xFFFE, 0xE000, 16), &[0; 16]].concat(),
        [&transaction[..], &header(8, 0x1199, 24), &header(0xFFFE, 0xE000, 8), &header(8, 0x1150, 8), &[0; 8]].concat(),
        // A delimiter where none may stand, an element where an item should, a command element.
        [&transaction[..], &header(0xFFFE, 0xE00D, 0)].concat(),
        [&transaction[..], &header(8, 0x1199, u32::MAX), &transaction].concat(),
        element(0, 0x1000, b"1.2\0"),
        header(8, 0x1199, u32::MAX),
    ] {
        assert!(matches!(parse(&bytes), Err(CommitmentError::Damaged(_))), "{bytes:?}");
    }
    assert!(matches!(
        Request::parse(&request().to_bytes(Encoding::ImplicitLittle), Encoding::ExplicitLittle),
        Err(CommitmentError::Damaged(_))
    ));
}

#[test]
fn every_cut_and_damage_is_an_answer_and_no_panic() {
    for encoding in ENCODINGS {
        let (asked, told) = (request().to_bytes(encoding), report().to_bytes(encoding));
        for length in 0..asked.len() {
            assert!(Request::parse(&asked[..length], encoding).is_err(), "cut at {length}");
        }
        for at in 0..told.len() {
            // A cut between the two sequences leaves a report of the failures alone, and that is one.
            let _ = Report::parse(2, &told[..at], encoding);
            for value in [0, 1, 8, 0x7F, 0x80, 0xFE, 0xFF] {
                let mut damaged = told.clone();
                damaged[at] = value;
                let _ = Report::parse(2, &damaged, encoding);
                let mut damaged = asked.clone();
                damaged[at % asked.len()] = value;
                let _ = Request::parse(&damaged, encoding);
            }
        }
    }
}

#[test]
fn errors_repeat_nothing_of_the_data_set() {
    let name = b"Secret^Patient";
    for bytes in [element(8, 0x1195, name), [element(8, 0x1195, b"1.2.77"), element(8, 0x1199, name)].concat()] {
        let error = parse(&bytes).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Secret"), "{error}");
    }
}
