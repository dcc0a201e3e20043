//! What a demonstration came to. The schema of `mamoru demo --json`; fields are only ever added.
//!
//! `{"notice", "studies": [the report as it was delivered, with "heatmap" (path) in each scored image and "deliveries":
//! [{"destination", "kind", "state", "attempts", "file", "received"}]], "sent": [{"file", "ok", "status", "error"}],
//! "timings_ms": {"start", "send", "analyse_and_deliver", "total"}, "memory_bytes_max"}`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use contract::Uid;
use domain::{Delivery, DeliveryState, InstanceKey, InstanceOutcome, ResultKind, StudyKey};
use results::{DocumentJson, ImageJson, StudyJson};
use serde::Serialize;

use super::destination::Destination;
use crate::commands::send::SentFile;
use crate::device::Device;
use crate::exit_code::Exit;

/// Everything that one demonstration came to.
#[derive(Debug, Serialize)]
pub struct DemoReport {
    /// "Research use only, not a medical device."
    pub notice: &'static str,
    /// Each study at its last revision.
    pub studies: Vec<DemoStudy>,
    /// Each file that was sent.
    pub sent: Vec<SentFile>,
    /// Where result objects and heat maps are.
    pub out: PathBuf,
    /// How long each stage took.
    pub timings_ms: DemoTimings,
    /// The most memory that this process held, in bytes.
    pub memory_bytes_max: Option<u64>,
}

/// One study.
#[derive(Debug, Serialize)]
pub struct DemoStudy {
    /// Its report.
    #[serde(flatten)]
    pub report: StudyJson,
    /// Its result objects on their way.
    pub deliveries: Vec<DemoDelivery>,
}

/// One result object for one destination.
#[derive(Debug, Serialize)]
pub struct DemoDelivery {
    /// `pacs` or `folder`.
    pub destination: String,
    /// What.
    pub kind: ResultKind,
    /// `due`, `delivered` or `parked`.
    #[serde(flatten)]
    pub state: DeliveryState,
    /// Tries.
    pub attempts: u32,
    /// Its file, for the folder.
    pub file: Option<PathBuf>,
    /// Did the receiving destination store it?
    pub received: bool,
}

/// Milliseconds.
#[derive(Debug, Serialize)]
pub struct DemoTimings {
    /// Writing the exam, loading the model, starting device and destination.
    pub start: f64,
    /// Sending all files.
    pub send: f64,
    /// From the last file sent to the last result delivered.
    pub analyse_and_deliver: f64,
    /// All of it.
    pub total: f64,
}

impl DemoReport {
    /// Collects what `device` reported and delivered, and copies the heat maps into `out`.
    ///
    /// # Errors
    /// When the queue cannot be read or a heat map not be written.
    pub fn collect(
        device: &Device,
        destination: &Destination,
        out: &Path,
        sent: Vec<SentFile>,
        timings_ms: DemoTimings,
    ) -> anyhow::Result<Self> {
        let mut by_study: BTreeMap<StudyKey, Vec<Delivery>> = BTreeMap::new();
        for delivery in device.queue.deliveries(|_| true, usize::MAX)? {
            by_study.entry(delivery.study.clone()).or_default().push(delivery);
        }
        let mut studies = Vec::new();
        for deliveries in by_study.into_values() {
            let report = report(device, &deliveries, out, studies.len() + 1)?;
            let deliveries = deliveries.iter().map(|delivery| DemoDelivery::of(delivery, destination, out));
            studies.push(DemoStudy { report, deliveries: deliveries.collect::<anyhow::Result<_>>()? });
        }
        let memory_bytes_max = memory_bytes_max();
        Ok(Self { notice: results::NOTICE, studies, sent, out: out.to_owned(), timings_ms, memory_bytes_max })
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        let deliveries = || self.studies.iter().flat_map(|study| &study.deliveries);
        let is_delivered = deliveries().all(|delivery| matches!(delivery.state, DeliveryState::Delivered { .. }));
        let images = || self.studies.iter().flat_map(|study| &study.report.images);
        let is_failed = images().any(|image| matches!(image.outcome, InstanceOutcome::Failed { .. }));
        if self.studies.is_empty() || !is_delivered {
            Exit::Failure
        } else if is_failed || self.sent.iter().any(|file| !file.ok) {
            Exit::Partial
        } else {
            Exit::Success
        }
    }
}

/// The study's report as it was delivered last, with the places of its heat maps.
fn report(device: &Device, deliveries: &[Delivery], out: &Path, number: usize) -> anyhow::Result<StudyJson> {
    let of_json = deliveries.iter().filter(|delivery| delivery.kind == ResultKind::Json);
    let last = of_json.max_by_key(|delivery| delivery.revision).context("a study was delivered without its report")?;
    let path = device.state.results().join(&last.file.name);
    let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let document: DocumentJson = serde_json::from_slice(&text).context("a report cannot be read")?;
    let mut report = document.studies.into_iter().next().context("a report is empty")?;
    let folder = out.join("heatmaps");
    fs::create_dir_all(&folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    for (index, image) in report.images.iter_mut().enumerate() {
        image.heatmap = copy_heatmap(device, image, &folder, &format!("{number}-{}", index + 1))?;
    }
    Ok(report)
}

fn copy_heatmap(device: &Device, image: &ImageJson, folder: &Path, number: &str) -> anyhow::Result<Option<PathBuf>> {
    let (InstanceOutcome::Scored(finding), Some(instance)) = (&image.outcome, &image.instance) else { return Ok(None) };
    let record =
        device.queue.instance(&InstanceKey(Uid::parse(instance)?))?.context("a reported image has no record")?;
    let path = folder.join(format!("{number}-{}-{}.png", finding.laterality.letter(), finding.view.term()));
    fs::copy(device.state.heatmap_of(&record.received.spool.name), &path)
        .with_context(|| format!("heat map {} cannot be written", path.display()))?;
    Ok(Some(path))
}

impl DemoDelivery {
    fn of(delivery: &Delivery, destination: &Destination, out: &Path) -> anyhow::Result<Self> {
        let file = out.join("results").join(&delivery.file.name);
        let is_folder = delivery.destination.as_str() == "folder";
        let received = match &delivery.sop {
            Some(sop) if !is_folder => destination.queue.instance(&InstanceKey(sop.instance.clone()))?.is_some(),
            _ => file.is_file(),
        };
        Ok(Self {
            destination: delivery.destination.as_str().into(),
            kind: delivery.kind,
            state: delivery.state.clone(),
            attempts: delivery.attempts,
            file: is_folder.then_some(file),
            received,
        })
    }
}

/// The most resident memory of this process so far (proc(5), `VmHWM`).
fn memory_bytes_max() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
