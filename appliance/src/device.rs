//! The running appliance: receiver, scoring, reporting, forwarding and control, around one queue.

mod commitment;
mod control;
mod reporting;
mod scoring;

use std::future::Future as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use domain::UnixMillis;
use domain::findings::ModelId;
use forwarder::Forwarder;
use inference::Scorer;
use queue::{Queue, Recovery, StateDir};
use receiver::{Counters, Receiver};
use secure_transport::{Acceptor, CertificateFacts};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::analysis::Analyst;
use crate::config::Config;
use commitment::CommitmentDesk;
use reporting::Reporter;
use scoring::Scoring;

/// From the wish to stop to the end, whatever is in work: below the 90 s after which systemd kills.
const STOP_WAIT: Duration = Duration::from_secs(60);

/// What everybody may know of a running device.
#[derive(Debug)]
pub struct Facts {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens for TLS, and its side of it, if it does.
    pub tls: Option<(SocketAddr, Arc<Acceptor>)>,
    /// Its AE title.
    pub ae_title: String,
    /// Which model.
    pub model: ModelId,
    /// Which engine.
    pub engine: &'static str,
    /// Since when it runs.
    pub started: Instant,
    /// Names of its destinations.
    pub destinations: Vec<domain::DestinationName>,
    /// What the receiver has done.
    pub counters: Arc<Counters>,
}

impl Facts {
    /// How long the certificate of the receiver is valid, as its file says now; `None` without TLS. Blocks.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateFacts> {
        self.tls.as_ref()?.1.certificate()
    }
}

/// A running device.
pub struct Device {
    /// What everybody may know.
    pub facts: Arc<Facts>,
    /// Its queue.
    pub queue: Queue,
    /// Its folders.
    pub state: StateDir,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Device {
    /// Opens the state and starts everything, with images scored by `scorer`.
    ///
    /// # Errors
    /// When the state, the address or a destination cannot be used.
    pub async fn start(config: Config, scorer: Scorer, use_patient_id: bool) -> anyhow::Result<Self> {
        let ae_title = config.ae_title()?;
        let state = StateDir::create(&config.state_dir)
            .with_context(|| format!("state folder {}", config.state_dir.display()))?;
        let (queue, recovery) = Queue::open(&state, &receiver::reread, now())
            .with_context(|| format!("state folder {}", config.state_dir.display()))?;
        log_recovery(&recovery);
        let analyst = Analyst::new(scorer, config.decoding.clone(), config.eligibility, use_patient_id)?;
        let (model, engine, aggregation) = (analyst.model(), analyst.engine(), analyst.aggregation());
        let forwarder =
            Forwarder::new(config.destinations.clone(), &ae_title, &queue, &state).map_err(anyhow::Error::msg)?;
        let desk = CommitmentDesk(forwarder.commitment_reports());
        let receiver = Receiver::bind(config.receiver.clone(), queue.clone(), state.clone()).await?;
        let receiver = receiver.with_commitment_sink(Arc::new(desk));
        let facts = Arc::new(Facts {
            address: receiver.local_addr(),
            tls: receiver.tls_addr().zip(receiver.acceptor()),
            ae_title: ae_title.as_str().to_owned(),
            model,
            engine,
            started: Instant::now(),
            destinations: config.destinations.iter().map(|destination| destination.name.clone()).collect(),
            counters: receiver.counters(),
        });
        let control = control::Server::bind(&state, &queue, forwarder.nudge(), Arc::clone(&facts))?;
        let (stop, stopped) = watch::channel(false);
        let handle = tokio::runtime::Handle::current();
        let scoring = Scoring::new(analyst, queue.clone(), state.clone());
        let reporter = Reporter::new(&config, aggregation, (queue.clone(), state.clone()), receiver.traffic());
        let threads = vec![
            spawn("scoring", scoring, handle.clone(), stopped.clone(), Scoring::run)?,
            spawn("reporting", reporter, handle, stopped.clone(), Reporter::run)?,
        ];
        let mut tasks = JoinSet::new();
        tasks.spawn(receiver.run(stopped.clone()));
        tasks.spawn(forwarder.run(stopped.clone()));
        tasks.spawn(control.run(stopped));
        tracing::info!(address = %facts.address, engine, model = facts.model.name, "device is ready");
        Ok(Self { facts, queue, state, stop, tasks, threads })
    }

    /// Stops: no new associations, images in the middle finished, all under one deadline. What is left is taken up at
    /// the next start. Says whether everything came to its end in time.
    pub async fn stop(mut self) -> bool {
        // Nobody listening means that everything has ended already.
        let _ = self.stop.send(true);
        let all = async {
            while self.tasks.join_next().await.is_some() {}
            let threads = std::mem::take(&mut self.threads);
            let joined =
                tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
            drop(joined.await);
        };
        let is_in_time = tokio::time::timeout(STOP_WAIT, all).await.is_ok();
        tracing::info!(is_in_time, "device has stopped");
        is_in_time
    }
}

/// Starts one stage on an operating-system thread of its own.
fn spawn<T: Send + 'static>(
    name: &str,
    stage: T,
    handle: tokio::runtime::Handle,
    stop: watch::Receiver<bool>,
    run: impl FnOnce(T, &tokio::runtime::Handle, watch::Receiver<bool>) + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || run(stage, &handle, stop))
        .with_context(|| format!("thread {name} cannot be started"))
}

fn log_recovery(recovery: &Recovery) {
    if *recovery == Recovery::default() {
        return;
    }
    tracing::warn!(
        admitted = recovery.admitted,
        missing = recovery.missing,
        unfinished = recovery.unfinished,
        unreadable = recovery.unreadable.len(),
        corrupt_database = recovery.corrupt_database.is_some(),
        "state was repaired after a crash"
    );
}

/// The time of day.
pub fn now() -> UnixMillis {
    UnixMillis::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    ByChange,
    ByTime,
    ToStop,
}

/// Waits, on a thread of our own, for one of `changes`, for `limit` to pass, or for the wish to stop.
fn wait<const N: usize>(
    handle: &tokio::runtime::Handle,
    changes: [&mut watch::Receiver<u64>; N],
    stop: &mut watch::Receiver<bool>,
    limit: Option<Duration>,
) -> Woken {
    let mut changes = changes.map(|changes| Box::pin(changes.changed()));
    // What changes lives as long as this thread does.
    let change = std::future::poll_fn(|context| {
        let is_ready = changes.iter_mut().any(|change| change.as_mut().poll(context).is_ready());
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    });
    let time = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    handle.block_on(async {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Woken::ToStop,
            () = change => Woken::ByChange,
            () = time => Woken::ByTime,
        }
    })
}
