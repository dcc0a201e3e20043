//! Deliveries to a storage SCP and to a folder: order, outages, refusals, parked objects.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use contract::{Digest, Uid};
use dataset::testing::DataSetWriter;
use domain::eligibility::ExclusionReason;
use domain::{
    AeTitle, Delivery, DeliveryId, DeliveryState, DestinationName, InstanceKey, InstanceOutcome, ReceivedInstance,
    Reported, ResultKind, RetryPolicy, Sop, StoredFile, StudyKey, UnixMillis,
};
use forwarder::{DestinationConfig, Forwarder, Nudge};
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig};
use scu::Timeouts;
use tokio::runtime::Runtime;
use tokio::sync::watch;

const CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// A SOP class that the receiver does not know.
const UNKNOWN_CLASS: &str = "1.2.840.10008.5.1.4.1.1.88.22";
const RETRY: RetryPolicy = RetryPolicy { first_ms: 1, longest_ms: 20, attempts_max: 4 };

/// A device's queue with studies to deliver, and a runtime for the forwarder.
struct Sender {
    folder: tempfile::TempDir,
    queue: Queue,
    state: StateDir,
    runtime: Runtime,
    stop: watch::Sender<bool>,
}

impl Sender {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(&folder.path().join("state")).unwrap();
        let (queue, _) = Queue::open(&state, &receiver::reread, UnixMillis(0)).unwrap();
        Self { folder, queue, state, runtime: Runtime::new().unwrap(), stop: watch::Sender::new(false) }
    }

    /// Hands over study `number` with `objects` result objects for `destination`.
    fn report(&self, number: usize, objects: usize, destination: &str, class: &str) -> Vec<Delivery> {
        let study = StudyKey(Uid::derived(&["study", &number.to_string()]));
        let instance = received(number, &study);
        std::fs::write(self.state.spool().join(&instance.spool.name), "x").unwrap();
        self.queue.admit(&instance).unwrap();
        let outcome = InstanceOutcome::Excluded { reason: ExclusionReason::NotScreeningView };
        self.queue.record_outcome(&instance.key, None, outcome).unwrap();
        let deliveries: Vec<Delivery> =
            (0..objects).map(|object| self.delivery(&study, number, object, destination, class)).collect();
        let reported = Reported { revision: 1, instances: BTreeSet::from([instance.key]), ..Reported::default() };
        self.queue.hand_over(&study, &reported, &deliveries).unwrap();
        deliveries
    }

    fn delivery(&self, study: &StudyKey, number: usize, object: usize, destination: &str, class: &str) -> Delivery {
        let instance = Uid::derived(&["object", &number.to_string(), &object.to_string()]);
        let name = format!("study-{number}-{object}.dcm");
        let file = self.state.write(&self.state.results(), &name, &part_10(class, &instance, study)).unwrap();
        let destination = DestinationName::parse(destination).unwrap();
        Delivery {
            id: DeliveryId::of(study, 1, &destination, &name),
            destination,
            study: study.clone(),
            revision: 1,
            kind: ResultKind::Heatmap,
            choice: None,
            sop: Some(Sop { class: Uid::parse(class).unwrap(), instance }),
            file,
            attempts: 0,
            last_error: None,
            state: DeliveryState::Due { at: UnixMillis(0) },
        }
    }

    fn forward(&self, config: DestinationConfig) -> Nudge {
        let us = AeTitle::parse("MAMORU").unwrap();
        let forwarder = Forwarder::new(vec![config], &us, &self.queue, &self.state).unwrap();
        let nudge = forwarder.nudge();
        self.runtime.spawn(forwarder.run(self.stop.subscribe()));
        nudge
    }

    fn wait_for(&self, what: &str, condition: impl Fn(&queue::Counts) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut changes = self.queue.changes();
        loop {
            let counts = self.queue.counts().unwrap();
            if condition(&counts) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: {counts:?}");
            // A change, or time for another look at the clock.
            let _ = self
                .runtime
                .block_on(async { tokio::time::timeout(Duration::from_millis(200), changes.changed()).await });
        }
    }
}

fn received(number: usize, study: &StudyKey) -> ReceivedInstance {
    ReceivedInstance {
        key: InstanceKey(Uid::derived(&["instance", &number.to_string()])),
        study: study.clone(),
        sop_class: Uid::parse(CAPTURE).unwrap(),
        calling_ae: AeTitle::parse("UNIT").unwrap(),
        transfer_syntax: Uid::parse("1.2.840.10008.1.2.1").unwrap(),
        spool: StoredFile { name: format!("{number:013}.dcm"), len: 1, sha256: Digest::of(b"x") },
        dataset_sha256: Digest::of(number.to_string().as_bytes()),
        received_at: UnixMillis(0),
    }
}

/// A small Part 10 file.
fn part_10(class: &str, instance: &Uid, study: &StudyKey) -> Vec<u8> {
    let writer = DataSetWriter::part_10().uids(class, instance.as_str(), study.0.as_str());
    writer.grey(2, 2, 8, 8).element(0x7FE0, 0x10, "OW", &[1, 2, 3, 4]).bytes
}

/// A storage SCP that can be stopped and started on the same port.
struct Pacs {
    address: SocketAddr,
    queue: Queue,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Pacs {
    fn start(runtime: &Runtime, folder: &Path, listen: SocketAddr, free_min: u64) -> Self {
        let state = StateDir::create(folder).unwrap();
        let (queue, _) = Queue::open(&state, &receiver::reread, UnixMillis(0)).unwrap();
        let config = ReceiverConfig {
            listen,
            ae_title: "PACS".into(),
            disk_free_bytes_min: free_min,
            ..ReceiverConfig::default()
        };
        let receiver = runtime.block_on(Receiver::bind(config, queue.clone(), state)).unwrap();
        let (address, stop) = (receiver.local_addr(), watch::Sender::new(false));
        let task = runtime.spawn(receiver.run(stop.subscribe()));
        Self { address, queue, stop, task }
    }

    fn stop(self, runtime: &Runtime) {
        self.stop.send(true).unwrap();
        runtime.block_on(self.task).unwrap();
    }

    /// The instances that it has, in the order of their arrival.
    fn instances(&self) -> Vec<InstanceKey> {
        self.queue.waiting(usize::MAX).unwrap().into_iter().map(|record| record.received.key).collect()
    }
}

fn to_pacs(address: SocketAddr) -> DestinationConfig {
    DestinationConfig {
        name: DestinationName::parse("pacs").unwrap(),
        address: Some(address.to_string()),
        called_ae: Some(AeTitle::parse("PACS").unwrap()),
        calling_ae: None,
        folder: None,
        objects: None,
        concurrency: 2,
        retry: RETRY,
        timeouts: Timeouts { connect_ms: 2_000, send_ms: 2_000, response_ms: 2_000 },
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    TcpListener::bind(any_port()).unwrap().local_addr().unwrap()
}

fn keys(deliveries: &[Delivery]) -> Vec<InstanceKey> {
    deliveries.iter().map(|delivery| InstanceKey(delivery.sop.clone().unwrap().instance)).collect()
}

#[test]
fn objects_arrive_in_their_study_s_order_and_once() {
    let sender = Sender::new();
    let pacs = Pacs::start(&sender.runtime, &sender.folder.path().join("pacs"), any_port(), 0);
    let studies: Vec<_> = (0..3).map(|number| sender.report(number, 4, "pacs", CAPTURE)).collect();
    sender.forward(to_pacs(pacs.address));
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == 12);
    let arrived = pacs.instances();
    assert_eq!(arrived.len(), 12);
    for deliveries in studies {
        let wanted = keys(&deliveries);
        let of_study: Vec<_> = arrived.iter().filter(|key| wanted.contains(key)).cloned().collect();
        assert_eq!(of_study, wanted);
    }
}

#[test]
fn an_outage_delays_and_loses_nothing() {
    let sender = Sender::new();
    let folder = sender.folder.path().join("pacs");
    let address = free_port();
    sender.report(1, 2, "pacs", CAPTURE);
    sender.report(2, 2, "pacs", CAPTURE);
    let patient = RetryPolicy { attempts_max: 1_000_000, ..RETRY };
    sender.forward(DestinationConfig { retry: patient, ..to_pacs(address) });
    let tried = |sender: &Sender| sender.queue.deliveries(|_| true, 9).unwrap().iter().any(|one| one.attempts >= 3);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !tried(&sender) {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::yield_now();
    }
    let first = sender.queue.deliveries(|_| true, 1).unwrap().remove(0);
    assert_eq!(first.last_error.as_deref(), Some("cannot connect: connection refused"));
    let pacs = Pacs::start(&sender.runtime, &folder, address, 0);
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == 4);
    assert_eq!(pacs.instances().len(), 4);
    pacs.stop(&sender.runtime);
    sender.report(3, 1, "pacs", CAPTURE);
    let pacs = Pacs::start(&sender.runtime, &folder, address, 0);
    sender.wait_for("the next one too", |counts| counts.deliveries_delivered == 5);
    assert_eq!(pacs.instances().len(), 5);
}

#[test]
fn a_full_destination_is_tried_again_until_a_person_is_asked() {
    let sender = Sender::new();
    let folder = sender.folder.path().join("pacs");
    let full = Pacs::start(&sender.runtime, &folder, any_port(), u64::MAX);
    let address = full.address;
    sender.report(1, 1, "pacs", CAPTURE);
    let nudge = sender.forward(to_pacs(address));
    sender.wait_for("it is parked", |counts| counts.deliveries_parked == 1);
    let parked = sender.queue.deliveries(|_| true, 1).unwrap().remove(0);
    assert_eq!(parked.attempts, RETRY.attempts_max);
    assert_eq!(parked.last_error.as_deref(), Some("destination answered with status A700"));
    full.stop(&sender.runtime);
    let pacs = Pacs::start(&sender.runtime, &folder, address, 0);
    sender.queue.retry(&parked.id, UnixMillis(0)).unwrap();
    nudge.now();
    sender.wait_for("it is delivered", |counts| counts.deliveries_delivered == 1);
    assert_eq!(pacs.instances().len(), 1);
}

#[test]
fn what_the_destination_does_not_take_is_parked_at_once_and_holds_up_nothing() {
    let sender = Sender::new();
    let pacs = Pacs::start(&sender.runtime, &sender.folder.path().join("pacs"), any_port(), 0);
    sender.report(1, 1, "pacs", UNKNOWN_CLASS);
    sender.report(2, 1, "pacs", CAPTURE);
    let lost = sender.report(3, 1, "pacs", CAPTURE);
    std::fs::remove_file(sender.state.results().join(&lost[0].file.name)).unwrap();
    sender.forward(to_pacs(pacs.address));
    sender.wait_for("all are settled", |counts| (counts.deliveries_parked, counts.deliveries_delivered) == (2, 1));
    for parked in sender.queue.deliveries(|state| matches!(state, DeliveryState::Parked { .. }), 9).unwrap() {
        assert_eq!(parked.attempts, 1, "{:?}", parked.last_error);
    }
}

#[test]
fn a_folder_gets_its_files_also_when_it_could_not_be_written_at_first() {
    let sender = Sender::new();
    let folder = sender.folder.path().join("results");
    // A file stands where the folder should be.
    std::fs::write(&folder, "in the way").unwrap();
    let deliveries = sender.report(1, 2, "folder", CAPTURE);
    let patient = RetryPolicy { attempts_max: 1_000_000, ..RETRY };
    let config = DestinationConfig {
        name: DestinationName::parse("folder").unwrap(),
        address: None,
        called_ae: None,
        folder: Some(folder.clone()),
        retry: patient,
        ..to_pacs(any_port())
    };
    sender.forward(config);
    let deadline = Instant::now() + Duration::from_secs(30);
    while sender.queue.deliveries(|_| true, 1).unwrap()[0].attempts == 0 {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::yield_now();
    }
    std::fs::remove_file(&folder).unwrap();
    sender.wait_for("all are delivered", |counts| counts.deliveries_delivered == 2);
    for delivery in deliveries {
        let source = std::fs::read(sender.state.results().join(&delivery.file.name)).unwrap();
        assert_eq!(std::fs::read(folder.join(&delivery.file.name)).unwrap(), source);
    }
}

#[test]
fn wrong_destinations_are_refused_with_their_names() {
    let sender = Sender::new();
    let us = AeTitle::parse("MAMORU").unwrap();
    let both = DestinationConfig { folder: Some("a".into()), ..to_pacs(any_port()) };
    let error = Forwarder::new(vec![both], &us, &sender.queue, &sender.state).unwrap_err();
    assert!(error.starts_with("destination pacs: give either"), "{error}");
}
