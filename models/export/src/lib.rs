//! A topology and named weights to an ONNX file, in Rust.
//!
//! The graph is walked from [`contract::Topology`], the same table from which the trainer builds its network. Outputs
//! are `probability`, `logit` and `cam`; batch norms are folded into the convolutions before them. Nothing here runs a
//! network. [`untrained`] makes a deterministic model whose scores mean nothing, so that everything around the network
//! can be tried before one is trained.

mod graph;
mod onnx;
pub mod untrained;
pub mod weights;

pub use graph::{ExportError, classifier_bias, to_onnx};
pub use untrained::untrained_model;
pub use weights::{Tensor, Weights, WeightsError};
