//! The scoring stage: one received instance after the other, each to its outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{FailureReason, InstanceKey, InstanceOutcome, InstanceRecord};
use queue::{Queue, QueueError, StateDir};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::Current;
use super::shadow::Shadow;
use super::tested::Tested;
use super::trial::{Models, Seat};
use super::{Woken, wait};
use crate::analysis::Analysis;
use crate::selftest::Exam;

/// Analyses of one instance before it is given up: one that ends the process, or this machine's short-comings.
const ATTEMPTS_MAX: u32 = 3;
/// Between two analyses of one instance, and after a failure of the queue.
const AGAIN_WAIT: Duration = Duration::from_secs(2);

/// The scoring stage.
pub struct Scoring {
    models: Models,
    seat: Seat,
    current: Arc<Current>,
    asked: watch::Receiver<u64>,
    tested: Tested,
    test_asked: watch::Receiver<u64>,
    shadow: Option<Shadow>,
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
    pub fn new(
        (models, seat): (Models, Seat),
        (current, tested): (Arc<Current>, Tested),
        (queue, state): (Queue, StateDir),
    ) -> Self {
        let (asked, test_asked) = (current.asked(), current.self_test_asked());
        Self { models, seat, current, asked, tested, test_asked, shadow: None, queue, state }
    }

    /// Works until `stop` turns true; the instance in work is finished first. An engine that is not ready is made ready, and a
    /// trial is decided, before any instance is taken: they wait in the queue.
    pub fn run(mut self, handle: &Handle, mut stop: watch::Receiver<bool>) {
        let mut heard = *self.asked.borrow_and_update();
        let mut tests_heard = *self.test_asked.borrow_and_update();
        self.settle();
        self.open_shadow();
        let mut changes = self.queue.changes();
        while !*stop.borrow() {
            // Compared by value: a wait that a wish ends has seen it already.
            let asked = *self.asked.borrow_and_update();
            if std::mem::replace(&mut heard, asked) != asked {
                if self.exchange() {
                    self.settle();
                }
                self.open_shadow();
            }
            let asked = *self.test_asked.borrow_and_update();
            if std::mem::replace(&mut tests_heard, asked) != asked {
                self.test();
            }
            changes.borrow_and_update();
            // sled reports some faults by panics.
            let step = catch_unwind(AssertUnwindSafe(|| self.step())).unwrap_or(Err(QueueError::Broken));
            let woken = match step {
                Ok(Step::Decided) => continue,
                Ok(Step::Idle) if self.step_of_shadow() => continue,
                Ok(Step::Idle) => wait(handle, [&mut changes, &mut self.asked, &mut self.test_asked], &mut stop, None),
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

    /// Makes the engine ready and decides the model's trial, until one stays.
    fn settle(&mut self) {
        loop {
            self.seat.make_ready();
            let Some(bundle) = self.seat.trial.take() else { return };
            let exam = self.hold_exam();
            let done = match exam {
                Exam::Scored(_) => self.models.confirm(bundle).map(|()| {
                    tracing::info!(
                        bundle = bundle.short(12),
                        "the model on trial scored a synthetic exam and is confirmed"
                    );
                    self.note(exam, false);
                    false
                }),
                Exam::Failed(why) => {
                    tracing::error!(bundle = bundle.short(12), "the model on trial failed and is taken back: {why}");
                    self.models.take_back(bundle, &why).map(|()| true)
                }
                Exam::NotHeld(why) => {
                    tracing::warn!(
                        bundle = bundle.short(12),
                        "the model on trial is neither confirmed nor taken back: {why}"
                    );
                    Ok(false)
                }
            };
            let is_gone = done.unwrap_or_else(|error| {
                tracing::error!(bundle = bundle.short(12), "how the trial ended cannot be kept: {error:#}");
                false
            });
            if !is_gone || !self.exchange() {
                return;
            }
        }
    }

    /// Takes up the shadow that is installed now, beside the model that scores now.
    fn open_shadow(&mut self) {
        // The one before goes first: two are enough for the memory.
        self.shadow = None;
        self.shadow = Shadow::open(&self.models, &self.seat.running().model, &self.state);
        self.current.set_shadow(self.shadow.as_ref().map(|shadow| shadow.comparison().clone()));
    }

    /// Has the shadow score one image, when nothing else waits.
    fn step_of_shadow(&mut self) -> bool {
        let Some(shadow) = &mut self.shadow else { return false };
        let is_done = catch_unwind(AssertUnwindSafe(|| shadow.step())).unwrap_or_else(|_| {
            tracing::error!("an internal fault while the shadow scored an image");
            true
        });
        self.current.set_shadow(Some(shadow.comparison().clone()));
        is_done
    }

    /// Tests the model that scores.
    fn test(&mut self) {
        self.seat.make_ready();
        let is_accepted = self.current.take_acceptance();
        let exam = self.hold_exam();
        self.note(exam, is_accepted);
    }

    fn hold_exam(&mut self) -> Exam {
        let held = catch_unwind(AssertUnwindSafe(|| self.seat.hold_exam()));
        held.unwrap_or_else(|_| Exam::NotHeld("an internal fault".into()))
    }

    fn note(&mut self, exam: Exam, is_accepted: bool) {
        let test = self.tested.note(self.seat.subject(), exam, is_accepted);
        self.current.set_self_test(test);
    }

    /// Changes to the model that is to run now. When that one cannot be used, the present one scores on.
    fn exchange(&mut self) -> bool {
        match self.models.open() {
            Ok(seat) => {
                let running = seat.running();
                tracing::info!(model = running.model.name, version = running.model.version, "model is changed");
                self.current.set(running);
                self.seat = seat;
                true
            }
            Err(error) => {
                tracing::error!("the model is not changed: {error:#}");
                false
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
        let analysis = self.seat.analyst.analyze(&self.state.spool().join(&record.received.spool.name));
        if analysis.is_transient && attempts < ATTEMPTS_MAX {
            tracing::warn!(instance = %key, attempts, "analysis is tried again");
            return Ok(Step::Again);
        }
        if let (Some(shadow), InstanceOutcome::Scored(finding)) = (&mut self.shadow, &analysis.outcome) {
            shadow.offer(&record.received.spool.name, finding);
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
