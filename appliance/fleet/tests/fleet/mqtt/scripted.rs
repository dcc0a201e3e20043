//! Against brokers that do what none should.

use std::sync::mpsc::channel;
use std::time::Duration;

use fleet::mqtt::{MqttConfig, PatientData};

use super::peer::{Connection, Peer, WELCOME};
use super::{Results, config, topic, turn};

/// What is said when the broker does this with the first result; nothing counts as sent.
fn trouble(script: impl Fn(&mut Connection) -> std::io::Result<()> + Send + 'static) -> String {
    let peer = Peer::start(script);
    let results = Results::default();
    results.add("2.25.1", "{\"a\":1}");
    let short = MqttConfig { silence_ms_max: 300, ..config(peer.port) };
    let mut publisher = results.publisher(&short);
    let turn = turn(&mut publisher);
    assert_eq!((turn.sent, results.waiting().documents.len()), (0, 1));
    assert!((13..=17).contains(&turn.wait.as_secs()), "{turn:?}");
    drop(publisher);
    turn.trouble.unwrap()
}

#[test]
fn what_was_not_acknowledged_is_sent_again() {
    let (sender, messages) = channel();
    let peer = Peer::start(move |connection| {
        connection.welcome()?;
        let message = connection.message()?;
        sender.send(message.clone()).unwrap();
        if connection.number < 2 {
            // The broker had it, perhaps, and went.
            return Ok(());
        }
        connection.acknowledge(&message)?;
        let next = connection.message()?;
        sender.send(next.clone()).unwrap();
        connection.acknowledge(&next)?;
        connection.hang();
        Ok(())
    });
    let results = Results::default();
    results.add("2.25.1", "{\"a\":1}");
    results.add("2.25.1", "{\"a\":2}");
    let mut publisher = results.publisher(&config(peer.port));
    for sent in [0, 0, 2] {
        assert_eq!(turn(&mut publisher).sent, sent);
    }
    drop(publisher);
    drop(peer);
    let payloads: Vec<_> = messages.iter().map(|message| (message.topic, message.payload)).collect();
    let expected = [1, 1, 1, 2].map(|number| (topic("2.25.1"), format!("{{\"a\":{number}}}")));
    assert_eq!(payloads, expected, "twice perhaps, in order and all");
    assert_eq!(results.waiting().sent, [0, 1]);
}

#[test]
fn answers_that_are_none_do_not_count() {
    let after = |bytes: &'static [u8], stays: bool| {
        move |connection: &mut Connection| {
            connection.welcome()?;
            connection.message()?;
            connection.write(bytes)?;
            if stays {
                connection.hang();
            }
            Ok(())
        }
    };
    for (bytes, stays, words) in [
        (&b"\x40\x02\x00\x01"[..], false, "not understood"),
        (b"\x40\x02\x99\x99", false, "not understood"),
        (b"\x40\x01\x00", false, "not understood"),
        (b"\x40\x00", false, "not understood"),
        (b"\x20\x03\x00\x00\x00", false, "not understood"),
        (b"\x40\xff\xff\xff\x7f", false, "not understood"),
        (b"\x40\xff\xff\xff\xff\x01", false, "not understood"),
        (b"HTTP/1.1 400 secret\r\n", false, "is this its port"),
        (b"", true, "did not answer in time"),
        (b"\x40", true, "did not answer in time"),
        (b"\x40\x02\x00", true, "did not answer in time"),
        (b"", false, "connection"),
        (b"\xe0\x02\x8e\x00", false, "another client with the same name"),
        (b"\xe0\x00", false, "refuses"),
    ] {
        let found = trouble(after(bytes, stays));
        assert!(found.contains(words), "{bytes:x?}: {found}");
    }
}

#[test]
fn a_broker_that_does_not_welcome_us_is_told_of_in_words() {
    let answer = |bytes: &'static [u8]| {
        move |connection: &mut Connection| {
            connection.packet()?;
            connection.write(bytes)?;
            connection.hang();
            Ok(())
        }
    };
    for (bytes, words) in [
        (&b"\x20\x02\x00\x01"[..], "MQTT 5.0"),
        (b"\x20\x03\x00\x84\x00", "MQTT 5.0"),
        (b"\x20\x03\x00\x86\x00", "`user` and `password_file`"),
        (b"\x20\x03\x00\x87\x00", "`user` and `password_file`"),
        (b"\x20\x03\x00\x88\x00", "just now"),
        (b"\x20\x0a\x00\x8a\x07\x1f\x00\x04secr", "banned"),
        (b"\x20\x05\x00\x00\x02\x24\x00", "QoS 1"),
        (b"\x20\x05\x00\x00\x02\x25\x00", "retain"),
        (b"\x20\x04\x00\x00\x01\x7f", "not understood"),
        (b"\x40\x02\x00\x01", "not understood"),
        (b"", "did not answer in time"),
    ] {
        let found = trouble(answer(bytes));
        assert!(found.contains(words), "{bytes:x?}: {found}");
    }
    let gone = Peer::start(|_| Ok(())).port;
    let found = turn(&mut Results::default().publisher(&config(gone))).trouble.unwrap();
    assert!(found.contains("nothing listens"), "{found}");
}

#[test]
fn a_refusal_keeps_the_result_and_the_connection() {
    let (sender, attempts) = channel();
    let peer = Peer::start(move |connection| {
        connection.welcome()?;
        for reason in [0x97, 0x80, 0x10] {
            let message = connection.message()?;
            sender.send(connection.number).unwrap();
            connection.write(&[0x40, 4, message.id[0], message.id[1], reason, 0])?;
        }
        connection.hang();
        Ok(())
    });
    let results = Results::default();
    results.add("2.25.1", "{}");
    let mut publisher = results.publisher(&config(peer.port));
    for sent in [0, 0, 1] {
        let turn = turn(&mut publisher);
        assert_eq!((turn.sent, turn.trouble.is_none()), (sent, sent == 1));
        assert!(turn.wait <= Duration::from_secs(33), "{turn:?}");
    }
    drop(publisher);
    drop(peer);
    assert_eq!(attempts.iter().collect::<Vec<_>>(), [0, 0, 0], "one connection");
}

/// A broker that takes all that comes, and tells it.
fn taking(welcome: &'static [u8]) -> (Peer, std::sync::mpsc::Receiver<String>) {
    let (sender, payloads) = channel();
    let peer = Peer::start(move |connection| {
        connection.packet()?;
        connection.write(welcome)?;
        loop {
            let message = connection.message()?;
            sender.send(message.payload.clone()).unwrap();
            connection.acknowledge(&message)?;
        }
    });
    (peer, payloads)
}

#[test]
fn what_is_not_remembered_as_sent_is_sent_again() {
    let (peer, payloads) = taking(&WELCOME);
    let results = Results::default();
    results.add("2.25.1", "{\"a\":1}");
    results.waiting().forgets = 1;
    let mut publisher = results.publisher(&config(peer.port));
    assert_eq!(turn(&mut publisher).trouble.unwrap(), "the disk is full");
    assert_eq!(turn(&mut publisher).sent, 1);
    drop(publisher);
    drop(peer);
    assert_eq!(payloads.iter().collect::<Vec<_>>(), ["online", "{\"a\":1}", "{\"a\":1}"]);
}

#[test]
fn what_can_never_be_sent_is_parked_and_the_others_go_on() {
    // The broker takes packets of 1000 bytes.
    let (peer, payloads) = taking(b"\x20\x08\x00\x00\x05\x27\x00\x00\x03\xe8");
    let results = Results::default();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    for json in ["no json", "{\"patient\":{\"name\":\"A^B\"}}", &large, "{\"a\":1}"] {
        results.add("2.25.1", json);
    }
    let mut publisher = results.publisher(&MqttConfig { document_bytes_max: 5000, ..config(peer.port) });
    let found = turn(&mut publisher);
    assert_eq!((found.sent, found.trouble), (1, None));
    drop(publisher);
    drop(peer);
    assert_eq!(payloads.iter().collect::<Vec<_>>(), ["online", "{\"a\":1}"]);
    let waiting = results.waiting();
    assert_eq!(waiting.wanted, Some(PatientData::Without));
    let parked: Vec<u64> = waiting.parked.iter().map(|(key, _)| *key).collect();
    assert_eq!((parked.as_slice(), waiting.sent.as_slice()), (&[0, 1, 2][..], &[3][..]));
    assert!(waiting.parked.iter().all(|(_, why)| !why.contains("A^B")), "{:?}", waiting.parked);
}

#[test]
fn patient_data_is_sent_where_the_site_asks_for_it() {
    let (peer, payloads) = taking(&WELCOME);
    let results = Results::default();
    results.add("2.25.1", "{\"patient\":{\"name\":\"A^B\"}}");
    let mut publisher = results.publisher(&MqttConfig { patient_data: true, ..config(peer.port) });
    assert_eq!(turn(&mut publisher).sent, 1);
    drop(publisher);
    drop(peer);
    assert_eq!(payloads.iter().last().unwrap(), "{\"patient\":{\"name\":\"A^B\"}}");
    assert_eq!(results.waiting().wanted, Some(PatientData::With));
}

#[test]
fn a_silent_time_is_bridged_by_signs_of_life() {
    let (sender, packets) = channel();
    // The broker wants to hear something every second.
    let peer = Peer::start(move |connection| {
        connection.packet()?;
        connection.write(b"\x20\x06\x00\x00\x03\x13\x00\x01")?;
        let status = connection.message()?;
        connection.acknowledge(&status)?;
        let (first, _) = connection.packet()?;
        connection.write(&[0xd0, 0])?;
        sender.send(first).unwrap();
        connection.hang();
        Ok(())
    });
    let mut publisher = Results::default().publisher(&config(peer.port));
    let first = turn(&mut publisher);
    assert_eq!((first.trouble, first.wait), (None, Duration::from_millis(500)));
    let asked = loop {
        assert_eq!(turn(&mut publisher).trouble, None);
        if let Ok(first) = packets.try_recv() {
            break first;
        }
        std::thread::yield_now();
    };
    assert_eq!(asked, 0xc0);
}

#[test]
fn a_stop_says_goodbye() {
    let (peer, payloads) = taking(&WELCOME);
    let stop = fleet::Stop::default();
    let publisher = fleet::mqtt::Publisher::new(config(peer.port), Results::default(), stop.clone()).unwrap();
    let running = std::thread::spawn(move || publisher.run());
    assert_eq!(payloads.recv().unwrap(), "online");
    stop.stop();
    running.join().unwrap();
    drop(peer);
    assert_eq!(payloads.iter().collect::<Vec<_>>(), ["offline"]);
}
