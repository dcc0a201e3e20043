//! Can the engine score that is to score?

use engine_nvidia::{NvidiaEngine, Survey};

use super::Finding;
use crate::config::{Config, EngineConfig, EngineName, WhenLost};
use crate::control::Status;
use crate::engine::health::EngineState;
use crate::engine::policy::{Choice, choose};
use crate::engine::{named, nvidia};

const CHECK: &str = "engine";
const PROBE: &str = "mamoru engine probe says what is missing";

/// Asks the running device, or looks for what the configured engine needs.
pub fn check(config: &Config, status: Option<&Status>) -> Finding {
    match status {
        Some(status) => of_state(status.engine_health.as_ref().map(|health| &health.state)),
        None => of_machine(config),
    }
}

fn of_state(state: Option<&EngineState>) -> Finding {
    let Some(state) = state else {
        return Finding::attention(
            CHECK,
            "the device does not say how its engine is",
            "use the command of its version",
        );
    };
    let found = state.text();
    match state {
        EngineState::Ready { .. } => Finding::ok(CHECK, found),
        EngineState::Preparing { .. } => {
            Finding::attention(CHECK, found, "images are taken and wait; look again in some minutes")
        }
        EngineState::StandingIn { .. } => Finding::attention(CHECK, found, format!("results come, but later; {PROBE}")),
        EngineState::Unavailable { .. } => Finding::failed(CHECK, found, format!("images get no score; {PROBE}")),
    }
}

fn of_machine(config: &Config) -> Finding {
    let engine = match named(config.engine.clone(), None) {
        Ok(engine) => engine,
        Err(error) => {
            let error = error.0.join("; ");
            return Finding::failed(CHECK, error, "give MAMORU_ENGINE as auto, nvidia or cpu, or take it away");
        }
    };
    match choose(engine.name, NvidiaEngine::is_driver_installed) {
        Choice::Cpu { why } => {
            let why = why.unwrap_or("as configured");
            Finding::ok(CHECK, format!("the CPU would score ({why})"))
        }
        Choice::Nvidia { .. } => match nvidia(&engine, &config.state_dir) {
            Ok(found) => of_survey(&engine, &found.survey()),
            Err(error) => Finding::failed(CHECK, format!("{error:#}"), PROBE),
        },
    }
}

fn of_survey(engine: &EngineConfig, survey: &Survey) -> Finding {
    if survey.is_usable() {
        return Finding::ok(CHECK, "NVIDIA would score: everything that it needs is found");
    }
    let missing = survey.steps.iter().find_map(|step| match &step.found {
        Some(Err(why)) => Some(format!("{}: {why}", step.name)),
        _ => None,
    });
    let missing = missing.unwrap_or_else(|| "not everything could be looked for".into());
    match (engine.name, engine.when_lost) {
        (EngineName::Nvidia, WhenLost::Unavailable) => {
            Finding::failed(CHECK, format!("NVIDIA is configured and cannot score: {missing}"), PROBE)
        }
        _ => Finding::attention(CHECK, format!("the CPU would score in place of NVIDIA: {missing}"), PROBE),
    }
}

#[cfg(test)]
mod tests {
    use engine_nvidia::Step;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn each_state_of_the_running_engine_has_its_verdict() {
        let why = || "gone".to_owned();
        let verdict = |state: Option<EngineState>| of_state(state.as_ref()).verdict;
        let ready = EngineState::Ready { engine: "tract".into(), description: "CPU".into(), why: None };
        assert_eq!(verdict(Some(ready)), Verdict::Ok);
        let preparing = EngineState::Preparing { engine: "nvidia".into(), what: "building".into() };
        assert_eq!(verdict(Some(preparing)), Verdict::Attention);
        let standing_in = EngineState::StandingIn { engine: "tract".into(), in_place_of: "nvidia".into(), why: why() };
        assert_eq!(verdict(Some(standing_in)), Verdict::Attention);
        assert_eq!(verdict(Some(EngineState::Unavailable { why: why() })), Verdict::Failed);
        assert_eq!(verdict(None), Verdict::Attention);
    }

    #[test]
    fn what_is_missing_weighs_as_the_configuration_has_it() {
        let survey = |found: Result<String, String>| Survey { steps: vec![Step { name: "CUDA", found: Some(found) }] };
        let verdict = |name, when_lost, found| {
            of_survey(&EngineConfig { name, when_lost, ..EngineConfig::default() }, &survey(found)).verdict
        };
        let missing = || Err("not there".to_owned());
        assert_eq!(verdict(EngineName::Nvidia, WhenLost::Unavailable, Ok("12".into())), Verdict::Ok);
        assert_eq!(verdict(EngineName::Nvidia, WhenLost::Unavailable, missing()), Verdict::Failed);
        assert_eq!(verdict(EngineName::Nvidia, WhenLost::Cpu, missing()), Verdict::Attention);
        assert_eq!(verdict(EngineName::Auto, WhenLost::Unavailable, missing()), Verdict::Attention);
    }
}
