//! One task per destination.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{AeTitle, Attempt, Commitment, Delivery, DeliveryState, UnixMillis};
use queue::{Queue, QueueError, StateDir};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::commitment::{self, Asked, CommitmentReports};
use crate::{Carrier, CommitmentMode, DestinationConfig, Outcome, Parcel};

/// How long to wait after the queue itself failed.
const QUEUE_FAILED_WAIT: Duration = Duration::from_secs(5);

/// Objects about which a destination is asked in one request.
const ASKED_MAX: usize = 100;

/// Ends all pauses: somebody has mended something.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Makes every destination look for due deliveries now.
    pub fn now(&self) {
        self.0.notify_waiters();
    }
}

/// All destinations.
#[derive(Debug)]
pub struct Forwarder {
    destinations: Vec<Destination>,
    reports: CommitmentReports,
    nudge: Nudge,
}

#[derive(Debug, Clone)]
struct Destination {
    config: DestinationConfig,
    carrier: Carrier,
    queue: Queue,
    state: StateDir,
    reports: CommitmentReports,
}

impl Forwarder {
    /// A forwarder for `configs`, calling as `own_ae` where a destination gives no calling AE title.
    ///
    /// # Errors
    /// The first wrong destination, in words for a technician.
    pub fn new(
        configs: Vec<DestinationConfig>,
        own_ae: &AeTitle,
        queue: &Queue,
        state: &StateDir,
    ) -> Result<Self, String> {
        let policies = configs.iter().map(|config| (config.name.clone(), config.retry)).collect();
        let reports = CommitmentReports::new(queue.clone(), policies);
        let destination = |config: DestinationConfig| {
            let carrier = Carrier::new(&config, own_ae).map_err(|why| format!("destination {}: {why}", config.name))?;
            let (queue, state, reports) = (queue.clone(), state.clone(), reports.clone());
            Ok(Destination { config, carrier, queue, state, reports })
        };
        let destinations = configs.into_iter().map(destination).collect::<Result<_, String>>()?;
        Ok(Self { destinations, reports, nudge: Nudge::default() })
    }

    /// Takes what destinations answer about commitment on associations of their own.
    #[must_use]
    pub fn commitment_reports(&self) -> CommitmentReports {
        self.reports.clone()
    }

    /// A handle that ends all pauses.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Delivers until `stop` turns true; deliveries in the middle are finished or left to the next start.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for destination in self.destinations {
            tasks.spawn(destination.run(self.nudge.clone(), stop.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl Destination {
    async fn run(self, nudge: Nudge, mut stop: watch::Receiver<bool>) {
        let mut changes = self.queue.changes();
        let mut failures = 0_u32;
        loop {
            changes.borrow_and_update();
            let step = tokio::select! {
                step = self.step(failures) => step,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let pause = match step {
                Ok(Step::Reached) => {
                    failures = 0;
                    continue;
                }
                Ok(Step::Unreachable { retry_after }) => {
                    failures = failures.saturating_add(1);
                    let wait = Duration::from_millis(self.config.retry.wait_ms(failures, fastrand::f64()));
                    let wait = retry_after.map_or(wait, |asked_for| wait.max(asked_for));
                    tracing::warn!(destination = %self.config.name, failures, wait_ms = wait.as_millis(), "destination cannot be reached");
                    Pause::Unreachable(wait)
                }
                Ok(Step::Idle(until)) => Pause::Idle(until),
                Err(error) => {
                    tracing::error!(destination = %self.config.name, %error, "queue failed while delivering");
                    Pause::Unreachable(QUEUE_FAILED_WAIT)
                }
            };
            let until_next = async {
                match pause {
                    Pause::Unreachable(wait) => tokio::time::sleep(wait).await,
                    Pause::Idle(until) => tokio::select! {
                        () = sleep_until(until) => {}
                        _ = changes.changed() => {}
                    },
                }
            };
            tokio::select! {
                () = until_next => {}
                () = nudge.0.notified() => failures = 0,
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Tries what is due: one object while the destination seems to be away, and otherwise several. When there is nothing to
    /// send, asks about what was sent.
    async fn step(&self, failures: u32) -> Result<Step, QueueError> {
        let limit = if failures > 0 { 1 } else { self.config.concurrency.max(1) };
        let (queue, name) = (self.queue.clone(), self.config.name.clone());
        let due = blocking(move || queue.due(&name, now(), limit)).await?;
        if due.is_empty() {
            return self.ask().await;
        }
        let mut tries = JoinSet::new();
        for delivery in due {
            tries.spawn(self.clone().attempt(delivery));
        }
        let mut step = Step::Unreachable { retry_after: None };
        let mut failed = None;
        while let Some(ended) = tries.join_next().await {
            match ended {
                Ok(Ok(ended)) => step = step.or(ended),
                Ok(Err(error)) => failed = Some(error),
                // A panic is no sign of the destination's.
                Err(_) => {}
            }
        }
        failed.map_or(Ok(step), Err)
    }

    /// Tries one delivery and records how that ended.
    async fn attempt(self, delivery: Delivery) -> Result<Step, QueueError> {
        let outcome = self.carrier.carry(Parcel::of(&delivery, &self.state.results())).await;
        let (attempt, step) = match outcome {
            Outcome::Object(Attempt::Delivered) if self.config.commitment == CommitmentMode::Required => {
                (Attempt::Stored, Step::Reached)
            }
            Outcome::Object(attempt) => (attempt, Step::Reached),
            Outcome::Unreachable { why, retry_after } => (Attempt::Failed { why }, Step::Unreachable { retry_after }),
        };
        let (queue, id, policy) = (self.queue.clone(), delivery.id.clone(), self.config.retry);
        let settled = blocking(move || queue.settle(&id, attempt, &policy, fastrand::f64(), now())).await?;
        log(&settled);
        Ok(step)
    }

    /// Asks the destination whether it keeps what it took.
    async fn ask(&self) -> Result<Step, QueueError> {
        let (queue, name) = (self.queue.clone(), self.config.name.clone());
        let uncommitted = blocking(move || queue.uncommitted(&name, now(), ASKED_MAX)).await?;
        if uncommitted.is_empty() {
            return Ok(Step::Idle(self.queue.next_due_at(&self.config.name)?));
        }
        let request = commitment::request(&uncommitted, now());
        // Noted before the request leaves: the answer may be here before the request's own response.
        let (transaction, wait_ms) = (request.transaction.clone(), self.config.commitment_wait_ms);
        self.say(&uncommitted, Commitment::Asked { transaction, wait_ms }).await?;
        let Some((peer, timeouts)) = self.carrier.peer() else {
            // The configuration was changed since they were sent.
            let why = "destination cannot be asked for commitment any more".to_owned();
            self.say(&uncommitted, Commitment::Refused { why }).await?;
            return Ok(Step::Reached);
        };
        let (said, step) = match commitment::ask(peer, timeouts, &request).await {
            Asked::Later => return Ok(Step::Reached),
            Asked::Answered(answers) => {
                let reports = self.reports.clone();
                blocking(move || answers.iter().try_for_each(|answer| reports.take(answer, now()).map(drop))).await?;
                return Ok(Step::Reached);
            }
            Asked::NotOffered => {
                let why = "destination does not offer storage commitment".to_owned();
                (Commitment::Refused { why }, Step::Reached)
            }
            Asked::Declined { why } => (Commitment::Unknown { why }, Step::Reached),
            Asked::Unreachable { why } => (Commitment::Unknown { why }, Step::Unreachable { retry_after: None }),
        };
        self.say(&uncommitted, said).await?;
        Ok(step)
    }

    /// Records the same about the commitment of several deliveries.
    async fn say(&self, deliveries: &[Delivery], said: Commitment) -> Result<(), QueueError> {
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id.clone()).collect();
        let (queue, policy) = (self.queue.clone(), self.config.retry);
        blocking(move || {
            for id in ids {
                log(&queue.settle_commitment(&id, said.clone(), &policy, fastrand::f64(), now())?);
            }
            Ok(())
        })
        .await
    }
}

/// Says where a delivery stands now.
pub(crate) fn log(delivery: &Delivery) {
    let (destination, study, revision) = (&delivery.destination, &delivery.study, delivery.revision);
    let (kind, attempts, why) = (delivery.kind, delivery.attempts, delivery.last_error.as_deref().unwrap_or_default());
    match delivery.state {
        DeliveryState::Delivered { .. } => {
            tracing::info!(%destination, %study, revision, ?kind, attempts, "result delivered");
        }
        DeliveryState::Parked { .. } => {
            tracing::error!(%destination, %study, revision, ?kind, attempts, why, "result parked: it needs a person");
        }
        DeliveryState::Due { .. } => {
            tracing::warn!(%destination, %study, revision, ?kind, attempts, why, "result not delivered yet");
        }
        DeliveryState::Stored { .. } | DeliveryState::Committing { .. } => {
            tracing::debug!(%destination, %study, revision, ?kind, attempts, why, "result taken, not committed yet");
        }
        DeliveryState::Replaced { .. } => {
            tracing::warn!(%destination, %study, revision, ?kind, why, "kind not accepted, the next one goes instead");
        }
        DeliveryState::Standby => {}
    }
}

enum Step {
    /// The destination answered.
    Reached,
    /// It did not.
    Unreachable {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Nothing is due before this time.
    Idle(Option<UnixMillis>),
}

impl Step {
    /// This one and `other`: reached when one of them reached the destination, and otherwise the longer wait.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreachable { retry_after: ours }, Self::Unreachable { retry_after: theirs }) => {
                Self::Unreachable { retry_after: ours.max(theirs) }
            }
            (Self::Unreachable { .. }, reached) => reached,
            (reached, _) => reached,
        }
    }
}

enum Pause {
    Unreachable(Duration),
    Idle(Option<UnixMillis>),
}

async fn sleep_until(until: Option<UnixMillis>) {
    match until {
        Some(until) => tokio::time::sleep(until.since(now()).max(Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}

fn now() -> UnixMillis {
    UnixMillis::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Runs what blocks off the network's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, QueueError> + Send + 'static,
) -> Result<T, QueueError> {
    // A panic of sled is an error here as everywhere.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(QueueError::Broken))
}
