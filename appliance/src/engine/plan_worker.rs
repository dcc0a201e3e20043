//! A plan is built in a process of its own, `mamoru plan-worker SETTINGS`: a builder that fails, or ends its process, costs
//! nothing else.
//!
//! Both ends are here: the one that writes the settings ([`settings`]), as JSON in the argument, and the one that obeys them
//! ([`run`]). The model goes through standard input in the form of [`engine_nvidia::read_model`]. The last line on standard output
//! is JSON: `{"cached", "took_ms", "plan_bytes"}`, or the reason as a plain line, and then the process ends with a failure.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use engine_nvidia::tensorrt::Precision;
use engine_nvidia::{BuildReport, NvidiaEngine, PlanBuilder, Settings};
use inference::{EngineError, ModelFiles};
use serde_json::json;

use crate::config::{NvidiaConfig, PrecisionName};

/// The command's word.
pub const COMMAND: &str = "plan-worker";

/// The engine's settings for `config`: plans are built by `program`, which is this command.
///
/// # Errors
/// Never for a sound configuration: when it cannot be written as JSON.
pub fn settings(config: &NvidiaConfig, state_dir: &Path, program: PathBuf) -> anyhow::Result<Settings> {
    let here = here(config, state_dir);
    let complete = NvidiaConfig { cache_folder: Some(here.cache_folder.clone()), ..config.clone() };
    let arguments = vec![COMMAND.into(), serde_json::to_string(&complete).context("settings of the engine")?];
    Ok(Settings { builder: PlanBuilder::Process { program, arguments }, ..here })
}

/// The settings with which this process would build.
fn here(config: &NvidiaConfig, state_dir: &Path) -> Settings {
    let cache_folder = config.cache_folder.clone().unwrap_or_else(|| state_dir.join("engine"));
    Settings {
        device: config.device,
        precision: match config.precision {
            PrecisionName::Half => Precision::Half,
            PrecisionName::Single => Precision::Single,
        },
        shim_folder: config.shim_folder.clone(),
        uses_graph: config.cuda_graph,
        workspace_bytes: config.workspace_bytes,
        answer_wait_max: Duration::from_millis(config.answer_wait_ms),
        ..Settings::new(cache_folder)
    }
}

/// Obeys `settings`, the argument of the worker: builds the plan of the model in `input`. Says on `output` how it ended, and
/// whether it did well.
///
/// # Errors
/// When `output` cannot be written.
pub fn run(settings: &str, input: impl Read, output: impl Write) -> std::io::Result<bool> {
    obey(settings, input, output, |settings, model| NvidiaEngine::new(settings).build(model))
}

fn obey(
    settings: &str,
    input: impl Read,
    mut output: impl Write,
    build: impl FnOnce(Settings, &ModelFiles) -> Result<BuildReport, EngineError>,
) -> std::io::Result<bool> {
    match answer(settings, input, build) {
        Ok(report) => {
            let took_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
            let answer = json!({ "cached": report.was_cached, "took_ms": took_ms, "plan_bytes": report.plan_bytes });
            writeln!(output, "{answer}")?;
            Ok(true)
        }
        Err(why) => {
            writeln!(output, "{}", why.replace('\n', " "))?;
            Ok(false)
        }
    }
}

fn answer(
    settings: &str,
    input: impl Read,
    build: impl FnOnce(Settings, &ModelFiles) -> Result<BuildReport, EngineError>,
) -> Result<BuildReport, String> {
    let config: NvidiaConfig = serde_json::from_str(settings).map_err(|error| format!("settings: {error}"))?;
    let Some(cache_folder) = &config.cache_folder else { return Err("settings: they name no cache folder".into()) };
    let model = engine_nvidia::read_model(input).map_err(|error| format!("model: {error}"))?;
    build(here(&config, cache_folder), &model).map_err(|error| match error {
        EngineError::Load(why) | EngineError::Lost(why) | EngineError::Run(why) => why,
        error @ EngineError::Prepare(_) => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use inference::conformance::small_model;

    use super::*;

    fn argument(config: &NvidiaConfig) -> (String, Settings) {
        let settings = settings(config, Path::new("state"), "mamoru".into()).unwrap();
        let PlanBuilder::Process { program, arguments } = settings.builder.clone() else { panic!("{settings:?}") };
        assert_eq!((program, arguments[0].as_str(), arguments.len()), ("mamoru".into(), COMMAND, 2));
        (arguments[1].clone(), settings)
    }

    /// The small model as it goes through standard input.
    fn model() -> Vec<u8> {
        let (topology, spec) = small_model();
        let (manifest, network) = export::untrained_model(&topology, spec).unwrap();
        let manifest = serde_json::to_vec(&manifest).unwrap();
        [&(manifest.len() as u64).to_le_bytes()[..], &manifest, &network].concat()
    }

    fn obeyed(
        argument: &str,
        input: &[u8],
        build: impl FnOnce(Settings, &ModelFiles) -> Result<BuildReport, EngineError>,
    ) -> (bool, String) {
        let mut output = Vec::new();
        let is_done = obey(argument, input, &mut output, build).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        (is_done, text.trim_end().into())
    }

    #[test]
    fn the_worker_has_the_settings_of_the_one_that_starts_it_and_builds_itself() {
        let given = NvidiaConfig {
            device: 3,
            precision: PrecisionName::Single,
            shim_folder: Some("shims \"with\" signs".into()),
            cuda_graph: true,
            workspace_bytes: 7,
            answer_wait_ms: 8,
            cache_folder: None,
        };
        for config in [NvidiaConfig::default(), given] {
            let (argument, settings) = argument(&config);
            assert_eq!(settings.cache_folder, Path::new("state/engine"));
            let report = BuildReport { was_cached: false, took: Duration::from_millis(95), plan_bytes: 12 };
            let (is_done, answer) = obeyed(&argument, &model(), |obeyed, _| {
                assert_eq!(obeyed, Settings { builder: PlanBuilder::Here, ..settings });
                Ok(report)
            });
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert_eq!((is_done, answer), (true, json!({"cached": false, "took_ms": 95, "plan_bytes": 12})));
        }
        let folder = Some(PathBuf::from("plans"));
        let (_, settings) = argument(&NvidiaConfig { cache_folder: folder, ..NvidiaConfig::default() });
        assert_eq!(settings.cache_folder, Path::new("plans"));
    }

    #[test]
    fn what_fails_is_said_in_one_line() {
        let (argument, _) = argument(&NvidiaConfig::default());
        let fails = |_: Settings, _: &ModelFiles| Err(EngineError::Load("no\ndevice".into()));
        let never = |_: Settings, _: &ModelFiles| -> Result<BuildReport, EngineError> { panic!("not to be called") };
        assert_eq!(obeyed(&argument, &model(), fails), (false, "no device".into()));
        let damaged = model();
        for cut in [0, 7, 100, damaged.len() - 1] {
            let (is_done, why) = obeyed(&argument, &damaged[..cut], never);
            assert!(!is_done && why.starts_with("model: "), "{cut}: {why}");
        }
        for settings in ["", "{}", "{\"colour\": 1}"] {
            let (is_done, why) = obeyed(settings, &model(), never);
            assert!(!is_done && why.starts_with("settings: "), "{settings}: {why}");
        }
    }
}
