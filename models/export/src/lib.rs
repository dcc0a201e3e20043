//! A topology and named weights to an ONNX file, in Rust.
//!
//! The graph is walked from [`contract::Topology`], the same table from which the trainer builds its network. Outputs
//! are `probability`, `logit` and `cam`; batch norms are folded into the convolutions before them. Nothing here runs a
//! network. [`read`] gets the weights back out of such a file. [`untrained`] makes a deterministic model whose scores mean nothing, so that everything around the network
//! can be tried before one is trained.

mod graph;
mod onnx;
pub mod read;
mod typed;
pub mod untrained;
pub mod weights;

pub use graph::{ExportError, Storage, classifier_bias, to_onnx, to_onnx_stored};
pub use read::{ReadError, read_weights};
pub use typed::{TypedError, to_half};
pub use untrained::untrained_model;
pub use weights::{Tensor, Weights, WeightsError};
