//! From predictions to what a person reads: figures, plots, model card.
//!
//! ```text
//! predictions.csv   one line per image; names patients as the data's table does, and goes nowhere else
//! report.json       everything, see Report
//! MODEL_CARD.md     figures and plots as a page
//! plots/*.svg, png  ROC, precision-recall, calibration, confusion per image and per breast; scores; losses of a run
//! ```

pub mod card;
pub mod files;

use contract::{Calibration, NOTICE, Target};
use evaluation::card::LevelPoint;
use evaluation::{Bootstrap, Evaluation, Fitted, Level, Method, Settings, Unfit, operating_point};
use serde::Serialize;

use crate::error::Result;
use crate::predict::Predicted;

/// What is chosen when an evaluation is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// How to calibrate; for a bundle its own calibration is applied and nothing is fitted.
    pub method: Method,
    /// What operating points are chosen for.
    pub targets: Vec<Target>,
    /// Resamples of the intervals.
    pub resamples: usize,
}

impl Default for Choices {
    fn default() -> Self {
        let targets = [0.8, 0.9].into_iter().flat_map(|share| [Target::Sensitivity(share), Target::Specificity(share)]);
        let resamples = Bootstrap::default().resamples;
        Self { method: Method::Temperature, targets: targets.collect(), resamples }
    }
}

/// Everything that is said of a network on a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// For research use only.
    pub notice: &'static str,
    /// Which network.
    pub subject: String,
    /// Which data: folder without its parents, and split.
    pub data: String,
    /// Images that could not be used, of all splits.
    pub images_left_out: usize,
    /// The calibration that was fitted here, with what it is worth on held-out patients; the figures are after it. `None`
    /// for a bundle, whose own is in the evaluation's settings.
    pub fitted: Option<Fitted>,
    /// Why no calibration could be fitted.
    pub unfit: Option<String>,
    /// Thresholds chosen on this data.
    pub operating_points: Vec<LevelPoint>,
    /// All figures.
    pub evaluation: Evaluation,
}

/// Which calibration the figures are after.
#[derive(Debug, Clone, PartialEq)]
pub enum Calibrating {
    /// One that is there.
    Given(Calibration),
    /// One that is fitted to these predictions.
    Fitted,
}

/// Evaluates predictions.
///
/// # Errors
/// Settings out of range. One class only is no error: what is not defined is left out.
pub fn report(title: &str, predicted: &Predicted, calibrating: Calibrating, choices: &Choices) -> Result<Report> {
    let predictions = &predicted.predictions;
    let (calibration, fitted, unfit) = match calibrating {
        Calibrating::Given(calibration) => (calibration, None, None),
        Calibrating::Fitted => match evaluation::fit_and_judge(predictions, choices.method) {
            Ok(fitted) => (fitted.calibration.clone(), Some(fitted), None),
            Err(unfit) => (Calibration::Identity, None, Some(unfit.to_string())),
        },
    };
    let bootstrap = Bootstrap { resamples: choices.resamples, ..Bootstrap::default() };
    let reference = Settings::reference().map_err(|_| evaluation::EvaluationError::Unfit(Unfit::NotFinite))?;
    let settings = Settings { calibration, bootstrap, ..reference };
    let levels = std::iter::once(Level::Image).chain(settings.breasts.iter().map(|&(way, _)| Level::Breast(way)));
    let mut operating_points = Vec::new();
    for level in levels {
        let sample = evaluation::report::sample(predictions, &settings.calibration, level, |_| true)
            .map_err(evaluation::EvaluationError::from)?;
        // A target that cannot be reached, or one class only, has no point.
        let points = choices.targets.iter().filter_map(|&target| operating_point(&sample, target).ok());
        operating_points.extend(points.map(|point| LevelPoint { level, point }));
    }
    Ok(Report {
        notice: NOTICE,
        subject: title.into(),
        data: format!("{} split of {}", predicted.split.word(), predicted.source),
        images_left_out: predicted.left_out.len(),
        fitted,
        unfit,
        operating_points,
        evaluation: evaluation::evaluate(predictions, &settings)?,
    })
}

/// The report as a page for a terminal.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut text = format!("{}\n{}", report.subject, report.data);
    text += &format!("; {} images left out\n", report.images_left_out);
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.4}"));
    if let Some(fitted) = &report.fitted {
        text += &format!(
            "calibration: {}; calibration error {} before, {} cross-fitted; Brier score {} before, {} cross-fitted\n",
            described(&fitted.calibration),
            number(fitted.error_before),
            number(fitted.error_cross_fitted),
            number(fitted.brier_before),
            number(fitted.brier_cross_fitted)
        );
    } else {
        let why = report.unfit.as_ref().map(|unfit| format!(" ({unfit})")).unwrap_or_default();
        text += &format!("calibration: {}{why}\n", described(&report.evaluation.settings.calibration));
    }
    text += &evaluation::text::page(&report.evaluation);
    text += "\noperating points, chosen on this data\n";
    for LevelPoint { level, point } in &report.operating_points {
        let target = match point.target {
            Target::Sensitivity(share) => format!("sensitivity >= {share}"),
            Target::Specificity(share) => format!("specificity >= {share}"),
        };
        let level = evaluation::plot::level_title(*level);
        text += &format!(
            "{level}, {target}: threshold {:.4}, sensitivity {:.3}, specificity {:.3}\n",
            point.threshold.get(),
            point.sensitivity,
            point.specificity
        );
    }
    text
}

fn described(calibration: &Calibration) -> String {
    match calibration {
        Calibration::Identity => "none".into(),
        Calibration::Temperature(temperature) => format!("temperature {:.4}", temperature.get()),
        Calibration::Isotonic(isotonic) => format!("isotonic, {} breakpoints", isotonic.breakpoints().len()),
    }
}
