//! Evaluates a predictions file: figures as JSON, plots as SVG, a model card. Used by the check against scikit-learn.
//!
//! usage: `evaluate PREDICTIONS.csv FOLDER`

#![allow(clippy::print_stderr)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{Calibration, Target};
use evaluation::card::{Figure, LevelPoint, ModelCard};
use evaluation::{Evaluation, Level, Prevalence, Settings, evaluate, fit, operating_point, plot, report, table};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [predictions, folder] = &arguments[..] else {
        return Err("usage: evaluate PREDICTIONS.csv FOLDER".into());
    };
    fs::create_dir_all(folder)?;
    let predictions = table::read(predictions)?;
    let evaluation = evaluate(&predictions, &Settings::reference()?)?;
    let image = report::sample(&predictions, &Calibration::Identity, Level::Image, |_| true)?;
    let point = operating_point(&image, Target::Sensitivity(0.9))?;
    let (logits, labels) = predictions.logits_and_labels();
    let temperature = fit::temperature(&logits, &labels, Prevalence::Natural);
    temperature.as_ref().err().iter().for_each(|error| eprintln!("{error}"));
    let scores: Vec<f64> = logits.iter().map(|&logit| Calibration::Identity.apply(logit)).collect();
    let isotonic = fit::isotonic(&scores, &labels, Prevalence::Natural)?;
    let applied: Vec<f64> = scores.iter().map(|&score| isotonic.apply(score)).collect();
    let result = json!({
        "evaluation": evaluation, "temperature": temperature.ok(), "isotonic": isotonic, "isotonic_applied": applied,
        "operating_point": point,
    });
    fs::write(folder.join("evaluation.json"), serde_json::to_vec_pretty(&result)?)?;
    let mut figures = plots(&evaluation, folder)?;
    let histogram = plot::score_histogram(&image, Level::Image, evaluation.images.threshold);
    fs::write(folder.join("scores.svg"), histogram.svg())?;
    figures.push(Figure { title: "scores by class".into(), path: "scores.svg".into() });
    let card = card(evaluation, vec![LevelPoint { level: Level::Image, point }], figures);
    fs::write(folder.join("model-card.md"), card.to_markdown())?;
    Ok(())
}

fn plots(evaluation: &Evaluation, folder: &Path) -> Result<Vec<Figure>, Box<dyn Error>> {
    let mut figures = Vec::new();
    for report in std::iter::once(&evaluation.images).chain(&evaluation.breasts) {
        let title = plot::level_title(report.level);
        let pictures = [
            ("roc", Some(plot::roc(report))),
            ("precision-recall", Some(plot::precision_recall(report))),
            ("calibration", Some(plot::calibration(report))),
            ("confusion", plot::confusion(report, Prevalence::Natural)),
            ("confusion-balanced", plot::confusion(report, Prevalence::Balanced)),
        ];
        for (name, picture) in pictures.into_iter().filter_map(|(name, picture)| Some((name, picture?))) {
            let path = format!("{name}-{}.svg", title.replace([' ', '(', ')'], ""));
            fs::write(folder.join(&path), picture.svg())?;
            fs::write(folder.join(path.replace(".svg", ".png")), picture.to_png()?)?;
            figures.push(Figure { title: format!("{name}, {title}"), path });
        }
    }
    let epoch = |epoch: usize| {
        let training = 0.35 + 0.35 * (-0.22 * epoch as f64).exp();
        plot::EpochLoss { epoch, training, validation: Some(training + 0.02 + 0.004 * epoch as f64) }
    };
    let losses: Vec<_> = (1..=18).map(epoch).collect();
    fs::write(folder.join("loss.svg"), plot::loss(&losses, "Loss (made up)").svg())?;
    Ok(figures)
}

fn card(evaluation: Evaluation, operating_points: Vec<LevelPoint>, figures: Vec<Figure>) -> ModelCard {
    ModelCard {
        name: "example".into(),
        version: "0".into(),
        date: "none".into(),
        summary: "No model: the figures of a predictions file.".into(),
        intended_use: vec!["checking this software".into()],
        not_for: vec!["anything else".into()],
        licence: "none".into(),
        training: vec![],
        data: vec![],
        split: String::new(),
        calibration: Calibration::Identity,
        operating_points,
        evaluated_on: "the given predictions".into(),
        evaluation,
        weaknesses: vec![],
        figures,
    }
}
