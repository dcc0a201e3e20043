//! What is done with the models of a device, by whomever it is asked for: each is one change that outlasts a power cut.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail};
use bundle::root::ROOT_BYTES_MAX;
use bundle::{Root, SoftwareVersion};
use contract::Digest;
use engine_nvidia::NvidiaEngine;
use updater::{Facts, FolderDisk, Model, Slot, State, UpdateError};

use super::change_over::{self, Asked, Fate};
use super::told::Told;
use super::updater;
use crate::config::Config;
use crate::engine;
use crate::model::{Model as ServedModel, ModelSource};

/// Fewest digits that name a bundle.
const DIGITS_MIN: usize = 4;

/// The engines that this command can run a model on.
pub fn engines() -> Vec<String> {
    let nvidia = NvidiaEngine::is_driver_installed().then_some("nvidia");
    nvidia.into_iter().chain(["tract"]).map(Into::into).collect()
}

/// The version of this command.
///
/// # Errors
/// None that could be met: it is one of ours.
pub fn software() -> anyhow::Result<SoftwareVersion> {
    Ok(SoftwareVersion::parse(env!("CARGO_PKG_VERSION"))?)
}

/// Reads a key set.
///
/// # Errors
/// When the file cannot be read, is too long or damaged.
pub fn read_keys(path: &Path) -> anyhow::Result<Root> {
    Ok(Root::parse(&read_bounded(path, ROOT_BYTES_MAX)?).map_err(Told::from)?)
}

/// Reads a file of `bytes_max` bytes at most.
///
/// # Errors
/// When it cannot be read or is larger.
pub fn read_bounded(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.with_context(|| path.display().to_string())?;
    if bytes.len() as u64 > bytes_max {
        bail!("{} is larger than {bytes_max} bytes", path.display());
    }
    Ok(bytes)
}

/// Checks and keeps a bundle, by the key set in `keys` or that of the state folder.
///
/// # Errors
/// [`Told`] for a refusal, after which nothing has changed; when there is no key set.
pub fn install(state_dir: &Path, input: impl Read, keys: Option<&Path>) -> anyhow::Result<Slot> {
    let in_state = state_dir.join("keys.json");
    let root = read_keys(keys.unwrap_or(&in_state))
        .context("the key set that the device was set up with is needed: --keys, or keys.json in the state folder")?;
    let facts =
        Facts { contract: contract::CONTRACT_VERSION, engines: engines(), software: software()?, engine_bytes: 0 };
    Ok(updater(state_dir).and_then(|mut updater| updater.install(input, &root, &facts)).map_err(Told::from)?)
}

/// Tests a model on this device's engine and puts it on trial; a running service changes to it. Without `bundle` the one that
/// waits. Says on the way what is done.
///
/// # Errors
/// [`Told`] for a refusal, also when the running service took it back.
pub fn activate(
    config: &Config,
    bundle: Option<&str>,
    starts: u8,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<(Slot, Fate)> {
    let mut updater = updater(&config.state_dir).map_err(Told::from)?;
    let state = updater.state().map_err(Told::from)?;
    let bundle = match (bundle, &state.candidate, &state.shadow) {
        (Some(text), ..) => named(&state, text)?,
        (None, Some(candidate), _) => candidate.slot.bundle,
        (None, None, Some(shadow)) => shadow.bundle,
        (None, None, None) => return Err(Told::from(UpdateError::Refused(::updater::Refused::NotInstalled)).into()),
    };
    progress("self-test: golden vectors on this device's engine");
    let self_test = |disk: &FolderDisk, folder: &str| {
        let model = ServedModel::open(&ModelSource::Folder(disk.place(folder))).map_err(|error| error.to_string())?;
        let ready = engine::ready(model, &config.engine, &config.state_dir);
        ready.map(|_| ()).map_err(|error| format!("{error:#}"))
    };
    let slot = updater.activate(bundle, starts, self_test).map_err(Told::from)?;
    // The service needs the models now.
    drop(updater);
    progress("passed; the running service changes to it");
    match change_over::follow(config, &slot, progress)? {
        Fate::TakenBack(why) => Err(Told::from(UpdateError::SelfTest(why)).into()),
        fate => Ok((slot, fate)),
    }
}

/// Keeps the model on trial; without `bundle` whichever is.
///
/// # Errors
/// [`Told`].
pub fn confirm(config: &Config, bundle: Option<&str>) -> anyhow::Result<Slot> {
    let mut updater = updater(&config.state_dir).map_err(Told::from)?;
    let state = updater.state().map_err(Told::from)?;
    let bundle = match (bundle, &state.candidate) {
        (Some(text), _) => named(&state, text)?,
        (None, Some(candidate)) => candidate.slot.bundle,
        (None, None) => return Err(Told::from(UpdateError::Refused(::updater::Refused::NotOnTrial)).into()),
    };
    Ok(updater.confirm(bundle).map_err(Told::from)?)
}

/// Goes back to the model before; a running service changes to it.
///
/// # Errors
/// [`Told`]; when a service runs and does not answer.
pub fn roll_back(config: &Config, why: &str) -> anyhow::Result<(Model, Asked)> {
    let model = updater(&config.state_dir).and_then(|mut updater| updater.roll_back(why)).map_err(Told::from)?;
    Ok((model, change_over::ask(config)?))
}

/// Makes a model the shadow, which a running service has score beside the active one.
///
/// # Errors
/// As [`roll_back`].
pub fn shadow(config: &Config, bundle: &str) -> anyhow::Result<(Digest, Asked)> {
    let bundle = change(config, bundle, |updater, bundle| updater.shadow(bundle))?;
    Ok((bundle, change_over::ask(config)?))
}

/// Removes a model that does not run; a shadow ends.
///
/// # Errors
/// As [`roll_back`].
pub fn remove(config: &Config, bundle: &str) -> anyhow::Result<Digest> {
    let bundle = change(config, bundle, |updater, bundle| updater.remove(bundle))?;
    // Where no service runs there is nothing to tell.
    change_over::ask(config)?;
    Ok(bundle)
}

/// Lets a denied bundle be installed again.
///
/// # Errors
/// [`Told`].
pub fn allow(config: &Config, bundle: &str) -> anyhow::Result<Digest> {
    change(config, bundle, |updater, bundle| updater.allow(bundle))
}

/// One change of the one bundle whose digest begins with `text`.
fn change(
    config: &Config,
    text: &str,
    change: impl FnOnce(&mut ::updater::Updater<FolderDisk>, Digest) -> Result<(), UpdateError>,
) -> anyhow::Result<Digest> {
    let mut updater = updater(&config.state_dir).map_err(Told::from)?;
    let bundle = named(&updater.state().map_err(Told::from)?, text)?;
    change(&mut updater, bundle).map_err(Told::from)?;
    Ok(bundle)
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
        (None, _) => Err(Told::from(UpdateError::Refused(::updater::Refused::NotInstalled)).into()),
    }
}

/// What people call it.
pub fn title(slot: &Slot) -> String {
    format!("{} {}", slot.name, slot.version)
}
