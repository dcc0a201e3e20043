//! Storage commitment: what others report to the device, and what it says of what it holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use commitment::{BYTES_MAX, Encoding, Failed, INSTANCES_MAX, Report, Request, reason, service};
use common::wire::{self, EXPLICIT, IMPLICIT, MAMMOGRAM, STORE, VERIFICATION};
use common::{AssociateRq, Device, Peer, Reply, dataset, eventually};
use contract::Uid;
use dicom_ul::association::server::{Negotiation, ServerAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu, RequestorRoles};
use dimse::{ActionRequest, EventReportRequest, Status, sop_class};
use domain::{AeTitle, Sop};
use receiver::{CommitmentSink, ReceiverConfig, ReportAddress};

const SUCCESS: Reply = Reply::Status(Status::SUCCESS);
const INVALID: Reply = Reply::Aborted([2, 6]);
/// The context of storage commitment.
const COMMIT: u8 = 11;
const LITTLE: Encoding = Encoding::ImplicitLittle;

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn sop(instance: &str) -> Sop {
    Sop { class: uid(MAMMOGRAM), instance: uid(instance) }
}

fn request(instances: &[&str]) -> Request {
    Request { transaction: uid("1.2.77"), instances: instances.iter().map(|instance| sop(instance)).collect() }
}

fn report(committed: &[&str], failed: &[(&str, u16)]) -> Report {
    let failed = failed.iter().map(|(instance, reason)| Failed { sop: sop(instance), reason: *reason });
    Report { failed: failed.collect(), committed: request(committed).instances, transaction: uid("1.2.77") }
}

/// A request for an association with storage commitment in `syntax`, and with role selection.
fn associate_rq(syntax: &'static str, roles: Option<(bool, bool)>) -> AssociateRq {
    let class = sop_class::STORAGE_COMMITMENT;
    let contexts = vec![(1, VERIFICATION, IMPLICIT), (STORE, MAMMOGRAM, EXPLICIT), (COMMIT, class, syntax)];
    let roles = roles.map(|(scu, scp)| (class, scu, scp)).into_iter().collect();
    AssociateRq { contexts, roles, ..AssociateRq::default() }
}

fn associate(device: &Device) -> Peer {
    let mut peer = device.connect();
    let reply = peer.ask(&associate_rq(IMPLICIT, None));
    assert_eq!(reply, Reply::Accepted(vec![(1, 0), (STORE, 0), (COMMIT, 0)]));
    peer
}

fn answering(config: &mut ReceiverConfig) {
    config.commitment_answered = true;
}

fn action(names: &Sop, action_type: u16) -> Vec<u8> {
    let (sop_class, sop_instance) = (names.class.clone(), names.instance.clone());
    ActionRequest { message_id: 3, sop_class, sop_instance, action_type, has_data_set: true }.to_bytes()
}

fn event(names: &Sop, event_type: u16) -> Vec<u8> {
    let (sop_class, sop_instance) = (names.class.clone(), names.instance.clone());
    EventReportRequest { message_id: 3, sop_class, sop_instance, event_type, has_data_set: true }.to_bytes()
}

/// Says a command and its data set, and returns the answer.
fn say(peer: &mut Peer, command: &[u8], data: &[u8]) -> Reply {
    peer.say(&wire::command(COMMIT, command));
    let mut chunks = data.chunks(16_000).peekable();
    if chunks.peek().is_none() {
        peer.say(&wire::data(COMMIT, true, &[]));
    }
    while let Some(chunk) = chunks.next() {
        peer.say(&wire::data(COMMIT, chunks.peek().is_none(), chunk));
    }
    peer.reply()
}

/// Reads the report that follows, and leaves it without its answer.
fn read_report(peer: &mut Peer, encoding: Encoding) -> (EventReportRequest, Report) {
    let reply = peer.reply();
    let Reply::Event(event) = reply else { panic!("{reply:?}") };
    assert_eq!((&event.sop_class, &event.sop_instance), (&service().class, &service().instance));
    let mut bytes = Vec::new();
    loop {
        let reply = peer.reply();
        let Reply::Data(data, is_last) = reply else { panic!("{reply:?}") };
        bytes.extend(data);
        if is_last {
            let report = Report::parse(event.event_type, &bytes, encoding).unwrap();
            return (event, report);
        }
    }
}

/// Asks, and answers the report that follows.
fn commit(peer: &mut Peer, request: &Request, encoding: Encoding) -> Report {
    assert_eq!(say(peer, &action(&service(), 1), &request.to_bytes(encoding)), SUCCESS);
    let (event, report) = read_report(peer, encoding);
    peer.say(&wire::command(COMMIT, &event.response(Status::SUCCESS)));
    report
}

/// A sink that keeps what it gets and answers with `status`.
#[derive(Debug)]
struct Kept {
    status: Status,
    reports: Mutex<Vec<(AeTitle, Report)>>,
}

impl CommitmentSink for Kept {
    fn report(&self, from: &AeTitle, report: &Report) -> Status {
        self.reports.lock().unwrap().push((from.clone(), report.clone()));
        self.status
    }
}

fn sink(status: Status) -> Arc<Kept> {
    Arc::new(Kept { status, reports: Mutex::default() })
}

#[test]
fn reports_reach_the_sink_and_are_answered_as_it_says() {
    for (status, syntax, encoding) in
        [(Status::SUCCESS, IMPLICIT, LITTLE), (Status::NO_SUCH_INSTANCE, EXPLICIT, Encoding::ExplicitLittle)]
    {
        let kept = sink(status);
        let device = Device::with_sink(|_| {}, Some(kept.clone()));
        let mut peer = device.connect();
        peer.ask(&associate_rq(syntax, Some((false, true))));
        assert_eq!(peer.roles, [(false, true)]);
        let told = report(&["1.2.3.4"], &[("1.2.3.5", reason::NO_SUCH_INSTANCE)]);
        assert_eq!(say(&mut peer, &event(&service(), 2), &told.to_bytes(encoding)), Reply::Status(status));
        assert_eq!(*kept.reports.lock().unwrap(), [(AeTitle::parse("UNIT").unwrap(), told)]);
        assert_eq!(peer.release(), Reply::Released);
    }
}

#[test]
fn what_is_no_sound_report_never_reaches_the_sink() {
    let kept = sink(Status::SUCCESS);
    let device = Device::with_sink(|_| {}, Some(kept.clone()));
    let mut peer = associate(&device);
    let good = report(&["1.2.3.4"], &[("1.2.3.5", reason::NO_SUCH_INSTANCE)]).to_bytes(LITTLE);
    let other = |class: &str, instance: &str| Sop { class: uid(class), instance: uid(instance) };
    let many: Vec<Sop> = (0..=INSTANCES_MAX).map(|number| sop(&format!("1.2.3.{number}"))).collect();
    let many = Report { committed: many, ..report(&[], &[]) }.to_bytes(LITTLE);
    let (class, instance) = (sop_class::STORAGE_COMMITMENT, sop_class::STORAGE_COMMITMENT_INSTANCE);
    let cases: [(&str, Sop, u16, &[u8], Status); 10] = [
        ("garbage", service(), 2, &[0xAB; 1000], Status::PROCESSING_FAILURE),
        ("nothing", service(), 2, &[], Status::INVALID_ARGUMENT),
        ("a cut data set", service(), 2, &good[..good.len() - 1], Status::PROCESSING_FAILURE),
        ("failures in a success", service(), 1, &good, Status::INVALID_ARGUMENT),
        ("an unknown event", service(), 3, &good, Status::NO_SUCH_EVENT_TYPE),
        ("another class", other(MAMMOGRAM, instance), 2, &good, Status::NO_SUCH_CLASS),
        ("another instance", other(class, "1.2.3.4"), 2, &good, Status::NO_SUCH_INSTANCE),
        ("10,001 instances", service(), 1, &many, Status::RESOURCE_LIMITATION),
        ("more than a megabyte", service(), 2, &vec![0; BYTES_MAX + 1], Status::RESOURCE_LIMITATION),
        ("sixteen megabytes", service(), 2, &vec![0; 16 << 20], Status::RESOURCE_LIMITATION),
    ];
    for (what, names, event_type, data, status) in cases {
        assert_eq!(say(&mut peer, &event(&names, event_type), data), Reply::Status(status), "{what}");
    }
    assert_eq!(*kept.reports.lock().unwrap(), []);
    assert_eq!(say(&mut peer, &event(&service(), 2), &good), SUCCESS, "and the association goes on");
}

#[test]
fn without_sink_and_answering_both_are_unrecognised() {
    let device = Device::new(|_| {});
    let mut peer = device.connect();
    peer.ask(&associate_rq(IMPLICIT, Some((true, true))));
    assert_eq!(peer.roles, [(false, true)], "a peer may not ask, and may report");
    let unrecognised = Reply::Status(Status::UNRECOGNIZED_OPERATION);
    let asked = request(&["1.2.3.4"]).to_bytes(LITTLE);
    assert_eq!(say(&mut peer, &action(&service(), 1), &asked), unrecognised);
    assert_eq!(say(&mut peer, &event(&service(), 1), &report(&["1.2.3.4"], &[]).to_bytes(LITTLE)), unrecognised);
    let mut other = device.associate();
    other.say(&wire::command(STORE, &action(&service(), 1)));
    other.say(&wire::data(STORE, true, &asked));
    assert_eq!(other.reply(), unrecognised, "on a context of storage");
    assert_eq!(other.store("1.2.3.4", &dataset("1.2.3.4", 2)), SUCCESS);
}

#[test]
fn what_is_held_is_committed_and_nothing_else() {
    let device = Device::new(answering);
    let mut peer = device.connect();
    peer.ask(&associate_rq(EXPLICIT, Some((true, false))));
    assert_eq!(peer.roles, [(true, false)]);
    let encoding = Encoding::ExplicitLittle;
    for instance in ["1.2.3.4", "1.2.3.5", "1.2.3.6"] {
        assert_eq!(peer.store(instance, &dataset(instance, 2)), SUCCESS);
    }
    assert_eq!(commit(&mut peer, &request(&["1.2.3.4", "1.2.3.5"]), encoding), report(&["1.2.3.4", "1.2.3.5"], &[]));
    // Never sent; of another class; of this class and another one in one request; its file is gone.
    let other = |instance| Sop { class: uid("1.2.840.10008.5.1.4.1.1.7"), instance: uid(instance) };
    let mut asked = request(&["1.2.3.4", "1.2.3.9", "1.2.3.6"]);
    asked.instances.extend([other("1.2.3.5"), other("1.2.3.6")]);
    let told = commit(&mut peer, &asked, encoding);
    assert_eq!(told.committed, [sop("1.2.3.4")]);
    let failures = [
        (sop("1.2.3.9"), reason::NO_SUCH_INSTANCE),
        (other("1.2.3.5"), reason::CLASS_INSTANCE_CONFLICT),
        (other("1.2.3.6"), reason::CLASS_INSTANCE_CONFLICT),
    ];
    assert_eq!(told.failed, failures.map(|(sop, reason)| Failed { sop, reason }));
    for file in device.spooled() {
        std::fs::remove_file(file).unwrap();
    }
    let gone = [("1.2.3.4", reason::NO_SUCH_INSTANCE)];
    assert_eq!(commit(&mut peer, &request(&["1.2.3.4"]), encoding), report(&[], &gone));
    assert_eq!(peer.release(), Reply::Released);
}

#[test]
fn ten_thousand_instances_are_answered_and_one_more_is_not() {
    let device = Device::new(answering);
    let mut peer = device.connect();
    // The smallest PDUs that are accepted.
    peer.ask(&AssociateRq { pdu_bytes_max: 1024, ..associate_rq(IMPLICIT, None) });
    let many = |count: usize| Request {
        instances: (0..count).map(|number| sop(&format!("1.2.3.{number}"))).collect(),
        ..request(&[])
    };
    let told = commit(&mut peer, &many(INSTANCES_MAX), LITTLE);
    assert_eq!((told.committed.len(), told.failed.len()), (0, INSTANCES_MAX));
    let reply = say(&mut peer, &action(&service(), 1), &many(INSTANCES_MAX + 1).to_bytes(LITTLE));
    assert_eq!(reply, Reply::Status(Status::RESOURCE_LIMITATION));
    assert_eq!(peer.echo(), SUCCESS);
}

#[test]
fn unsound_requests_are_answered_so() {
    let device = Device::new(answering);
    let mut peer = associate(&device);
    let good = request(&["1.2.3.4"]).to_bytes(LITTLE);
    let other = Sop { instance: uid("1.2.3.4"), ..service() };
    for (what, command, data, status) in [
        ("another action", action(&service(), 2), &good[..], Status::NO_SUCH_ACTION),
        ("another instance", action(&other, 1), &good, Status::NO_SUCH_INSTANCE),
        ("garbage", action(&service(), 1), &[0xAB; 500], Status::PROCESSING_FAILURE),
        ("no instance", action(&service(), 1), &request(&[]).to_bytes(LITTLE), Status::INVALID_ARGUMENT),
    ] {
        assert_eq!(say(&mut peer, &command, data), Reply::Status(status), "{what}");
    }
    let Sop { class: sop_class, instance: sop_instance } = service();
    let bare = ActionRequest { message_id: 3, sop_class, sop_instance, action_type: 1, has_data_set: false };
    peer.say(&wire::command(COMMIT, &bare.to_bytes()));
    assert_eq!(peer.reply(), Reply::Status(Status::INVALID_ARGUMENT), "no data set at all");
    assert_eq!(peer.echo(), SUCCESS);
    // A response to nothing, and to another message than the report.
    peer.say(&wire::command(COMMIT, &dimse::response(dimse::N_EVENT_REPORT_RQ, 1, Status::SUCCESS)));
    assert_eq!(peer.reply(), INVALID);
}

#[test]
fn a_data_set_has_a_deadline_and_its_context() {
    let device = Device::new(|config| {
        answering(config);
        config.idle_timeout_ms = 300;
    });
    let mut flooding = associate(&device);
    flooding.say(&wire::command(COMMIT, &action(&service(), 1)));
    assert_eq!(flooding.flood(&wire::data(COMMIT, false, &[0; 100]).repeat(100)), Reply::Aborted([2, 0]));
    let mut astray = associate(&device);
    astray.say(&wire::command(COMMIT, &action(&service(), 1)));
    astray.say(&wire::data(STORE, true, &[0; 100]));
    assert_eq!(astray.reply(), Reply::Aborted([2, 2]));
    device.still_works();
}

/// What a peer does once it has the answer to its request.
type Leave = fn(&mut Peer);

/// A peer that is called: grants the role or not, and answers each report with the next status.
struct Unit {
    address: ReportAddress,
    thread: std::thread::JoinHandle<Vec<Report>>,
}

struct Granting;

impl Negotiation for Granting {
    fn negotiate_roles(&self, _: &str, scu: bool, scp: bool) -> Option<RequestorRoles> {
        Some(RequestorRoles { scu, scp })
    }
}

impl Unit {
    fn answering(statuses: &'static [Status]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ReportAddress::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let thread = std::thread::spawn(move || {
            statuses.iter().map(|status| serve_report(listener.accept().unwrap().0, *status)).collect()
        });
        Self { address, thread }
    }
}

/// Takes one report on a new association.
fn serve_report(stream: std::net::TcpStream, status: Status) -> Report {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let options = ServerAssociationOptions::new().accept_any().with_negotiation(Granting);
    let options = options.with_abstract_syntax(sop_class::STORAGE_COMMITMENT).with_transfer_syntax(IMPLICIT);
    let mut association = options.ae_title("UNIT").accept_called_ae_title().establish(stream).unwrap();
    let (mut command, mut data) = (Vec::new(), Vec::new());
    loop {
        let Pdu::PData { data: values } = association.receive().unwrap() else { panic!("no report") };
        for value in values {
            let is_data = value.value_type == PDataValueType::Data;
            if is_data { &mut data } else { &mut command }.extend(value.data);
            if !(is_data && value.is_last) {
                continue;
            }
            let dimse::Request::EventReport(event) = dimse::Request::parse(&command).unwrap() else { panic!() };
            let (presentation_context_id, value_type) = (value.presentation_context_id, PDataValueType::Command);
            let answer =
                PDataValue { presentation_context_id, value_type, is_last: true, data: event.response(status) };
            association.send(&Pdu::PData { data: vec![answer] }).unwrap();
            assert!(matches!(association.receive(), Ok(Pdu::ReleaseRQ)));
            association.send(&Pdu::ReleaseRP).unwrap();
            return Report::parse(event.event_type, &data, LITTLE).unwrap();
        }
    }
}

#[test]
fn a_report_that_is_not_answered_here_is_sent_elsewhere_until_it_is() {
    let leave: [(&str, Leave, &'static [Status]); 4] = [
        ("released without looking at the report", |peer| peer.say(&wire::pdu(5, &[0; 4])), &[Status::SUCCESS]),
        ("closed", |_| {}, &[Status::SUCCESS]),
        (
            "refused the report",
            |peer| {
                let (event, _) = read_report(peer, LITTLE);
                peer.say(&wire::command(COMMIT, &event.response(Status::UNRECOGNIZED_OPERATION)));
                assert_eq!(peer.echo(), SUCCESS);
            },
            &[Status::SUCCESS],
        ),
        (
            "never said a word",
            |peer| {
                read_report(peer, LITTLE);
                assert_eq!(peer.reply(), Reply::Aborted([2, 0]));
            },
            &[Status::PROCESSING_FAILURE, Status::SUCCESS],
        ),
    ];
    for (what, leave, statuses) in leave {
        let unit = Unit::answering(statuses);
        let device = Device::new(|config| {
            answering(config);
            config.idle_timeout_ms = 2000;
            config.commitment_report_to = [(AeTitle::parse("UNIT").unwrap(), unit.address)].into();
        });
        let mut peer = associate(&device);
        assert_eq!(peer.store("1.2.3.4", &dataset("1.2.3.4", 2)), SUCCESS);
        let asked = request(&["1.2.3.4", "1.2.3.5"]).to_bytes(LITTLE);
        assert_eq!(say(&mut peer, &action(&service(), 1), &asked), SUCCESS);
        leave(&mut peer);
        drop(peer);
        let told = report(&["1.2.3.4"], &[("1.2.3.5", reason::NO_SUCH_INSTANCE)]);
        assert_eq!(unit.thread.join().unwrap(), vec![told; statuses.len()], "{what}");
    }
}

#[test]
fn a_report_without_a_way_holds_neither_the_device_nor_its_end() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = ReportAddress::parse(&nobody.local_addr().unwrap().to_string()).unwrap();
    for report_to in [None, Some(address)] {
        let device = Device::new(|config| {
            answering(config);
            config.associations_max = 100;
            config.associations_per_peer_max = 100;
            config.commitment_report_to =
                report_to.into_iter().map(|address| (AeTitle::parse("UNIT").unwrap(), address)).collect();
        });
        // More than wait and are on their way, to a peer that takes the connection and says nothing.
        for _ in 0..20 {
            let mut peer = associate(&device);
            let asked = request(&["1.2.3.4"]).to_bytes(LITTLE);
            assert_eq!(say(&mut peer, &action(&service(), 1), &asked), SUCCESS);
        }
        device.still_works();
        device.stop();
        eventually("the device stops", || device.has_stopped());
    }
}
