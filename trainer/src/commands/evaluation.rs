//! The commands that look at what was trained: evaluate, cams, pack, and what a run leaves at its end.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use contract::{Aggregation, Target};
use evaluation::Method;
use export::Storage;
use trainer::data::Split;
use trainer::pack::Packing;
use trainer::predict::{self, Predicted, Subject};
use trainer::report::card::{self, Identity};
use trainer::report::{self, Calibrating, Choices, Report, files};
use trainer::{Config, Run, cams as pages};

use super::say;
use crate::cli::{
    AggregationChoice, CalibrationMethod, CamsArgs, EvaluateArgs, FiguresArgs, ImagesArgs, PackArgs, SubjectArgs,
    WeightsStorage,
};

/// `mamoru-train evaluate`
pub fn evaluate(arguments: &EvaluateArgs) -> Result<ExitCode> {
    let (split, images) = (arguments.images.split, &arguments.images);
    let (title, predicted, calibrating, config) = if arguments.brightness {
        let config = settings(images)?;
        let predicted = predict::brightness(config.clone(), split)?;
        ("brightness of the image, no model".into(), predicted, Calibrating::Fitted, config)
    } else {
        let subject = subject(&arguments.subject, images)?;
        let (_, predicted) = predict::of_split(&subject, split)?;
        let calibrating = match arguments.subject.bundle {
            Some(_) => Calibrating::Given(subject.calibration),
            None => Calibrating::Fitted,
        };
        (subject.title, predicted, calibrating, subject.config)
    };
    list_left_out(&predicted);
    let report = report::report(&title, &predicted, calibrating, &choices(&arguments.figures))?;
    if let Some(out) = &arguments.out {
        let epochs = match &arguments.subject.run {
            Some(run) => Run::open(run)?.0.metrics()?,
            None => Vec::new(),
        };
        write(&title, &config, &report, &predicted, &epochs, out)?;
        say(&format!("wrote predictions, report, plots and model card to {}", out.display()));
    }
    let text = if arguments.json { serde_json::to_string_pretty(&report)? + "\n" } else { report::page(&report) };
    std::io::stdout().lock().write_all(text.as_bytes()).context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// `mamoru-train cams`
pub fn cams(arguments: &CamsArgs) -> Result<ExitCode> {
    let subject = subject(&arguments.subject, &arguments.images)?;
    let (_, predicted) = predict::of_split(&subject, arguments.images.split)?;
    list_left_out(&predicted);
    let written = pages::write(&subject, &predicted, arguments.count, &arguments.out)?;
    say(&format!("wrote {} pages to {}", written.len(), arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// `mamoru-train pack`
pub fn pack(arguments: &PackArgs) -> Result<ExitCode> {
    let (run, config) = Run::open(&arguments.run)?;
    let storage = match arguments.weights {
        WeightsStorage::Fp32 => Storage::Float,
        WeightsStorage::Fp16 => Storage::Half,
    };
    let identity = Identity {
        name: arguments.name.clone(),
        version: arguments.model_version.clone(),
        data: arguments.data_source.clone(),
        data_licence: arguments.data_licence.clone(),
        licence: arguments.licence.clone(),
        intended_use: arguments.intended_use.clone(),
        trained: String::new(),
        history: arguments.history.clone(),
    };
    let aggregation = match arguments.aggregation {
        AggregationChoice::Reference => Aggregation::Reference,
        AggregationChoice::Mean => Aggregation::Mean,
        AggregationChoice::Max => Aggregation::Max,
    };
    let evaluation = (!arguments.no_data).then(|| choices(&arguments.figures));
    let packed =
        trainer::pack::pack(&run, &config, Packing { storage, aggregation, identity, evaluation }, &arguments.out)?;
    if let Some(report) = &packed.report {
        say(&report::page(report));
    }
    if let Some((largest, mean)) = packed.change {
        say(&format!("change of the probability by the weights' storage: largest {largest:.2e}, mean {mean:.2e}"));
    }
    say(&format!("packed {} ({})", arguments.out.display(), packed.manifest.network));
    Ok(ExitCode::SUCCESS)
}

/// What a run leaves at its end: figures, plots and model card of its best weights in `evaluation/`, with pages of
/// examples.
pub fn finish(run: &Run) -> Result<PathBuf> {
    let folder = run.folder().join("evaluation");
    let subject = Subject::of_run(run.folder(), None)?;
    let (_, predicted) = predict::of_split(&subject, Split::Validation)?;
    let report = report::report(&subject.title, &predicted, Calibrating::Fitted, &Choices::default())?;
    write(&subject.title, &subject.config, &report, &predicted, &run.metrics()?, &folder)?;
    pages::write(&subject, &predicted, 10, &folder.join("cams"))?;
    Ok(folder)
}

fn write(
    title: &str,
    config: &Config,
    report: &Report,
    predicted: &Predicted,
    epochs: &[trainer::run::Metrics],
    folder: &std::path::Path,
) -> Result<()> {
    let figures = files::write(report, predicted, epochs, folder)?;
    let identity = Identity {
        name: title.into(),
        version: String::new(),
        data: predicted.source.clone(),
        data_licence: "as the data's".into(),
        licence: card::LICENCE.into(),
        intended_use: card::INTENDED_USE.into(),
        trained: "see the run's or the bundle's own files".into(),
        history: String::new(),
    };
    // A bundle does not hold the settings of its training.
    let facts = if epochs.is_empty() { Vec::new() } else { card::facts(config) };
    let card = card::card(identity, report, predicted, facts, figures);
    let path = folder.join("MODEL_CARD.md");
    std::fs::write(&path, card.to_markdown()).with_context(|| format!("write {}", path.display()))
}

fn subject(subject: &SubjectArgs, images: &ImagesArgs) -> Result<Subject> {
    if let Some(run) = &subject.run {
        return Ok(Subject::of_run(run, images.data.as_deref())?);
    }
    let bundle = subject.bundle.as_deref().context("name a run or a bundle")?;
    Ok(Subject::of_bundle(bundle, settings(images)?)?)
}

/// Where the data is and how it is read, for what is no run.
fn settings(images: &ImagesArgs) -> Result<Config> {
    let mut config = Config::resolve(images.config.as_deref(), &images.overrides)?;
    if let Some(data) = &images.data {
        config.data.folder.clone_from(data);
    }
    Ok(config)
}

fn choices(figures: &FiguresArgs) -> Choices {
    let method = match figures.calibration {
        CalibrationMethod::Temperature => Method::Temperature,
        CalibrationMethod::Isotonic => Method::Isotonic,
        CalibrationMethod::None => Method::Identity,
    };
    let sensitivities = figures.sensitivity.iter().map(|&share| Target::Sensitivity(share));
    let specificities = figures.specificity.iter().map(|&share| Target::Specificity(share));
    let targets: Vec<Target> = sensitivities.chain(specificities).collect();
    let targets = if targets.is_empty() { Choices::default().targets } else { targets };
    Choices { method, targets, resamples: figures.resamples }
}

/// Nothing is left out silently.
fn list_left_out(predicted: &Predicted) {
    for left in &predicted.left_out {
        say(&format!("left out: {}, line {} of the table: {}", left.file.display(), left.line, left.reason));
    }
}
