//! Reports that could not be given where they were asked for, on associations of our own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use commitment::Report;
use domain::AeTitle;
use scu::{Peer, Timeouts, report_commitment};
use secure_transport::Requestor;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::{Counters, ReceiverConfig};

/// Reports that are on their way at the same time.
const TASKS_MAX: usize = 4;
/// Reports that wait for that. With 10,000 instances one takes about a megabyte and a half.
const WAITING_MAX: usize = 8;
/// How long to wait before each try: peers that release first need a moment to listen.
const WAITS_MS: [u64; 6] = [100, 500, 2_000, 8_000, 32_000, 128_000];
/// A report is short, and its answer should be.
const TIMEOUTS: Timeouts = Timeouts { connect_ms: 10_000, send_ms: 10_000, response_ms: 30_000 };

/// A report with its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    peer: Peer,
    report: Report,
}

/// Where sessions leave reports.
#[derive(Debug)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<Outgoing>,
    /// For addresses that are called over TLS.
    tls: Option<Requestor>,
}

impl Outbox {
    pub(crate) fn new(tls: Option<Requestor>) -> (Self, mpsc::Receiver<Outgoing>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self { sender, tls }, receiver)
    }

    /// Leaves a report for `peer`. Without its address, without room or once the service stops there is only a warning: the
    /// peer does not know what became of its request, keeps its images and asks again.
    pub(crate) fn leave(&self, config: &ReceiverConfig, peer: &AeTitle, report: Report) {
        let Some(address) = config.commitment_report_to.get(peer) else {
            tracing::warn!("storage commitment not reported: commitment_report_to has no address of the peer");
            return;
        };
        let Ok(calling_ae) = AeTitle::parse(&config.ae_title) else { return };
        let tls = self.tls.clone().filter(|_| address.is_tls());
        if address.is_tls() && tls.is_none() {
            // The configuration is refused before.
            tracing::warn!("storage commitment not reported: there is no `client_ca` for TLS");
            return;
        }
        let peer = Peer { address: address.as_str().to_owned(), called_ae: peer.clone(), calling_ae, tls };
        if self.sender.try_send(Outgoing { peer, report }).is_err() {
            tracing::warn!("storage commitment not reported: too many reports wait, or the service stops");
        }
    }
}

/// Reports until `stop` turns true; what is under way then is dropped, and its peer asks again.
pub(crate) async fn run(
    mut outgoing: mpsc::Receiver<Outgoing>,
    counters: Arc<Counters>,
    mut stop: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = tasks.join_next() => {
                if ended.is_err() {
                    counters.panics.fetch_add(1, Ordering::Relaxed);
                    tracing::error!("a report of storage commitment panicked");
                }
            }
            Some(next) = outgoing.recv(), if tasks.len() < TASKS_MAX => {
                tasks.spawn(deliver(next));
            }
            // Every sender is gone, and every report is done.
            else => break,
        }
    }
    tasks.shutdown().await;
}

async fn deliver(Outgoing { peer, report }: Outgoing) {
    for wait_ms in WAITS_MS {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        match report_commitment(&peer, &report, TIMEOUTS).await {
            Ok(status) if status.is_success() => {
                tracing::info!("storage commitment reported on an association of our own");
                return;
            }
            Ok(status) => tracing::warn!(%status, "report of storage commitment refused"),
            Err(error) => tracing::warn!(%error, "storage commitment cannot be reported"),
        }
    }
    tracing::warn!("storage commitment not reported: no try succeeded; the peer must ask again");
}
