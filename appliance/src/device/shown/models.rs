//! The models on the device, and what a technician does with them.

use std::io::Read;

use console::{Fault, Id, Model, ModelChange, ModelRole, Models, Progress, SelfTest};
use domain::findings::ModelId;
use updater::{Model as Installed, Outcome, Slot, State, UpdateError};

use super::Shown;
use crate::installed::care::{self, title};
use crate::installed::told::Told;
use crate::installed::{folder, updater};
use crate::model::ModelSource;
use crate::selftest::Verdict;

/// Starts of a trial that a technician begins on the page.
const STARTS: u8 = 3;

/// What scores first.
pub fn list(shown: &Shown) -> Result<Models, Fault> {
    let running = shown.facts().current.running();
    let mut models = vec![scoring(shown, &running.model)];
    let mut last = None;
    if shown.config.model == ModelSource::Default && folder(&shown.config.state_dir).is_dir() {
        let updater = updater(&shown.config.state_dir).map_err(|error| refused(&Told::from(error).into()))?;
        let state = updater.state().map_err(|error| refused(&Told::from(error).into()))?;
        let licence = |slot: &Slot| Some(format!("licence: {}", updater.manifest(slot).ok()?.licence));
        models = installed(shown, &state, &running.model, licence);
        last = state.last.as_ref().map(outcome);
    }
    Ok(Models { models, last, can_install: shown.config.model == ModelSource::Default })
}

/// The model that scores where none is installed.
fn scoring(shown: &Shown, model: &ModelId) -> Model {
    Model {
        id: built_in_id(model),
        role: ModelRole::Active,
        name: model.name.clone(),
        version: model.version.clone(),
        label: format!("{:?}", model.label),
        sequence: None,
        key: None,
        self_test: self_test(shown, model),
        notes: vec![shown.facts().current.running().board.status().text()],
    }
}

fn built_in_id(model: &ModelId) -> Id {
    // Sixteen digits of a digest are an id.
    Id::parse(&model.network.short(16)).unwrap_or_else(|| unreachable!("hexadecimal digits"))
}

fn installed(shown: &Shown, state: &State, scores: &ModelId, licence: impl Fn(&Slot) -> Option<String>) -> Vec<Model> {
    let of_slot = |slot: &Slot, role: ModelRole, notes: Vec<String>| {
        let is_scoring = slot.name == scores.name && slot.version == scores.version;
        Some(Model {
            id: Id::parse(&slot.bundle.to_string())?,
            role,
            name: slot.name.clone(),
            version: slot.version.clone(),
            label: format!("{:?}", slot.label),
            sequence: Some(slot.sequence),
            key: Some("a key of this device's key set".into()),
            self_test: if is_scoring { self_test(shown, scores) } else { SelfTest::NotRun },
            notes: notes.into_iter().chain(licence(slot)).collect(),
        })
    };
    let built_in = |role: ModelRole| Model {
        role,
        name: "the built-in model".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        self_test: if role == ModelRole::Active { self_test(shown, scores) } else { SelfTest::NotRun },
        ..scoring(shown, scores)
    };
    let of_model = |model: &Installed, role: ModelRole| match model.slot() {
        Some(slot) => of_slot(slot, role, Vec::new()),
        None => Some(built_in(role)),
    };
    let mut models = Vec::new();
    if let Some(candidate) = &state.candidate {
        let trial = candidate.trial.map(|trial| format!("{} of {} starts used", trial.starts, trial.starts_max));
        let role = if trial.is_some() { ModelRole::OnTrial } else { ModelRole::Installed };
        models.extend(of_slot(&candidate.slot, role, trial.into_iter().collect()));
    }
    models.extend(of_model(&state.active, ModelRole::Active));
    if let Some(slot) = &state.shadow {
        let compared = shown.facts().current.shadow().map(|comparison| comparison.text()).unwrap_or_default();
        models.extend(of_slot(slot, ModelRole::Shadow, compared));
    }
    models.extend(state.previous.as_ref().and_then(|previous| of_model(previous, ModelRole::Previous)));
    models.sort_by_key(|model| match model.role {
        ModelRole::OnTrial => 0,
        ModelRole::Active => 1,
        ModelRole::Shadow => 2,
        ModelRole::Installed => 3,
        ModelRole::Previous => 4,
    });
    models
}

/// What the last self-test said of the model that scores.
fn self_test(shown: &Shown, model: &ModelId) -> SelfTest {
    match shown.facts().current.self_test().filter(|test| test.subject.network == model.network) {
        None => SelfTest::NotRun,
        Some(test) => match test.verdict {
            Verdict::Passed | Verdict::First => SelfTest::Passed,
            Verdict::NotHeld => SelfTest::NotRun,
            Verdict::Failed => SelfTest::Failed(test.why.unwrap_or_default()),
        },
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Committed { slot } => format!("{} was confirmed", title(slot)),
        Outcome::RolledBack { slot, why } => format!("{} was taken back: {why}", title(slot)),
    }
}

/// Counts what is read, and ends where the sender said that it ends.
struct Counted<'a> {
    input: &'a mut dyn Read,
    read: u64,
    all: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let room = usize::try_from(self.all - self.read).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.input.read(&mut buffer[..room])?;
        self.read += read as u64;
        (self.progress)(Progress { step: "checking and copying".into(), done: self.read, total: self.all });
        Ok(read)
    }
}

/// Checks and keeps a bundle.
pub fn install(
    shown: &Shown,
    input: &mut dyn Read,
    bytes_max: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Id, Fault> {
    if shown.config.model != ModelSource::Default {
        return Err(Fault::Unsupported("the configuration names a model of its own, which runs on".into()));
    }
    let counted = Counted { input, read: 0, all: bytes_max, progress };
    let slot = care::install(&shown.config.state_dir, counted, None).map_err(|error| refused(&error))?;
    Id::parse(&slot.bundle.to_string()).ok_or_else(|| Fault::Broken("the bundle has no name".into()))
}

/// Changes what a model is.
pub fn change(shown: &Shown, model: &Id, change: ModelChange, progress: &mut dyn FnMut(Progress)) -> Result<(), Fault> {
    let config = &shown.config;
    let mut say = |what: &str| progress(Progress { step: what.to_owned(), done: 0, total: 0 });
    let id = model.as_str();
    let done = match change {
        ModelChange::Activate => care::activate(config, Some(id), STARTS, &mut say).map(drop),
        ModelChange::Confirm => care::confirm(config, Some(id)).map(drop),
        ModelChange::RollBack => {
            may_roll_back(shown, model)?;
            care::roll_back(config, "by a technician on the page").map(drop)
        }
        ModelChange::Remove => care::remove(config, id).map(drop),
        ModelChange::Shadow => care::shadow(config, id).map(drop),
    };
    done.map_err(|error| refused(&error))
}

/// What is taken back is what was seen: the one on trial, or the active one.
fn may_roll_back(shown: &Shown, model: &Id) -> Result<(), Fault> {
    let runs = |listed: &&Model| matches!(listed.role, ModelRole::OnTrial | ModelRole::Active);
    let first = list(shown)?.models.iter().find(runs).map(|listed| listed.id.clone());
    if first.as_ref() == Some(model) {
        return Ok(());
    }
    Err(Fault::Refused("another model runs by now; look at the list again".into()))
}

fn refused(error: &anyhow::Error) -> Fault {
    match error.downcast_ref::<Told>() {
        Some(told) if told.code == UpdateError::InUse.code() => Fault::Busy(told.to_string()),
        Some(told) => Fault::Refused(told.to_string()),
        None => Fault::Broken(format!("{error:#}")),
    }
}
