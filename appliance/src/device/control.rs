//! The device's end of the control socket.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use domain::{Delivery, DeliveryState};
use forwarder::Nudge;
use queue::{Queue, QueueError, StateDir};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Facts, now};
use crate::control::{
    DELIVERIES_SHOWN_MAX, DeliveryLine, DestinationStatus, ReceiverCounts, Request, Response, Status, StudyLine,
};
use crate::model::ModelSource;

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// How long a client may take.
const CLIENT_WAIT: Duration = Duration::from_secs(10);
/// Clients at the same time.
const CLIENTS_MAX: usize = 16;
/// Studies in a status.
const STUDIES_SHOWN_MAX: usize = 20;

/// Answers on the control socket.
pub struct Server {
    listener: UnixListener,
    answerer: Arc<Answerer>,
}

/// What the device answers, over the socket and to the console.
pub struct Answerer {
    /// Its queue.
    pub queue: Queue,
    /// Its folders.
    pub state: StateDir,
    /// What everybody may know.
    pub facts: Arc<Facts>,
    nudge: Nudge,
}

impl Server {
    /// Listens in the state directory. The queue is open, so that no other device can be running on it: a socket that is
    /// there was left behind.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(state: &StateDir, queue: &Queue, nudge: Nudge, facts: Arc<Facts>) -> anyhow::Result<Self> {
        let path = state.control_socket();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("control socket {} cannot be replaced", path.display()));
            }
            _ => {}
        }
        let listener =
            UnixListener::bind(&path).with_context(|| format!("control socket {} cannot be made", path.display()))?;
        let answerer = Answerer { queue: queue.clone(), state: state.clone(), facts, nudge };
        Ok(Self { listener, answerer: Arc::new(answerer) })
    }

    /// Who answers.
    pub fn answerer(&self) -> Arc<Answerer> {
        Arc::clone(&self.answerer)
    }

    /// Answers until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut clients = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            while clients.try_join_next().is_some() {}
            match accepted {
                // Over the limit the connection is closed: the client says that nobody answers.
                Ok((stream, _)) if clients.len() < CLIENTS_MAX => {
                    let answerer = Arc::clone(&self.answerer);
                    clients.spawn(async move {
                        if tokio::time::timeout(CLIENT_WAIT, serve(stream, &answerer)).await.is_err() {
                            tracing::debug!("control client took too long");
                        }
                    });
                }
                Ok(_) => tracing::warn!("too many control clients"),
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "control connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn serve(stream: UnixStream, answerer: &Arc<Answerer>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    BufReader::new(reader.take(REQUEST_BYTES_MAX)).read_until(b'\n', &mut line).await?;
    let response = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => {
            let answerer = Arc::clone(answerer);
            let answer = tokio::task::spawn_blocking(move || answerer.answer(&request)).await;
            answer.unwrap_or_else(|_| Response::Failed { why: "internal fault".into() })
        }
        Err(_) => Response::Failed { why: "this version does not know that request".into() },
    };
    let mut answer = serde_json::to_vec(&response)?;
    answer.push(b'\n');
    writer.write_all(&answer).await
}

impl Answerer {
    /// Answers a question or follows an order.
    pub fn answer(&self, request: &Request) -> Response {
        let answered = match request {
            Request::Status => self.status().map(|status| Response::Status(Box::new(status))),
            Request::Deliveries { all } => self.deliveries(*all),
            Request::Retry { id } => self.retry(id.as_deref()),
            Request::ChangeModel => Ok(self.change_model()),
            Request::SelfTest { accept } => {
                self.facts.current.ask_self_test(*accept);
                Ok(Response::Asked)
            }
        };
        answered.unwrap_or_else(|error| Response::Failed { why: error.to_string() })
    }

    /// How the device is.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn status(&self) -> Result<Status, QueueError> {
        let facts = &self.facts;
        let running = facts.current.running();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let studies = self.queue.latest_studies(STUDIES_SHOWN_MAX)?.into_iter().map(|study| StudyLine {
            study: study.study.0.redacted(),
            instances: study.instances,
            reported: study.reported,
            revision: study.revision,
            state: study.state,
            last_received_at_ms: study.last_received_at.0,
        });
        Ok(Status {
            notice: results::NOTICE.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            listen: facts.address.to_string(),
            listen_tls: facts.tls.as_ref().map(|(address, _)| address.to_string()),
            certificate_days_left: facts.certificate().map(|facts| facts.days_left(SystemTime::now())),
            ae_title: facts.ae_title.clone(),
            model: running.model.clone(),
            engine: running.board.engine(),
            engine_health: Some(running.board.status()),
            self_test: facts.current.self_test(),
            shadow: facts.current.shadow(),
            uptime_seconds: facts.started.elapsed().as_secs(),
            queue: self.queue.counts()?,
            receiver: ReceiverCounts {
                associations: count(&facts.counters.associations),
                associations_failed: count(&facts.counters.associations_failed),
                instances_acknowledged: count(&facts.counters.instances_acknowledged),
                instances_refused: count(&facts.counters.instances_refused),
                instances_quarantined: count(&facts.counters.instances_quarantined),
                connections_refused: count(&facts.counters.connections_refused),
                handshakes_failed: count(&facts.counters.handshakes_failed),
                certificates_refused: count(&facts.counters.certificates_refused),
                panics: count(&facts.counters.panics),
            },
            destinations: self.destinations()?,
            studies: studies.collect(),
        })
    }

    /// Each configured destination, and those that only old deliveries name.
    fn destinations(&self) -> Result<Vec<DestinationStatus>, QueueError> {
        let empty =
            |name: &str| DestinationStatus { name: name.into(), due: 0, uncommitted: 0, parked: 0, last_error: None };
        let names = self.facts.destinations.iter();
        let mut found: BTreeMap<String, DestinationStatus> =
            names.map(|name| (name.as_str().to_owned(), empty(name.as_str()))).collect();
        for delivery in self.queue.deliveries(DeliveryState::is_open, usize::MAX)? {
            let name = delivery.destination.as_str();
            let status = found.entry(name.to_owned()).or_insert_with(|| empty(name));
            match &delivery.state {
                DeliveryState::Parked { .. } => status.parked += 1,
                state if state.is_uncommitted() => status.uncommitted += 1,
                _ => status.due += 1,
            }
            status.last_error = delivery.last_error.or(status.last_error.take());
        }
        Ok(found.into_values().collect())
    }

    fn deliveries(&self, all: bool) -> Result<Response, QueueError> {
        let found = self.queue.deliveries(|state| all || state.is_open(), DELIVERIES_SHOWN_MAX)?;
        Ok(Response::Deliveries { deliveries: found.into_iter().map(line).collect() })
    }

    fn change_model(&self) -> Response {
        if self.facts.model_source != ModelSource::Default {
            return Response::Failed { why: "its configuration names a model of its own, which runs on".into() };
        }
        self.facts.current.ask();
        Response::Asked
    }

    fn retry(&self, id: Option<&str>) -> Result<Response, QueueError> {
        let wanted = |delivery: &Delivery| match id {
            Some(id) => delivery.id.as_str() == id,
            None => matches!(delivery.state, DeliveryState::Parked { .. }),
        };
        let found = self.queue.deliveries(DeliveryState::is_open, usize::MAX)?;
        let mut count = 0;
        for delivery in found.iter().filter(|delivery| wanted(delivery)) {
            self.queue.retry(&delivery.id, now())?;
            count += 1;
        }
        if id.is_some() && count == 0 {
            return Ok(Response::Failed { why: "no open delivery has that id".into() });
        }
        self.nudge.now();
        Ok(Response::Retried { count })
    }
}

fn line(delivery: Delivery) -> DeliveryLine {
    DeliveryLine {
        id: delivery.id.as_str().into(),
        destination: delivery.destination.as_str().into(),
        study: delivery.study.0.redacted(),
        revision: delivery.revision,
        kind: delivery.kind,
        attempts: delivery.attempts,
        last_error: delivery.last_error,
        state: delivery.state,
    }
}
