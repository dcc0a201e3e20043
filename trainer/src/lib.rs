//! Trains, grows and packs the networks that the appliance runs.
//!
//! Data enters as folders of mammograms with a table of labels ([`data`]), is decoded and prepared by `imaging` alone,
//! and goes through a network that is walked from [`contract::Topology`] ([`network`]). Weights enter and leave as files
//! with torchvision's names ([`weights`]). A run is a folder ([`run`]) that can be stopped at any step and resumed as if
//! it had not been stopped.
//!
//! Never here: a preprocessing of its own, a file that is left out without being counted, a random number that does not
//! follow from the run's seed. libtorch reports misuse (shapes that do not fit, no memory) by panics inside `tch`; the
//! command ends on them, and the last checkpoint stands.

pub mod augment;
pub mod bundle;
pub mod calibration;
pub mod cams;
pub mod config;
pub mod data;
pub mod error;
pub mod events;
pub mod features;
pub mod fit;
pub mod growth;
pub mod network;
pub mod optimiser;
pub mod pack;
pub mod predict;
pub mod report;
pub mod run;
pub mod sampler;
pub mod schedule;
pub mod seed;
pub mod summary;
pub mod weights;

pub use config::Config;
pub use error::TrainerError;
pub use network::Network;
pub use run::Run;
