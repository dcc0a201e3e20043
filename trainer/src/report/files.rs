//! A report's files.

use std::path::Path;

use evaluation::card::Figure;
use evaluation::plot::{self, EpochLoss, Plot};
use evaluation::report::sample;
use evaluation::{Level, Prevalence};

use super::Report;
use crate::error::{Result, TrainerError};
use crate::predict::Predicted;
use crate::run::{Metrics, replace};

/// Writes predictions and report, and the plots into `plots/`, beside what is there. Gives the plots for the model card.
///
/// # Errors
/// When a file cannot be written.
pub fn write(report: &Report, predicted: &Predicted, epochs: &[Metrics], folder: &Path) -> Result<Vec<Figure>> {
    std::fs::create_dir_all(folder).map_err(TrainerError::file("create", folder))?;
    let path = folder.join("report.json");
    let text = serde_json::to_vec_pretty(report).map_err(|error| TrainerError::data(&path, error))?;
    replace(&path, &text)?;
    evaluation::table::write(&folder.join("predictions.csv"), predicted.predictions.rows())?;
    plots(report, predicted, epochs, folder)
}

/// Writes the plots into `folder/plots`, each as SVG and as PNG. Gives each with its path from `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn plots(report: &Report, predicted: &Predicted, epochs: &[Metrics], folder: &Path) -> Result<Vec<Figure>> {
    let mut all: Vec<(String, String, Plot)> = Vec::new();
    if !epochs.is_empty() {
        all.push(("loss".into(), "Loss".into(), losses(epochs)));
    }
    for level in std::iter::once(&report.evaluation.images).chain(&report.evaluation.breasts) {
        let title = plot::level_title(level.level);
        let place = title.replace(['(', ')'], "").replace(' ', "-");
        let pictures = [
            ("roc", "ROC curve", Some(plot::roc(level))),
            ("precision-recall", "Precision and recall", Some(plot::precision_recall(level))),
            ("calibration", "Calibration", Some(plot::calibration(level))),
            ("confusion", "Confusion", plot::confusion(level, Prevalence::Natural)),
            ("confusion-balanced", "Confusion on the balanced draw", plot::confusion(level, Prevalence::Balanced)),
        ];
        let there = pictures.into_iter().filter_map(|(name, what, picture)| Some((name, what, picture?)));
        all.extend(there.map(|(name, what, picture)| (format!("{name}-{place}"), format!("{what}, {title}"), picture)));
    }
    let calibration = &report.evaluation.settings.calibration;
    let images = sample(&predicted.predictions, calibration, Level::Image, |_| true);
    let images = images.map_err(evaluation::EvaluationError::from)?;
    let scores = plot::score_histogram(&images, Level::Image, report.evaluation.images.threshold);
    all.push(("scores".into(), "Scores by class".into(), scores));
    let plots = folder.join("plots");
    std::fs::create_dir_all(&plots).map_err(TrainerError::file("create", &plots))?;
    let mut figures = Vec::with_capacity(all.len());
    for (name, title, picture) in all {
        write_plot(&plots, &name, &picture)?;
        figures.push(Figure { title, path: format!("plots/{name}.svg") });
    }
    Ok(figures)
}

/// The losses so far, as SVG and PNG in the run's folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write_losses(epochs: &[Metrics], folder: &Path) -> Result<()> {
    let plots = folder.join("plots");
    std::fs::create_dir_all(&plots).map_err(TrainerError::file("create", &plots))?;
    write_plot(&plots, "loss", &losses(epochs))
}

fn losses(epochs: &[Metrics]) -> Plot {
    let epoch = |line: &Metrics| EpochLoss {
        epoch: line.epoch as usize,
        training: line.train_loss,
        validation: Some(line.validation_loss),
    };
    plot::loss(&epochs.iter().map(epoch).collect::<Vec<_>>(), "Loss")
}

fn write_plot(folder: &Path, name: &str, picture: &Plot) -> Result<()> {
    replace(&folder.join(format!("{name}.svg")), picture.svg().as_bytes())?;
    replace(&folder.join(format!("{name}.png")), &picture.to_png()?)
}
