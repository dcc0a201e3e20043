//! Scoring one image: the engine's contract, the checks of its output, the class activation map and its picture.
//!
//! A decoded image comes in, [`Scored`] goes out: probability, logit, map and a rendered heat map. Engines live in their
//! own crates behind [`Engine`] and are called through [`Scorer`], which contains their panics, checks every output and deals
//! with the loss of an engine: an image whose output is not finite, not in shape, or contradicts itself has failed, and has no score.

pub mod cam;
pub mod checks;
pub mod conformance;
mod crew;
pub mod engine;
#[cfg(test)]
mod fake;
pub mod golden;
pub mod heatmap;
mod scorer;

pub use checks::OutputFault;
pub use crew::{AGAIN_AFTER, EngineHealth, Engines, LoadFailure, Second, Watcher};
pub use engine::{
    Arithmetic, Engine, EngineError, EngineInfo, Loaded, ModelFiles, NetworkOutputs, RawOutputs, Unavailable,
};
pub use golden::GoldenFault;
pub use scorer::{ScoreFailure, Scored, Scorer};
