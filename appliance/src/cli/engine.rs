//! The engine on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ModelArgs;
use crate::config::{Config, ConfigErrors, EngineConfig, EngineName};
use crate::engine::named;

/// Which engine scores.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// The engine; it goes before MAMORU_ENGINE, and that before the configuration
    #[arg(long, value_enum, value_name = "NAME")]
    pub engine: Option<EngineName>,
}

impl EngineArgs {
    /// The configured engine with the name that is meant.
    ///
    /// # Errors
    /// [`ConfigErrors`] when MAMORU_ENGINE names no engine.
    pub fn over(&self, config: EngineConfig) -> Result<EngineConfig, ConfigErrors> {
        named(config, self.engine)
    }
}

/// `mamoru engine`
#[derive(Debug, Args)]
pub struct EngineCommandArgs {
    /// What to do
    #[command(subcommand)]
    pub command: EngineCommand,
}

/// `mamoru engine ...`
#[derive(Debug, Subcommand)]
pub enum EngineCommand {
    /// Show what the NVIDIA engine finds on this machine, and which engine would score
    Probe(ProbeArgs),
    /// Build the network's plan for this GPU, unless it is there already
    Build(BuildArgs),
    /// Measure how long each stage takes
    Bench(BenchArgs),
    /// Run the engines' conformance suite, and the model's golden vectors
    Check(CheckArgs),
}

/// What all of them have.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Take the engine, the model and the state folder from FILE; without it the embedded default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

impl CommonArgs {
    /// The configuration with what the command line says otherwise.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self, engine: &EngineArgs, model: Option<&ModelArgs>) -> anyhow::Result<Config> {
        let config = Config::load(self.config.as_deref())?;
        let engine = engine.over(config.engine)?;
        let model = model.and_then(ModelArgs::given).unwrap_or(config.model);
        Ok(Config { engine, model, ..config })
    }
}

/// `mamoru engine probe`
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Configuration and form
    #[command(flatten)]
    pub common: CommonArgs,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// `mamoru engine build`
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Configuration and form
    #[command(flatten)]
    pub common: CommonArgs,
    /// Which model
    #[command(flatten)]
    pub model: ModelArgs,
}

/// `mamoru engine bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// DICOM files, or folders that hold some, instead of the synthetic exam
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// So many images are measured, after each file's first run, which is not
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub images: u32,
    /// Configuration and form
    #[command(flatten)]
    pub common: CommonArgs,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Which model
    #[command(flatten)]
    pub model: ModelArgs,
}

/// `mamoru engine check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration and form
    #[command(flatten)]
    pub common: CommonArgs,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Which model
    #[command(flatten)]
    pub model: ModelArgs,
}

/// `mamoru plan-worker`
#[derive(Debug, Args)]
pub struct PlanWorkerArgs {
    /// The engine's settings as JSON
    pub settings: String,
}
