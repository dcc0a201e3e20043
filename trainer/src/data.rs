//! Labelled mammograms: tables, decoding through `imaging`, a cache of prepared images, and loading in parallel.
//!
//! [`table::read`] reads one of three layouts into samples and checks them; [`Store::prepare_all`] decodes and prepares
//! each file once, which also finds what cannot be used; [`loader::Loader`] then keeps the network fed. What is left out
//! is counted and listed with file, line and reason.

pub(crate) mod cache;
pub mod loader;
pub mod picture;
mod store;
pub mod table;

use std::path::PathBuf;

use contract::Digest;
use serde::{Deserialize, Serialize};

pub use picture::Background;
pub use store::{Prepared, Store};

/// Which part of the data a sample belongs to. Splits share no patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The network learns from it.
    Train,
    /// The run chooses weights and stops by it.
    Validation,
}

impl Split {
    /// The word in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }
}

/// One labelled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its file.
    pub file: PathBuf,
    /// Its line in the table, counted from 1.
    pub line: u64,
    /// Who was imaged.
    pub patient: String,
    /// The image's name in the table.
    pub image: String,
    /// Prediction id: `<patient>_<laterality>`, one breast.
    pub breast: String,
    /// Cancer in that breast.
    pub label: bool,
    /// Its part of the data.
    pub split: Split,
    /// What else the table says: column and value, for evaluation by group.
    pub groups: Vec<(String, String)>,
}

/// A sample that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its file.
    pub file: PathBuf,
    /// Its line in the table, counted from 1.
    pub line: u64,
    /// Why, for people.
    pub reason: String,
}

/// A sample whose prepared image is known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usable {
    /// The sample.
    pub sample: Sample,
    /// Key of its prepared image: file, preprocessing and background rule.
    pub key: Digest,
}
