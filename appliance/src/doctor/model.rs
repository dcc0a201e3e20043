//! Does the model that is to score open, and does it compute here what it computed where it was trained?

use updater::UpdateError;

use super::Finding;
use crate::commands::config::open_model;
use crate::config::Config;
use crate::control::Status;
use crate::engine::{assemble, named, with_progress};
use crate::installed::{Meant, meant};
use crate::model::ModelSource;

const CHECK: &str = "model";

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

#[cfg(test)]
mod tests {
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
}
