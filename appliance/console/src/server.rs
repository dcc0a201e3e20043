use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::access::Access;
use crate::device::Device;
use crate::routes::{Peer, Shared, Stop, router};
use crate::{ConsoleError, certificate, files};

/// What a client may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; more are closed at once.
    pub connections_max: usize,
    /// For the TLS handshake, and for the headers of each request, also the next one on a connection.
    pub header_wait: Duration,
    /// For all of a connection.
    pub connection_wait: Duration,
    /// For what is under way when the console stops.
    pub stop_wait: Duration,
    /// Live views and other streams of events at once.
    pub streams_max: usize,
    /// Between two signs of life of a stream of events that has nothing to tell.
    pub heartbeat: Duration,
    /// The largest bundle that is taken.
    pub bundle_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections_max: 64,
            header_wait: seconds(10),
            connection_wait: seconds(600),
            stop_wait: seconds(5),
            streams_max: 16,
            heartbeat: seconds(15),
            bundle_bytes_max: 4 << 30,
        }
    }
}

/// Where the console listens, and its folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Loopback unless the site wants it otherwise.
    pub listen: SocketAddr,
    /// Certificate and key, users and audit; made when it is not there.
    pub folder: PathBuf,
    /// Further names and addresses for the certificate that the first start makes.
    pub names: Vec<String>,
    /// What a client may use.
    pub limits: Limits,
}

impl Settings {
    /// On port 8443 of the loopback, with `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 8443).into(), folder, names: Vec::new(), limits: Limits::default() }
    }
}

/// A console that listens.
pub struct Console {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    app: Router,
    limits: Limits,
}

impl Console {
    /// Makes what is missing in the folder and listens.
    ///
    /// # Errors
    /// [`ConsoleError`] `Listen`, `File`, and what the certificate's file says.
    pub async fn bind(settings: Settings, device: Arc<dyn Device>) -> Result<Self, ConsoleError> {
        files::make_folder(&settings.folder)?;
        let acceptor = TlsAcceptor::from(certificate::tls(&settings.folder, &settings.names)?);
        let listener = TcpListener::bind(settings.listen).await;
        let listener = listener.map_err(|error| ConsoleError::Listen(settings.listen, error))?;
        let limits = settings.limits;
        let shared = Shared::new(Access::new(&settings.folder), device, limits.clone());
        Ok(Self { listener, acceptor, app: router(Arc::new(shared)), limits })
    }

    /// Where it listens; the port that was given, or the one found for port 0.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is true or its sender is gone, then finishes what is under way within `stop_wait`.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.limits.connections_max));
        let mut tasks = JoinSet::new();
        let mut stopping = stop.clone();
        let mut stopped = pin!(async move { drop(stopping.wait_for(|stop| *stop).await) });
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(_) = tasks.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                        let app = self.app.clone().layer(Extension(Peer(peer.ip()))).layer(Extension(Stop(stop.clone())));
                        let connection = converse(stream, self.acceptor.clone(), app, self.limits.clone(), stop.clone());
                        tasks.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    // Out of file descriptors, mostly: the next attempt at once would fail as well.
                    Err(error) => {
                        tracing::warn!(%error, "the console cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(self.listener);
        let finished = timeout(self.limits.stop_wait, async { while tasks.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!("the console stops with connections open");
        }
    }
}

/// One connection, from the handshake on. How it ends concerns the client alone.
async fn converse(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    app: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(Ok(stream)) = timeout(limits.header_wait, acceptor.accept(stream)).await else { return };
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header_wait).max_buf_size(32 * 1024);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)));
    let _ = timeout(limits.connection_wait, async {
        tokio::select! {
            _ = &mut connection => return,
            () = async { drop(stop.wait_for(|stop| *stop).await) } => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    })
    .await;
}
