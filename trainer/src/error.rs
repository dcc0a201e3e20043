//! What can go wrong, with the file and the line where it did.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Any error of this crate.
#[derive(Debug, Error)]
pub enum TrainerError {
    /// A file or folder could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    File {
        /// For example `read`.
        operation: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of a table is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The data as a whole cannot be trained on.
    #[error("{}: {problem}", path.display())]
    Data {
        /// The data's folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A weights file cannot be read, or is not that of the network.
    #[error("weights {}: {problem}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A setting contradicts another one or has no meaning.
    #[error("setting {name}: {problem}")]
    Setting {
        /// Its name in the configuration.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The loss is infinite or no number; the last checkpoint is from before.
    #[error(
        "loss is not finite in epoch {epoch}, step {step}: resume from the last checkpoint with a lower learning rate or \
         gradient clipping"
    )]
    LossNotFinite {
        /// Counted from 1.
        epoch: u32,
        /// Counted from 0.
        step: usize,
    },
    /// A thread that computed gradients is gone.
    #[error("a training thread failed: resume from the last checkpoint, with batch.workers=1 to see where")]
    Worker,
    /// The processes of one training cannot work together.
    #[error("training on several processes: {0}")]
    Group(String),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// Weights do not make an ONNX file.
    #[error(transparent)]
    Export(#[from] export::ExportError),
    /// Predictions that cannot be evaluated.
    #[error(transparent)]
    Evaluation(#[from] evaluation::EvaluationError),
    /// The packed network, run by the appliance's CPU engine's library, does not do what the trainer's network does.
    #[error("packed network: {0}")]
    Check(String),
}

impl TrainerError {
    /// For `map_err` after an operation on `path`.
    pub fn file(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { operation, path, source }
    }

    /// A weights file with a problem.
    #[must_use]
    pub fn weights(path: &Path, problem: impl ToString) -> Self {
        Self::Weights { path: path.into(), problem: problem.to_string() }
    }

    /// Data with a problem.
    #[must_use]
    pub fn data(path: &Path, problem: impl ToString) -> Self {
        Self::Data { path: path.into(), problem: problem.to_string() }
    }
}

/// What this crate's functions give.
pub type Result<T> = std::result::Result<T, TrainerError>;
