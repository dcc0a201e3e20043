//! The reporting stage: studies that are complete become reports, result objects and deliveries.

mod routing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::{
    Arrivals, Assembly, AssemblyPolicy, ClockReading, Document, Reported, ReportedImage, ResultKind, StudyKey,
    StudyPolicy, StudyReport, StudySoFar, UnixMillis, assemble,
};
use queue::{Queue, StateDir};
use receiver::Traffic;
use results::{ResultObject, Settings};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Current, Woken, now, wait};
use crate::config::{Config, RetentionConfig};
use routing::{Made, Routing};

/// After something failed.
const AGAIN_WAIT: Duration = Duration::from_secs(5);
/// Between two looks for studies whose time is over.
const RETIRE_INTERVAL: Duration = Duration::from_secs(600);
/// Studies that are removed at once.
const RETIRE_STUDIES_MAX: usize = 100;
/// The largest heat map that is read, in bytes.
const HEATMAP_BYTES_MAX: u64 = 64 << 20;

/// The reporting stage.
pub struct Reporter {
    /// As configured: without an aggregation it is the present model's.
    policy: StudyPolicy,
    current: Arc<Current>,
    retention: RetentionConfig,
    settings: Settings,
    routing: Routing,
    queue: Queue,
    state: StateDir,
    traffic: Arc<Traffic>,
    arrivals: Arrivals,
    started: Instant,
    retired_at: Option<Instant>,
}

impl Reporter {
    /// A stage that reports studies of `queue` as `config` has it, aggregated as the present model wants it unless
    /// `config` says otherwise. It knows by `traffic` who is still sending.
    pub fn new(
        config: &Config,
        current: Arc<Current>,
        (queue, state): (Queue, StateDir),
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            policy: StudyPolicy { assembly: config.assembly, eligibility: config.eligibility },
            current,
            retention: config.retention,
            settings: config.results,
            routing: Routing::of(&config.destinations),
            queue,
            state,
            traffic,
            arrivals: Arrivals::default(),
            started: Instant::now(),
            retired_at: None,
        }
    }

    /// Works until `stop` turns true.
    pub fn run(mut self, handle: &Handle, mut stop: watch::Receiver<bool>) {
        let (mut changes, mut traffic) = (self.queue.changes(), self.traffic.changes());
        while !*stop.borrow() {
            changes.borrow_and_update();
            traffic.borrow_and_update();
            let step = catch_unwind(AssertUnwindSafe(|| self.step()));
            let woken = match step.unwrap_or_else(|_| Err(anyhow::anyhow!("a panic"))) {
                Ok(next) => wait(handle, [&mut changes, &mut traffic], &mut stop, Some(next)),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "reporting failed, it is tried again");
                    wait(handle, [], &mut stop, Some(AGAIN_WAIT))
                }
            };
            if woken == Woken::ToStop {
                return;
            }
        }
    }

    /// Reports every study that is ready, and says when to look again if nothing changes.
    fn step(&mut self) -> anyhow::Result<Duration> {
        let mut next: Option<UnixMillis> = None;
        let mut failed = None;
        for study in self.queue.open_studies()? {
            // A study that cannot be reported must not hold up the others.
            match self.look_at(&study) {
                Ok(None) => {}
                Ok(Some(until)) => next = Some(next.map_or(until, |next| next.min(until))),
                Err(error) => failed = Some(error),
            }
        }
        self.arrivals.end_round();
        if let Some(error) = failed {
            return Err(error);
        }
        self.retire()?;
        let until_next = next.map_or(RETIRE_INTERVAL, |next| next.since(now()));
        Ok(until_next.clamp(Duration::from_millis(1), RETIRE_INTERVAL))
    }

    fn look_at(&mut self, study: &StudyKey) -> anyhow::Result<Option<UnixMillis>> {
        // Asked before the instances: an association that ends in between then holds once more, instead of not at all.
        let senders = self.queue.senders(study)?;
        let senders = self.traffic.of(study, &senders);
        let Some(record) = self.queue.study(study)? else { return Ok(None) };
        let steady_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let reading = ClockReading { now: now(), steady_ms };
        let arrivals = self.arrivals.of(&record.instances, reading);
        let (records, reported) = (&record.instances[..], &record.reported);
        let so_far = StudySoFar { records, arrivals: &arrivals, reported, senders };
        match assemble(study, &so_far, &self.policy(), reading.now) {
            Assembly::UpToDate | Assembly::Undecided => Ok(None),
            Assembly::Until(until) => Ok(Some(until)),
            Assembly::Silent(reported) => Ok(self.queue.note_reported(study, &reported).map(|()| None)?),
            Assembly::Ready(mut report) => {
                report.self_test_failed = self.current.is_in_doubt();
                self.hand_over(&report, reported).map(|()| None)
            }
        }
    }

    fn policy(&self) -> StudyPolicy {
        let aggregation = self.policy.assembly.aggregation.unwrap_or_else(|| self.current.running().aggregation);
        let assembly = AssemblyPolicy { aggregation: Some(aggregation), ..self.policy.assembly };
        StudyPolicy { assembly, ..self.policy }
    }

    /// Writes the result objects durably, then hands the report over in one step.
    fn hand_over(&self, report: &StudyReport, before: &Reported) -> anyhow::Result<()> {
        let senders = self.queue.senders(&report.study)?;
        let kinds = self.routing.kinds(&senders);
        let mut made = Vec::new();
        let heatmap = |image: &ReportedImage| self.heatmap(image);
        let mut sink = |object: ResultObject| -> anyhow::Result<()> {
            let file = self.state.write(&self.state.results(), &object.file_name, &object.bytes)?;
            made.push(Made { kind: object.kind, name: object.name, sop: object.sop, file });
            Ok(())
        };
        results::for_each_object(report, &kinds, self.settings, &heatmap, &mut sink)
            .context("result objects could not be made")?;
        let deliveries = self.routing.deliveries(report, &senders, &made);
        let documents = made.into_iter().filter_map(|made| match (made.kind, made.sop) {
            (kind @ (ResultKind::CadSr | ResultKind::ComprehensiveSr), Some(sop)) => Some(Document { kind, sop }),
            _ => None,
        });
        let documents = documents.collect();
        self.queue.hand_over(&report.study, &before.after(report).with_documents(documents), &deliveries)?;
        let tally = report.tally();
        tracing::info!(
            study = %report.study,
            revision = report.revision,
            trigger = ?report.trigger,
            state = ?report.state,
            scored = tally.scored,
            excluded = tally.excluded,
            failed = tally.failed,
            deliveries = deliveries.len(),
            "study reported"
        );
        Ok(())
    }

    fn heatmap(&self, image: &ReportedImage) -> Option<Vec<u8>> {
        let path = self.state.heatmap_of(&image.spool_name);
        let length = std::fs::metadata(&path).ok()?.len();
        if length > HEATMAP_BYTES_MAX { None } else { std::fs::read(path).ok() }
    }

    /// Removes what is old and delivered, now and then: files of images first, results and rows later.
    fn retire(&mut self) -> anyhow::Result<()> {
        if self.retired_at.is_some_and(|at| at.elapsed() < RETIRE_INTERVAL) {
            return Ok(());
        }
        let before = |hours: u64| UnixMillis(now().0.saturating_sub(hours.saturating_mul(3_600_000)));
        let RetentionConfig { images_hours, results_hours } = self.retention;
        let emptied = self.queue.remove_files(&self.state, before(images_hours), RETIRE_STUDIES_MAX)?;
        let forgotten = self.queue.retire(&self.state, before(results_hours), RETIRE_STUDIES_MAX)?;
        if emptied + forgotten > 0 {
            tracing::info!(emptied, forgotten, "delivered studies removed after the time of retention");
        }
        if emptied.max(forgotten) < RETIRE_STUDIES_MAX {
            self.retired_at = Some(Instant::now());
        }
        Ok(())
    }
}
