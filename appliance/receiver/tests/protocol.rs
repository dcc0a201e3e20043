//! Peers that break the protocol, stall or trickle once they are associated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::io::Write as _;
use std::iter;

use commitment::Encoding;
use common::wire::{self, ECHO, STORE, STORE_IMPLICIT};
use common::{Device, Reply, dataset};
use contract::Uid;
use dimse::{ActionRequest, Status};
use domain::Sop;

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);
/// A-ABORT by the provider, with its reason.
const NOT_SPECIFIED: Reply = Reply::Aborted([2, 0]);
const UNKNOWN: Reply = Reply::Aborted([2, 1]);
const UNEXPECTED: Reply = Reply::Aborted([2, 2]);
const INVALID: Reply = Reply::Aborted([2, 6]);

fn echo_request() -> Vec<u8> {
    wire::command(ECHO, &dimse::echo_request(2))
}

/// A PDU with one value that claims `length` bytes.
fn value_of_length(length: u32) -> Vec<u8> {
    wire::pdu(4, &[&length.to_be_bytes()[..], &[STORE, 0]].concat())
}

#[test]
fn broken_protocol_inside_a_data_set_is_aborted_and_leaves_nothing() {
    let cases: [(&str, Vec<u8>, Reply); 17] = [
        ("a command", wire::command(STORE, &dimse::echo_request(2)), UNEXPECTED),
        ("a command on another context", echo_request(), UNEXPECTED),
        ("another context", wire::data(STORE_IMPLICIT, true, &[1, 2]), UNEXPECTED),
        ("a context that was never accepted", wire::data(99, true, &[1, 2]), UNEXPECTED),
        ("a context with an even id", wire::data(2, true, &[1, 2]), UNEXPECTED),
        ("a release", wire::pdu(5, &[0; 4]), UNEXPECTED),
        ("a response to a release", wire::pdu(6, &[0; 4]), UNEXPECTED),
        ("a second request for an association", common::AssociateRq::default().bytes(), UNEXPECTED),
        ("an unknown PDU", wire::pdu(0x42, &[1, 1]), UNKNOWN),
        ("a value of length 0", value_of_length(0), INVALID),
        ("a value of length 1", value_of_length(1), INVALID),
        ("a value beyond its PDU", value_of_length(100), INVALID),
        ("a value of four gigabytes", value_of_length(u32::MAX), INVALID),
        ("a PDU without a value", wire::pdu(4, &[]), INVALID),
        ("a PDU of two gigabytes", wire::pdu_header(4, 0x7FFF_FFFF), INVALID),
        ("a PDU of four gigabytes", wire::pdu_header(4, u32::MAX), INVALID),
        ("the peer's own abort", wire::pdu(7, &[0, 0, 0, 0]), Reply::Closed),
    ];
    let device = Device::new(|_| {});
    for (what, bytes, reply) in cases {
        let mut peer = device.associate();
        peer.begin(STORE, "1.2.3.4");
        peer.say(&wire::data(STORE, false, &[0; 1000]));
        peer.say(&bytes);
        assert_eq!(peer.reply(), reply, "{what}");
        device.has_no_part_file();
    }
    assert_eq!(device.queue.counts().unwrap().waiting, 0);
    assert!(device.quarantined().is_empty(), "what was never finished is not kept");
    device.still_works();
}

#[test]
fn broken_commands_are_aborted() {
    let response = dimse::echo_response(1, Status::SUCCESS);
    let uids = ["../../x", "/etc/passwd", "..\\..\\x", "1.2.3.x", "", &"1".repeat(65)];
    let uids = uids
        .map(|uid| ("an instance that is no UID", wire::command(STORE, &wire::store_request_with_text(uid)), INVALID));
    let cases: [(&str, Vec<u8>, Reply); 7] = [
        ("data without a command", wire::data(STORE, true, &[1, 2]), UNEXPECTED),
        ("an empty command", wire::command(STORE, &[]), INVALID),
        ("a damaged command", wire::command(STORE, &[0xAB; 100]), INVALID),
        ("a response", wire::command(STORE, &response), INVALID),
        ("a command that is too long", wire::command(STORE, &[0; 17 << 10]), INVALID),
        ("a PDU without a value", wire::pdu(4, &[]), INVALID),
        (
            "data inside a command",
            [wire::pdu(4, &wire::value(STORE, true, false, &[0; 8])), wire::data(STORE, true, &[1])].concat(),
            UNEXPECTED,
        ),
    ];
    let device = Device::new(|_| {});
    for (what, bytes, reply) in cases.into_iter().chain(uids) {
        let mut peer = device.associate();
        peer.say(&bytes);
        assert_eq!(peer.reply(), reply, "{what}");
    }
    assert!(device.spooled().is_empty());
    device.still_works();
}

#[test]
fn what_is_not_served_is_answered_so_and_the_association_goes_on() {
    // C-FIND-RQ: with a data set, and wrongly without one.
    let find =
        |kind: u8| [0, 0, 0, 1, 2, 0, 0, 0, 0x20, 0, 0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 8, 2, 0, 0, 0, kind, 1];
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    peer.say(&wire::command(STORE, &find(0)));
    peer.say(&wire::data(STORE, true, &[0; 5000]));
    assert_eq!(peer.reply(), Reply::Status(Status::UNRECOGNIZED_OPERATION));
    peer.say(&wire::command(STORE, &find(1)));
    assert_eq!(peer.reply(), Reply::Status(Status::UNRECOGNIZED_OPERATION));
    let class = "1.2.840.10008.5.1.4.1.1.1.2.1";
    peer.say(&wire::command(STORE, &wire::store_request_of(class, "1.2.3.4")));
    peer.say(&wire::data(STORE, true, &[0; 5000]));
    assert_eq!(peer.reply(), Reply::Status(Status::SOP_CLASS_NOT_SUPPORTED), "another class than the context's");
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 2)), SUCCESS);
}

#[test]
fn silent_peers_are_let_go_while_others_are_served() {
    let begin = wire::command(STORE, &wire::store_request("1.2.3.4"));
    let data = wire::data(STORE, false, &[0; 1000]);
    let cases: [(&str, Vec<u8>); 6] = [
        ("idle", vec![]),
        ("inside a command", wire::pdu(4, &wire::value(STORE, true, false, &[0; 8]))),
        ("after a command", begin.clone()),
        ("inside a data set", [&begin[..], &data].concat()),
        ("inside a PDU", [&begin[..], &data, &data[..500]].concat()),
        ("inside the header of a PDU", data[..3].to_vec()),
    ];
    let device = Device::new(|config| config.idle_timeout_ms = 300);
    let mut peers: Vec<_> = cases
        .into_iter()
        .map(|(what, bytes)| {
            let mut peer = device.associate();
            peer.say(&bytes);
            (what, peer)
        })
        .collect();
    device.still_works();
    for (what, peer) in &mut peers {
        assert_eq!(peer.reply(), NOT_SPECIFIED, "{what}");
    }
    device.has_no_part_file();
    device.still_works();
}

#[test]
fn a_data_set_must_come_at_a_minimum_rate() {
    let device = Device::new(|config| {
        config.rate_bytes_per_second_min = 100_000;
        config.rate_grace_ms = 1000;
    });
    let one_byte = wire::data(STORE, false, &[0]);
    let mut trickling = device.associate();
    trickling.begin(STORE, "1.2.3.4");
    assert_eq!(trickling.trickle(iter::repeat_n(&one_byte[..], 2000)), Some(NOT_SPECIFIED));
    let mut resting = device.associate();
    resting.begin(STORE, "1.2.3.4");
    resting.say(&wire::data(STORE, false, &[0; 60_000]));
    assert_eq!(resting.reply(), NOT_SPECIFIED, "what came at first does not last for ever");
    let mut empty = device.associate();
    empty.begin(STORE, "1.2.3.4");
    let nothing = wire::data(STORE, false, &[]).repeat(1000);
    assert_eq!(empty.flood(&nothing), NOT_SPECIFIED, "a PDU that is always there is no data");
    device.has_no_part_file();
    let mut honest = device.associate();
    assert_eq!(honest.store("1.2.3.4", &dataset("1.2.3.4", 400)), SUCCESS);
}

#[test]
fn a_command_and_an_instance_have_one_deadline_however_they_come() {
    let device = Device::new(|config| {
        config.idle_timeout_ms = 300;
        config.instance_timeout_ms = 300;
        config.rate_bytes_per_second_min = 0;
    });
    let mut command = device.associate();
    let nothing = wire::pdu(4, &wire::value(STORE, true, false, &[]));
    assert_eq!(command.flood(&nothing.repeat(1000)), NOT_SPECIFIED);
    let mut instance = device.associate();
    instance.begin(STORE, "1.2.3.4");
    assert_eq!(instance.flood(&wire::data(STORE, false, &[0; 1000]).repeat(10)), NOT_SPECIFIED);
    device.has_no_part_file();
    device.still_works();
}

#[test]
fn a_request_may_be_cut_at_every_byte() {
    let device = Device::new(|config| (config.associations_max, config.associations_per_peer_max) = (2000, 2000));
    let bytes = dataset("1.2.3.4", 1);
    let request = [wire::command(STORE, &wire::store_request("1.2.3.4")), wire::data(STORE, true, &bytes)].concat();
    for length in 0..request.len() {
        let mut peer = device.associate();
        peer.stream.write_all(&request[..length]).unwrap();
    }
    device.has_no_part_file();
    assert!(device.spooled().is_empty() && device.quarantined().is_empty());
    let mut peer = device.associate();
    peer.say(&request);
    assert_eq!(peer.reply(), SUCCESS);
    device.still_works();
}

#[test]
fn a_request_for_commitment_may_be_cut_at_every_byte() {
    let device = Device::new(|config| {
        (config.associations_max, config.associations_per_peer_max) = (1000, 1000);
        config.commitment_answered = true;
    });
    let uid = |text: &str| Uid::parse(text).unwrap();
    let Sop { class: sop_class, instance: sop_instance } = commitment::service();
    let action = ActionRequest { message_id: 1, sop_class, sop_instance, action_type: 1, has_data_set: true };
    let instances = vec![Sop { class: uid(wire::MAMMOGRAM), instance: uid("1.2.3.4") }];
    let data = commitment::Request { transaction: uid("1.2.77"), instances }.to_bytes(Encoding::ImplicitLittle);
    let request = [wire::command(1, &action.to_bytes()), wire::data(1, true, &data)].concat();
    let contexts = vec![(1, dimse::sop_class::STORAGE_COMMITMENT, wire::IMPLICIT)];
    let offer = common::AssociateRq { contexts, ..common::AssociateRq::default() };
    for length in 0..=request.len() {
        let mut peer = device.connect();
        assert!(matches!(peer.ask(&offer), Reply::Accepted(_)));
        peer.stream.write_all(&request[..length]).unwrap();
        if length == request.len() {
            assert_eq!(peer.reply(), SUCCESS);
        }
    }
    device.still_works();
}
