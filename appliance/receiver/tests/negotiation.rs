//! Connections until they are associations: who is let in, and what is agreed on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use common::wire::{self, IMPLICIT, MAMMOGRAM, VERIFICATION};
use common::{AssociateRq, Device, Peer, Reply};
use dimse::Status;
use domain::AeTitle;
use receiver::PeerNetwork;

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);
/// A-ABORT by the provider: invalid PDU parameter.
const INVALID: Reply = Reply::Aborted([2, 6]);

#[test]
fn presentation_contexts_out_of_the_standard_end_the_association() {
    let odd = || (0..128).map(|number| 2 * number + 1);
    let cases: [(&str, Vec<u8>, bool); 8] = [
        ("one", vec![1], true),
        ("128", odd().collect(), true),
        ("none", vec![], false),
        ("129, one id again", odd().chain([1]).collect(), false),
        ("200, ids repeated", odd().chain(odd()).take(200).collect(), false),
        ("an id twice", vec![1, 3, 1], false),
        ("an even id", vec![1, 2], false),
        ("id zero", vec![0], false),
    ];
    let device = Device::new(|_| {});
    for (what, ids, is_fine) in cases {
        let mut peer = device.connect();
        // dicom-ul answers before it lets us look at the contexts: the refusal is an A-ABORT after the A-ASSOCIATE-AC.
        let reply = peer.ask(&AssociateRq::with_ids(ids));
        assert!(matches!(reply, Reply::Accepted(_)), "{what}: {reply:?}");
        if is_fine {
            assert_eq!(peer.echo(), SUCCESS, "{what}");
        } else {
            assert_eq!(peer.reply(), INVALID, "{what}");
        }
    }
    device.still_works();
}

#[test]
fn each_context_has_its_own_result() {
    let device = Device::new(|_| {});
    let contexts = vec![
        (1, VERIFICATION, IMPLICIT),
        (3, "1.2.840.10008.5.1.4.1.1.2", IMPLICIT),
        (5, MAMMOGRAM, "1.2.840.10008.1.2.4.102"),
        (7, "../../x", IMPLICIT),
        (255, MAMMOGRAM, IMPLICIT),
    ];
    let mut peer = device.connect();
    let reply = peer.ask(&AssociateRq { contexts, ..AssociateRq::default() });
    assert_eq!(reply, Reply::Accepted(vec![(1, 0), (3, 3), (5, 4), (7, 3), (255, 0)]));
    assert_eq!(peer.echo(), SUCCESS);
}

#[test]
fn only_known_titles_are_let_in() {
    let device = Device::new(|config| config.calling_ae_allowed = vec![AeTitle::parse("UNIT").unwrap()]);
    for (calling, called, reply) in [
        ("UNIT", "SOMEBODY", Reply::Rejected([1, 1, 7])),
        ("UNIT", "", Reply::Rejected([1, 1, 7])),
        ("STRANGER", "MAMORU", Reply::Rejected([1, 1, 3])),
        ("UNIT\\", "MAMORU", Reply::Rejected([1, 1, 3])),
        ("", "MAMORU", Reply::Rejected([1, 1, 3])),
    ] {
        let request = AssociateRq { calling: calling.into(), called: called.into(), ..AssociateRq::default() };
        assert_eq!(device.connect().ask(&request), reply, "{calling} calls {called}");
    }
    device.still_works();
}

#[test]
fn only_known_addresses_are_let_in() {
    let allowed = ["127.0.0.2", "192.0.2.0/24"].map(|text| PeerNetwork::parse(text).unwrap());
    let device = Device::new(|config| config.peer_addresses_allowed = allowed.to_vec());
    assert_eq!(device.connect().reply(), Reply::Closed, "before a word is said");
    let mut known = Peer::connect_from(Ipv4Addr::new(127, 0, 0, 2), device.address);
    assert!(matches!(known.ask(&AssociateRq::default()), Reply::Accepted(_)));
    assert_eq!(known.echo(), SUCCESS);
    assert_eq!(Device::count(&device.counters.connections_refused), 1);
}

#[test]
fn what_is_no_request_is_cut_off_at_once() {
    let mut damaged = AssociateRq::default().bytes();
    damaged[6 + 68 + 3] = 0xFF;
    let cases: [(&str, Vec<u8>); 10] = [
        ("a browser", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a shell", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("a request of two gigabytes", wire::pdu_header(1, 0x7FFF_FFFF)),
        ("a request of four gigabytes", wire::pdu_header(1, u32::MAX)),
        ("a request that is longer than allowed", wire::pdu_header(1, 131_073)),
        ("an empty request", wire::pdu(1, &[])),
        ("an item beyond the end of the request", damaged),
        ("data first", wire::data(1, true, &[1, 2, 3])),
        ("release first", wire::pdu(5, &[0; 4])),
        ("an unknown PDU", wire::pdu(0x42, &[1, 1])),
    ];
    let device = Device::new(|_| {});
    for (what, bytes) in cases {
        let mut peer = device.connect();
        peer.say(&bytes);
        let reply = peer.reply();
        assert!(matches!(reply, Reply::Closed | Reply::Aborted(_) | Reply::Released), "{what}: {reply:?}");
    }
    device.still_works();
    assert_eq!(Device::count(&device.counters.associations_failed), 10);
}

#[test]
fn a_request_may_be_cut_at_every_byte() {
    let device = Device::new(|config| (config.associations_max, config.associations_per_peer_max) = (1000, 1000));
    let request = AssociateRq::default().bytes();
    for length in 0..request.len() {
        device.connect().say(&request[..length]);
    }
    device.still_works();
}

#[test]
fn a_peer_must_take_pdus_that_hold_an_answer() {
    let device = Device::new(|_| {});
    for (pdu_bytes_max, is_fine) in [(1, false), (3, false), (1023, false), (1024, true), (0, true), (u32::MAX, true)] {
        let mut peer = device.connect();
        let reply = peer.ask(&AssociateRq { pdu_bytes_max, ..AssociateRq::default() });
        assert!(matches!(reply, Reply::Accepted(_)), "{pdu_bytes_max}: {reply:?}");
        if is_fine {
            assert_eq!(peer.echo(), SUCCESS, "{pdu_bytes_max}");
        } else {
            assert_eq!(peer.reply(), INVALID, "{pdu_bytes_max}");
        }
    }
    device.still_works();
}

#[test]
fn a_request_has_one_deadline_however_it_comes() {
    let device = Device::new(|config| config.artim_timeout_ms = 300);
    let request = AssociateRq::with_ids((0..128).map(|number| 2 * number + 1)).bytes();
    let begun = Instant::now();
    let mut trickling = device.connect();
    assert_eq!(trickling.trickle(request.chunks(1)), Some(Reply::Closed), "one byte at a time");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    for bytes in [&[][..], &request[..4], &request[..100]] {
        let mut silent = device.connect();
        silent.say(bytes);
        assert_eq!(silent.reply(), Reply::Closed, "silent after {} bytes", bytes.len());
    }
    device.still_works();
}
