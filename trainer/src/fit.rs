//! The training loop: epochs, validation, checkpoints, stop and resume.
//!
//! A run can be stopped between any two steps. All random numbers follow from the seed, the epoch and the batch, so that
//! a resumed run ends bit for bit where an uninterrupted one would have ended (on the CPU, with the same threads).

mod epoch;
mod progress;
pub mod session;
pub mod validation;
mod workers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::config::{Config, Keep};
use crate::error::Result;
use crate::run::{Metrics, Run};
use crate::weights;
use progress::Progress;
pub use session::Session;

/// How a call of [`fit`] ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The run is over, and why.
    Finished(String),
    /// It was asked to stop; the checkpoint is written.
    Stopped,
}

/// Trains until the run is over or `stop` is set; goes on from the run's checkpoint when there is one.
///
/// # Errors
/// Bad data or settings, a loss that is not finite, a full disk: each leaves the last checkpoint, from which the run can
/// be resumed.
pub fn fit(run: &Run, config: &Config, stop: &AtomicBool) -> Result<Ending> {
    if config.threads > 0 {
        tch::set_num_threads(i32::try_from(config.threads).unwrap_or(i32::MAX));
    }
    let mut session = Session::open(run, config)?;
    let mut progress = Progress::new(config.training.epochs);
    loop {
        if let Some(reason) = &session.state.finished {
            return Ok(Ending::Finished(reason.clone()));
        }
        if session.state.epoch > config.training.epochs {
            finish(&mut session, run, "all epochs are done".into())?;
            continue;
        }
        let before = session.state.batch;
        let waited = epoch::train(&mut session, stop, &mut progress)?;
        // A stop between the last step and the validation has already been obeyed: the resumed run has to get on.
        if stop.load(Ordering::Relaxed) && session.state.batch > before {
            session.checkpoint(run)?;
            return Ok(Ending::Stopped);
        }
        end_epoch(&mut session, run, waited.as_secs_f64(), &mut progress)?;
    }
}

/// Validates, keeps the best weights, moves the schedules, and writes metrics and checkpoint.
fn end_epoch(session: &mut Session, run: &Run, waited_s: f64, progress: &mut Progress) -> Result<()> {
    let start = Instant::now();
    let validation = session.validate()?;
    let config = session.config.clone();
    let state = &mut session.state;
    let metrics = Metrics {
        epoch: state.epoch,
        train_loss: state.loss_sum / state.images.max(1) as f64,
        validation_loss: validation.loss,
        image_auc: validation.image_auc,
        breast_auc: validation.breast_auc,
        rate: session.rate,
        images: state.images,
        train_s: state.epoch_s,
        validation_s: start.elapsed().as_secs_f64(),
        waited_s,
    };
    run.add_metrics(metrics)?;
    crate::events::add(run, &metrics)?;
    progress.epoch_done(&metrics);
    let auc = validation.breast_auc.or(validation.image_auc).unwrap_or(0.5);
    let is_best = state.best.is_none_or(|(_, loss, best_auc)| match config.training.keep {
        Keep::Loss => validation.loss < loss,
        Keep::Auc => auc > best_auc,
    });
    if is_best {
        state.best = Some((state.epoch, validation.loss, auc));
    }
    state.plateau.observe(validation.loss, config.optimiser.plateau_patience);
    let (patience, improvement) = (config.training.stop_patience, config.training.stop_improvement);
    let stops = state.early_stop.observe(validation.loss, patience, improvement);
    if is_best {
        weights::write(session.judged().tensors(), &run.best_file())?;
    }
    let state = &mut session.state;
    state.epoch += 1;
    (state.batch, state.loss_sum, state.images, state.epoch_s) = (0, 0.0, 0, 0.0);
    if stops {
        let reason = format!("the validation loss has not improved by {improvement} for {patience} epochs");
        return finish(session, run, reason);
    }
    session.checkpoint(run)
}

fn finish(session: &mut Session, run: &Run, reason: String) -> Result<()> {
    session.state.finished = Some(reason);
    session.checkpoint(run)
}

#[cfg(test)]
mod tests;
