//! Many connections at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::net::Ipv4Addr;

use common::{AssociateRq, Device, Peer, Reply, dataset};
use dimse::Status;

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);
/// Transient, by the presentation-related provider: local limit exceeded.
const NO_PLACE: Reply = Reply::Rejected([2, 3, 2]);

/// Of 250 connections each.
const WAVES: u64 = 40;

fn another_address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

#[test]
fn associations_beyond_the_limits_are_rejected_and_places_come_back() {
    let device = Device::new(|config| (config.associations_max, config.associations_per_peer_max) = (3, 2));
    let (first, second) = (device.associate(), device.associate());
    assert_eq!(device.connect().ask(&AssociateRq::default()), NO_PLACE, "of this peer");
    let mut other = Peer::connect_from(another_address(2), device.address);
    assert!(matches!(other.ask(&AssociateRq::default()), Reply::Accepted(_)));
    let mut third = Peer::connect_from(another_address(3), device.address);
    assert_eq!(third.ask(&AssociateRq::default()), NO_PLACE, "of all");
    assert_eq!(Device::count(&device.counters.connections_refused), 2);
    assert_eq!(other.echo(), SUCCESS, "those inside are not disturbed");
    drop((first, second));
    device.still_works();
}

#[test]
fn idle_associations_of_one_peer_do_not_shut_out_another() {
    let device = Device::new(|config| (config.associations_max, config.associations_per_peer_max) = (201, 200));
    let mut idle: Vec<_> = (0..200).map(|_| device.associate()).collect();
    assert_eq!(device.connect().ask(&AssociateRq::default()), NO_PLACE);
    let mut other = Peer::connect_from(another_address(2), device.address);
    assert!(matches!(other.ask(&AssociateRq::default()), Reply::Accepted(_)));
    assert_eq!(other.store("1.2.3.4", &dataset("1.2.3.4", 100)), SUCCESS);
    for peer in &mut idle {
        assert_eq!(peer.echo(), SUCCESS, "and all of them are alive");
    }
}

#[test]
fn thousands_of_connections_are_bounded_and_pass() {
    let device = Device::new(|_| {});
    let request = AssociateRq::default().bytes();
    let mut asked = 0;
    for wave in 0..WAVES {
        let mut peers: Vec<_> = (0..250).map(|_| device.connect()).collect();
        // In odd waves nobody says a word who has no place.
        let silent = if wave % 2 == 0 { 0 } else { 200 };
        for peer in &mut peers[silent..] {
            peer.say(&request);
        }
        let replies: Vec<_> = peers[silent..].iter_mut().map(Peer::reply).collect();
        let accepted = replies.iter().filter(|reply| matches!(reply, Reply::Accepted(_))).count();
        let others = replies.iter().filter(|reply| matches!(reply, Reply::Closed) || **reply == NO_PLACE).count();
        assert!(accepted <= 8, "wave {wave}: {accepted} associations of one peer");
        assert_eq!(accepted + others, replies.len(), "wave {wave}: {replies:?}");
        asked += peers.len() as u64;
        drop(peers);
        device.still_works();
    }
    assert_eq!(asked, 10_000);
    assert!(Device::count(&device.counters.associations) < WAVES * 9 + 100, "most found no place");
    let mut peer = device.associate();
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 100)), SUCCESS);
}
