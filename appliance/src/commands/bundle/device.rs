//! The device's side: installing, trying, confirming and taking back.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use contract::Digest;
use serde_json::{Value, json};
use updater::{Disk, FolderDisk, Model, Outcome, Slot, State, Updater};

use crate::cli::RunningArgs;
use crate::commands::progress::Progress;
use crate::commands::{print_json, running_config, state_dir};
use crate::installed;
use crate::installed::care::{self, title};
use crate::installed::change_over::Asked;
use crate::installed::told::Told;

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
    let (file, all) = open_bundle(file)?;
    let shown = Shown { file, read: 0, all, progress: Progress::new() };
    let slot = care::install(&state_dir(running)?, shown, keys)?;
    let text = format!("{} is installed and waits: mamoru bundle activate {}", title(&slot), slot.bundle.short(12));
    answer(running, &slot, &text)
}

/// Tests a model on this device's engine and puts it on trial.
pub fn activate(running: &RunningArgs, bundle: Option<&str>, starts: u8) -> anyhow::Result<()> {
    let mut progress = Progress::new();
    let (slot, fate) = care::activate(&running_config(running)?, bundle, starts, &mut |what| progress.show(what))?;
    drop(progress);
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
    let slot = care::confirm(&running_config(running)?, bundle)?;
    answer(running, &slot, &format!("{} is the active model", title(&slot)))
}

/// Goes back to the model before.
pub fn roll_back(running: &RunningArgs, why: &str) -> anyhow::Result<()> {
    let (model, asked) = care::roll_back(&running_config(running)?, why)?;
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
    let (bundle, asked) = care::shadow(&running_config(running)?, bundle)?;
    let what = match asked {
        Asked::Now => "scores beside the active model from now on; mamoru status compares them".to_owned(),
        Asked::NobodyRuns => "scores beside the active model from the next start of the service on".to_owned(),
        Asked::Refused(why) => format!("is the shadow, but the service takes none: {why}"),
    };
    done(running, bundle, &what)
}

/// Removes a model.
pub fn remove(running: &RunningArgs, bundle: &str) -> anyhow::Result<()> {
    let bundle = care::remove(&running_config(running)?, bundle)?;
    done(running, bundle, "is removed")
}

/// Lets a denied bundle be installed again.
pub fn allow(running: &RunningArgs, bundle: &str) -> anyhow::Result<()> {
    let bundle = care::allow(&running_config(running)?, bundle)?;
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
