//! The commands: from arguments to the library's functions.

pub mod evaluation;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use contract::Topology;
use signal_hook::consts::{SIGINT, SIGTERM};
use trainer::data::{Split, Usable};
use trainer::fit::{Ending, session};
use trainer::growth::{self, folded};
use trainer::{Config, Group, Network, Run, TrainerError, calibration, config, summary, weights};

use crate::cli::{FitArgs, GrowArgs, PredictArgs, Settings, SummaryArgs};

/// Exit code of a run that was asked to stop: not over, to be resumed.
const STOPPED: u8 = 3;

/// Writes an error to standard error.
pub fn complain(error: &anyhow::Error) {
    say(&format!("error: {error:#}"));
}

/// `mamoru-train summary`
pub fn summary(arguments: &SummaryArgs) -> Result<ExitCode> {
    let table = summary::table(&config::topology(&arguments.topology)?);
    std::io::stdout().lock().write_all(table.as_bytes()).context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// `mamoru-train grow`
pub fn grow(arguments: &GrowArgs) -> Result<ExitCode> {
    let config = resolve(&arguments.settings)?;
    let (from, to) = (Topology::efficientnet_b0(), config::topology(&arguments.to)?);
    let mut tensors = weights::read(&arguments.from)?;
    if folded::is_folded(&tensors) {
        tensors = folded::unfold(&tensors, &from, &arguments.from)?;
    }
    weights::replace_classifier(&mut tensors, &from, config.seed, false);
    let mut grown = growth::grow(&tensors, &from, &to, config.seed, &arguments.from)?;
    if arguments.noise > 0.0 {
        growth::add_noise(&mut grown, arguments.noise, config.seed);
    }
    let network = Network::new(to, grown, &arguments.from)?;
    if arguments.calibrate > 0 {
        let folder = arguments.out.parent().unwrap_or(Path::new("."));
        let (store, prepared) = session::prepare(folder, &config)?;
        let train = prepared.usable.iter().filter(|usable| usable.sample.split == Split::Train);
        let chosen: Vec<&Usable> = calibration::choose(train, arguments.calibrate, config.seed);
        calibration::calibrate(&network, &store, &chosen)?;
    }
    weights::write(network.tensors(), &arguments.out)?;
    say(&format!("wrote {} with {} parameters", arguments.out.display(), network.topology().parameter_count()));
    Ok(ExitCode::SUCCESS)
}

/// `mamoru-train fit`
pub fn fit(arguments: &FitArgs) -> Result<ExitCode> {
    let group = Group::join()?;
    let config = if arguments.resume { None } else { Some(resolve(&settings_of_fit(arguments))?) };
    // The other processes would wait for one that failed.
    let end_all = |error: &TrainerError| {
        if group.size() > 1 {
            say(&format!("error: {error}"));
            group.abort();
        }
    };
    let (run, config) = trainer::fit::begin(&arguments.run, config, &group).inspect_err(end_all)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("listen for the signal to stop")?;
    }
    match trainer::fit::fit(&run, &config, &stop, &group).inspect_err(end_all)? {
        Ending::Finished(reason) => {
            // Only one process writes the run's folder.
            if group.is_first() {
                say(&format!("finished: {reason}; best weights in {}", run.best_file().display()));
                let folder = evaluation::finish(&run)?;
                say(&format!("figures and plots of the best weights in {}", folder.display()));
            }
            Ok(ExitCode::SUCCESS)
        }
        Ending::Stopped => {
            say(&format!("stopped: go on with mamoru-train fit --resume --run {}", arguments.run.display()));
            Ok(ExitCode::from(STOPPED))
        }
    }
}

/// `mamoru-train predict`
pub fn predict(arguments: &PredictArgs) -> Result<ExitCode> {
    let (run, config) = Run::open(&arguments.run)?;
    let count = trainer::predict::predict(&run, &config, arguments.split, &arguments.out)?;
    say(&format!("wrote {count} probabilities to {}", arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// The settings, with those that have an option of their own.
fn settings_of_fit(arguments: &FitArgs) -> Settings {
    let mut settings = arguments.settings.clone();
    settings.overrides.extend(arguments.cache_features.map(|variants| format!("data.cache_features={variants}")));
    settings
}

fn resolve(settings: &Settings) -> Result<Config> {
    let mut config = Config::resolve(settings.config.as_deref(), &settings.overrides)?;
    if let Some(folder) = &settings.data {
        config.data.folder.clone_from(folder);
    }
    Ok(config)
}

fn say(text: &str) {
    // Nobody is there to be told that nobody is there.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
