//! The reporting stage: studies that are complete become reports, result objects and deliveries.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::{
    Aggregation, Assembly, AssemblyPolicy, Delivery, DeliveryId, DeliveryState, DestinationName, Reported,
    ReportedImage, ResultKind, StoredFile, StudyKey, StudyReport, UnixMillis, assemble,
};
use queue::{Queue, StateDir};
use results::ResultObject;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{Woken, now, wait};
use crate::config::Config;

/// After something failed.
const AGAIN_WAIT: Duration = Duration::from_secs(5);
/// Between two looks for studies to forget.
const RETIRE_INTERVAL: Duration = Duration::from_secs(600);
/// Studies that are forgotten at once.
const RETIRE_STUDIES_MAX: usize = 100;
/// The largest heat map that is read, in bytes.
const HEATMAP_BYTES_MAX: u64 = 64 << 20;

/// The reporting stage.
pub struct Reporter {
    policy: AssemblyPolicy,
    retention: Duration,
    destinations: Vec<(DestinationName, Vec<ResultKind>)>,
    queue: Queue,
    state: StateDir,
    retired_at: Option<Instant>,
}

impl Reporter {
    /// A stage that reports studies of `queue` as `config` has it, aggregated as the model wants it unless `config` says
    /// otherwise.
    pub fn new(config: &Config, of_model: Aggregation, queue: Queue, state: StateDir) -> Self {
        let destinations =
            config.destinations.iter().map(|destination| (destination.name.clone(), destination.objects())).collect();
        let retention = Duration::from_secs(config.retention.hours.saturating_mul(3_600));
        let aggregation = Some(config.assembly.aggregation.unwrap_or(of_model));
        let policy = AssemblyPolicy { aggregation, ..config.assembly };
        Self { policy, retention, destinations, queue, state, retired_at: None }
    }

    /// Works until `stop` turns true.
    pub fn run(mut self, handle: &Handle, mut stop: watch::Receiver<bool>) {
        let mut changes = self.queue.changes();
        while !*stop.borrow() {
            changes.borrow_and_update();
            let step = catch_unwind(AssertUnwindSafe(|| self.step()));
            let woken = match step.unwrap_or_else(|_| Err(anyhow::anyhow!("a panic"))) {
                Ok(next) => wait(handle, Some(&mut changes), &mut stop, Some(next)),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "reporting failed, it is tried again");
                    wait(handle, None, &mut stop, Some(AGAIN_WAIT))
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
        if let Some(error) = failed {
            return Err(error);
        }
        self.retire()?;
        let until_next = next.map_or(RETIRE_INTERVAL, |next| next.since(now()));
        Ok(until_next.clamp(Duration::from_millis(1), RETIRE_INTERVAL))
    }

    fn look_at(&self, study: &StudyKey) -> anyhow::Result<Option<UnixMillis>> {
        let Some(record) = self.queue.study(study)? else { return Ok(None) };
        match assemble(study, &record.instances, &record.reported, &self.policy, now()) {
            Assembly::UpToDate | Assembly::Undecided => Ok(None),
            Assembly::Until(until) => Ok(Some(until)),
            Assembly::Silent(reported) => Ok(self.queue.note_reported(study, &reported).map(|()| None)?),
            Assembly::Ready(report) => self.hand_over(&report).map(|()| None),
        }
    }

    /// Writes the result objects durably, then hands the report over in one step.
    fn hand_over(&self, report: &StudyReport) -> anyhow::Result<()> {
        let mut deliveries = Vec::new();
        let is_wanted = |kind| self.destinations.iter().any(|(_, kinds)| kinds.contains(&kind));
        let kinds: Vec<ResultKind> = [ResultKind::Json, ResultKind::Summary, ResultKind::Heatmap]
            .into_iter()
            .filter(|kind| is_wanted(*kind))
            .collect();
        let heatmap = |image: &ReportedImage| self.heatmap(image);
        results::for_each_object(report, &kinds, &heatmap, &mut |object: ResultObject| -> anyhow::Result<()> {
            let file = self.state.write(&self.state.results(), &object.file_name, &object.bytes)?;
            for (destination, _) in self.destinations.iter().filter(|(_, kinds)| kinds.contains(&object.kind)) {
                deliveries.push(delivery(report, destination, &object, file.clone()));
            }
            Ok(())
        })
        .context("result objects could not be made")?;
        let instances = report.images.iter().map(|image| image.key.clone()).collect();
        let reported = Reported { revision: report.revision, instances };
        self.queue.hand_over(&report.study, &reported, &deliveries)?;
        let tally = report.tally();
        tracing::info!(
            study = %report.study,
            revision = report.revision,
            trigger = ?report.trigger,
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

    /// Forgets what is old and delivered, now and then.
    fn retire(&mut self) -> anyhow::Result<()> {
        if self.retired_at.is_some_and(|at| at.elapsed() < RETIRE_INTERVAL) {
            return Ok(());
        }
        let retention_ms = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX);
        let before = UnixMillis(now().0.saturating_sub(retention_ms));
        let studies = self.queue.retire(&self.state, before, RETIRE_STUDIES_MAX)?;
        if studies > 0 {
            tracing::info!(studies, "delivered studies forgotten after the time of retention");
        }
        if studies < RETIRE_STUDIES_MAX {
            self.retired_at = Some(Instant::now());
        }
        Ok(())
    }
}

fn delivery(report: &StudyReport, destination: &DestinationName, object: &ResultObject, file: StoredFile) -> Delivery {
    Delivery {
        id: DeliveryId::of(&report.study, report.revision, destination, &object.name),
        destination: destination.clone(),
        study: report.study.clone(),
        revision: report.revision,
        kind: object.kind,
        sop: object.sop.clone(),
        file,
        attempts: 0,
        last_error: None,
        state: DeliveryState::Due { at: report.last_received_at },
    }
}
