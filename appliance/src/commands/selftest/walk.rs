//! An exam on its way through a device of its own: received over DICOM, decoded, scored, reported and delivered into a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use domain::{
    AeTitle, AssemblyPolicy, DeliveryState, DestinationName, InstanceKey, InstanceOutcome, ResultKind, StudyState,
};
use forwarder::{DestinationConfig, Profile};
use phantom::{Exam, Size};
use scu::{Peer, Timeouts};
use serde::Serialize;

use super::Part;
use crate::commands::config::open_model;
use crate::commands::own_device::{self, STALL_WAIT, wait_until_done};
use crate::commands::progress::Progress;
use crate::commands::runtime;
use crate::commands::send::send_all;
use crate::config::Config;
use crate::device::Device;
use crate::device::trial::engine_of;
use crate::engine::ready;
use crate::installed::{Served, meant};
use crate::selftest::{Answer, EXAM_SEED, Subject, Verdict};

/// What every study gives, whatever its scores are.
const KINDS: [ResultKind; 6] = [
    ResultKind::Summary,
    ResultKind::Heatmap,
    ResultKind::CadSr,
    ResultKind::ComprehensiveSr,
    ResultKind::Json,
    ResultKind::Fhir,
];

/// An exam that went the whole way.
#[derive(Debug, Serialize)]
pub struct Walk {
    /// What scored it.
    pub subject: Subject,
    /// What each image gave.
    pub images: Vec<Answer>,
    /// Result objects that were delivered.
    pub results: usize,
    /// From the first byte sent to the last result delivered.
    pub seconds: f64,
}

/// Why an exam did not go the whole way.
struct Stop(Verdict, String);

impl Stop {
    fn failed(why: impl Into<String>) -> Self {
        Self(Verdict::Failed, why.into())
    }
}

/// Sends the exam through a device with the model, the engine and the rules of `config` and nothing else of the site: no
/// network but this machine's own, no destination but a folder that goes. No start of a model on trial is counted.
///
/// # Errors
/// When the model or the engine cannot be used, or there is no room for temporary files. [`Part`] is what stopped the exam.
pub fn walk(config: &Config, progress: &mut Progress) -> anyhow::Result<Result<Walk, Part>> {
    progress.show("drawing the synthetic exam");
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let exam = Exam::new(EXAM_SEED, Size::Full);
    let files = folder.path().join("exam");
    std::fs::create_dir(&files)?;
    let paths = exam.write_into(&files).context("the synthetic exam cannot be written")?;
    let model = open_model(&Config { model: meant(config)?.source, ..config.clone() })?;
    let (scorer, board) = ready(model, &config.engine, &config.state_dir)?;
    let results = folder.path().join("results");
    let own = own_config(config, folder.path(), &results)?;
    let runtime = runtime()?;
    let walked = runtime.block_on(async {
        let device = Device::start(own, Served::for_good((scorer, board)), false).await?;
        let walked = through(&device, &exam, (&paths, &results), progress).await;
        device.stop().await;
        walked
    });
    runtime.shutdown_background();
    Ok(walked?.map_err(|Stop(verdict, found)| Part { verdict, found, walk: None }))
}

fn own_config(config: &Config, folder: &Path, results: &Path) -> anyhow::Result<Config> {
    let destination = DestinationConfig {
        folder: Some(results.to_owned()),
        objects: Some(Profile::of(&ResultKind::ALL)),
        ..DestinationConfig::named(DestinationName::parse("folder")?)
    };
    Ok(Config {
        state_dir: folder.join("device"),
        receiver: own_device::receiver()?,
        decoding: config.decoding.clone(),
        eligibility: config.eligibility,
        assembly: AssemblyPolicy {
            aggregation: config.assembly.aggregation,
            settle_ms: 100,
            quiet_ms: 3_000,
            ..AssemblyPolicy::default()
        },
        engine: config.engine.clone(),
        results: config.results,
        destinations: vec![destination],
        ..Config::default()
    })
}

async fn through(
    device: &Device,
    exam: &Exam,
    (paths, results): (&[PathBuf], &Path),
    progress: &mut Progress,
) -> anyhow::Result<Result<Walk, Stop>> {
    let address = device.facts.address.to_string();
    let peer = Peer::plain(address, AeTitle::parse(&device.facts.ae_title)?, AeTitle::parse("SELFTEST")?);
    let start = Instant::now();
    let sent = send_all(&peer, paths, Timeouts::default(), |_| {}).await;
    if let Some(file) = sent.files.iter().find(|file| !file.ok) {
        let status = file.status.as_deref().map(|status| format!("status {status}"));
        let why = file.error.clone().or(status).unwrap_or_default();
        return Ok(Err(Stop::failed(format!("an image was not taken: {why}"))));
    }
    if !wait_until_done(&device.queue, progress).await? {
        let why = format!("results did not come: nothing happened for {} s", STALL_WAIT.as_secs());
        return Ok(Err(Stop::failed(why)));
    }
    let seconds = start.elapsed().as_secs_f64();
    let images = match answers(device, exam)? {
        Ok(images) => images,
        Err(stop) => return Ok(Err(stop)),
    };
    let running = device.facts.current.running();
    let subject = Subject::of(&running.model, engine_of(&running.board.status().state));
    let arrived = delivered(device, exam, results)?;
    Ok(arrived.map(|results| Walk { subject, images, results, seconds }))
}

/// What each image gave.
fn answers(device: &Device, exam: &Exam) -> anyhow::Result<Result<Vec<Answer>, Stop>> {
    let mut answers = Vec::new();
    for image in &exam.images {
        let record = device.queue.instance(&InstanceKey(image.instance.clone()))?;
        match record.and_then(|record| record.outcome) {
            Some(InstanceOutcome::Scored(finding)) => answers.push(Answer::of(&finding)?),
            Some(InstanceOutcome::Excluded { reason }) => {
                let why = format!("this site's rules leave the synthetic exam out: {reason:?}");
                return Ok(Err(Stop(Verdict::NotHeld, why)));
            }
            Some(InstanceOutcome::Failed { reason }) => {
                return Ok(Err(Stop::failed(format!("an image was not scored: {}", reason.text))));
            }
            None => return Ok(Err(Stop::failed("an image was acknowledged and then lost"))),
        }
    }
    Ok(Ok(answers))
}

/// How many results were delivered: each kind, whole, and one final study.
fn delivered(device: &Device, exam: &Exam, results: &Path) -> anyhow::Result<Result<usize, Stop>> {
    let deliveries = device.queue.deliveries(|_| true, usize::MAX)?;
    for delivery in &deliveries {
        let name = delivery.kind.name();
        if !matches!(delivery.state, DeliveryState::Delivered { .. }) {
            let why = delivery.last_error.clone().unwrap_or_default();
            return Ok(Err(Stop::failed(format!("a result ({name}) was not delivered: {why}"))));
        }
        let made = std::fs::read(device.state.results().join(&delivery.file.name))?;
        match std::fs::read(results.join(&delivery.file.name)) {
            Ok(arrived) if arrived == made => {}
            _ => return Ok(Err(Stop::failed(format!("a result ({name}) did not arrive as it was made")))),
        }
    }
    let kinds: BTreeSet<&str> = deliveries.iter().map(|delivery| delivery.kind.name()).collect();
    if let Some(kind) = KINDS.iter().find(|kind| !kinds.contains(kind.name())) {
        return Ok(Err(Stop::failed(format!("no result of kind {} was made", kind.name()))));
    }
    let study = device.queue.latest_studies(2)?;
    let is_whole =
        matches!(&study[..], [study] if study.reported == exam.images.len() && study.state == StudyState::Final);
    Ok(if is_whole { Ok(deliveries.len()) } else { Err(Stop::failed("the study was not reported as one final study")) })
}
