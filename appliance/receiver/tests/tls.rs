//! DICOM over TLS, with peers of every kind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use commitment::{Report, Request};
use common::authority::{Pair, Subject};
use common::tls::{World, echo, is_of_another};
use common::wire::{self, STORE};
use common::{AssociateRq, Device, Mammogram as _, Reply, dataset, eventually};
use contract::Uid;
use dataset::testing::DataSetWriter;
use dimse::Status;
use domain::{AeTitle, Sop, UnixMillis};
use queue::{Queue, StateDir};
use receiver::{CommitmentSink, Listen, Receiver, ReceiverConfig, ReceiverError, ReportAddress, reread};
use rustls::version::{TLS12, TLS13};
use scu::{Association, Object, ScuError, Timeouts};
use secure_transport::{ClientCertificate, ExpectedCertificate, Identity, TlsFault};

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);

#[test]
fn instances_are_received_over_both_versions() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device_of_tls_alone();
    assert_eq!(Some(device.address), device.tls_address, "there is no other listener");
    let unit = world.unit("unit");
    for (version, instance) in [(&TLS12, "1.2.3.12"), (&TLS13, "1.2.3.13")] {
        let mut peer = world.raw(&device, Some(&unit), version);
        assert!(matches!(peer.ask(&AssociateRq::default()), Reply::Accepted(_)));
        let sent = dataset(instance, 3000);
        assert_eq!((peer.echo(), peer.store(instance, &sent)), (SUCCESS, SUCCESS));
        let [.., spooled] = &device.spooled()[..] else { panic!("nothing came") };
        assert!(fs::read(spooled).unwrap().ends_with(&sent));
        assert_eq!(peer.release(), Reply::Released);
        // The end of TLS itself, before that of the connection: nobody cut the stream.
        assert_eq!(peer.stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(Device::count(&device.counters.associations_failed), 0);
}

#[test]
fn every_pairing_of_certificates_ends_as_it_should() {
    for asked in [ClientCertificate::Required, ClientCertificate::Optional, ClientCertificate::None] {
        let world = World::new(asked);
        let device = world.device(|_| {});
        let years = |from, to| Subject { years: (from, to), ..Subject::default() };
        let sound = world.unit("unit");
        let bad = [
            world.ours.issue(&years(2001, 2002)),
            world.ours.issue(&years(2090, 2091)),
            world.others.issue(&Subject::default()),
            world.others.as_pair(),
        ];
        assert!(echo(&device, &world.peer(&device, Some(&sound))).is_ok(), "{asked:?}");
        let is_asked = asked != ClientCertificate::None;
        for (index, pair) in bad.iter().enumerate() {
            let result = echo(&device, &world.peer(&device, Some(pair)));
            assert_eq!(result.is_err(), is_asked, "{asked:?}, {index}: {result:?}");
        }
        let without = echo(&device, &world.peer(&device, None));
        assert_eq!(without.is_err(), asked == ClientCertificate::Required, "{without:?}");
        let failed = if is_asked { bad.len() } else { 0 } + usize::from(without.is_err());
        eventually("they are counted", || Device::count(&device.counters.handshakes_failed) == failed as u64);
        // What our own client thinks of the device.
        let address = device.tls_address.unwrap();
        let distrusting = world.peer_at(address, world.files(&world.others, Some(&sound)));
        let fault = |result: Result<(), ScuError>| match result {
            Err(ScuError::Tls(fault)) => fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault(echo(&device, &distrusting)), TlsFault::UnknownAuthority);
        let mut files = world.files(&world.ours, Some(&sound));
        files.server_name = Some("pacs.example".into());
        assert_eq!(fault(echo(&device, &world.peer_at(address, files))), TlsFault::OtherName);
    }
}

#[test]
fn certificates_of_the_device_that_are_not_in_order_are_named_by_our_client() {
    for (years, expected) in [((2001, 2002), TlsFault::Expired), ((2090, 2091), TlsFault::NotYetValid)] {
        let world = World::new(ClientCertificate::None);
        world.ours.issue(&Subject { years, ..Subject::default() }).write(world.folder.path(), "device");
        let device = world.device(|_| {});
        let result = echo(&device, &world.peer(&device, None));
        assert!(matches!(result, Err(ScuError::Tls(fault)) if fault == expected), "{result:?}");
    }
}

#[test]
fn who_speaks_the_wrong_protocol_on_a_port_is_told_at_once() {
    let world = World::new(ClientCertificate::None);
    let device = world.device(|_| {});
    let mut plain = common::Peer::connect(device.tls_address.unwrap());
    assert_eq!(plain.ask(&AssociateRq::default()), Reply::Aborted([2, 0]));
    assert_eq!(plain.reply(), Reply::Closed);
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x80, 0x2E, 1, 3, 1], &[0xFF; 64]] {
        let mut peer = common::Peer::connect(device.tls_address.unwrap());
        peer.say(bytes);
        assert_eq!(peer.reply(), Reply::Closed);
    }
    // And the reverse: an alert is what TLS understands.
    let result = echo(&device, &world.peer_at(device.address, world.files(&world.ours, None)));
    assert!(matches!(result, Err(ScuError::Tls(TlsFault::Alert(40)))), "{result:?}");
    eventually("they are counted", || Device::count(&device.counters.handshakes_failed) == 5);
    device.still_works();
}

#[test]
fn our_client_tells_a_port_without_tls_and_a_missing_file() {
    let world = World::new(ClientCertificate::None);
    let device = world.device(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other = std::thread::spawn(move || {
        // One that answers in the clear, and one that leaves.
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(&wire::pdu(7, &[0, 0, 2, 0])).unwrap();
        let _ = stream.read(&mut [0; 1024]);
        drop(listener.accept().unwrap());
    });
    let peer = || world.peer_at(address, world.files(&world.ours, None));
    let result = echo(&device, &peer());
    assert!(matches!(result, Err(ScuError::Tls(TlsFault::NotTls))), "{result:?}");
    let result = echo(&device, &peer());
    let is_ended = matches!(result, Err(ScuError::Tls(TlsFault::Ended) | ScuError::Connect(_)));
    assert!(is_ended, "{result:?}");
    other.join().unwrap();
    let mut files = world.files(&world.ours, None);
    files.ca = "nowhere.pem".into();
    let error = echo(&device, &world.peer_at(address, files)).unwrap_err();
    assert!(matches!(error, ScuError::Certificates(_)) && !error.is_of_object(), "{error}");
    assert!(error.to_string().contains("nowhere.pem"), "{error}");
}

#[test]
fn an_ae_title_belongs_to_its_certificate() {
    let mut world = World::new(ClientCertificate::Optional);
    let (unit, renewed, other) = (world.unit("unit"), world.unit("unit"), world.unit("other"));
    let title = |text| AeTitle::parse(text).unwrap();
    let expected = |text: &str| ExpectedCertificate::parse(text).unwrap();
    let exactly = expected(&Identity::of(&unit.certificate).to_string());
    world.config.ae_certificates =
        [(title("UNIT"), vec![exactly]), (title("NAMED"), vec![expected("CN=nobody"), expected("CN=unit")])].into();
    let device = world.device(|_| {});
    let ask = |pair: Option<&Pair>, calling: &str| {
        let request = AssociateRq { calling: calling.into(), ..AssociateRq::default() };
        world.raw(&device, pair, &TLS13).ask(&request)
    };
    let is_in = |reply: &Reply| matches!(reply, Reply::Accepted(_));
    for (pair, calling, may) in [
        (Some(&unit), "UNIT", true),
        (Some(&renewed), "UNIT", false),
        (Some(&other), "UNIT", false),
        (None, "UNIT", false),
        (Some(&unit), "NAMED", true),
        (Some(&renewed), "NAMED", true),
        (Some(&other), "NAMED", false),
        (None, "NAMED", false),
        (Some(&other), "ELSE", true),
        (None, "ELSE", true),
    ] {
        let reply = ask(pair, calling);
        assert!(if may { is_in(&reply) } else { is_of_another(&reply) }, "{calling}: {reply:?}");
    }
    // Without TLS nobody can show anything.
    assert!(is_of_another(&device.connect().ask(&AssociateRq::default())));
    let free = AssociateRq { calling: "ELSE".into(), ..AssociateRq::default() };
    assert!(is_in(&device.connect().ask(&free)));
    eventually("they are counted", || Device::count(&device.counters.certificates_refused) == 6);
}

#[test]
fn certificates_are_renewed_while_associations_run() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device(|_| {});
    let unit = world.unit("unit");
    let mut old = world.raw(&device, Some(&unit), &TLS13);
    assert!(matches!(old.ask(&AssociateRq::default()), Reply::Accepted(_)));
    let shown = || {
        let mut peer = world.raw(&device, Some(&unit), &TLS13);
        assert!(matches!(peer.ask(&AssociateRq::default()), Reply::Accepted(_)));
        peer.stream.conn.peer_certificates().unwrap()[0].clone()
    };
    let before = shown();
    fs::write(&world.config.certificate, "broken").unwrap();
    let half = std::time::Instant::now();
    eventually("the files were looked at", || {
        assert_eq!(shown(), before, "the old pair stays");
        half.elapsed() > secure_transport::CHECK_EVERY
    });
    let new = world.ours.issue(&Subject::default());
    new.write(world.folder.path(), "device");
    eventually("the new certificate is shown", || shown() == new.certificate);
    assert_eq!(old.store("1.2.3.4", &dataset("1.2.3.4", 300)), SUCCESS, "nobody's association is disturbed");
    assert_eq!(Device::count(&device.counters.handshakes_failed), 0);
}

#[test]
fn objects_of_our_client_arrive_over_tls() {
    let world = World::new(ClientCertificate::Required);
    let device = world.device(|_| {});
    let peer = world.peer(&device, Some(&world.unit("unit")));
    let path = world.folder.path().join("large.dcm");
    let file = DataSetWriter::part_10().mammogram("1.2.3.4").size(40_000, 256).pixels(40_000 * 512);
    fs::write(&path, &file.bytes).unwrap();
    let object = Object::open(&path).unwrap();
    device.block_on(async {
        let objects = [object];
        let mut association = Association::request(&peer, &objects, Timeouts::default()).await.unwrap();
        assert!(association.store(&objects[0]).await.unwrap().is_success());
        association.release().await.unwrap();
    });
    let [spooled] = &device.spooled()[..] else { panic!("one instance") };
    assert!(fs::read(spooled).unwrap().ends_with(&file.bytes[file.bytes.len() - 40_000 * 512..]));
}

/// Keeps what is reported.
#[derive(Debug, Default)]
struct Sink(Mutex<Vec<Report>>);

impl CommitmentSink for Sink {
    fn report(&self, _: &AeTitle, report: &Report) -> Status {
        self.0.lock().unwrap().push(report.clone());
        Status::SUCCESS
    }
}

#[test]
fn commitment_is_reported_over_tls_where_the_address_says_so() {
    let world = World::new(ClientCertificate::Required);
    let sink = Arc::new(Sink::default());
    let asking = Device::with_sink(
        |config| (config.tls, config.ae_title) = (Some(world.config.clone()), "UNIT".into()),
        Some(Arc::<Sink>::clone(&sink)),
    );
    let address = ReportAddress::parse(&format!("tls://{}", asking.tls_address.unwrap())).unwrap();
    let device = world.device(|config| {
        config.commitment_answered = true;
        config.commitment_report_to = [(AeTitle::parse("UNIT").unwrap(), address)].into();
    });
    let uid = |text: &str| Uid::parse(text).unwrap();
    let sop = Sop { class: uid(wire::MAMMOGRAM), instance: uid("1.2.3.4") };
    let request = Request { transaction: uid("1.2.77"), instances: vec![sop] };
    // A peer that leaves as soon as its request is answered.
    device.block_on(async {
        let peer = world.peer(&device, Some(&world.unit("unit")));
        let mut association = Association::request_with_commitment(&peer, &[], Timeouts::default()).await.unwrap();
        assert!(association.request_commitment(&request).await.unwrap().is_success());
        association.abort().await;
    });
    eventually("the report comes", || !sink.0.lock().unwrap().is_empty());
    assert_eq!(sink.0.lock().unwrap()[0].transaction, uid("1.2.77"));
    assert_eq!(Device::count(&asking.counters.handshakes_failed), 0);
}

#[test]
fn what_cannot_be_listened_on_is_said_at_the_start() {
    let world = World::new(ClientCertificate::Required);
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::create(folder.path()).unwrap();
    let (queue, _) = Queue::open(&state, &reread, UnixMillis(0)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bind = |change: &dyn Fn(&mut ReceiverConfig)| {
        let mut config = ReceiverConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: Some(world.config.clone()),
            ..ReceiverConfig::default()
        };
        change(&mut config);
        runtime.block_on(Receiver::bind(config, queue.clone(), state.clone()))
    };
    let receiver = bind(&|_| {}).unwrap();
    assert!(receiver.acceptor().unwrap().certificate().unwrap().is_valid(std::time::SystemTime::now()));
    assert_ne!(receiver.tls_addr(), Some(receiver.local_addr()));
    let nowhere = bind(&|config| (config.listen, config.tls) = (Listen::Off, None)).unwrap_err();
    assert!(matches!(&nowhere, ReceiverError::Config(_)) && nowhere.to_string().contains("receiver.listen"));
    let missing = bind(&|config| config.tls.as_mut().unwrap().key = "nowhere.key".into()).unwrap_err();
    assert!(matches!(&missing, ReceiverError::Tls(_)) && missing.to_string().contains("nowhere.key"), "{missing}");
    let taken = receiver.tls_addr().unwrap();
    let taken = bind(&|config| config.tls.as_mut().unwrap().listen = taken).unwrap_err();
    assert!(matches!(taken, ReceiverError::Listen { .. }), "{taken}");
}

#[test]
fn an_association_over_tls_is_held_to_the_same_rules() {
    let world = World::new(ClientCertificate::None);
    let device = world.device(|config| config.idle_timeout_ms = 300);
    let mut peer = world.raw(&device, None, &TLS13);
    let wrong = AssociateRq { called: "ELSE".into(), ..AssociateRq::default() };
    assert_eq!(peer.ask(&wrong), Reply::Rejected([1, 1, 7]));
    let mut idle = world.raw(&device, None, &TLS12);
    assert!(matches!(idle.ask(&AssociateRq::default()), Reply::Accepted(_)));
    assert_eq!(idle.reply(), Reply::Aborted([2, 0]), "it is silent");
    let mut odd = world.raw(&device, None, &TLS13);
    assert!(matches!(odd.ask(&AssociateRq::default()), Reply::Accepted(_)));
    odd.say(&wire::command(STORE, b"no command"));
    assert_eq!(odd.reply(), Reply::Aborted([2, 6]));
    // A release over TLS is one for the ARTIM timer too: whoever stays connected afterwards costs no place.
    let mut staying = world.raw(&device, None, &TLS13);
    assert!(matches!(staying.ask(&AssociateRq::default()), Reply::Accepted(_)));
    assert_eq!(staying.release(), Reply::Released);
    device.still_works();
}
