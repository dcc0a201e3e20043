//! Which engine scores, and how it is: the policy, and the only place beside its modules that names the engines.
//!
//! `auto` takes NVIDIA where a driver is installed, everything is found, the model is loaded and the golden vectors agree; else
//! the CPU, with the reason. `nvidia` asks for it. What is decided before anything of NVIDIA is touched is [`policy::choose`];
//! the rest shows when the engine is made ready ([`inference::Scorer::prepare`]).

pub mod health;
pub mod plan_worker;
pub mod policy;
mod progress;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum as _;
use engine_nvidia::NvidiaEngine;
use engine_tract::{Layout, TractEngine};
use inference::{Engine, Scorer};

use crate::config::{ConfigErrors, EngineConfig, EngineName};
use crate::model::{Model, ModelError};
use health::HealthBoard;
use policy::{Choice, choose, engines};
pub use progress::{INTERVAL, with_progress};

/// Names the engine, before the configuration and after the command line.
const VARIABLE: &str = "MAMORU_ENGINE";

/// `config` with the engine that `--engine` or the environment names.
///
/// # Errors
/// [`ConfigErrors`] when the environment names no engine.
pub fn named(config: EngineConfig, option: Option<EngineName>) -> Result<EngineConfig, ConfigErrors> {
    overridden(config, option, std::env::var_os(VARIABLE).map(|word| word.to_string_lossy().into_owned()))
}

fn overridden(
    config: EngineConfig,
    option: Option<EngineName>,
    variable: Option<String>,
) -> Result<EngineConfig, ConfigErrors> {
    // Also where it is not needed: what is wrong would be missed the day it is.
    let of_variable = variable.filter(|word| !word.is_empty()).map(|word| {
        EngineName::from_str(&word, false).map_err(|_| {
            ConfigErrors(vec![format!("{VARIABLE}: {word:?} is no engine; it can be auto, nvidia or cpu")])
        })
    });
    let name = option.or(of_variable.transpose()?).unwrap_or(config.name);
    Ok(EngineConfig { name, ..config })
}

/// A model and the engines that may run it; nothing is loaded yet.
pub struct Assembled {
    /// To score with.
    pub scorer: Scorer,
    /// How the engines are.
    pub board: Arc<HealthBoard>,
    /// What was decided.
    pub choice: Choice,
}

/// Decides which engines may run `model`, without touching anything of NVIDIA.
///
/// # Errors
/// When the path of this command is not known.
pub fn assemble(model: Model, config: &EngineConfig, state_dir: &Path) -> anyhow::Result<Assembled> {
    let choice = choose(config.name, NvidiaEngine::is_driver_installed);
    let nvidia = || -> anyhow::Result<Box<dyn Engine>> { Ok(Box::new(nvidia(config, state_dir)?)) };
    let engines = engines(&choice, config.when_lost, || cpu(config.threads), nvidia)?;
    let board = Arc::new(HealthBoard::new(engines.first.name()));
    let watcher = Arc::clone(&board);
    let scorer = model.scorer(engines).watched_by(Box::new(move |health| watcher.set(health)));
    Ok(Assembled { scorer, board, choice })
}

/// A scorer that is ready, for commands that can do nothing without one. What takes long, and why it is the CPU where that was
/// left open, is said on standard error.
///
/// # Errors
/// [`ModelError`] as the cause, when the engine that is asked for cannot run the model.
pub fn ready(model: Model, config: &EngineConfig, state_dir: &Path) -> anyhow::Result<(Scorer, Arc<HealthBoard>)> {
    let Assembled { mut scorer, board, .. } = assemble(model, config, state_dir)?;
    with_progress(&board, || scorer.prepare()).map_err(ModelError::from)?;
    board.complain_of_choice();
    Ok((scorer, board))
}

/// The CPU engine.
pub fn cpu(threads: usize) -> Box<dyn Engine> {
    Box::new(TractEngine::new(threads, Layout::Transposed))
}

/// The NVIDIA engine as `config` has it, whose plans are built in a process of their own.
///
/// # Errors
/// When the path of this command is not known.
pub fn nvidia(config: &EngineConfig, state_dir: &Path) -> anyhow::Result<NvidiaEngine> {
    let program = std::env::current_exe().context("the path of this command is not known")?;
    Ok(NvidiaEngine::new(plan_worker::settings(&config.nvidia, state_dir, program)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_goes_before_the_environment_and_that_before_the_configuration() {
        let name = |option, variable: Option<&str>| {
            let config = EngineConfig { name: EngineName::Cpu, ..EngineConfig::default() };
            overridden(config, option, variable.map(Into::into)).map(|config| config.name)
        };
        assert_eq!(name(None, None), Ok(EngineName::Cpu));
        assert_eq!(name(None, Some("")), Ok(EngineName::Cpu));
        assert_eq!(name(None, Some("auto")), Ok(EngineName::Auto));
        assert_eq!(name(Some(EngineName::Nvidia), Some("auto")), Ok(EngineName::Nvidia));
        for nonsense in ["gpu", "NVIDIA", " cpu"] {
            for option in [None, Some(EngineName::Cpu)] {
                let error = name(option, Some(nonsense)).unwrap_err().to_string();
                assert!(error.contains("MAMORU_ENGINE") && error.contains("auto, nvidia or cpu"), "{error}");
            }
        }
    }
}
