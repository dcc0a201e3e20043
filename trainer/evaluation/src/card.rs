//! The model card in Markdown (after Mitchell et al., Model Cards for Model Reporting, 2019).

mod markdown;

use contract::{Calibration, NOTICE, OperatingPoint, Target};
use serde::{Deserialize, Serialize};

use crate::bootstrap::Figures;
use crate::metrics::Metric;
use crate::operating::ThresholdRow;
use crate::plot::{counts_text, estimate_text, level_title, thousands};
use crate::report::{Evaluation, LevelReport};
use crate::sample::Level;
use markdown::Page;

/// One data set with its part in the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPart {
    /// `training`, `validation`, `test`.
    pub role: String,
    /// Where the data is from.
    pub source: String,
    /// Under which terms it was used.
    pub licence: String,
    /// Patients.
    pub patients: usize,
    /// Breasts.
    pub breasts: usize,
    /// Images.
    pub images: usize,
    /// Images of positive breasts.
    pub positive_images: usize,
    /// Images that were left out, with the reasons in the run's folder.
    pub images_left_out: usize,
}

/// An operating point of one level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LevelPoint {
    /// Of which scores.
    pub level: Level,
    /// The threshold and what it was chosen for.
    pub point: OperatingPoint,
}

/// A picture beside the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// Its file, from the card.
    pub path: String,
}

/// Everything that the card says. Text is written as text: Markdown in it has no effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name of the model.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Day of the training, `2026-11-24`; this crate has no clock.
    pub date: String,
    /// What it is, in a sentence or two.
    pub summary: String,
    /// What it is for.
    pub intended_use: Vec<String>,
    /// What it must not be used for.
    pub not_for: Vec<String>,
    /// Of the weights.
    pub licence: String,
    /// How it was made: names with values (network, parameters, preprocessing, optimiser, seed, digests).
    pub training: Vec<(String, String)>,
    /// Which data.
    pub data: Vec<DataPart>,
    /// How the data was split, and that no patient is in two parts.
    pub split: String,
    /// From logits to probabilities.
    pub calibration: Calibration,
    /// Chosen thresholds.
    pub operating_points: Vec<LevelPoint>,
    /// Which data the evaluation is on.
    pub evaluated_on: String,
    /// Its figures.
    pub evaluation: Evaluation,
    /// What it is known to be bad at.
    pub weaknesses: Vec<String>,
    /// Pictures.
    pub figures: Vec<Figure>,
}

impl ModelCard {
    /// The page.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = Page::new(&format!("{} {}", self.name, self.version));
        page.strong(NOTICE);
        page.paragraph(&self.summary);
        page.heading("Use");
        page.list("Intended for:", &self.intended_use);
        page.list("Not for:", &self.not_for);
        page.paragraph(&format!("Licence: {}. Date: {}.", self.licence, self.date));
        self.write_data(&mut page);
        page.heading("Training");
        let facts = self.training.iter().map(|(name, value)| vec![name.clone(), value.clone()]);
        page.table(&["", ""], facts.collect());
        page.heading("Calibration and operating points");
        page.paragraph(&calibration_text(&self.calibration));
        self.write_points(&mut page);
        self.write_evaluation(&mut page);
        page.heading("Known weaknesses");
        page.list("", &self.weaknesses);
        if !self.figures.is_empty() {
            page.heading("Plots");
            self.figures.iter().for_each(|figure| page.picture(&figure.title, &figure.path));
        }
        page.finish()
    }

    fn write_data(&self, page: &mut Page) {
        page.heading("Data");
        let row = |part: &DataPart| {
            let counts = [part.patients, part.breasts, part.images, part.positive_images, part.images_left_out];
            let texts = [&part.role, &part.source, &part.licence].map(Clone::clone);
            texts.into_iter().chain(counts.map(thousands)).collect()
        };
        let head = ["part", "source", "terms", "patients", "breasts", "images", "positive images", "left out"];
        page.table(&head, self.data.iter().map(row).collect());
        page.paragraph(&self.split);
    }

    fn write_points(&self, page: &mut Page) {
        let row = |LevelPoint { level, point }: &LevelPoint| {
            let target = match point.target {
                Target::Sensitivity(share) => format!("sensitivity at least {share}"),
                Target::Specificity(share) => format!("specificity at least {share}"),
            };
            // At 50 % prevalence precision is sensitivity over all calls.
            let f1 = 2.0 * point.sensitivity / (1.0 + point.sensitivity + 1.0 - point.specificity);
            let reached = [point.threshold.get(), point.sensitivity, point.specificity, f1];
            let numbers = reached.map(|number| format!("{number:.3}"));
            [level_title(*level).to_owned(), target].into_iter().chain(numbers).collect()
        };
        let head =
            ["level", "chosen for", "threshold", "sensitivity reached", "specificity reached", "F1, balanced draw"];
        page.table(&head, self.operating_points.iter().map(row).collect());
        if !self.operating_points.is_empty() {
            page.paragraph("What was reached is on the data on which the thresholds were chosen.");
        }
    }

    fn write_evaluation(&self, page: &mut Page) {
        page.heading("Evaluation");
        let bootstrap = self.evaluation.settings.bootstrap;
        page.paragraph(&format!("On {}.", self.evaluated_on.trim_end_matches('.')));
        page.paragraph(&format!(
            "In brackets: {} % percentile intervals of {} bootstrap resamples of patients (seed {}). An interval is missing \
             where too many resamples lack a class, or where all agree. A dash is a figure that is not defined.",
            bootstrap.level * 100.0,
            thousands(bootstrap.resamples),
            bootstrap.seed
        ));
        for level in std::iter::once(&self.evaluation.images).chain(&self.evaluation.breasts) {
            write_level(page, level);
        }
    }
}

fn calibration_text(calibration: &Calibration) -> String {
    match calibration {
        Calibration::Identity => "Scores are not calibrated: they are no probabilities of cancer.".into(),
        Calibration::Temperature(temperature) => {
            format!("Temperature scaling, T = {:.4}; it does not correct for prevalence.", temperature.get())
        }
        Calibration::Isotonic(isotonic) => {
            format!("Isotonic regression with {} breakpoints.", isotonic.breakpoints().len())
        }
    }
}

fn write_level(page: &mut Page, report: &LevelReport) {
    let title = level_title(report.level);
    page.subheading(&format!("{}{}", title[..1].to_uppercase(), &title[1..]));
    page.paragraph(&format!("{}; threshold {:.3}.", counts_text(report.level, report.counts), report.threshold));
    let cell = |figures: &Figures, metric| estimate_text(figures.estimates.get(&metric));
    let row = |metric: Metric| {
        let balanced = report.balanced.as_ref().map_or_else(|| "–".into(), |figures| cell(figures, metric));
        vec![metric.title().to_owned(), cell(&report.natural, metric), balanced]
    };
    page.table(&["", "natural prevalence", "balanced draw"], Metric::ALL.map(row).to_vec());
    page.table(&["threshold", "sensitivity", "specificity", "PPV at prevalence"], threshold_rows(&report.thresholds));
    let group = |part: &crate::report::GroupReport| {
        let counts = [part.counts.units, part.counts.positive].map(thousands);
        let metrics = [Metric::Auc, Metric::Recall, Metric::Specificity].map(|metric| cell(&part.figures, metric));
        let name = format!("{} {}", part.by.title(), part.name);
        std::iter::once(name).chain(counts).chain(metrics).collect()
    };
    let head = ["group", "all", "positive", "AUC", "sensitivity", "specificity"];
    page.table(&head, report.groups.iter().map(group).collect());
    if report.groups_left_out > 0 {
        page.paragraph(&format!("{} smaller groups are left out.", thousands(report.groups_left_out)));
    }
}

fn threshold_rows(rows: &[ThresholdRow]) -> Vec<Vec<String>> {
    let row = |row: &ThresholdRow| {
        let numbers = [row.threshold, row.sensitivity, row.specificity].map(|number| format!("{number:.3}"));
        let ppv = |value: &crate::operating::PredictiveValues| {
            let positive = value.positive.map_or_else(|| "–".into(), |positive| format!("{:.1} %", 100.0 * positive));
            format!("{positive} at {:.1} %", 100.0 * value.prevalence)
        };
        let values: Vec<String> = row.values.iter().map(ppv).collect();
        // Bayes' rule would say 100 %, which rests on a handful of calls.
        let values = if row.specificity < 1.0 { values.join(", ") } else { "no false positive in this set".into() };
        numbers.into_iter().chain([values]).collect()
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests;
