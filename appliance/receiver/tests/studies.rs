//! What the rest of the device learns of studies that are being sent: open associations, and rejection notes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeSet;

use common::wire::{self, AssociateRq, EXPLICIT, STORE};
use common::{Device, Peer, Reply, dataset, eventually};
use contract::Uid;
use dataset::testing::key_object_selection;
use dimse::Status;
use domain::{AeTitle, Senders, StudyKey};

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);
const KEY_OBJECTS: &str = "1.2.840.10008.5.1.4.1.1.88.59";

/// What is known of the senders of the study of all data sets here.
fn senders(device: &Device) -> Senders {
    let study = StudyKey(Uid::parse("1.2.3").unwrap());
    device.traffic.of(&study, &BTreeSet::from([AeTitle::parse("UNIT").unwrap()]))
}

#[test]
fn an_open_association_is_known_until_it_ends_whichever_way() {
    for abort in [false, true] {
        let device = Device::new(|_| {});
        let changes = device.traffic.changes();
        assert_eq!(senders(&device), Senders::default());
        let mut peer = device.associate();
        eventually("the association is seen", || senders(&device).unknown_since.is_some());
        peer.begin(STORE, "1.2.3.4");
        eventually("the image is seen", || senders(&device).receiving_unknown_since.is_some());
        let bytes = dataset("1.2.3.4", 10);
        peer.say(&wire::data(STORE, true, &bytes));
        assert_eq!(peer.reply(), SUCCESS);
        assert_eq!(senders(&device), Senders { is_open: true, ..Senders::default() }, "its study is known");
        peer.begin(STORE, "1.2.3.5");
        eventually("the next image is seen", || senders(&device).is_receiving);
        if abort {
            drop(peer);
        } else {
            peer.say(&wire::data(STORE, true, b"no data set"));
            assert_eq!(peer.reply(), Reply::Status(Status::CANNOT_UNDERSTAND));
            assert_eq!(senders(&device), Senders { is_open: true, ..Senders::default() });
            assert_eq!(peer.release(), Reply::Released);
        }
        eventually("the end is seen", || senders(&device).closed_at.is_some());
        assert!(!senders(&device).is_open && !senders(&device).is_receiving);
        assert!(changes.has_changed().unwrap(), "who waits is told");
    }
}

#[test]
fn a_rejection_note_is_taken_like_an_image() {
    let device = Device::new(|_| {});
    let mut peer = Peer::connect(device.address);
    let request = AssociateRq { contexts: vec![(1, KEY_OBJECTS, EXPLICIT)], ..AssociateRq::default() };
    assert_eq!(peer.ask(&request), Reply::Accepted(vec![(1, 0)]));
    let file = key_object_selection("1.2.3.9", "1.2.3", ("113001", "DCM"), &["1.2.3.4"]);
    let meta = dataset::read_file_meta(&mut std::io::Cursor::new(&file)).unwrap();
    peer.say(&wire::command(1, &wire::store_request_of(KEY_OBJECTS, "1.2.3.9")));
    peer.say(&wire::data(1, true, &file[usize::try_from(meta.dataset_offset).unwrap()..]));
    assert_eq!(peer.reply(), SUCCESS);
    let [note] = &device.queue.waiting(10).unwrap()[..] else { panic!("one instance") };
    assert_eq!((note.received.sop_class.as_str(), note.received.study.0.as_str()), (KEY_OBJECTS, "1.2.3"));
    let spooled = std::fs::File::open(device.state.spool().join(&note.received.spool.name)).unwrap();
    let named = dataset::inspect(spooled).unwrap().attributes.key_objects.unwrap().instances;
    assert_eq!(named, [Uid::parse("1.2.3.4").unwrap()]);
}
