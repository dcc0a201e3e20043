//! The DICOM receiver: a C-ECHO and C-STORE SCP that answers "success" only for what is durably ours.
//!
//! # Design
//!
//! **Write.** The data set's wire bytes go to `spool/incoming/<name>.part` as they come, behind a Part 10 header of our own,
//! with constant memory per association. After the last byte: bounded pre-scan, comparison of the UIDs with the command,
//! `fsync`, rename into `spool/`, `fsync` of the folder, row in the queue, committed. Only then status 0000.
//!
//! **Refuse.** Out of space or over a limit: A700, and the sender keeps its study. Unreadable: C000; contradicting itself or
//! its command: A900. A peer that breaks the protocol is aborted; what was acknowledged before stays.
//!
//! **Crash.** `.part` files are removed at the next start; a file in `spool/` without a row is admitted then ([`reread`]).
//!
//! Never here: judgement of images, decoding, a peer's text as a path or unescaped in a log.

mod association;
mod config;
mod spool;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use queue::{Queue, StateDir};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

pub use config::ReceiverConfig;
pub use spool::reread;

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
}

/// What the receiver has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Associations that were accepted.
    pub associations: AtomicU64,
    /// Associations that were refused, aborted or broken off.
    pub associations_failed: AtomicU64,
    /// Instances that were acknowledged, duplicates included.
    pub instances_acknowledged: AtomicU64,
    /// Instances that were answered with a failure.
    pub instances_refused: AtomicU64,
}

/// What all associations share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ReceiverConfig,
    pub(crate) queue: Queue,
    pub(crate) state: StateDir,
    pub(crate) counters: Arc<Counters>,
}

/// The SCP, listening.
#[derive(Debug)]
pub struct Receiver {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Listens where `config` says.
    ///
    /// # Errors
    /// [`ReceiverError::Listen`].
    pub async fn bind(config: ReceiverConfig, queue: Queue, state: StateDir) -> Result<Self, ReceiverError> {
        let address = config.listen;
        let failed = |source| ReceiverError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Shared { config, queue, state, counters: Arc::default() };
        Ok(Self { listener, address, shared: Arc::new(shared) })
    }

    /// Where it listens: the real port, also when port 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it has done since it started.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves associations until `stop` turns true, then lets those that are open finish their instance.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let most = self.shared.config.associations_max;
        let places = Arc::new(Semaphore::new(most));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => self.serve(stream, peer, &places, stop.clone()),
                Err(error) => {
                    // Out of file descriptors, as a rule: waiting is all that helps.
                    tracing::warn!(kind = ?error.kind(), "connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // All places are free again when the last association has ended.
        let _ = places.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, places: &Arc<Semaphore>, stop: watch::Receiver<bool>) {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            // Over the limit: closed at once, so that the listener never stalls.
            self.shared.counters.associations_failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%peer, "connection refused: too many associations");
            return;
        };
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err(fault) = association::serve(stream, &shared, stop).await {
                shared.counters.associations_failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%peer, reason = %fault, "association ended early");
            }
            drop(place);
        });
    }
}
