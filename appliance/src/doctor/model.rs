//! Does the model that is to score open, and does it compute here what it computed where it was trained?

use std::path::PathBuf;

use updater::{FolderDisk, Outcome, State, UpdateError, Updater};

use super::Finding;
use crate::commands::config::open_model;
use crate::config::Config;
use crate::control::Status;
use crate::engine::{assemble, named, with_progress};
use crate::installed;
use crate::model::ModelSource;

const CHECK: &str = "model";

/// What runs from the next start on, and whether that is on trial.
struct Meant {
    source: ModelSource,
    title: String,
    on_trial: Option<String>,
    last: String,
}

/// Opens the model, and where no device is running and `golden` is wanted, runs its golden vectors.
pub fn check(config: &Config, status: Option<&Status>, golden: bool) -> Finding {
    let meant = match meant(config) {
        Ok(meant) => meant,
        Err(UpdateError::InUse) => {
            return Finding::attention(CHECK, "models are being changed just now", "look again in a minute");
        }
        Err(error) => {
            let next = "the built-in model runs; install the model again: mamoru bundle install FILE";
            return Finding::failed(CHECK, format!("what is installed cannot be read: {error}"), next);
        }
    };
    match tried(config, &meant, status, golden) {
        Err(why) => {
            let next = match meant.source {
                ModelSource::Folder(_) => {
                    "mamoru bundle rollback goes back to the model before; or name another `model`"
                }
                _ => "install this software again",
            };
            Finding::failed(CHECK, format!("{}: {why}", meant.title), next)
        }
        Ok(found) => match meant.on_trial {
            Some(trial) => {
                let next = "look at its results, then: mamoru bundle confirm, or mamoru bundle rollback";
                Finding::attention(CHECK, format!("{found}; it is on trial, {trial}{}", meant.last), next)
            }
            None => Finding::ok(CHECK, format!("{found}{}", meant.last)),
        },
    }
}

/// What was found, or why it cannot score.
fn tried(config: &Config, meant: &Meant, status: Option<&Status>, golden: bool) -> Result<String, String> {
    let config = Config { model: meant.source.clone(), ..config.clone() };
    let model = open_model(&config).map_err(|errors| errors.0.join("; "))?;
    let title = match model.files().manifest() {
        manifest if meant.source == ModelSource::Untrained => format!("{} (its scores mean nothing)", manifest.name),
        manifest => format!("{} {}", manifest.name, manifest.version),
    };
    let title = format!("{} ({title}) opens", meant.title);
    if let Some(status) = status {
        return Ok(format!("{title}; {} {} scores", status.model.name, status.model.version));
    }
    if !golden {
        return Ok(format!("{title}; its golden vectors were not run"));
    }
    let has_golden = model.golden().is_some();
    let engine = named(config.engine.clone(), None).map_err(|errors| errors.0.join("; "))?;
    let mut assembled = assemble(model, &engine, &config.state_dir).map_err(|error| format!("{error:#}"))?;
    with_progress(&assembled.board, || assembled.scorer.prepare()).map_err(|failure| failure.to_string())?;
    let gave = if has_golden { "gives its golden vectors" } else { "has no golden vectors" };
    Ok(format!("{title} and {gave} on {}", crate::engine::health::label(&assembled.board.engine())))
}

/// The model of the configuration, or where it names the default the installed one. Nothing is changed, and no start counted.
fn meant(config: &Config) -> Result<Meant, UpdateError> {
    let folder = installed::folder(&config.state_dir);
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
    use contract::{Digest, ModelLabel};
    use updater::{Candidate, Model, Slot, Trial};

    use super::*;
    use crate::doctor::Verdict;

    fn config(state: &std::path::Path, model: ModelSource) -> Config {
        Config { state_dir: state.to_owned(), model, ..Config::default() }
    }

    #[test]
    fn a_model_that_does_not_open_has_failed_and_leaves_no_folder() {
        let state = tempfile::tempdir().unwrap();
        let finding = check(&config(state.path(), ModelSource::Folder(state.path().join("none"))), None, true);
        assert!(finding.verdict == Verdict::Failed && finding.found.contains("manifest.json"), "{finding:?}");
        let finding = check(&config(state.path(), ModelSource::Untrained), None, false);
        assert!(finding.verdict == Verdict::Ok && finding.found.contains("mean nothing"), "{finding:?}");
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_state_of_models_that_is_damaged_is_said_and_left_as_it_is() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("models/state.json");
        std::fs::create_dir(state.path().join("models")).unwrap();
        std::fs::write(&file, "nonsense").unwrap();
        let finding = check(&config(state.path(), ModelSource::Default), None, false);
        assert!(finding.verdict == Verdict::Failed && finding.next.unwrap().contains("built-in"), "{}", finding.found);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "nonsense");
    }

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
