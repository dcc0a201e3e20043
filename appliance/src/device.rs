//! The running appliance: receiver, scoring, reporting, forwarding and control, around one queue.

mod commitment;
mod control;
mod current;
mod kept;
mod reporting;
mod scoring;
pub mod shadow;
pub mod shown;
pub mod tested;
pub mod trial;

use std::future::Future as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use domain::UnixMillis;
use forwarder::Forwarder;
use queue::{Queue, Recovery, StateDir};
use receiver::{Counters, Receiver};
use secure_transport::{Acceptor, CertificateFacts};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::engine::INTERVAL;
use crate::installed::Served;
use crate::model::ModelSource;
use commitment::CommitmentDesk;
pub use control::Answerer;
pub use current::Current;
use reporting::Reporter;
use scoring::Scoring;
use tested::Tested;
use trial::Models;

/// Name of the scoring stage's thread.
const SCORING: &str = "scoring";
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
    /// Which model scores just now.
    pub current: Arc<Current>,
    /// Where the configuration has models from.
    pub model_source: ModelSource,
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
    /// Who answers for it.
    pub answerer: Arc<Answerer>,
    /// Its queue.
    pub queue: Queue,
    /// Its folders.
    pub state: StateDir,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Device {
    /// Opens the state and starts everything, with images scored by what is `served`. An engine that is not ready is made ready
    /// by the scoring stage, which also decides a trial.
    ///
    /// # Errors
    /// When the state, the address or a destination cannot be used.
    pub async fn start(config: Config, served: Served, use_patient_id: bool) -> anyhow::Result<Self> {
        let ae_title = config.ae_title()?;
        let state = StateDir::create(&config.state_dir)
            .with_context(|| format!("state folder {}", config.state_dir.display()))?;
        let (queue, recovery) = Queue::open(&state, &receiver::reread, now())
            .with_context(|| format!("state folder {}", config.state_dir.display()))?;
        log_recovery(&recovery);
        let models = Models::new(config.clone(), use_patient_id);
        let seat = models.seat(served)?;
        let tested = Tested::open(state.clone());
        let current = Arc::new(Current::new(seat.running(), tested.last()));
        let forwarder =
            Forwarder::new(config.destinations.clone(), &ae_title, &queue, &state).map_err(anyhow::Error::msg)?;
        let desk = CommitmentDesk(forwarder.commitment_reports());
        let receiver = Receiver::bind(config.receiver.clone(), queue.clone(), state.clone()).await?;
        let receiver = receiver.with_commitment_sink(Arc::new(desk));
        let facts = Arc::new(Facts {
            address: receiver.local_addr(),
            tls: receiver.tls_addr().zip(receiver.acceptor()),
            ae_title: ae_title.as_str().to_owned(),
            current: Arc::clone(&current),
            model_source: config.model.clone(),
            started: Instant::now(),
            destinations: config.destinations.iter().map(|destination| destination.name.clone()).collect(),
            counters: receiver.counters(),
        });
        let control = control::Server::bind(&state, &queue, forwarder.nudge(), Arc::clone(&facts))?;
        let answerer = control.answerer();
        let (stop, stopped) = watch::channel(false);
        let handle = tokio::runtime::Handle::current();
        let scoring = Scoring::new((models, seat), (Arc::clone(&current), tested), (queue.clone(), state.clone()));
        let reporter = Reporter::new(&config, Arc::clone(&current), (queue.clone(), state.clone()), receiver.traffic());
        let threads = vec![
            spawn(SCORING, scoring, handle.clone(), stopped.clone(), Scoring::run)?,
            spawn("reporting", reporter, handle, stopped.clone(), Reporter::run)?,
        ];
        let mut tasks = JoinSet::new();
        tasks.spawn(receiver.run(stopped.clone()));
        tasks.spawn(forwarder.run(stopped.clone()));
        tasks.spawn(control.run(stopped.clone()));
        tasks.spawn(log_preparing(current, stopped));
        let running = facts.current.running();
        let (engine, model) = (running.board.engine(), &running.model.name);
        tracing::info!(address = %facts.address, engine, model, "device is ready");
        Ok(Self { facts, answerer, queue, state, stop, tasks, threads })
    }

    /// Stops: no new associations, images in the middle finished, all under one deadline. What is left is taken up at
    /// the next start. Says whether everything came to its end in time.
    pub async fn stop(mut self) -> bool {
        // Nobody listening means that everything has ended already.
        let _ = self.stop.send(true);
        let all = async {
            while self.tasks.join_next().await.is_some() {}
            // An engine that is being made ready cannot be told to stop, and whatever waits for it is taken up later.
            let is_preparing = self.facts.current.running().board.is_preparing();
            let is_waited_for = |thread: &JoinHandle<()>| !(is_preparing && thread.thread().name() == Some(SCORING));
            let threads: Vec<_> = std::mem::take(&mut self.threads).into_iter().filter(is_waited_for).collect();
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

/// Says now and then that an engine is still being made ready.
async fn log_preparing(current: Arc<Current>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let board = &current.running().board;
        if board.is_preparing() && board.since() >= INTERVAL {
            tracing::info!("engine: {}", board.status().text());
        }
    }
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

#[cfg(test)]
mod tests;
