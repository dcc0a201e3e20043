//! The scoring stage: one received instance after the other, each to its outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{FailureReason, InstanceKey, InstanceOutcome, InstanceRecord};
use queue::{Queue, QueueError, StateDir};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Woken, wait};
use crate::analysis::{Analysis, Analyst};
use crate::engine::health::HealthBoard;

/// Analyses of one instance before it is given up: one that ends the process, or this machine's short-comings.
const ATTEMPTS_MAX: u32 = 3;
/// Between two analyses of one instance, and after a failure of the queue.
const AGAIN_WAIT: Duration = Duration::from_secs(2);

/// The scoring stage.
pub struct Scoring {
    analyst: Analyst,
    board: Arc<HealthBoard>,
    queue: Queue,
    state: StateDir,
}

/// What one step came to.
enum Step {
    /// Nothing waits.
    Idle,
    /// One instance has its outcome.
    Decided,
    /// The first instance is to be tried again a little later.
    Again,
}

impl Scoring {
    /// A stage that takes instances from `queue`, whose files are below `state`.
    pub const fn new(analyst: Analyst, board: Arc<HealthBoard>, queue: Queue, state: StateDir) -> Self {
        Self { analyst, board, queue, state }
    }

    /// Works until `stop` turns true; the instance in work is finished first. An engine that is not ready is made ready before
    /// any instance is taken: they wait in the queue.
    pub fn run(mut self, handle: &Handle, mut stop: watch::Receiver<bool>) {
        if self.board.is_preparing() {
            self.analyst.make_ready();
        }
        let mut changes = self.queue.changes();
        while !*stop.borrow() {
            changes.borrow_and_update();
            // sled reports some faults by panics.
            let step = catch_unwind(AssertUnwindSafe(|| self.step())).unwrap_or(Err(QueueError::Broken));
            let woken = match step {
                Ok(Step::Decided) => continue,
                Ok(Step::Idle) => wait(handle, [&mut changes], &mut stop, None),
                Ok(Step::Again) => wait(handle, [], &mut stop, Some(AGAIN_WAIT)),
                Err(error) => {
                    tracing::error!(%error, "scoring: queue failed");
                    wait(handle, [], &mut stop, Some(AGAIN_WAIT))
                }
            };
            if woken == Woken::ToStop {
                return;
            }
        }
    }

    fn step(&mut self) -> Result<Step, QueueError> {
        let Some(record) = self.queue.waiting(1)?.pop() else { return Ok(Step::Idle) };
        let key = record.key().clone();
        let attempts = self.queue.begin(&key)?;
        if attempts > ATTEMPTS_MAX {
            let reason = FailureReason {
                code: "analysis_given_up".into(),
                text: format!("analysis did not come to an end {ATTEMPTS_MAX} times"),
            };
            self.decide(&key, None, InstanceOutcome::Failed { reason })?;
            return Ok(Step::Decided);
        }
        let analysis = self.analyst.analyze(&self.state.spool().join(&record.received.spool.name));
        if analysis.is_transient && attempts < ATTEMPTS_MAX {
            tracing::warn!(instance = %key, attempts, "analysis is tried again");
            return Ok(Step::Again);
        }
        self.finish(&record, analysis)?;
        Ok(Step::Decided)
    }

    fn finish(&self, record: &InstanceRecord, analysis: Analysis) -> Result<(), QueueError> {
        if let Some(png) = &analysis.heatmap_png {
            let name = format!("{}.png", record.received.spool.name);
            self.state.write(&self.state.heatmaps(), &name, png)?;
        }
        let header = analysis.header.map(|header| (header.attributes, header.patient_study));
        self.decide(record.key(), header, analysis.outcome)
    }

    fn decide(
        &self,
        key: &InstanceKey,
        header: Option<(contract::InstanceAttributes, contract::PatientStudy)>,
        outcome: InstanceOutcome,
    ) -> Result<(), QueueError> {
        match &outcome {
            InstanceOutcome::Scored(finding) => {
                let timings = finding.timings;
                tracing::info!(
                    instance = %key,
                    side = finding.laterality.letter(),
                    view = finding.view.term(),
                    decode_ms = timings.decode_ms as u64,
                    network_ms = timings.network_ms as u64,
                    "instance scored"
                );
            }
            InstanceOutcome::Excluded { reason } => tracing::info!(instance = %key, ?reason, "instance excluded"),
            InstanceOutcome::Failed { reason } => {
                tracing::warn!(instance = %key, code = reason.code, "instance failed")
            }
        }
        self.queue.record_outcome(key, header, outcome)
    }
}
