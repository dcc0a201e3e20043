//! What is logged, of every library and at every level, holds nothing that a peer sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use commitment::{Encoding, Request, service};
use common::wire::{self, IMPLICIT, STORE};
use common::{AssociateRq, DataSetWriter, Device, Mammogram as _, Reply};
use contract::Uid;
use dimse::{ActionRequest, Status, sop_class};
use domain::Sop;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_value_of_a_peer_is_logged() {
    const NAME: &str = "PLANTED^PATIENT";
    const INSTANCE: &str = "1.2.99.777777.4";
    const STRANGER: &str = "PLANTED_TITLE";
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let device = Device::new(|config| {
        config.associations_per_peer_max = 1;
        config.commitment_answered = true;
    });
    let named = || DataSetWriter::explicit().mammogram(INSTANCE).text(0x10, 0x10, "PN", NAME);
    let sound = named().size(1, 256).pixels(512).bytes;
    let mut other = sound.clone();
    *other.last_mut().unwrap() = 0;
    let cut = &sound[..sound.len() - 10];
    let mut peer = device.associate();
    for (bytes, status) in [
        (&sound[..], Status::SUCCESS),
        (&other[..], Status::DATA_SET_MISMATCH),
        (cut, Status::CANNOT_UNDERSTAND),
        (&named().number(0x28, 0x10, 9).pixels(512).bytes[..], Status::DATA_SET_MISMATCH),
    ] {
        assert_eq!(peer.store(INSTANCE, bytes), Reply::Status(status));
    }
    assert!(!matches!(device.connect().ask(&AssociateRq::default()), Reply::Accepted(_)));
    // The name as a command set, as a PDU of no known type, and after that as a request.
    peer.say(&wire::command(STORE, NAME.as_bytes()));
    assert_eq!(peer.reply(), Reply::Aborted([2, 6]));
    drop(peer);
    for bytes in [wire::pdu(0x50, NAME.as_bytes()), format!("{NAME}\r\n").into_bytes()] {
        device.still_works();
        let mut peer = device.connect();
        peer.say(&bytes);
        assert!(!matches!(peer.reply(), Reply::Accepted(_)));
    }
    device.still_works();
    common::eventually("storage commitment is asked for", || asks(&device, NAME, INSTANCE));
    let request = AssociateRq { called: STRANGER.into(), ..AssociateRq::default() };
    common::eventually("the title is refused", || device.connect().ask(&request) == Reply::Rejected([1, 1, 7]));
    drop(device);

    let text = log.text();
    for marker in [NAME, "PLANTED", INSTANCE, "777777"] {
        assert!(!text.contains(marker), "{marker} is in the log");
    }
    for line in [
        "instance refused",
        "connection refused",
        "association ended early",
        "its UID belongs to other bytes",
        "storage commitment was asked of us",
        "request for storage commitment is not valid",
        "storage commitment not reported",
    ] {
        assert!(text.contains(line), "{line:?} is not in the log:\n{text}");
    }
}

/// Asks for commitment of `instance`, and with `name` instead of a data set, and leaves; false when there is no place yet.
fn asks(device: &Device, name: &str, instance: &str) -> bool {
    let contexts = vec![(1, sop_class::STORAGE_COMMITMENT, IMPLICIT)];
    let mut peer = device.connect();
    if !matches!(peer.ask(&AssociateRq { contexts, ..AssociateRq::default() }), Reply::Accepted(_)) {
        return false;
    }
    let uid = |text: &str| Uid::parse(text).unwrap();
    let Sop { class: sop_class, instance: sop_instance } = service();
    let action = ActionRequest { message_id: 1, sop_class, sop_instance, action_type: 1, has_data_set: true };
    let asked = Sop { class: uid(wire::MAMMOGRAM), instance: uid(instance) };
    let request = Request { transaction: uid(instance), instances: vec![asked] }.to_bytes(Encoding::ImplicitLittle);
    for (data, status) in [(name.as_bytes(), Status::PROCESSING_FAILURE), (&request[..], Status::SUCCESS)] {
        peer.say(&wire::command(1, &action.to_bytes()));
        peer.say(&wire::data(1, true, data));
        assert_eq!(peer.reply(), Reply::Status(status));
    }
    true
}
