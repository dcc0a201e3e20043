//! Installed models in the service: which one it starts with, and what becomes of one on trial that does not work.

pub mod care;
pub mod change_over;
pub mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::Digest;
use inference::Scorer;
use updater::{Event, FolderDisk, Model, Outcome, State, UpdateError, Updater};

use crate::commands::config::open_model;
use crate::config::{Config, ConfigErrors};
use crate::engine::assemble;
use crate::engine::health::HealthBoard;
use crate::model::{ModelError, ModelSource};

/// Where models are installed, below a state folder.
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("models")
}

/// What to serve with.
pub struct Served {
    /// To score with.
    pub scorer: Scorer,
    /// How the engines are.
    pub board: Arc<HealthBoard>,
    /// The model's bundle, where it is on trial.
    pub trial: Option<Digest>,
}

impl Served {
    /// A model that is not on trial.
    pub fn for_good((scorer, board): (Scorer, Arc<HealthBoard>)) -> Self {
        Self { scorer, board, trial: None }
    }
}

/// The models below a state folder. Nobody else works on them until it is dropped.
///
/// # Errors
/// [`UpdateError`].
pub fn updater(state_dir: &Path) -> Result<Updater<FolderDisk>, UpdateError> {
    Ok(Updater::new(FolderDisk::open(&folder(state_dir))?))
}

/// The model to serve with and its engines; the CPU engine is ready, the NVIDIA engine is made ready when it is used. The
/// configuration's own model comes first; where it names the default, the installed model is used, if there is one. A model on
/// trial that does not open or does not give its golden vectors is taken back, and the one before it is used.
///
/// # Errors
/// [`ConfigErrors`] when no model can be used: an active one that failed is for a person to roll back, since another model
/// gives other scores.
pub fn assembled(config: &Config) -> anyhow::Result<Served> {
    if config.model != ModelSource::Default || !folder(&config.state_dir).exists() {
        return ready(config, None);
    }
    loop {
        let (source, trial) = start(&config.state_dir)?;
        let assembled = ready(&Config { model: source, ..config.clone() }, trial);
        match (assembled, trial) {
            (Err(error), Some(bundle)) => {
                tracing::error!("the model on trial failed and is taken back: {error:#}");
                updater(&config.state_dir)?.fail(bundle, &format!("{error:#}"))?;
            }
            (result, _) => return result,
        }
    }
}

/// Counts the start; the model, and its bundle where it is on trial. The lock is free afterwards.
fn start(state_dir: &Path) -> Result<(ModelSource, Option<Digest>), UpdateError> {
    let mut updater = updater(state_dir)?;
    let started = updater.start()?;
    for event in &started.events {
        match event {
            Event::StateDamaged => tracing::error!("the models' state was damaged: the built-in model runs"),
            Event::LaterState => tracing::error!("the models' state is later software's: the built-in model runs"),
            Event::TakenBack { slot, why } => {
                tracing::error!(model = slot.name, version = slot.version, "model taken back: {why}");
            }
        }
    }
    Ok(match started.run {
        Model::BuiltIn => (ModelSource::Default, None),
        Model::Slot(slot) => {
            let place = updater.disk().place(&slot.model_folder());
            if started.is_on_trial {
                tracing::warn!(
                    model = slot.name,
                    version = slot.version,
                    "this model is on trial until it is confirmed"
                );
            }
            (ModelSource::Folder(place), started.is_on_trial.then_some(slot.bundle))
        }
    })
}

/// The model that `config` names, whatever is installed.
///
/// # Errors
/// As [`assembled`].
pub fn opened(config: &Config) -> anyhow::Result<Served> {
    ready(config, None)
}

fn ready(config: &Config, trial: Option<Digest>) -> anyhow::Result<Served> {
    let mut assembled = assemble(open_model(config)?, &config.engine, &config.state_dir)?;
    if assembled.choice.is_soon_ready() {
        let ready = assembled.scorer.prepare();
        ready.map_err(|error| ConfigErrors(vec![format!("model: {}", ModelError::from(error))]))?;
    }
    Ok(Served { scorer: assembled.scorer, board: assembled.board, trial })
}

/// What runs from the next start on, and whether that is on trial.
pub struct Meant {
    /// The model.
    pub source: ModelSource,
    /// What people call it.
    pub title: String,
    /// How many of its starts it has used, where it is on trial.
    pub on_trial: Option<String>,
    /// Which model was taken back last and why, after a semicolon; empty where none was.
    pub last: String,
}

/// The model of the configuration, or where it names the default the installed one. Nothing is changed, and no start counted.
///
/// # Errors
/// [`UpdateError`].
pub fn meant(config: &Config) -> Result<Meant, UpdateError> {
    let folder = folder(&config.state_dir);
    if config.model != ModelSource::Default || !folder.is_dir() {
        let title = match &config.model {
            ModelSource::Default => "the built-in model".into(),
            ModelSource::Untrained => "the untrained model".into(),
            ModelSource::Folder(folder) => format!("the model in {}", folder.display()),
        };
        return Ok(Meant { source: config.model.clone(), title, on_trial: None, last: String::new() });
    }
    let updater = Updater::new(FolderDisk::open(&folder)?);
    Ok(of_state(&updater.state()?, |path| updater.disk().place(path)))
}

fn of_state(state: &State, place: impl Fn(&str) -> PathBuf) -> Meant {
    let run = state.to_run();
    let (source, title) = match run.slot() {
        Some(slot) => (ModelSource::Folder(place(&slot.model_folder())), "the installed model"),
        None => (ModelSource::Default, "the built-in model"),
    };
    let trial = state.candidate.as_ref().and_then(|candidate| candidate.trial);
    let on_trial = trial.map(|trial| format!("{} of {} starts used", trial.starts, trial.starts_max));
    let last = match &state.last {
        Some(Outcome::RolledBack { slot, why }) => format!("; {} {} was taken back: {why}", slot.name, slot.version),
        Some(Outcome::Committed { .. }) | None => String::new(),
    };
    Meant { source, title: title.into(), on_trial, last }
}

#[cfg(test)]
mod tests {
    use contract::ModelLabel;
    use updater::{Candidate, Slot, Trial};

    use super::*;

    #[test]
    fn a_model_on_trial_is_the_one_that_is_looked_at() {
        let slot = |number| Slot {
            number,
            bundle: Digest::of(b"bundle"),
            name: "m".into(),
            version: number.to_string(),
            sequence: number,
            label: ModelLabel::Research,
        };
        let trial = Some(Trial { starts: 1, starts_max: 3 });
        let candidate = |trial| Some(Candidate { slot: slot(2), trial });
        let state = |trial| State { candidate: candidate(trial), active: Model::Slot(slot(1)), ..State::default() };
        let place = |path: &str| PathBuf::from(path);
        let meant = of_state(&state(trial), place);
        assert_eq!(meant.source, ModelSource::Folder("slots/2/model".into()));
        assert_eq!(meant.on_trial.as_deref(), Some("1 of 3 starts used"));
        let meant = of_state(&state(None), place);
        assert_eq!((meant.source, meant.on_trial), (ModelSource::Folder("slots/1/model".into()), None));
        let why = "its starts were used up".to_owned();
        let last = Some(Outcome::RolledBack { slot: slot(2), why });
        let meant = of_state(&State { last, ..State::default() }, place);
        assert_eq!(
            (meant.source, meant.last.as_str()),
            (ModelSource::Default, "; m 2 was taken back: its starts were used up")
        );
    }
}
