//! The device's side: installing, trying, confirming and taking back.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use bundle::SoftwareVersion;
use contract::Digest;
use engine_nvidia::NvidiaEngine;
use serde_json::{Value, json};
use updater::{Disk, Facts, FolderDisk, Model, Outcome, Slot, State, UpdateError, Updater};

use super::change_over::{self, Asked, Fate};
use super::maker::read_keys;
use super::told::Told;
use crate::cli::RunningArgs;
use crate::commands::progress::Progress;
use crate::commands::{print_json, running_config, state_dir};
use crate::engine;
use crate::installed;
use crate::model::{Model as ServedModel, ModelSource};

/// Fewest digits that name a bundle.
const DIGITS_MIN: usize = 4;

/// The engines that this command can run a model on.
pub fn engines() -> Vec<String> {
    let nvidia = NvidiaEngine::is_driver_installed().then_some("nvidia");
    nvidia.into_iter().chain(["tract"]).map(Into::into).collect()
}

/// The version of this command.
pub fn software() -> anyhow::Result<SoftwareVersion> {
    Ok(SoftwareVersion::parse(env!("CARGO_PKG_VERSION"))?)
}

/// A bundle's file, and its size. A pipe or device is none: it might never end.
pub fn open_bundle(path: &Path) -> anyhow::Result<(File, u64)> {
    let shown = || path.display().to_string();
    let metadata = std::fs::metadata(path).with_context(shown)?;
    if !metadata.is_file() {
        bail!("{} is not a file", path.display());
    }
    Ok((File::open(path).with_context(shown)?, metadata.len()))
}

/// Shows how much was read.
struct Shown {
    file: File,
    read: u64,
    all: u64,
    progress: Progress,
}

impl Read for Shown {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        self.progress.show(&format!("checking and copying: {} %", self.read * 100 / self.all.max(1)));
        Ok(read)
    }
}

fn updater(running: &RunningArgs) -> anyhow::Result<Updater<FolderDisk>> {
    Ok(installed::updater(&state_dir(running)?).map_err(Told::from)?)
}

/// Checks and keeps a bundle.
pub fn install(running: &RunningArgs, file: &Path, keys: Option<&Path>) -> anyhow::Result<()> {
    let in_state = state_dir(running)?.join("keys.json");
    let root = read_keys(keys.unwrap_or(&in_state))
        .context("the key set that the device was set up with is needed: --keys, or keys.json in the state folder")?;
    let facts =
        Facts { contract: contract::CONTRACT_VERSION, engines: engines(), software: software()?, engine_bytes: 0 };
    let (file, all) = open_bundle(file)?;
    let mut updater = updater(running)?;
    let shown = Shown { file, read: 0, all, progress: Progress::new() };
    let slot = updater.install(shown, &root, &facts).map_err(Told::from)?;
    let text = format!("{} is installed and waits: mamoru bundle activate {}", title(&slot), slot.bundle.short(12));
    answer(running, &slot, &text)
}

/// Tests a model on this device's engine and puts it on trial.
pub fn activate(running: &RunningArgs, bundle: Option<&str>, starts: u8) -> anyhow::Result<()> {
    let config = running_config(running)?;
    let mut updater = updater(running)?;
    let state = updater.state().map_err(Told::from)?;
    let bundle = match (bundle, &state.candidate, &state.shadow) {
        (Some(text), ..) => named(&state, text)?,
        (None, Some(candidate), _) => candidate.slot.bundle,
        (None, None, Some(shadow)) => shadow.bundle,
        (None, None, None) => return Err(Told::from(UpdateError::Refused(updater::Refused::NotInstalled)).into()),
    };
    let mut progress = Progress::new();
    progress.show("self-test: golden vectors on this device's engine");
    let self_test = |disk: &FolderDisk, folder: &str| {
        let model = ServedModel::open(&ModelSource::Folder(disk.place(folder))).map_err(|error| error.to_string())?;
        let ready = engine::ready(model, &config.engine, &config.state_dir);
        ready.map(|_| ()).map_err(|error| format!("{error:#}"))
    };
    let slot = updater.activate(bundle, starts, self_test).map_err(Told::from)?;
    // The service needs the models now.
    drop(updater);
    progress.show("passed; the running service changes to it");
    let fate = change_over::follow(&config, &slot, &mut progress)?;
    drop(progress);
    if let Fate::TakenBack(why) = fate {
        return Err(Told::from(UpdateError::SelfTest(why)).into());
    }
    if running.json {
        let mut told = slot_json(&slot);
        told["trial"] = json!(fate.word());
        return print_json(&told);
    }
    writeln!(std::io::stdout(), "{} passed its self-test. {}", title(&slot), fate.text(starts))?;
    Ok(())
}

/// Keeps the model on trial.
pub fn confirm(running: &RunningArgs, bundle: Option<&str>) -> anyhow::Result<()> {
    let mut updater = updater(running)?;
    let state = updater.state().map_err(Told::from)?;
    let bundle = match (bundle, &state.candidate) {
        (Some(text), _) => named(&state, text)?,
        (None, Some(candidate)) => candidate.slot.bundle,
        (None, None) => return Err(Told::from(UpdateError::Refused(updater::Refused::NotOnTrial)).into()),
    };
    let slot = updater.confirm(bundle).map_err(Told::from)?;
    answer(running, &slot, &format!("{} is the active model", title(&slot)))
}

/// Goes back to the model before.
pub fn roll_back(running: &RunningArgs, why: &str) -> anyhow::Result<()> {
    let model = updater(running)?.roll_back(why).map_err(Told::from)?;
    let asked = change_over::ask(&running_config(running)?)?;
    if running.json {
        return print_json(&model_json(&model));
    }
    let name = model.slot().map_or_else(|| "the built-in model".into(), title);
    let when = match asked {
        Asked::Now => "after the image that is in work".to_owned(),
        Asked::NobodyRuns => "from the next start of the service on".to_owned(),
        Asked::Refused(why) => format!("when the service takes it: {why}"),
    };
    writeln!(std::io::stdout(), "{name} runs {when}")?;
    Ok(())
}

/// Makes a model the shadow.
pub fn shadow(running: &RunningArgs, bundle: &str) -> anyhow::Result<()> {
    let mut updater = updater(running)?;
    let bundle = named(&updater.state().map_err(Told::from)?, bundle)?;
    updater.shadow(bundle).map_err(Told::from)?;
    drop(updater);
    let what = match change_over::ask(&running_config(running)?)? {
        Asked::Now => "scores beside the active model from now on; mamoru status compares them".to_owned(),
        Asked::NobodyRuns => "scores beside the active model from the next start of the service on".to_owned(),
        Asked::Refused(why) => format!("is the shadow, but the service takes none: {why}"),
    };
    done(running, bundle, &what)
}

/// Removes a model.
pub fn remove(running: &RunningArgs, bundle: &str) -> anyhow::Result<()> {
    let mut updater = updater(running)?;
    let bundle = named(&updater.state().map_err(Told::from)?, bundle)?;
    updater.remove(bundle).map_err(Told::from)?;
    drop(updater);
    // A shadow ends; where no service runs there is nothing to tell.
    change_over::ask(&running_config(running)?)?;
    done(running, bundle, "is removed")
}

/// Lets a denied bundle be installed again.
pub fn allow(running: &RunningArgs, bundle: &str) -> anyhow::Result<()> {
    let mut updater = updater(running)?;
    let bundle = named(&updater.state().map_err(Told::from)?, bundle)?;
    updater.allow(bundle).map_err(Told::from)?;
    done(running, bundle, "may be installed again")
}

/// Shows all models.
pub fn list(running: &RunningArgs) -> anyhow::Result<()> {
    let updater = updater(running)?;
    let state = updater.state().map_err(Told::from)?;
    let floor = updater.floor().map_err(Told::from)?;
    if running.json {
        let candidate = state
            .candidate
            .as_ref()
            .map(|candidate| json!({ "model": slot_json(&candidate.slot), "trial": candidate.trial }));
        return print_json(&json!({
            "active": model_json(&state.active),
            "previous": state.previous.as_ref().map(model_json),
            "candidate": candidate,
            "shadow": state.shadow.as_ref().map(slot_json),
            "denied": state.denied,
            "last": state.last,
            "sequence_floor": floor.sequence,
            "free_bytes": updater.disk().free_bytes()?,
        }));
    }
    show(&state)
}

fn show(state: &State) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    let model = |model: &Model| model.slot().map_or_else(|| "the built-in model".into(), line);
    writeln!(output, "active     {}", model(&state.active))?;
    if let Some(candidate) = &state.candidate {
        let role = candidate.trial.map_or_else(
            || "waits    ".into(),
            |trial| format!("on trial, {} of {} starts:", trial.starts, trial.starts_max),
        );
        writeln!(output, "{role}  {}", line(&candidate.slot))?;
    }
    if let Some(shadow) = &state.shadow {
        writeln!(output, "shadow     {}", line(shadow))?;
    }
    if let Some(previous) = &state.previous {
        writeln!(output, "before     {}", model(previous))?;
    }
    for denied in &state.denied {
        writeln!(output, "denied     {}: {}", denied.bundle.short(12), denied.why)?;
    }
    match &state.last {
        Some(Outcome::Committed { slot }) => writeln!(output, "last change: {} was confirmed", title(slot))?,
        Some(Outcome::RolledBack { slot, why }) => {
            writeln!(output, "last change: {} was taken back: {why}", title(slot))?;
        }
        None => {}
    }
    Ok(())
}

/// The one bundle of the state whose digest begins so.
fn named(state: &State, text: &str) -> anyhow::Result<Digest> {
    let denied = state.denied.iter().map(|denied| denied.bundle);
    let mut all: Vec<Digest> = state.slots().map(|slot| slot.bundle).chain(denied).collect();
    all.sort_unstable();
    all.dedup();
    let mut found = all.into_iter().filter(|digest| text.len() >= DIGITS_MIN && digest.to_string().starts_with(text));
    match (found.next(), found.next()) {
        (Some(digest), None) => Ok(digest),
        (Some(_), Some(_)) => bail!("more than one bundle begins with {text}: give more digits"),
        (None, _) => Err(Told::from(UpdateError::Refused(updater::Refused::NotInstalled)).into()),
    }
}

fn title(slot: &Slot) -> String {
    format!("{} {}", slot.name, slot.version)
}

fn line(slot: &Slot) -> String {
    format!("{}  {} (sequence {})", slot.bundle.short(12), title(slot), slot.sequence)
}

fn slot_json(slot: &Slot) -> Value {
    let Slot { bundle, name, version, sequence, label, .. } = slot;
    json!({ "bundle": bundle, "name": name, "version": version, "sequence": sequence, "label": label })
}

fn model_json(model: &Model) -> Value {
    model.slot().map_or_else(|| json!("built_in"), slot_json)
}

fn answer(running: &RunningArgs, slot: &Slot, text: &str) -> anyhow::Result<()> {
    if running.json { print_json(&slot_json(slot)) } else { Ok(writeln!(std::io::stdout(), "{text}")?) }
}

fn done(running: &RunningArgs, bundle: Digest, text: &str) -> anyhow::Result<()> {
    if running.json {
        print_json(&json!({ "bundle": bundle }))
    } else {
        Ok(writeln!(std::io::stdout(), "{} {text}", bundle.short(12))?)
    }
}
