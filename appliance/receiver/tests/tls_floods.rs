//! Handshakes that come to nothing: halves, garbage, silence, and many of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;

use common::peer::{Peer, is_gone};
use common::tls::{World, echo};
use common::{AssociateRq, Device, Reply, dataset, eventually};
use dimse::Status;
use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::test_runner::{Config, RngSeed};
use rustls::ClientConnection;
use rustls::version::TLS13;
use secure_transport::{ClientCertificate, Requestor};

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);

/// The first flight of an honest client.
fn hello(world: &World) -> Vec<u8> {
    let requestor = Requestor::new(world.files(&world.ours, None));
    let config = Arc::clone(&requestor.config().unwrap());
    let mut connection = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    assert!(bytes.len() > 100 && bytes[0] == secure_transport::TLS_FIRST_BYTE);
    bytes
}

fn connect(device: &Device) -> Peer {
    Peer::connect(device.tls_address.unwrap())
}

/// Every place is free again and the device serves its honest unit.
fn is_well(world: &World, device: &Device) {
    eventually("an honest unit is served", || echo(device, &world.peer(device, Some(&world.unit("unit")))).is_ok());
}

#[test]
fn a_handshake_may_be_cut_at_every_byte() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device(|config| (config.associations_max, config.associations_per_peer_max) = (2000, 2000));
    let hello = hello(&world);
    for length in 0..=hello.len() {
        connect(&device).say(&hello[..length]);
    }
    is_well(&world, &device);
    let all = hello.len() as u64 + 1;
    eventually("they are counted", || Device::count(&device.counters.handshakes_failed) == all);
}

#[test]
fn garbage_ends_quickly_whatever_it_is() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device(|_| {});
    let hello = hello(&world);
    // A true beginning with bytes changed, or records of any kind.
    let places = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8);
    let changed = (Just(hello), places).prop_map(|(mut bytes, places)| {
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    });
    let record = (0x14..0x19_u8, proptest::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(kind, body)| [&[kind, 3, 3][..], &(body.len() as u16).to_be_bytes(), &body].concat());
    let records = proptest::collection::vec(record, 1..4).prop_map(|records| records.concat());
    let config = Config { cases: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(8), ..Config::default() };
    proptest!(config, |(bytes in proptest::strategy::Union::new([changed.boxed(), records.boxed()]))| {
        let mut peer = connect(&device);
        peer.say(&bytes);
        // Nothing more is coming: an answer that is owed comes, and then the end.
        let _ = peer.stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let ended = std::io::Read::read_to_end(&mut peer.stream, &mut answer);
        assert!(ended.as_ref().is_ok() || ended.as_ref().is_err_and(|error| is_gone(error.kind())), "{ended:?}");
    });
    is_well(&world, &device);
}

#[test]
fn silence_and_trickling_end_with_the_artim_timer() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device(|config| config.artim_timeout_ms = 300);
    let hello = hello(&world);
    for said in [0, 1, 5, hello.len() - 1] {
        let mut peer = connect(&device);
        peer.say(&hello[..said]);
        assert_eq!(peer.reply(), Reply::Closed, "after {said} bytes");
    }
    let bytes = hello.iter().map(std::slice::from_ref).cycle();
    assert_eq!(connect(&device).trickle(bytes.take(100_000)), Some(Reply::Closed), "a byte at a time");
    // A whole handshake and then nothing: A-ASSOCIATE is under the same timer.
    let mut peer = world.raw(&device, Some(&world.unit("unit")), &TLS13);
    std::io::Write::flush(&mut peer.stream).unwrap();
    while peer.stream.conn.is_handshaking() {
        peer.stream.conn.complete_io(&mut peer.stream.sock).unwrap();
    }
    assert_eq!(peer.reply(), Reply::Closed);
    is_well(&world, &device);
}

#[test]
fn half_open_handshakes_hold_a_place_each_and_no_more() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device(|config| (config.associations_max, config.associations_per_peer_max) = (500, 400));
    let hello = hello(&world);
    let unit = world.unit("unit");
    let mut good = world.raw(&device, Some(&unit), &TLS13);
    assert!(matches!(good.ask(&AssociateRq::default()), Reply::Accepted(_)));
    let halves: Vec<_> = (0..399)
        .map(|number| {
            let mut peer = connect(&device);
            peer.say(&hello[..number % hello.len()]);
            peer
        })
        .collect();
    for number in 0..20 {
        let instance = format!("1.2.3.{number}");
        assert_eq!(good.store(&instance, &dataset(&instance, 300)), SUCCESS, "it is served meanwhile");
    }
    // Beyond its limit this address is turned away at once, and another one is not.
    assert_eq!(connect(&device).reply(), Reply::Closed);
    let another = std::net::Ipv4Addr::new(127, 0, 0, 2);
    let mut other = Peer::connect_from(another, device.address);
    assert!(matches!(other.ask(&AssociateRq::default()), Reply::Accepted(_)));
    assert_eq!(Device::count(&device.counters.connections_refused), 1);
    drop(halves);
    is_well(&world, &device);
    assert_eq!(good.echo(), SUCCESS);
}
