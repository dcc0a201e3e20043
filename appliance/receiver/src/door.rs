//! Where connections come in, and who may stay.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use secure_transport::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use crate::commitment::{Outgoing, run_reporter};
use crate::places::Places;
use crate::{Listen, ReceiverConfig, ReceiverError, Shared, association, farewell};

/// Connections that are being told at the same time that there is no place for them.
const REJECTIONS_MAX: usize = 16;

/// The ports, one at least.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) address: SocketAddr,
    plain: Option<TcpListener>,
    tls: Option<(TcpListener, SocketAddr, Arc<Acceptor>)>,
}

impl Listeners {
    /// # Errors
    /// [`ReceiverError`], also when nothing is to be listened on.
    pub(crate) async fn bind(config: &ReceiverConfig) -> Result<Self, ReceiverError> {
        let plain = match config.listen {
            Listen::At(address) => Some(bind(address).await?),
            Listen::Off => None,
        };
        let tls = match &config.tls {
            Some(tls) => {
                let files = tls.acceptor_files();
                let opened = tokio::task::spawn_blocking(move || Acceptor::open(files)).await;
                let opened = opened.map_err(|_| ReceiverError::Config("receiver.tls: cannot be read".into()))?;
                let acceptor = Arc::new(opened.map_err(ReceiverError::Tls)?);
                let (listener, address) = bind(tls.listen).await?;
                Some((listener, address, acceptor))
            }
            None => None,
        };
        let address = plain.as_ref().map(|(_, address)| *address).or(tls.as_ref().map(|(_, address, _)| *address));
        let address = address.ok_or_else(|| ReceiverError::Config("receiver.listen: is off".into()))?;
        Ok(Self { address, plain: plain.map(|(listener, _)| listener), tls })
    }

    pub(crate) fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls.as_ref().map(|(_, address, _)| *address)
    }

    pub(crate) fn acceptor(&self) -> Option<Arc<Acceptor>> {
        self.tls.as_ref().map(|(_, _, acceptor)| Arc::clone(acceptor))
    }

    /// The next connection, with the acceptor where it came in for TLS. Neither port waits for the other.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr, Option<Arc<Acceptor>>)> {
        let plain = async {
            match &self.plain {
                Some(listener) => listener.accept().await,
                None => pending().await,
            }
        };
        let tls = async {
            match &self.tls {
                Some((listener, ..)) => listener.accept().await,
                None => pending().await,
            }
        };
        tokio::select! {
            accepted = plain => accepted.map(|(stream, peer)| (stream, peer, None)),
            accepted = tls => accepted.map(|(stream, peer)| (stream, peer, self.acceptor())),
        }
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ReceiverError> {
    let failed = |source| ReceiverError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Who is let in, and who is inside.
pub(crate) struct Door {
    shared: Arc<Shared>,
    places: Arc<Places>,
    rejections: Arc<Semaphore>,
    /// One per association and rejection, so never more than both have places, and the reporter of storage commitment.
    tasks: JoinSet<()>,
}

impl Door {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            places: Places::new(shared.config.associations_max, shared.config.associations_per_peer_max),
            rejections: Arc::new(Semaphore::new(REJECTIONS_MAX)),
            tasks: JoinSet::new(),
            shared,
        }
    }

    /// Reports of storage commitment go out from now on.
    pub(crate) fn open_reporter(&mut self, outgoing: mpsc::Receiver<Outgoing>, stop: &watch::Receiver<bool>) {
        let counters = Arc::clone(&self.shared.counters);
        self.tasks.spawn(run_reporter(outgoing, counters, stop.clone()));
    }

    /// The next one that has ended; `None` when nobody is inside.
    pub(crate) async fn next_ended(&mut self) -> Option<Result<(), JoinError>> {
        self.tasks.join_next().await
    }

    /// Lets a connection in, over TLS with an acceptor, or turns it away.
    pub(crate) fn admit(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: Option<Arc<Acceptor>>,
        stop: &watch::Receiver<bool>,
    ) {
        let config = &self.shared.config;
        let allowed = &config.peer_addresses_allowed;
        if !allowed.is_empty() && !allowed.iter().any(|network| network.contains(peer.ip())) {
            self.refused(peer, "its address is not allowed");
            return;
        }
        let Some(place) = self.places.take(peer.ip()) else {
            self.refused(peer, "too many associations");
            // TLS has no word for it, and a handshake is worth no rejection.
            if acceptor.is_some() {
                return;
            }
            // Those that there is no room to tell are closed at once, so that the listener never stalls.
            if let Ok(room) = Arc::clone(&self.rejections).try_acquire_owned() {
                let bytes_max = config.pdu_bytes_max;
                self.tasks.spawn(async move {
                    farewell::reject(stream, bytes_max).await;
                    drop(room);
                });
            }
            return;
        };
        let (shared, stop) = (Arc::clone(&self.shared), stop.clone());
        self.tasks.spawn(async move {
            if let Err(fault) = association::serve(stream, acceptor, &shared, stop).await {
                shared.counters.associations_failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%peer, reason = %fault, "association ended early");
            }
            drop(place);
        });
    }

    fn refused(&self, peer: SocketAddr, reason: &'static str) {
        self.shared.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%peer, reason, "connection refused");
    }

    pub(crate) fn ended(&self, ended: &Result<(), JoinError>) {
        if ended.is_err() {
            self.shared.counters.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!("an association's handling panicked");
        }
    }
}
