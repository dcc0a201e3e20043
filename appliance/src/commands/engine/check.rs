//! `mamoru engine check`: does the engine on this machine keep the rules of engines, and what does it say of the golden vectors?

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use inference::{Engine, ModelFiles, conformance, golden};
use serde::Serialize;

use crate::cli::CheckArgs;
use crate::commands::config::open_model;
use crate::commands::print_json;
use crate::config::Config;
use crate::engine::health::{HealthBoard, label};
use crate::engine::policy::{Choice, choose};
use crate::engine::{cpu, nvidia, with_progress};
use crate::exit_code::Exit;
use crate::model::Model;

/// What was checked. The schema of `mamoru engine check --json`; fields are only ever added.
#[derive(Debug, Serialize)]
struct Checked {
    /// "Research use only, not a medical device."
    notice: &'static str,
    /// Which engine.
    engine: &'static str,
    /// Has no check failed?
    ok: bool,
    /// Each check.
    checks: Vec<Check>,
    /// How far the engine is from the golden vectors, at the most; nothing where they were not run.
    golden: Option<Differences>,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    /// Its name.
    name: &'static str,
    /// How it ended.
    verdict: Verdict,
    /// What was found, or why it was not run.
    text: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Passed,
    Failed,
    NotRun,
}

/// The greatest differences from the golden vectors.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Differences {
    /// Of the logit.
    logit: f64,
    /// Of the probability.
    probability: f64,
    /// Of a value of the map, relative to the map's greatest or 1.
    map: f64,
}

/// Checks the configured engine, of an open choice the one that would be tried first.
///
/// # Errors
/// When the configuration or the model cannot be used. A check that fails is no error: it stands in the report, and the exit code
/// says so.
pub fn run(arguments: &CheckArgs) -> anyhow::Result<Exit> {
    let config = arguments.common.load(&arguments.engine, Some(&arguments.model))?;
    let model = open_model(&config)?;
    let engine = engine(&config)?;
    let board = HealthBoard::new(engine.name());
    let (small, bias) = small_model()?;
    let checked = with_progress(&board, || check(engine.as_ref(), (&small, bias), &model));
    if arguments.common.json {
        print_json(&checked)?;
    } else {
        print(&checked, &mut std::io::stdout().lock())?;
    }
    Ok(if checked.ok { Exit::Success } else { Exit::Failure })
}

fn engine(config: &Config) -> anyhow::Result<Box<dyn Engine>> {
    let choice = choose(config.engine.name, engine_nvidia::NvidiaEngine::is_driver_installed);
    Ok(match choice {
        Choice::Cpu { .. } => cpu(config.engine.threads),
        Choice::Nvidia { .. } => Box::new(nvidia(&config.engine, &config.state_dir)?),
    })
}

fn small_model() -> anyhow::Result<(ModelFiles, f64)> {
    let (topology, spec) = conformance::small_model();
    let (manifest, network) = export::untrained_model(&topology, spec)?;
    let bias = export::classifier_bias(&network).map_or(0.0, f64::from);
    Ok((ModelFiles::new(manifest, network)?, bias))
}

fn check(engine: &dyn Engine, (small, bias): (&ModelFiles, f64), model: &Model) -> Checked {
    let probed = engine.probe();
    let found = Check::of("engine can be used", probed.as_ref().map(|info| info.description.clone()));
    let is_usable = probed.is_ok();
    let mut checks = vec![found];
    let mut differences = None;
    if is_usable {
        let suite = catch_unwind(AssertUnwindSafe(|| conformance::run(engine, small, bias)));
        let suite = suite.unwrap_or_else(|_| Err("the engine panicked".into()));
        checks.push(Check::of("conformance suite", suite.map(|()| "every rule is kept".to_owned())));
        let vectors = catch_unwind(AssertUnwindSafe(|| golden_vectors(engine, model)));
        let (check, found) =
            vectors.unwrap_or_else(|_| (Check::of("golden vectors", Err::<String, _>("the engine panicked")), None));
        checks.push(check);
        differences = found;
    } else {
        let not_run = |name| Check { name, verdict: Verdict::NotRun, text: "the engine cannot be used".into() };
        checks.extend(["conformance suite", "golden vectors"].map(not_run));
    }
    let ok = checks.iter().all(|check| check.verdict != Verdict::Failed);
    Checked { notice: results::NOTICE, engine: engine.name(), ok, checks, golden: differences }
}

impl Check {
    fn of(name: &'static str, result: Result<impl Into<String>, impl ToString>) -> Self {
        match result {
            Ok(text) => Self { name, verdict: Verdict::Passed, text: text.into() },
            Err(why) => Self { name, verdict: Verdict::Failed, text: why.to_string() },
        }
    }
}

fn golden_vectors(engine: &dyn Engine, model: &Model) -> (Check, Option<Differences>) {
    const NAME: &str = "golden vectors";
    let Some(vectors) = model.golden() else {
        let text = "the model has none".into();
        return (Check { name: NAME, verdict: Verdict::NotRun, text }, None);
    };
    let manifest = model.files().manifest();
    let mut found = Differences::default();
    let verdict = engine.load(model.files()).map_err(|error| error.to_string()).and_then(|mut loaded| {
        for vector in &vectors.vectors {
            let said = loaded.run(&golden::input(manifest, vector.seed)).map_err(|error| error.to_string())?;
            let apart = |one: f32, other: f32| f64::from(one - other).abs();
            let greatest = vector.cam.iter().fold(1.0_f64, |most, value| most.max(f64::from(value.abs())));
            let map = said.cam.values.iter().zip(&vector.cam).map(|(one, other)| apart(*one, *other) / greatest);
            found.logit = found.logit.max(apart(said.logit, vector.logit));
            found.probability = found.probability.max(apart(said.probability, vector.probability));
            found.map = map.fold(found.map, f64::max);
        }
        golden::verify(loaded.as_mut(), manifest, vectors).map_err(|error| error.to_string())
    });
    let Differences { logit, probability, map } = found;
    let text = format!("apart at the most: logit {logit:.1e}, probability {probability:.1e}, map {map:.1e}");
    match verdict {
        Ok(()) => (Check::of(NAME, Ok::<_, String>(text)), Some(found)),
        Err(why) => (Check::of(NAME, Err::<String, _>(why)), None),
    }
}

fn print(checked: &Checked, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", checked.notice)?;
    writeln!(output, "engine {}", label(checked.engine))?;
    for Check { name, verdict, text } in &checked.checks {
        let verdict = match verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::NotRun => "not run",
        };
        writeln!(output, "{name:<20} {verdict:<8} {text}")?;
    }
    Ok(())
}
