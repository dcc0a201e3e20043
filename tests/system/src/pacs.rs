//! A storage SCP that receives results and can be taken away.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use domain::{InstanceRecord, UnixMillis};
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig, ReceiverError, reread};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wait::until;

/// A PACS with the AE title `PACS` that keeps everything. It has one port for its whole life, also when it is down.
#[derive(Debug)]
pub struct Pacs {
    runtime: Runtime,
    address: SocketAddr,
    /// Bound and never listening: keeps the port from others while the PACS is down.
    _port: TcpSocket,
    queue: Queue,
    state: StateDir,
    service: Option<Service>,
}

#[derive(Debug)]
struct Service {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Pacs {
    /// A PACS with its files in `folder`, running.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let state = StateDir::create(folder).unwrap();
        let (queue, _) = Queue::open(&state, &reread, UnixMillis(0)).unwrap();
        let port = TcpSocket::new_v4().unwrap();
        port.set_reuseaddr(true).unwrap();
        port.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = port.local_addr().unwrap();
        let mut pacs = Self { runtime, address, _port: port, queue, state, service: None };
        pacs.up();
        pacs
    }

    /// Where it listens, or did.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nobody listens: connections are refused.
    pub fn down(&mut self) {
        if let Some(service) = self.service.take() {
            let _ = service.stop.send(true);
            self.runtime.block_on(service.task).unwrap();
        }
    }

    /// Takes everything.
    pub fn up(&mut self) {
        self.receive(ReceiverConfig { disk_free_bytes_min: 0, ..ReceiverConfig::default() });
    }

    /// Answers every object with A700.
    pub fn full(&mut self) {
        self.receive(ReceiverConfig { disk_free_bytes_min: u64::MAX, ..ReceiverConfig::default() });
    }

    /// Takes everything, and commits itself to what it has when it is asked.
    pub fn committing(&mut self) {
        let config = ReceiverConfig { disk_free_bytes_min: 0, commitment_answered: true, ..ReceiverConfig::default() };
        self.receive(config);
    }

    /// Accepts connections and closes them at once.
    pub fn hanging_up(&mut self) {
        self.down();
        let listener = free(|| match self.runtime.block_on(TcpListener::bind(self.address)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => None,
            bound => Some(bound.unwrap()),
        });
        let (stop, mut stopped) = watch::channel(false);
        let task = self.runtime.spawn(async move {
            loop {
                tokio::select! {
                    connection = listener.accept() => drop(connection),
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
            }
        });
        self.service = Some(Service { stop, task });
    }

    fn receive(&mut self, config: ReceiverConfig) {
        self.down();
        let config = ReceiverConfig { listen: self.address.into(), ae_title: "PACS".into(), ..config };
        let receiver = free(|| {
            let bound = Receiver::bind(config.clone(), self.queue.clone(), self.state.clone());
            match self.runtime.block_on(bound) {
                Err(ReceiverError::Listen { source, .. }) if source.kind() == ErrorKind::AddrInUse => None,
                bound => Some(bound.unwrap()),
            }
        });
        let (stop, stopped) = watch::channel(false);
        let task = self.runtime.spawn(receiver.run(stopped));
        self.service = Some(Service { stop, task });
    }

    /// What it has, in the order of arrival; what came twice with the same bytes is there once.
    #[must_use]
    pub fn records(&self) -> Vec<InstanceRecord> {
        self.queue.waiting(usize::MAX).unwrap()
    }

    /// How often an object came with a UID that other bytes had before.
    #[must_use]
    pub fn conflicts(&self) -> usize {
        self.queue.counts().unwrap().conflicts
    }

    /// The file of a record.
    #[must_use]
    pub fn file(&self, record: &InstanceRecord) -> std::path::PathBuf {
        self.state.spool().join(&record.received.spool.name)
    }
}

/// What `bind` binds to the port. A process that another test is just starting has a copy of the listener that was closed,
/// until it becomes the program.
fn free<T>(bind: impl FnMut() -> Option<T>) -> T {
    until("the port of the PACS is free", Duration::from_secs(30), bind)
}

impl Drop for Pacs {
    fn drop(&mut self) {
        self.down();
    }
}
