//! Honest peers, also those that use every liberty of the standard.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::sync::Barrier;

use common::wire::{self, STORE};
use common::{Device, Peer, Reply, dataset, eventually};
use dimse::Status;
use receiver::reread;

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);

#[test]
fn an_instance_is_ours_before_success_and_only_once() {
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    assert_eq!(peer.echo(), SUCCESS);
    let sent = dataset("1.2.3.4", 300);
    assert_eq!(peer.store("1.2.3.4", &sent), SUCCESS);
    let waiting = device.queue.waiting(10).unwrap();
    let [record] = &waiting[..] else { panic!("{} instances", waiting.len()) };
    assert_eq!(record.received.calling_ae.as_str(), "UNIT");
    let path = device.state.spool().join(&record.received.spool.name);
    assert!(std::fs::read(&path).unwrap().ends_with(&sent), "the wire's bytes are in the file");
    assert_eq!(reread(&path).unwrap(), record.received, "the row can be made from the file alone");
    assert_eq!(peer.store("1.2.3.4", &sent), SUCCESS, "the same again");
    let mut other = sent.clone();
    *other.last_mut().unwrap() = 8;
    assert_eq!(peer.store("1.2.3.4", &other), Reply::Status(Status::DATA_SET_MISMATCH), "other bytes");
    assert_eq!(device.spooled(), [path]);
    assert_eq!((device.queue.counts().unwrap().waiting, device.queue.counts().unwrap().conflicts), (1, 1));
    let [kept] = &device.quarantined()[..] else { panic!("the other bytes are kept") };
    assert!(std::fs::read(kept).unwrap().ends_with(&other));
    device.has_no_part_file();
    assert_eq!(peer.release(), Reply::Released);
}

#[test]
fn messages_may_be_cut_and_joined_as_one_likes() {
    let bytes = dataset("1.2.3.4", 10);
    let request = wire::store_request("1.2.3.4");
    let command = wire::value(STORE, true, true, &request);
    let whole = wire::value(STORE, false, true, &bytes);
    let last = request.len() - 1;
    let pieces = request.iter().enumerate();
    let pieces = pieces.flat_map(|(at, byte)| wire::pdu(4, &wire::value(STORE, true, at == last, &[*byte])));
    // The data set from a place on, in six values.
    let fragments = |from: usize| -> Vec<Vec<u8>> {
        let chunks: Vec<_> = bytes[from..].chunks((bytes.len() - from).div_ceil(6)).collect();
        let values = chunks.iter().enumerate();
        values.map(|(at, chunk)| wire::value(STORE, false, at + 1 == chunks.len(), chunk)).collect()
    };
    let empty = |is_last| wire::value(STORE, false, is_last, &[]);
    let echo = wire::command(wire::ECHO, &dimse::echo_request(7));
    let cases: [(&str, Vec<u8>, usize); 7] = [
        ("a command in pieces", [pieces.collect(), wire::pdu(4, &whole)].concat(), 1),
        (
            "thousands of one-byte values, then several values in one PDU",
            {
                let ones = bytes[..3000].iter().map(|byte| wire::data(STORE, false, &[*byte]));
                [wire::pdu(4, &command), ones.collect::<Vec<_>>().concat(), wire::pdu(4, &fragments(3000).concat())]
                    .concat()
            },
            1,
        ),
        ("command and data in one PDU", wire::pdu(4, &[command.clone(), whole.clone()].concat()), 1),
        ("several values in one PDU", wire::pdu(4, &[vec![command.clone()], fragments(0)].concat().concat()), 1),
        (
            "empty values, also as the last one",
            [
                wire::pdu(4, &command),
                wire::pdu(4, &empty(false)),
                wire::data(STORE, false, &bytes[..100]),
                wire::pdu(4, &[empty(false), empty(false)].concat()),
                wire::data(STORE, false, &bytes[100..]),
                wire::pdu(4, &empty(true)),
            ]
            .concat(),
            1,
        ),
        ("several PDUs in one segment", [echo.clone(), wire::pdu(4, &command), wire::pdu(4, &whole), echo].concat(), 3),
        ("two instances in one segment", [wire::pdu(4, &command), wire::pdu(4, &whole)].concat().repeat(2), 2),
    ];
    for (what, bytes, answers) in cases {
        let device = Device::new(|_| {});
        let mut peer = device.associate();
        peer.say(&bytes);
        for _ in 0..answers {
            assert_eq!(peer.reply(), SUCCESS, "{what}");
        }
        assert_eq!(peer.release(), Reply::Released, "{what}");
        assert_eq!(device.spooled().len(), 1, "{what}");
    }
}

#[test]
fn the_same_instance_from_two_senders_at_once_is_stored_once() {
    let device = Device::new(|_| {});
    for round in 0..20 {
        let instance = format!("1.2.3.{round}");
        let bytes = dataset(&instance, 20);
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut peer = device.associate();
                    peer.begin(STORE, &instance);
                    together.wait();
                    peer.say(&wire::data(STORE, true, &bytes));
                    assert_eq!(peer.reply(), SUCCESS);
                    assert_eq!(peer.release(), Reply::Released);
                });
            }
        });
        assert_eq!(device.spooled().len(), round + 1);
    }
    assert_eq!(device.queue.counts().unwrap().waiting, 20);
    assert_eq!(device.queue.counts().unwrap().conflicts, 0);
}

#[test]
fn a_peer_that_does_not_wait_for_its_answer_has_sent_its_instance_all_the_same() {
    let device = Device::new(|_| {});
    for (number, is_reset) in [false, true].into_iter().enumerate() {
        let instance = format!("1.2.3.{number}");
        let mut peer = device.associate();
        peer.begin(STORE, &instance);
        peer.say(&wire::data(STORE, true, &dataset(&instance, 4)));
        if is_reset {
            // What is unread makes the kernel send a reset.
            eventually("the answer is there", || peer.stream.peek(&mut [0]).is_ok());
        }
        drop(peer);
        eventually("the instance is ours", || device.queue.counts().unwrap().waiting == number + 1);
    }
    device.still_works();
}

#[test]
fn stopping_lets_an_instance_finish() {
    let device = Device::new(|_| {});
    let mut idle = device.associate();
    let mut sending = device.associate();
    let bytes = dataset("1.2.3.4", 4);
    sending.begin(STORE, "1.2.3.4");
    sending.say(&wire::data(STORE, false, &bytes[..100]));
    eventually("the instance is coming in", || common::device::files(&device.state.incoming()).len() == 1);
    device.stop();
    assert_eq!(idle.reply(), Reply::Aborted([2, 0]));
    sending.say(&wire::data(STORE, true, &bytes[100..]));
    assert_eq!(sending.reply(), SUCCESS);
    assert_eq!(sending.reply(), Reply::Aborted([2, 0]));
    drop((idle, sending));
    eventually("the device stops", || device.has_stopped());
}

#[test]
fn four_senders_are_served_at_once() {
    let device = Device::new(|_| {});
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let device = &device;
            scope.spawn(move || {
                let mut peer = Peer::associate(device.address);
                for number in 0..10 {
                    let instance = format!("1.2.{sender}.{number}");
                    assert_eq!(peer.store(&instance, &dataset(&instance, 50)), SUCCESS);
                }
            });
        }
    });
    assert_eq!(device.queue.counts().unwrap().waiting, 40);
    assert_eq!(Device::count(&device.counters.instances_acknowledged), 40);
}
