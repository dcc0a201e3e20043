//! The device under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dimse::Status;
use domain::UnixMillis;
use queue::{Queue, StateDir};
use receiver::{CommitmentSink, Counters, Receiver, ReceiverConfig, Traffic, reread};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{AssociateRq, Peer, Reply};

/// A receiver on a free port with state of its own. Dropping it stops it and demands that nothing in it panicked.
pub struct Device {
    pub address: SocketAddr,
    pub tls_address: Option<SocketAddr>,
    pub queue: Queue,
    pub state: StateDir,
    pub counters: Arc<Counters>,
    pub traffic: Arc<Traffic>,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<()>>,
    pub folder: tempfile::TempDir,
}

impl Device {
    pub fn new(change: impl FnOnce(&mut ReceiverConfig)) -> Self {
        Self::with_sink(change, None)
    }

    pub fn with_sink(change: impl FnOnce(&mut ReceiverConfig), sink: Option<Arc<dyn CommitmentSink>>) -> Self {
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
        let receiver = match sink {
            Some(sink) => receiver.with_commitment_sink(sink),
            None => receiver,
        };
        let (address, counters) = (receiver.local_addr(), receiver.counters());
        let (tls_address, traffic) = (receiver.tls_addr(), receiver.traffic());
        let (stop, stopped) = watch::channel(false);
        let running = Some(runtime.spawn(receiver.run(stopped)));
        Self { address, tls_address, queue, state, counters, traffic, runtime, stop, running, folder }
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    pub fn associate(&self) -> Peer {
        Peer::associate(self.address)
    }

    /// Runs something on the device's runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Files of the spool.
    pub fn spooled(&self) -> Vec<PathBuf> {
        files(&self.state.spool())
    }

    /// Files of the quarantine, oldest first.
    pub fn quarantined(&self) -> Vec<PathBuf> {
        files(&self.folder.path().join("quarantine"))
    }

    /// Waits until no file is being received: a peer sees its connection close before the device has cleared up.
    pub fn has_no_part_file(&self) {
        eventually("part files are removed", || files(&self.state.incoming()).is_empty());
    }

    /// Can it still be reached, also when its places are only about to come back?
    pub fn still_works(&self) {
        eventually("the device answers an echo", || {
            let mut peer = self.connect();
            matches!(peer.ask(&AssociateRq::default()), Reply::Accepted(_))
                && peer.echo() == Reply::Status(Status::SUCCESS)
        });
    }

    /// Tells it to stop; it does when what is open has ended.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub fn has_stopped(&self) -> bool {
        self.running.as_ref().is_some_and(JoinHandle::is_finished)
    }

    pub fn count(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.stop();
        let running = self.running.take().unwrap();
        let ended = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), running).await });
        ended.expect("the device stops").expect("the device did not panic");
        assert_eq!(Self::count(&self.counters.panics), 0, "nothing in the device panicked");
    }
}

/// The plain files of a folder by name; none when there is no folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Waits for a condition.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}
