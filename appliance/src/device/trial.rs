//! The model that scores, and its trial: one that was just activated scores a synthetic exam before it sees an image of a patient.

use contract::Digest;
use domain::InstanceOutcome;
use phantom::Size;

use super::current::Running;
use super::shadow::Named;
use crate::analysis::Analyst;
use crate::config::{Config, ConfirmedBy};
use crate::engine::health::EngineState;
use crate::installed::{self, Served};
use crate::model::ModelSource;
use crate::selftest::{Answer, EXAM_SEED, Exam, Subject};

/// A model in use.
pub struct Seat {
    /// Who scores with it.
    pub analyst: Analyst,
    /// Its bundle, while it is on trial.
    pub trial: Option<Digest>,
    served: Running,
}

/// Opens models, and ends their trials.
pub struct Models {
    config: Config,
    use_patient_id: bool,
}

impl Seat {
    /// What others may know of it.
    pub fn running(&self) -> Running {
        let Running { model, aggregation, board } = &self.served;
        Running { model: model.clone(), aggregation: *aggregation, board: board.clone() }
    }

    /// Makes the engine ready where it is not.
    pub fn make_ready(&mut self) {
        if self.served.board.is_preparing() {
            self.analyst.make_ready();
        }
    }

    /// Scores the synthetic exam, in files as a modality would send them.
    pub fn hold_exam(&mut self) -> Exam {
        hold_exam(&mut self.analyst)
            .unwrap_or_else(|error| Exam::NotHeld(format!("the synthetic exam cannot be written: {error:#}")))
    }

    /// What computes its scores just now.
    pub fn subject(&self) -> Subject {
        Subject::of(&self.served.model, engine_of(&self.served.board.status().state))
    }
}

impl Models {
    /// Opens models as `config` has it.
    pub const fn new(config: Config, use_patient_id: bool) -> Self {
        Self { config, use_patient_id }
    }

    /// Puts a model to use.
    ///
    /// # Errors
    /// When the path of this command is not known.
    pub fn seat(&self, served: Served) -> std::io::Result<Seat> {
        let Served { scorer, board, trial } = served;
        let config = &self.config;
        let analyst = Analyst::new(scorer, config.decoding.clone(), config.eligibility, self.use_patient_id)?;
        let trial = trial.filter(|_| config.updates.confirmed_by == ConfirmedBy::Service);
        let served = Running { model: analyst.model(), aggregation: analyst.aggregation(), board };
        Ok(Seat { analyst, trial, served })
    }

    /// The model that is to run now.
    ///
    /// # Errors
    /// As [`installed::assembled`].
    pub fn open(&self) -> anyhow::Result<Seat> {
        Ok(self.seat(installed::assembled(&self.config)?)?)
    }

    /// The shadow that is installed, and what of it can be used; nothing where there is none, or the configuration names a model
    /// of its own.
    pub fn open_shadow(&self) -> Option<(Named, anyhow::Result<Seat>)> {
        if self.config.model != ModelSource::Default || !installed::folder(&self.config.state_dir).exists() {
            return None;
        }
        let found = installed::updater(&self.config.state_dir).and_then(|updater| {
            let slot = updater.state()?.shadow;
            Ok(slot.map(|slot| (updater.disk().place(&slot.model_folder()), slot)))
        });
        let (place, slot) = found.unwrap_or_else(|error| {
            tracing::warn!("whether there is a shadow cannot be read: {error}");
            None
        })?;
        let config = Config { model: ModelSource::Folder(place), ..self.config.clone() };
        let opened = installed::opened(&config).and_then(|served| Ok(self.seat(served)?));
        Some((Named { bundle: slot.bundle, name: slot.name, version: slot.version }, opened))
    }

    /// The model on trial stays.
    ///
    /// # Errors
    /// When that cannot be written, or it is not on trial any more.
    pub fn confirm(&self, bundle: Digest) -> anyhow::Result<()> {
        installed::updater(&self.config.state_dir)?.confirm(bundle)?;
        Ok(())
    }

    /// The model on trial goes.
    ///
    /// # Errors
    /// As [`Models::confirm`].
    pub fn take_back(&self, bundle: Digest, why: &str) -> anyhow::Result<()> {
        Ok(installed::updater(&self.config.state_dir)?.fail(bundle, why)?)
    }
}

/// The engine that scores, its device and its versions, in words that stay the same as long as they do.
pub fn engine_of(state: &EngineState) -> String {
    match state {
        EngineState::Ready { engine, description, .. } => format!("{engine}: {description}"),
        EngineState::StandingIn { engine, in_place_of, .. } => format!("{engine} in place of {in_place_of}"),
        EngineState::Preparing { engine, .. } => engine.clone(),
        EngineState::Unavailable { .. } => "none".into(),
    }
}

fn hold_exam(analyst: &mut Analyst) -> anyhow::Result<Exam> {
    let folder = tempfile::tempdir()?;
    let mut answers = Vec::new();
    for path in phantom::Exam::new(EXAM_SEED, Size::Full).write_into(folder.path())? {
        let analysis = analyst.analyze(&path);
        match analysis.outcome {
            InstanceOutcome::Scored(finding) => answers.push(Answer::of(&finding)?),
            InstanceOutcome::Excluded { reason } => {
                return Ok(Exam::NotHeld(format!("this site's rules leave the synthetic exam out: {reason:?}")));
            }
            InstanceOutcome::Failed { reason } if analysis.is_models_fault => {
                return Ok(Exam::Failed(format!("a synthetic exam: {}", reason.text)));
            }
            InstanceOutcome::Failed { reason } => return Ok(Exam::NotHeld(reason.text)),
        }
    }
    Ok(Exam::Scored(answers))
}
