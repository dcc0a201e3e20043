//! The sections `[engine]` and `[engine.nvidia]`.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which engine runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// NVIDIA where it works, else the CPU
    #[default]
    Auto,
    /// NVIDIA, or nothing is scored
    Nvidia,
    /// The CPU
    #[serde(alias = "tract")]
    #[value(alias = "tract")]
    Cpu,
}

impl EngineName {
    /// Its word in a configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Nvidia => "nvidia",
            Self::Cpu => "cpu",
        }
    }
}

/// What happens when the NVIDIA engine was scoring and is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenLost {
    /// Images fail, with a reason that says so.
    #[default]
    Unavailable,
    /// The CPU engine scores, and each result says in whose place.
    Cpu,
}

/// What the network is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionName {
    /// 16 bits.
    #[default]
    Half,
    /// 32 bits.
    Single,
}

/// The inference engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Its name; never switched silently.
    pub name: EngineName,
    /// Processor threads of the CPU engine; 0 takes all there are.
    pub threads: usize,
    /// What follows when the NVIDIA engine is lost.
    pub when_lost: WhenLost,
    /// The NVIDIA engine.
    pub nvidia: NvidiaConfig,
}

/// The NVIDIA engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NvidiaConfig {
    /// Number of the GPU among the driver's.
    pub device: u32,
    /// What the network is computed in.
    pub precision: PrecisionName,
    /// A folder of shims beside those where packages put them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shim_folder: Option<PathBuf>,
    /// Where what is built for this GPU is kept; `engine` in the state folder when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_folder: Option<PathBuf>,
    /// Is the work for one image recorded once, and then launched as a whole?
    pub cuda_graph: bool,
    /// Limit of a layer's scratch memory on the GPU, in bytes.
    pub workspace_bytes: u64,
    /// After so many milliseconds without an answer the GPU counts as lost.
    pub answer_wait_ms: u64,
}

impl Default for NvidiaConfig {
    fn default() -> Self {
        Self {
            device: 0,
            precision: PrecisionName::default(),
            shim_folder: None,
            cache_folder: None,
            cuda_graph: false,
            workspace_bytes: 1 << 30,
            answer_wait_ms: 10_000,
        }
    }
}
