//! Plots as SVG, for a page and for print, and as PNG, for what takes nothing else. Every plot says how much data it rests
//! on, and carries the notice. The same values give the same bytes.

mod bars;
mod curve;
mod frame;
mod shapes;
mod svg;

pub use bars::{calibration, confusion, score_histogram};
pub use curve::{EpochLoss, loss, precision_recall, roc};
pub use shapes::Plot;

use contract::Aggregation;

use crate::bootstrap::{Estimate, Figures};
use crate::metrics::Metric;
use crate::report::LevelReport;
use crate::sample::{Counts, Level};

/// `per image`, `per breast (mean)`.
#[must_use]
pub fn level_title(level: Level) -> &'static str {
    match level {
        Level::Image => "per image",
        Level::Breast(Aggregation::Reference) => "per breast (reference)",
        Level::Breast(Aggregation::Mean) => "per breast (mean)",
        Level::Breast(Aggregation::Max) => "per breast (max)",
    }
}

/// `1,234 images, 56 positive, 700 patients`.
#[must_use]
pub fn counts_text(level: Level, counts: Counts) -> String {
    let units = if level == Level::Image { "images" } else { "breasts" };
    let Counts { units: all, positive, patients } = counts;
    format!("{} {units}, {} positive, {} patients", thousands(all), thousands(positive), thousands(patients))
}

/// `0.812 (0.790–0.833)`; an interval that is withheld is left out, an undefined value is a dash.
#[must_use]
pub fn estimate_text(estimate: Option<&Estimate>) -> String {
    let Some((value, interval)) = estimate.and_then(|estimate| Some((estimate.value?, estimate.interval))) else {
        return "–".into();
    };
    let interval = interval.map(|interval| format!(" ({:.3}–{:.3})", interval.low, interval.high));
    format!("{value:.3}{}", interval.unwrap_or_default())
}

/// Digits in groups of three.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn value(figures: &Figures, metric: Metric) -> Option<f64> {
    figures.estimates.get(&metric)?.value
}

fn heading(what: &str, report: &LevelReport) -> String {
    format!("{what}, {}", level_title(report.level))
}

#[cfg(test)]
mod tests;
