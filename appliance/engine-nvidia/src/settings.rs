//! What a site decides about the engine.

use std::path::PathBuf;
use std::time::Duration;

use crate::tensorrt::Precision;

/// How the engine is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Number of the device among the driver's.
    pub device: u32,
    /// What the network is computed in.
    pub precision: Precision,
    /// Folder for plans, timing caches and compiled kernels; made when it is not there, for this user alone.
    pub cache_folder: PathBuf,
    /// A folder of shims beside those where packages put them.
    pub shim_folder: Option<PathBuf>,
    /// Whether the work for one image is recorded once as a CUDA graph and then launched as a whole.
    pub uses_graph: bool,
    /// Limit of a layer's scratch memory on the device while a plan is built and run, in bytes.
    pub workspace_bytes: u64,
    /// After this long without an answer the device counts as lost.
    pub answer_wait_max: Duration,
    /// Who builds a plan that is not in the cache.
    pub builder: PlanBuilder,
}

/// Who builds plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanBuilder {
    /// This process.
    Here,
    /// A process of its own, so that a builder that fails, or ends its process, costs nothing else: it is given the network
    /// on its standard input, and runs [`crate::NvidiaEngine::build`] with the same settings and [`PlanBuilder::Here`].
    Process {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

impl Settings {
    /// The first device, half precision, no graph, plans built here and kept in `cache_folder`.
    #[must_use]
    pub const fn new(cache_folder: PathBuf) -> Self {
        Self {
            device: 0,
            precision: Precision::Half,
            cache_folder,
            shim_folder: None,
            uses_graph: false,
            workspace_bytes: 1 << 30,
            answer_wait_max: Duration::from_secs(10),
            builder: PlanBuilder::Here,
        }
    }
}
