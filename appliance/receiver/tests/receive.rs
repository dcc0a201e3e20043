//! The receiver as peers see it: honest ones, broken ones and hostile ones, on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use contract::Uid;
use dicom_ul::association::client::{ClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{Status, StoreRequest};
use domain::UnixMillis;
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig, reread};
use tokio::runtime::Runtime;
use tokio::sync::watch;

const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// A receiver on a free port with state of its own.
struct Device {
    address: SocketAddr,
    queue: Queue,
    state: StateDir,
    _runtime: Runtime,
    _stop: watch::Sender<bool>,
    folder: tempfile::TempDir,
}

impl Device {
    fn new(change: impl FnOnce(&mut ReceiverConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let (queue, _) = Queue::open(&state, &reread, UnixMillis(0)).unwrap();
        let mut config = ReceiverConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            disk_free_bytes_min: 0,
            ..ReceiverConfig::default()
        };
        change(&mut config);
        let runtime = Runtime::new().unwrap();
        let receiver = runtime.block_on(Receiver::bind(config, queue.clone(), state.clone())).unwrap();
        let address = receiver.local_addr();
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(receiver.run(stopped));
        Self { address, queue, state, _runtime: runtime, _stop: stop, folder }
    }

    fn associate(&self) -> Peer {
        self.associate_as("UNIT", "MAMORU").unwrap()
    }

    fn associate_as(&self, calling: &str, called: &str) -> Option<Peer> {
        let association = ClientAssociationOptions::new()
            .calling_ae_title(calling)
            .called_ae_title(called)
            .with_presentation_context(dimse::sop_class::VERIFICATION, vec![EXPLICIT])
            .with_presentation_context(MAMMOGRAM, vec![EXPLICIT])
            .read_timeout(Duration::from_secs(20))
            .establish(self.address)
            .ok()?;
        let contexts: Vec<u8> = association.presentation_contexts().iter().map(|context| context.id).collect();
        Some(Peer { association, echo: contexts[0], store: contexts[1] })
    }

    fn part_files(&self) -> usize {
        std::fs::read_dir(self.state.incoming()).unwrap().count()
    }

    fn spooled(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.state.spool()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).collect()
    }

    fn still_works(&self) {
        self.associate().echo();
    }
}

struct Peer {
    association: ClientAssociation<TcpStream>,
    echo: u8,
    store: u8,
}

impl Peer {
    fn send(&mut self, context: u8, value_type: PDataValueType, is_last: bool, data: &[u8]) {
        let value = PDataValue { presentation_context_id: context, value_type, is_last, data: data.to_vec() };
        self.association.send(&Pdu::PData { data: vec![value] }).unwrap();
    }

    fn response(&mut self) -> Option<Status> {
        match self.association.receive() {
            Ok(Pdu::PData { data }) => Some(dimse::parse_response(&data[0].data).unwrap().1),
            _ => None,
        }
    }

    fn echo(&mut self) {
        self.send(self.echo, PDataValueType::Command, true, &dimse::echo_request(1));
        assert_eq!(self.response(), Some(Status::SUCCESS));
    }

    fn command(&mut self, instance: &str) {
        self.send(self.store, PDataValueType::Command, true, &store_request(instance));
    }

    fn store(&mut self, instance: &str, dataset: &[u8]) -> Option<Status> {
        self.command(instance);
        let mut chunks = dataset.chunks(16_000).peekable();
        if chunks.peek().is_none() {
            self.send(self.store, PDataValueType::Data, true, &[]);
        }
        while let Some(chunk) = chunks.next() {
            self.send(self.store, PDataValueType::Data, chunks.peek().is_none(), chunk);
        }
        self.response()
    }

    /// Has the device aborted or closed?
    fn is_cut_off(&mut self) -> bool {
        matches!(self.association.receive(), Ok(Pdu::AbortRQ { .. }) | Err(_))
    }
}

fn store_request(instance: &str) -> Vec<u8> {
    let uid = |text| Uid::parse(text).unwrap();
    StoreRequest { message_id: 1, sop_class: uid(MAMMOGRAM), sop_instance: uid(instance) }.to_bytes()
}

/// An explicit little-endian data set with `pixels` bytes of pixel data.
fn dataset(instance: &str, pixels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut element = |group: u16, element: u16, vr: &str, value: &[u8]| {
        bytes.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
        bytes.extend(vr.as_bytes());
        if vr == "OW" {
            bytes.extend([0, 0]);
            bytes.extend((value.len() as u32).to_le_bytes());
        } else {
            bytes.extend((value.len() as u16).to_le_bytes());
        }
        bytes.extend(value);
    };
    let padded = |text: &str| if text.len().is_multiple_of(2) { text.to_owned() } else { format!("{text}\0") };
    element(8, 0x16, "UI", padded(MAMMOGRAM).as_bytes());
    element(8, 0x18, "UI", padded(instance).as_bytes());
    element(0x20, 0x0D, "UI", b"1.2.3\0");
    element(0x28, 0x10, "US", &((pixels / 512) as u16).to_le_bytes());
    element(0x28, 0x11, "US", &256_u16.to_le_bytes());
    element(0x28, 0x100, "US", &16_u16.to_le_bytes());
    element(0x7FE0, 0x10, "OW", &vec![7; pixels]);
    bytes
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_instance_is_ours_before_success_and_only_once() {
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    peer.echo();
    let sent = dataset("1.2.3.4", 512 * 300);
    assert_eq!(peer.store("1.2.3.4", &sent), Some(Status::SUCCESS));
    let waiting = device.queue.waiting(10).unwrap();
    let [record] = &waiting[..] else { panic!("{} instances", waiting.len()) };
    assert_eq!(record.received.calling_ae.as_str(), "UNIT");
    let path = device.state.spool().join(&record.received.spool.name);
    assert!(std::fs::read(&path).unwrap().ends_with(&sent), "the wire's bytes are in the file");
    assert_eq!(reread(&path).unwrap(), record.received, "the row can be made from the file alone");
    assert_eq!(peer.store("1.2.3.4", &sent), Some(Status::SUCCESS), "the same again");
    let mut other = sent.clone();
    *other.last_mut().unwrap() = 8;
    assert_eq!(peer.store("1.2.3.4", &other), Some(Status::DATA_SET_MISMATCH), "other bytes");
    assert_eq!(device.spooled().len(), 1);
    assert_eq!((device.queue.counts().unwrap().waiting, device.queue.counts().unwrap().conflicts), (1, 1));
    assert_eq!(device.part_files(), 0);
    peer.association.release().unwrap();
}

#[test]
fn unreadable_and_contradicting_data_sets_have_their_status() {
    let device = Device::new(|_| {});
    let sound = dataset("1.2.3.4", 512 * 10);
    let mut nested = sound.clone();
    for _ in 0..60_000 {
        nested.extend([
            0x40, 0, 0x60, 2, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF,
        ]);
    }
    let huge = [&sound[..], &[9, 0, 1, 0, b'O', b'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0, 0]].concat();
    let cases: [(&str, &str, &[u8], Status); 7] = [
        ("cut in the pixels", "1.2.3.4", &sound[..sound.len() - 100], Status::CANNOT_UNDERSTAND),
        ("cut in a header", "1.2.3.4", &sound[..30], Status::CANNOT_UNDERSTAND),
        ("empty", "1.2.3.4", &[], Status::DATA_SET_MISMATCH),
        ("another UID", "1.2.3.5", &sound, Status::DATA_SET_MISMATCH),
        ("nested", "1.2.3.4", &nested, Status::CANNOT_UNDERSTAND),
        ("huge length", "1.2.3.4", &huge, Status::CANNOT_UNDERSTAND),
        ("garbage", "1.2.3.4", &[0xAB; 5000], Status::CANNOT_UNDERSTAND),
    ];
    let mut peer = device.associate();
    for (what, instance, bytes, status) in cases {
        assert_eq!(peer.store(instance, bytes), Some(status), "{what}");
    }
    assert_eq!(peer.store("1.2.3.4", &sound), Some(Status::SUCCESS), "the association is as good as new");
    assert_eq!((device.spooled().len(), device.part_files()), (1, 0));
}

#[test]
fn limits_are_answered_with_out_of_resources() {
    let small = Device::new(|config| config.instance_bytes_max = 10_000);
    let mut peer = small.associate();
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 512 * 5000)), Some(Status::OUT_OF_RESOURCES));
    assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 512 * 2)), Some(Status::SUCCESS));
    let full = Device::new(|config| config.disk_free_bytes_min = u64::MAX);
    assert_eq!(full.associate().store("1.2.3.4", &dataset("1.2.3.4", 512)), Some(Status::OUT_OF_RESOURCES));
    for device in [&small, &full] {
        assert_eq!(device.part_files(), 0);
        device.still_works();
    }
}

#[test]
fn only_known_titles_are_let_in() {
    let device = Device::new(|config| config.calling_ae_allowed = vec![domain::AeTitle::parse("UNIT").unwrap()]);
    assert!(device.associate_as("UNIT", "SOMEBODY").is_none());
    assert!(device.associate_as("STRANGER", "MAMORU").is_none());
    device.still_works();
}

#[test]
fn a_command_may_come_in_pieces() {
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    let command = store_request("1.2.3.4");
    for (number, byte) in command.iter().enumerate() {
        peer.send(peer.store, PDataValueType::Command, number + 1 == command.len(), &[*byte]);
    }
    let bytes = dataset("1.2.3.4", 512);
    peer.send(peer.store, PDataValueType::Data, false, &bytes[..100]);
    peer.send(peer.store, PDataValueType::Data, false, &[]);
    peer.send(peer.store, PDataValueType::Data, false, &bytes[100..]);
    peer.send(peer.store, PDataValueType::Data, true, &[]);
    assert_eq!(peer.response(), Some(Status::SUCCESS));
}

#[test]
fn broken_protocol_is_aborted_and_leaves_nothing() {
    type Break = fn(&mut Peer);
    let breaks: [(&str, Break); 6] = [
        ("a command inside a data set", |peer| {
            peer.send(peer.store, PDataValueType::Command, true, &dimse::echo_request(2))
        }),
        ("another context inside a data set", |peer| peer.send(peer.echo, PDataValueType::Data, true, &[1, 2])),
        ("a context that was never accepted", |peer| peer.send(99, PDataValueType::Data, true, &[1, 2])),
        ("a release inside a data set", |peer| peer.association.send(&Pdu::ReleaseRQ).unwrap()),
        ("an unknown PDU", |peer| peer.association.inner_stream().write_all(&[0x42, 0, 0, 0, 0, 2, 1, 1]).unwrap()),
        ("a PDU of two gigabytes", |peer| {
            peer.association.inner_stream().write_all(&[4, 0, 0x7F, 0xFF, 0xFF, 0xFF]).unwrap()
        }),
    ];
    let device = Device::new(|_| {});
    for (what, act) in breaks {
        let mut peer = device.associate();
        peer.command("1.2.3.4");
        peer.send(peer.store, PDataValueType::Data, false, &[0; 1000]);
        act(&mut peer);
        assert!(peer.is_cut_off(), "{what}");
        wait_for("the part file is removed", || device.part_files() == 0);
    }
    assert_eq!(device.queue.counts().unwrap().waiting, 0);
    device.still_works();
}

#[test]
fn silent_and_vanishing_peers_are_let_go_while_others_are_served() {
    let device = Device::new(|config| {
        config.artim_timeout_ms = 300;
        config.idle_timeout_ms = 300;
    });
    let mut connected = TcpStream::connect(device.address).unwrap();
    let mut half_asking = TcpStream::connect(device.address).unwrap();
    half_asking.write_all(&[1, 0, 0, 0]).unwrap();
    let mut web = TcpStream::connect(device.address).unwrap();
    web.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut idle = device.associate();
    let mut stalled = device.associate();
    stalled.command("1.2.3.4");
    stalled.send(stalled.store, PDataValueType::Data, false, &[0; 1000]);
    let mut vanishing = device.associate();
    vanishing.command("1.2.3.5");
    drop(vanishing);
    device.still_works();
    for stream in [&mut connected, &mut half_asking, &mut web] {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        // Closed or reset: anything but a time-out.
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert!(!matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
        }
    }
    assert!(idle.is_cut_off());
    assert!(stalled.is_cut_off());
    wait_for("part files are removed", || device.part_files() == 0);
    device.still_works();
}

#[test]
fn too_many_associations_are_refused_and_places_come_back() {
    let device = Device::new(|config| config.associations_max = 2);
    let (first, second) = (device.associate(), device.associate());
    assert!(device.associate_as("UNIT", "MAMORU").is_none());
    drop((first, second));
    wait_for("a place is free again", || device.associate_as("UNIT", "MAMORU").is_some());
}

#[test]
fn memory_does_not_grow_with_the_instance() {
    let device = Device::new(|_| {});
    let mut peer = device.associate();
    // 120 MB, sent in pieces that the test itself need not hold at once.
    let head = dataset("1.2.3.4", 0);
    let (rows, pixels) = (60_000_u16, 60_000_u32 * 512 * 4);
    let mut head = head[..head.len() - 4].to_vec();
    let rows_at = head.windows(4).position(|bytes| bytes == [0x28, 0, 0x10, 0]).unwrap() + 8;
    head[rows_at..rows_at + 2].copy_from_slice(&rows.to_le_bytes());
    let columns_at = head.windows(4).position(|bytes| bytes == [0x28, 0, 0x11, 0]).unwrap() + 8;
    head[columns_at..columns_at + 2].copy_from_slice(&1024_u16.to_le_bytes());
    head.extend(pixels.to_le_bytes());
    let before = resident_bytes();
    peer.command("1.2.3.4");
    peer.send(peer.store, PDataValueType::Data, false, &head);
    let chunk = vec![1_u8; 16_384 - 12];
    let mut rest = pixels as usize;
    while rest > 0 {
        let length = rest.min(chunk.len());
        rest -= length;
        peer.send(peer.store, PDataValueType::Data, rest == 0, &chunk[..length]);
    }
    assert_eq!(peer.response(), Some(Status::SUCCESS));
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{} MiB more than before", grown >> 20);
    assert!(device.folder.path().exists());
}

/// The process's resident memory; other tests of this program may run, but none of them holds much.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
