//! A device's queue with something to deliver, and a real storage SCP.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use contract::{Digest, Uid};
use dataset::testing::DataSetWriter;
use domain::eligibility::ExclusionReason;
use domain::{
    AeTitle, Choice, Delivery, DeliveryId, DeliveryState, DestinationName, InstanceKey, InstanceOutcome,
    ReceivedInstance, Reported, ResultKind, RetryPolicy, Sop, StoredFile, StudyKey, UnixMillis,
};
use forwarder::{CommitmentReports, DestinationConfig, Forwarder, Nudge};
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig};
use scu::Timeouts;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub const CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// A SOP class that the receiver does not know.
pub const UNKNOWN_CLASS: &str = "1.2.840.10008.5.1.4.1.1.88.22";
pub const RETRY: RetryPolicy = RetryPolicy { first_ms: 1, longest_ms: 20, attempts_max: 4 };

/// A device's queue with studies to deliver, and a runtime for the forwarder.
pub struct Sender {
    pub folder: tempfile::TempDir,
    pub queue: Queue,
    pub state: StateDir,
    pub runtime: Runtime,
    pub stop: watch::Sender<bool>,
}

impl Sender {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(&folder.path().join("state")).unwrap();
        let (queue, _) = Queue::open(&state, &receiver::reread, UnixMillis(0)).unwrap();
        Self { folder, queue, state, runtime: Runtime::new().unwrap(), stop: watch::Sender::new(false) }
    }

    /// Hands over study `number` with `objects` result objects for `destination`.
    pub fn report(&self, number: usize, objects: usize, destination: &str, class: &str) -> Vec<Delivery> {
        let study = StudyKey(Uid::derived(&["study", &number.to_string()]));
        let deliveries: Vec<Delivery> =
            (0..objects).map(|object| self.delivery(&study, number, object, destination, class)).collect();
        self.hand_over(number, &study, &deliveries);
        deliveries
    }

    /// Hands over study `number` with two objects that stand for each other.
    pub fn report_choice(&self, number: usize, objects: [(&str, Option<Choice>); 2]) -> (Delivery, Delivery) {
        let study = StudyKey(Uid::derived(&["study", &number.to_string()]));
        let [first, second] = [0, 1].map(|place| {
            let (class, choice) = objects[place];
            let delivery = self.delivery(&study, number, place, "pacs", class);
            let state = if place == 0 { delivery.state.clone() } else { DeliveryState::Standby };
            Delivery { choice, state, ..delivery }
        });
        self.hand_over(number, &study, &[first.clone(), second.clone()]);
        (first, second)
    }

    fn hand_over(&self, number: usize, study: &StudyKey, deliveries: &[Delivery]) {
        let instance = received(number, study);
        std::fs::write(self.state.spool().join(&instance.spool.name), "x").unwrap();
        self.queue.admit(&instance).unwrap();
        let outcome = InstanceOutcome::Excluded { reason: ExclusionReason::NotScreeningView };
        self.queue.record_outcome(&instance.key, None, outcome).unwrap();
        let reported = Reported { revision: 1, instances: BTreeSet::from([instance.key]), ..Reported::default() };
        self.queue.hand_over(study, &reported, deliveries).unwrap();
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

    pub fn forward(&self, config: DestinationConfig) -> Nudge {
        self.forward_with_reports(config).0
    }

    /// The same, with what takes answers about commitment from elsewhere.
    pub fn forward_with_reports(&self, config: DestinationConfig) -> (Nudge, CommitmentReports) {
        let us = AeTitle::parse("MAMORU").unwrap();
        let forwarder = Forwarder::new(vec![config], &us, &self.queue, &self.state).unwrap();
        let handles = (forwarder.nudge(), forwarder.commitment_reports());
        self.runtime.spawn(forwarder.run(self.stop.subscribe()));
        handles
    }

    /// All deliveries, in their order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.queue.deliveries(|_| true, usize::MAX).unwrap()
    }

    pub fn wait_for(&self, what: &str, condition: impl Fn(&queue::Counts) -> bool) {
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
pub struct Pacs {
    pub address: SocketAddr,
    pub queue: Queue,
    pub stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Pacs {
    pub fn start(runtime: &Runtime, folder: &Path, listen: SocketAddr, free_min: u64) -> Self {
        let config = ReceiverConfig {
            listen: listen.into(),
            ae_title: "PACS".into(),
            disk_free_bytes_min: free_min,
            ..ReceiverConfig::default()
        };
        Self::start_with(runtime, folder, config)
    }

    pub fn start_with(runtime: &Runtime, folder: &Path, config: ReceiverConfig) -> Self {
        let state = StateDir::create(folder).unwrap();
        let (queue, _) = Queue::open(&state, &receiver::reread, UnixMillis(0)).unwrap();
        let receiver = runtime.block_on(Receiver::bind(config, queue.clone(), state)).unwrap();
        let (address, stop) = (receiver.local_addr(), watch::Sender::new(false));
        let task = runtime.spawn(receiver.run(stop.subscribe()));
        Self { address, queue, stop, task }
    }

    pub fn stop(self, runtime: &Runtime) {
        self.stop.send(true).unwrap();
        runtime.block_on(self.task).unwrap();
    }

    /// The instances that it has, in the order of their arrival.
    pub fn instances(&self) -> Vec<InstanceKey> {
        self.queue.waiting(usize::MAX).unwrap().into_iter().map(|record| record.received.key).collect()
    }
}

pub fn to_pacs(address: SocketAddr) -> DestinationConfig {
    DestinationConfig {
        address: Some(address.to_string()),
        called_ae: Some(AeTitle::parse("PACS").unwrap()),
        retry: RETRY,
        timeouts: Timeouts { connect_ms: 2_000, send_ms: 2_000, response_ms: 2_000 },
        ..DestinationConfig::named(DestinationName::parse("pacs").unwrap())
    }
}

pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> SocketAddr {
    TcpListener::bind(any_port()).unwrap().local_addr().unwrap()
}

pub fn keys(deliveries: &[Delivery]) -> Vec<InstanceKey> {
    deliveries.iter().map(|delivery| InstanceKey(delivery.sop.clone().unwrap().instance)).collect()
}
