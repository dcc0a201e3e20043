//! `mamoru engine probe`: each thing that the NVIDIA engine needs, and which engine would score.

use std::io::Write;

use engine_nvidia::{Step, Survey};
use serde::Serialize;

use crate::cli::ProbeArgs;
use crate::commands::print_json;
use crate::config::{EngineConfig, EngineName, WhenLost};
use crate::engine::health::label;
use crate::engine::nvidia;
use crate::exit_code::Exit;

/// What was found. The schema of `mamoru engine probe --json`; fields are only ever added.
#[derive(Debug, Serialize)]
struct Probed {
    /// "Research use only, not a medical device."
    notice: &'static str,
    /// Can what is configured be had?
    ok: bool,
    /// What is configured: `auto`, `nvidia` or `cpu`.
    configured: &'static str,
    /// Which engine would score: `nvidia`, `tract`, `tract in place of nvidia`, or none.
    engine: Option<&'static str>,
    /// Why this one.
    why: String,
    /// What the NVIDIA engine needs.
    steps: Vec<ProbedStep>,
}

/// One thing that the NVIDIA engine needs.
#[derive(Debug, Serialize)]
struct ProbedStep {
    /// Its name.
    name: &'static str,
    /// Was it found? Nothing where a step before it failed.
    found: Option<bool>,
    /// What was found, or why not.
    text: String,
}

/// Looks for everything and says what it means for the configured engine.
///
/// # Errors
/// When the configuration cannot be used.
pub fn run(arguments: &ProbeArgs) -> anyhow::Result<Exit> {
    let config = arguments.common.load(&arguments.engine, None)?;
    let survey = nvidia(&config.engine, &config.state_dir)?.survey();
    let probed = judge(&config.engine, &survey);
    if arguments.common.json {
        print_json(&probed)?;
    } else {
        print(&probed, &mut std::io::stdout().lock())?;
    }
    Ok(if probed.ok { Exit::Success } else { Exit::Failure })
}

fn judge(config: &EngineConfig, survey: &Survey) -> Probed {
    let failed = survey.steps.iter().find_map(|step| match &step.found {
        Some(Err(why)) => Some(format!("{}: {why}", step.name)),
        _ => None,
    });
    let failed = (!survey.is_usable()).then(|| failed.unwrap_or_else(|| "not everything was looked for".into()));
    let (ok, engine, why) = match (config.name, failed) {
        (EngineName::Cpu, _) => (true, Some("tract"), "as configured".into()),
        (EngineName::Auto | EngineName::Nvidia, None) => {
            (true, Some("nvidia"), "everything is found; the model is tried when it is loaded".into())
        }
        (EngineName::Auto, Some(why)) => (true, Some("tract"), why),
        (EngineName::Nvidia, Some(why)) => match config.when_lost {
            WhenLost::Cpu => (false, Some("tract in place of nvidia"), why),
            WhenLost::Unavailable => (false, None, why),
        },
    };
    Probed {
        notice: results::NOTICE,
        ok,
        configured: config.name.word(),
        engine,
        why,
        steps: survey.steps.iter().map(probed).collect(),
    }
}

fn probed(step: &Step) -> ProbedStep {
    let (found, text) = match &step.found {
        Some(Ok(text)) => (Some(true), text.clone()),
        Some(Err(why)) => (Some(false), why.clone()),
        None => (None, "not looked for, because of the above".into()),
    };
    ProbedStep { name: step.name, found, text }
}

fn print(probed: &Probed, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", probed.notice)?;
    for step in &probed.steps {
        let mark = match step.found {
            Some(true) => "found",
            Some(false) => "NO",
            None => "-",
        };
        writeln!(output, "{:<16} {mark:<6} {}", step.name, step.text)?;
    }
    let engine = match probed.engine {
        None => "none: AI would be unavailable, images would fail",
        Some("tract in place of nvidia") => "CPU in place of NVIDIA, as each result would say",
        Some(engine) => label(engine),
    };
    writeln!(output, "engine {:?} is configured; would score: {engine} ({})", probed.configured, probed.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(found: [Option<Result<&str, &str>>; 3]) -> Survey {
        let step = |(name, found): (_, Option<Result<&str, &str>>)| Step {
            name,
            found: found.map(|found| found.map(Into::into).map_err(Into::into)),
        };
        Survey { steps: ["driver", "TensorRT", "cache folder"].into_iter().zip(found).map(step).collect() }
    }

    /// What would score, whether that is what is wanted, and why.
    fn judged(name: EngineName, when_lost: WhenLost, survey: &Survey) -> (Option<&'static str>, bool, String) {
        let probed = judge(&EngineConfig { name, when_lost, ..EngineConfig::default() }, survey);
        (probed.engine, probed.ok, probed.why)
    }

    #[test]
    fn the_first_thing_that_is_missing_decides() {
        let missing = survey([Some(Ok("580")), Some(Err("no library")), Some(Err("not ours"))]);
        let why = "TensorRT: no library".to_owned();
        let judged = |name, when_lost| judged(name, when_lost, &missing);
        assert_eq!(judged(EngineName::Auto, WhenLost::Unavailable), (Some("tract"), true, why.clone()));
        assert_eq!(judged(EngineName::Nvidia, WhenLost::Unavailable), (None, false, why.clone()));
        assert_eq!(judged(EngineName::Nvidia, WhenLost::Cpu), (Some("tract in place of nvidia"), false, why));
        assert_eq!(judged(EngineName::Cpu, WhenLost::Unavailable), (Some("tract"), true, "as configured".into()));
    }

    #[test]
    fn nvidia_scores_only_when_nothing_is_missing_and_nothing_was_left_out() {
        let all = survey([Some(Ok("580")), Some(Ok("10.3")), Some(Ok("here"))]);
        for name in [EngineName::Auto, EngineName::Nvidia] {
            assert_eq!(judged(name, WhenLost::Unavailable, &all).0, Some("nvidia"));
        }
        let partly = survey([Some(Ok("580")), None, Some(Ok("here"))]);
        assert_eq!(judged(EngineName::Auto, WhenLost::Unavailable, &partly).0, Some("tract"));
        assert_eq!(judged(EngineName::Cpu, WhenLost::Unavailable, &all).0, Some("tract"));
    }

    #[test]
    fn the_text_says_each_step_and_what_follows() {
        let survey = survey([Some(Err("no libcuda.so.1")), None, Some(Ok("here"))]);
        let config = EngineConfig { name: EngineName::Nvidia, ..EngineConfig::default() };
        let mut text = Vec::new();
        print(&judge(&config, &survey), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines = [
            "driver           NO     no libcuda.so.1",
            "TensorRT         -      not looked for, because of the above",
            "cache folder     found  here",
            "engine \"nvidia\" is configured; would score: none: AI would be unavailable, images would fail (driver: no libcuda.so.1)",
        ];
        lines.iter().for_each(|line| assert!(text.lines().any(|found| found == *line), "{line:?} is not in\n{text}"));
    }
}
