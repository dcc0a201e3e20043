//! One task per destination.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{AeTitle, Attempt, Delivery, DeliveryState, RetryPolicy, UnixMillis};
use queue::{Queue, QueueError, StateDir};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::{DestinationConfig, DestinationKind, Outcome, dicom, folder};

/// How long to wait after the queue itself failed.
const QUEUE_FAILED_WAIT: Duration = Duration::from_secs(5);

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
    nudge: Nudge,
}

#[derive(Debug, Clone)]
struct Destination {
    config: DestinationConfig,
    kind: DestinationKind,
    queue: Queue,
    state: StateDir,
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
        let destination = |config: DestinationConfig| {
            let kind = config.kind(own_ae).map_err(|why| format!("destination {}: {why}", config.name))?;
            Ok(Destination { config, kind, queue: queue.clone(), state: state.clone() })
        };
        let destinations = configs.into_iter().map(destination).collect::<Result<_, String>>()?;
        Ok(Self { destinations, nudge: Nudge::default() })
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
                Ok(Step::Unreachable) => {
                    failures = failures.saturating_add(1);
                    let wait = Duration::from_millis(self.config.retry.wait_ms(failures, fastrand::f64()));
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

    /// Tries what is due: one object while the destination seems to be away, and otherwise several.
    async fn step(&self, failures: u32) -> Result<Step, QueueError> {
        let limit = if failures > 0 { 1 } else { self.config.concurrency.max(1) };
        let (queue, name) = (self.queue.clone(), self.config.name.clone());
        let due = blocking(move || queue.due(&name, now(), limit)).await?;
        if due.is_empty() {
            return Ok(Step::Idle(self.queue.next_due_at(&self.config.name)?));
        }
        let mut tries = JoinSet::new();
        for delivery in due {
            tries.spawn(self.clone().attempt(delivery));
        }
        let (mut is_reached, mut failed) = (false, None);
        while let Some(ended) = tries.join_next().await {
            match ended {
                Ok(Ok(reached)) => is_reached |= reached,
                Ok(Err(error)) => failed = Some(error),
                Err(_) => is_reached |= false,
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(if is_reached { Step::Reached } else { Step::Unreachable }),
        }
    }

    /// Tries one delivery and records how that ended; says whether the destination was reached.
    async fn attempt(self, delivery: Delivery) -> Result<bool, QueueError> {
        let path = self.state.results().join(&delivery.file.name);
        let outcome = match &self.kind {
            DestinationKind::Dicom(peer) => dicom::deliver(peer, self.config.timeouts, &path).await,
            DestinationKind::Folder(folder) => {
                let (folder, name) = (folder.clone(), delivery.file.name.clone());
                let copied = tokio::task::spawn_blocking(move || folder::deliver(&path, &folder, &name)).await;
                copied.unwrap_or_else(|_| Outcome::Unreachable { why: "folder could not be written".into() })
            }
        };
        let (attempt, is_reached) = match outcome {
            Outcome::Object(attempt) => (attempt, true),
            Outcome::Unreachable { why } => (Attempt::Failed { why }, false),
        };
        let (queue, id, policy) = (self.queue.clone(), delivery.id.clone(), self.config.retry);
        let settled = blocking(move || settle(&queue, &id, attempt, &policy)).await?;
        report(&settled);
        Ok(is_reached)
    }
}

fn settle(
    queue: &Queue,
    id: &domain::DeliveryId,
    attempt: Attempt,
    policy: &RetryPolicy,
) -> Result<Delivery, QueueError> {
    queue.settle(id, attempt, policy, fastrand::f64(), now())
}

fn report(delivery: &Delivery) {
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
    }
}

enum Step {
    /// The destination answered.
    Reached,
    /// It did not.
    Unreachable,
    /// Nothing is due before this time.
    Idle(Option<UnixMillis>),
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
