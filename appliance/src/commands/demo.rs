//! `mamoru demo`: a whole device, a sender and a destination on this machine, and a study on its way through them.

mod destination;
mod outcome;
mod text;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use domain::eligibility::EligibilityPolicy;
use domain::{AeTitle, AssemblyPolicy, DestinationName, ResultKind};
use forwarder::{DestinationConfig, Profile};
use phantom::{Exam, Size};
use scu::{Peer, Timeouts};

use crate::cli::DemoArgs;
use crate::commands::own_device::{self, STALL_WAIT, wait_until_done};
use crate::commands::progress::Progress;
use crate::commands::{complain_of_no_input, files, print_json, runtime, send, stop_signal};
use crate::config::{Config, EngineConfig, LogLevel};
use crate::device::Device;
use crate::engine::ready;
use crate::exit_code::Exit;
use crate::installed::Served;
use crate::logging;
use crate::model::Model;
use destination::Destination;
use outcome::{DemoReport, DemoTimings};

/// The built-in exam.
const EXAM_SEED: u64 = 1;

/// Shows the main job from end to end.
///
/// # Errors
/// When something could not be started or written, or the results did not arrive.
pub fn run(arguments: &DemoArgs) -> anyhow::Result<Exit> {
    logging::start(LogLevel::Warn);
    let state = tempfile::tempdir().context("no temporary folder")?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => std::env::temp_dir().join(format!("mamoru-demo-{}", std::process::id())),
    };
    let runtime = runtime()?;
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = demonstrate(arguments, state.path(), &out) => exit,
            stopped = stop_signal() => stopped.map(|()| Exit::Failure),
        }
    });
    runtime.shutdown_background();
    exit
}

async fn demonstrate(arguments: &DemoArgs, state: &Path, out: &Path) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let paths = study(arguments, state).await?;
    if paths.is_empty() {
        return complain_of_no_input();
    }
    let destination = Destination::start(&state.join("destination")).await?;
    let config = device_config(arguments, state, out, &destination)?;
    let model = Model::open(&config.model)?;
    // A plan takes minutes to build: it must outlive the demonstration.
    let (engine, plans) = (config.engine.clone(), Config::default().state_dir);
    let scorer = tokio::task::spawn_blocking(move || ready(model, &engine, &plans)).await??;
    let device = Device::start(config, Served::for_good(scorer), arguments.study.is_some()).await?;
    let peer = Peer::plain(
        device.facts.address.to_string(),
        AeTitle::parse(&device.facts.ae_title)?,
        AeTitle::parse("MODALITY")?,
    );
    let start_ms = start.elapsed().as_secs_f64() * 1e3;
    let mut progress = Progress::new();
    let all = paths.len();
    let sending = Instant::now();
    let sent =
        send::send_all(&peer, &paths, Timeouts::default(), |done| progress.show(&format!("sent {done} of {all}")))
            .await;
    let send_ms = sending.elapsed().as_secs_f64() * 1e3;
    let analysing = Instant::now();
    let is_done = wait_until_done(&device.queue, &mut progress).await?;
    drop(progress);
    let timings_ms = DemoTimings {
        start: start_ms,
        send: send_ms,
        analyse_and_deliver: analysing.elapsed().as_secs_f64() * 1e3,
        total: start.elapsed().as_secs_f64() * 1e3,
    };
    let report = DemoReport::collect(&device, &destination, out, sent.files, timings_ms)?;
    if arguments.json {
        print_json(&report)?;
    } else {
        text::print(&report, &mut std::io::stdout().lock())?;
    }
    if !arguments.exit {
        let (address, title) = (device.facts.address, &device.facts.ae_title);
        writeln!(std::io::stderr(), "\nstill serving on {address} as {title}; Ctrl-C ends it and removes its state")?;
        stop_signal().await?;
    }
    device.stop().await;
    destination.stop().await;
    if !is_done {
        bail!("results did not arrive: nothing happened for {} s", STALL_WAIT.as_secs());
    }
    Ok(report.exit())
}

/// The files to send: those of the given folder, or the built-in exam.
async fn study(arguments: &DemoArgs, state: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(folder) = &arguments.study {
        return files::collect(std::slice::from_ref(folder));
    }
    let folder = state.join("exam");
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir(&folder)?;
        anyhow::Ok(Exam::new(EXAM_SEED, Size::Full).write_into(&folder)?)
    });
    written.await?.context("the synthetic exam cannot be written")
}

/// The default device on free ports, with a DICOM destination and a folder, that does not wait long for late images.
fn device_config(arguments: &DemoArgs, state: &Path, out: &Path, destination: &Destination) -> anyhow::Result<Config> {
    let pacs = DestinationConfig {
        address: Some(destination.address.to_string()),
        called_ae: Some(AeTitle::parse(destination::AE_TITLE)?),
        ..DestinationConfig::named(DestinationName::parse("pacs")?)
    };
    let folder = DestinationConfig {
        folder: Some(out.join("results")),
        objects: Some(Profile::of(&ResultKind::ALL)),
        ..DestinationConfig::named(DestinationName::parse("folder")?)
    };
    let is_given = arguments.study.is_some();
    Ok(Config {
        state_dir: state.join("device"),
        receiver: own_device::receiver()?,
        eligibility: EligibilityPolicy {
            accept_secondary_capture: is_given,
            view_from_patient_orientation: is_given,
            ..EligibilityPolicy::default()
        },
        assembly: AssemblyPolicy { settle_ms: 500, quiet_ms: 3_000, ..AssemblyPolicy::default() },
        engine: arguments.engine.over(EngineConfig { threads: arguments.threads, ..EngineConfig::default() })?,
        model: arguments.model.source(),
        destinations: vec![pacs, folder],
        ..Config::default()
    })
}
