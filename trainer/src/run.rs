//! A run's folder, which is all that a run leaves behind:
//!
//! ```text
//! config.toml             the resolved configuration
//! left-out.csv            file, line and reason of every sample that is not used
//! metrics.csv             one line per epoch
//! state.json              where the run stands; names the checkpoint's tensors
//! tensors-<n>.safetensors the checkpoint: weights, moments, moving average
//! best.safetensors        the best epoch's weights
//! tensorboard/            the metrics as events, see `events`
//! evaluation/             figures and plots of the best weights, once the run is over, see `report`
//! cache/                  prepared images, unless the configuration names another folder
//! ```
//!
//! A checkpoint counts from the moment its `state.json` is renamed into place. Its tensors are written before that under
//! a name of their own, and those of the checkpoint before are removed after it: a crash or a full disk at any moment
//! leaves the old checkpoint or the new one.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::data::LeftOut;
use crate::error::{Result, TrainerError};
use crate::network::Tensors;
use crate::schedule::{EarlyStop, Plateau};
use crate::weights;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The epoch that is being trained, counted from 1.
    pub epoch: u32,
    /// Its next batch, counted from 0.
    pub batch: usize,
    /// Sum of the losses of this epoch's images so far.
    pub loss_sum: f64,
    /// This epoch's images so far.
    pub images: u64,
    /// Steps of the optimiser so far.
    pub steps: i64,
    /// Seconds of this epoch so far.
    pub epoch_s: f64,
    /// The plateau schedule.
    pub plateau: Plateau,
    /// The early stop.
    pub early_stop: EarlyStop,
    /// The best epoch so far, its loss and its AUC per breast.
    pub best: Option<(u32, f64, f64)>,
    /// Why the run is over; `None` while it is not.
    pub finished: Option<String>,
    /// File name of the tensors.
    pub tensors: String,
}

/// One line of `metrics.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean loss over the epoch's images, as they were drawn and changed.
    pub train_loss: f64,
    /// Class-balanced loss over all validation images: what the reference's balanced draw gives on average.
    pub validation_loss: f64,
    /// AUC per validation image; empty with one class only.
    pub image_auc: Option<f64>,
    /// AUC per validation breast, its score the mean of its images' probabilities.
    pub breast_auc: Option<f64>,
    /// Learning rate of the epoch's last step.
    pub rate: f64,
    /// Images trained on.
    pub images: u64,
    /// Seconds of training.
    pub train_s: f64,
    /// Seconds of validation.
    pub validation_s: f64,
    /// Seconds for which the network waited for images.
    pub waited_s: f64,
}

/// A run's folder.
#[derive(Debug, Clone)]
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// Begins a run in a folder that is empty or not there.
    ///
    /// # Errors
    /// When there is already a run, or the folder cannot be made.
    pub fn create(folder: &Path, config: &Config) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(TrainerError::file("create", folder))?;
        let run = Self { folder: folder.into() };
        if run.config_file().exists() {
            return Err(TrainerError::data(folder, "already holds a run: resume it, or name another folder"));
        }
        replace(&run.config_file(), config.to_toml()?.as_bytes())?;
        Ok(run)
    }

    /// Opens the folder of an earlier run, with its configuration.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(folder: &Path) -> Result<(Self, Config)> {
        let run = Self { folder: folder.into() };
        let config = Config::resolve(Some(&run.config_file()), &[])?;
        Ok((run, config))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The best epoch's weights.
    #[must_use]
    pub fn best_file(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    /// The table of metrics.
    #[must_use]
    pub fn metrics_file(&self) -> PathBuf {
        self.folder.join("metrics.csv")
    }

    fn config_file(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// Lists what is left out.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn list_left_out(&self, left_out: &[LeftOut]) -> Result<()> {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut text = "file,line,reason\n".to_owned();
        for left in left_out {
            // Writing to a string does not fail.
            let file = left.file.to_string_lossy();
            let _ = writeln!(text, "{},{},{}", quoted(&file), left.line, quoted(&left.reason));
        }
        replace(&self.folder.join("left-out.csv"), text.as_bytes())
    }

    /// The last checkpoint; `None` before the first one.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn checkpoint(&self) -> Result<Option<(State, Tensors)>> {
        let path = self.state_file();
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(TrainerError::file("read", &path))?,
        };
        let state: State = serde_json::from_slice(&text).map_err(|error| TrainerError::data(&path, error))?;
        let tensors = weights::read(&self.folder.join(&state.tensors))?;
        Ok(Some((state, tensors)))
    }

    /// Writes a checkpoint; `state.tensors` becomes its file.
    ///
    /// # Errors
    /// When it cannot be written, for instance on a full disk: the checkpoint before stands.
    pub fn write_checkpoint(&self, state: &mut State, tensors: &Tensors) -> Result<()> {
        let before =
            std::mem::replace(&mut state.tensors, format!("tensors-{}-{}.safetensors", state.epoch, state.batch));
        if before == state.tensors {
            // Never over the file that the present state names.
            state.tensors = format!("tensors-{}-{}-again.safetensors", state.epoch, state.batch);
        }
        let written = weights::write(tensors, &self.folder.join(&state.tensors));
        let text = serde_json::to_vec_pretty(&state).map_err(|error| TrainerError::data(&self.state_file(), error));
        let written = written.and_then(|()| replace(&self.state_file(), &text?));
        if let Err(error) = written {
            state.tensors = before;
            return Err(error);
        }
        if !before.is_empty() {
            // What stays behind costs room only, and the next checkpoint counts without it.
            let _ = std::fs::remove_file(self.folder.join(before));
        }
        Ok(())
    }

    /// The metrics so far.
    ///
    /// # Errors
    /// Names file and line when the table cannot be read.
    pub fn metrics(&self) -> Result<Vec<Metrics>> {
        let path = self.metrics_file();
        if !path.exists() {
            return Ok(Vec::new());
        }
        let wrong = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            TrainerError::Table { path: path.clone(), line, problem: error.to_string() }
        };
        csv::Reader::from_path(&path)
            .map_err(wrong)?
            .deserialize()
            .collect::<std::result::Result<_, _>>()
            .map_err(wrong)
    }

    /// Writes the metrics anew with one line more; lines from that epoch on, left by a run that was cut off, go.
    ///
    /// # Errors
    /// When the table cannot be read or written.
    pub fn add_metrics(&self, metrics: Metrics) -> Result<()> {
        let path = self.metrics_file();
        let mut all = self.metrics()?;
        all.retain(|before| before.epoch < metrics.epoch);
        all.push(metrics);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let wrong = |error: String| TrainerError::data(&path, error);
        for line in all {
            writer.serialize(line).map_err(|error| wrong(error.to_string()))?;
        }
        replace(&path, &writer.into_inner().map_err(|error| wrong(error.to_string()))?)
    }
}

/// Writes beside `path`, syncs and renames.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let mut file = std::fs::File::create(&part).map_err(TrainerError::file("write", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(TrainerError::file("write", path))?;
    std::fs::rename(&part, path).map_err(TrainerError::file("write", path))
}

#[cfg(test)]
mod tests;
