//! The DICOM receiver: a C-ECHO, C-STORE and storage commitment SCP that answers "success" only for what is durably ours.
//!
//! # Design
//!
//! **Write.** The data set's wire bytes go to `spool/incoming/<name>.part` as they come, behind a Part 10 header of our own,
//! with constant memory per association. After the last byte: bounded pre-scan, comparison of the UIDs with the command,
//! `fsync`, rename into `spool/`, `fsync` of the folder, row in the queue, committed. Only then status 0000.
//!
//! **Refuse.** Out of space or over a limit: A700, and the sender keeps its study. Unreadable: C000; contradicting itself,
//! its command or an instance that is ours: A900. What C000 and A900 refuse is kept in `quarantine/`, which is bounded. A
//! peer that breaks the protocol, stalls or trickles is aborted; what was acknowledged before stays. Connections beyond
//! the limits are rejected as long as few are, and closed beyond.
//!
//! **Crash.** `.part` files are removed at the next start; a file in `spool/` without a row is admitted then ([`reread`]).
//!
//! **Storage commitment.** What peers report goes to a [`CommitmentSink`]. What they ask is answered only where the
//! configuration says so, by what the queue holds at that moment; the report follows on the same association, or, when the
//! peer has left it, on one of ours.
//!
//! **TLS.** On a listener of its own, mutual where the configuration says so; calling AE titles may be bound to certificates.
//!
//! Never here: judgement of images, decoding, a peer's text as a path or unescaped in a log.

mod admission;
mod association;
mod commitment;
mod config;
mod door;
mod farewell;
mod listen;
mod negotiation;
mod peer_network;
mod places;
mod quarantine;
mod session;
mod spool;
mod traffic;
mod transfer;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use queue::{Queue, StateDir};
use secure_transport::{Acceptor, FileFault, Requestor};
use thiserror::Error;
use tokio::sync::{mpsc, watch};

pub use association::TRANSFER_SYNTAXES;
pub use commitment::{CommitmentSink, ReportAddress, ReportAddressError};
pub use config::ReceiverConfig;
pub use dicom_ul::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
pub use listen::{Listen, ListenError, TlsConfig};
pub use peer_network::{PeerNetwork, PeerNetworkError};
pub use spool::reread;
pub use traffic::Traffic;

use commitment::{Outbox, Outgoing};
use door::{Door, Listeners};
use quarantine::Quarantine;

/// How long an instance that is being received may take to finish once the service stops; its sender keeps what does not.
pub const STOP_GRACE: Duration = Duration::from_secs(10);

/// Why the receiver cannot start.
#[derive(Debug, Error)]
pub enum ReceiverError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The settings contradict each other.
    #[error("{0}")]
    Config(String),
    /// The files for TLS cannot be used.
    #[error("receiver.tls: {0}")]
    Tls(FileFault),
    /// The folder for refused data sets cannot be made or read.
    #[error("quarantine folder cannot be opened: {}", .0.kind())]
    Quarantine(std::io::Error),
}

/// What the receiver has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Associations that were accepted.
    pub associations: AtomicU64,
    /// Associations that were rejected in their negotiation, aborted or broken off.
    pub associations_failed: AtomicU64,
    /// Connections that were turned away before an association: address not allowed, or no place.
    pub connections_refused: AtomicU64,
    /// TLS handshakes that failed; they count as failed associations too.
    pub handshakes_failed: AtomicU64,
    /// Associations that were rejected because their calling AE title belongs to another certificate; they too.
    pub certificates_refused: AtomicU64,
    /// Instances that were acknowledged, duplicates included.
    pub instances_acknowledged: AtomicU64,
    /// Instances that were answered with a failure.
    pub instances_refused: AtomicU64,
    /// Instances that were put into the quarantine.
    pub instances_quarantined: AtomicU64,
    /// Panics that cost an association or an instance: faults of ours.
    pub panics: AtomicU64,
}

/// What all associations share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ReceiverConfig,
    pub(crate) queue: Queue,
    pub(crate) state: StateDir,
    pub(crate) quarantine: Quarantine,
    pub(crate) counters: Arc<Counters>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) sink: Option<Arc<dyn CommitmentSink>>,
    pub(crate) outbox: Outbox,
}

/// The SCP, listening.
#[derive(Debug)]
pub struct Receiver {
    listeners: Listeners,
    shared: Shared,
    outgoing: mpsc::Receiver<Outgoing>,
}

impl Receiver {
    /// Listens where `config` says, and makes the folder `quarantine/` beside the spool.
    ///
    /// # Errors
    /// [`ReceiverError`].
    pub async fn bind(config: ReceiverConfig, queue: Queue, state: StateDir) -> Result<Self, ReceiverError> {
        if let Some(fault) = config.faults().into_iter().next() {
            return Err(ReceiverError::Config(fault));
        }
        let listeners = Listeners::bind(&config).await?;
        let quarantine = Quarantine::open(&state, config.quarantine_bytes_max).map_err(ReceiverError::Quarantine)?;
        let (counters, traffic) = Default::default();
        let requestor = config.tls.as_ref().and_then(TlsConfig::requestor_files).map(Requestor::new);
        let (outbox, outgoing) = Outbox::new(requestor);
        let shared = Shared { config, queue, state, quarantine, counters, traffic, sink: None, outbox };
        Ok(Self { listeners, shared, outgoing })
    }

    /// Hands what peers report of storage commitment to `sink`. Without one such reports are answered with status 0211.
    #[must_use]
    pub fn with_commitment_sink(mut self, sink: Arc<dyn CommitmentSink>) -> Self {
        self.shared.sink = Some(sink);
        self
    }

    /// Where it listens, without TLS if it does that: the real port, also when port 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listeners.address
    }

    /// Where it listens for TLS, if it does.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.listeners.tls_addr()
    }

    /// Its side of TLS, if there is one: who has it may ask how long the certificate is valid.
    #[must_use]
    pub fn acceptor(&self) -> Option<Arc<Acceptor>> {
        self.listeners.acceptor()
    }

    /// What it has done since it started.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Who is sending just now.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.shared.traffic)
    }

    /// Serves associations until `stop` turns true, then lets those that are open finish their instance, within
    /// [`STOP_GRACE`].
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self { listeners, shared, outgoing } = self;
        let mut door = Door::new(Arc::new(shared));
        door.open_reporter(outgoing, &stop);
        loop {
            let accepted = tokio::select! {
                // Those that have ended come first: nothing of them may pile up while others knock.
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = door.next_ended() => {
                    door.ended(&ended);
                    continue;
                }
                accepted = listeners.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer, acceptor)) => door.admit(stream, peer, acceptor, &stop),
                Err(error) => {
                    // Out of file descriptors, as a rule: waiting is all that helps.
                    tracing::warn!(kind = %error.kind(), "connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listeners);
        while let Some(ended) = door.next_ended().await {
            door.ended(&ended);
        }
    }
}
