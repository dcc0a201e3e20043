//! Loss, ROC and precision-recall.

use super::frame::{Axis, Frame, Titles};
use super::svg::{BLUE, GREY, ORANGE, Stroke};
use super::{Plot, counts_text, estimate_text, heading, value};
use crate::metrics::Metric;
use crate::report::LevelReport;

/// Side of a square area, pixels.
const SIDE: f64 = 400.0;

/// The losses of one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochLoss {
    /// From 1.
    pub epoch: usize,
    /// Mean over the epoch's training batches.
    pub training: f64,
    /// `None` where it was not taken.
    pub validation: Option<f64>,
}

/// Loss by epoch; a value that is not finite is a gap. The epoch of the lowest validation loss, whose weights are kept, is
/// marked.
#[must_use]
pub fn loss(epochs: &[EpochLoss], title: &str) -> Plot {
    let best = epochs.iter().filter_map(|epoch| Some((epoch.epoch, epoch.validation.filter(|loss| loss.is_finite())?)));
    let best = best.min_by(|a, b| a.1.total_cmp(&b.1));
    let note = best.map(|(epoch, loss)| format!("lowest validation loss {loss:.4} in epoch {epoch}"));
    let subtitle = note.unwrap_or_else(|| "no validation loss".into());
    let x = Axis::around(epochs.iter().map(|epoch| epoch.epoch as f64), 1.0, "epoch");
    let losses = epochs.iter().flat_map(|epoch| [epoch.training, epoch.validation.unwrap_or(f64::NAN)]);
    let y = Axis::around(losses, 0.0, "loss (binary cross-entropy)");
    let mut frame = Frame::new((560.0, 320.0), &Titles { title, subtitle: &subtitle }, x, y);
    let (training, validation) = (Stroke::solid(BLUE, 2.0), Stroke::solid(ORANGE, 2.0));
    let points =
        |of: fn(&EpochLoss) -> f64| -> Vec<_> { epochs.iter().map(|epoch| (epoch.epoch as f64, of(epoch))).collect() };
    frame.curve(&points(|epoch| epoch.training), training);
    frame.curve(&points(|epoch| epoch.validation.unwrap_or(f64::NAN)), validation);
    if let Some((epoch, loss)) = best {
        frame.dot(epoch as f64, loss, ORANGE);
    }
    frame.legend((0.76, 0.02), &[(training, "training".into()), (validation, "validation".into())]);
    frame.svg.finish()
}

/// The ROC curve with its pointwise bootstrap interval and the threshold's place.
#[must_use]
pub fn roc(report: &LevelReport) -> Plot {
    let subtitle = counts_text(report.level, report.counts);
    let titles = Titles { title: &heading("ROC curve", report), subtitle: &subtitle };
    let axes = (Axis::unit("1 − specificity"), Axis::unit("sensitivity"));
    let mut frame = Frame::new((SIDE, SIDE), &titles, axes.0, axes.1);
    let chance = Stroke::dashed(GREY, 1.2);
    frame.curve(&[(0.0, 0.0), (1.0, 1.0)], chance);
    let upper = report.roc_band.iter().map(|point| (point.x, point.high));
    let lower = report.roc_band.iter().rev().map(|point| (point.x, point.low));
    frame.area(upper.chain(lower), BLUE, 0.18);
    let line = Stroke::solid(BLUE, 2.0);
    let points: Vec<_> = report.roc.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect();
    frame.curve(&points, line);
    let auc = estimate_text(report.natural.estimates.get(&Metric::Auc));
    let mut legend = vec![(line, format!("AUC {auc}")), (chance, "chance".into())];
    let figures = &report.natural;
    if let (Some(sensitivity), Some(specificity)) =
        (value(figures, Metric::Recall), value(figures, Metric::Specificity))
    {
        frame.dot(1.0 - specificity, sensitivity, ORANGE);
        legend.push((Stroke::solid(ORANGE, 6.0), format!("threshold {:.3}", report.threshold)));
    }
    frame.legend((0.42, 0.80), &legend);
    frame.svg.finish()
}

/// The precision-recall curve at the set's own prevalence, in steps as average precision sums it, with the threshold's
/// place; chance is the prevalence.
#[must_use]
pub fn precision_recall(report: &LevelReport) -> Plot {
    let subtitle = counts_text(report.level, report.counts);
    let titles = Titles { title: &heading("Precision and recall", report), subtitle: &subtitle };
    let axes = (Axis::unit("recall (sensitivity)"), Axis::unit("precision (PPV)"));
    let mut frame = Frame::new((SIDE, SIDE), &titles, axes.0, axes.1);
    let prevalence = report.counts.positive as f64 / report.counts.units.max(1) as f64;
    let (line, chance) = (Stroke::solid(BLUE, 2.0), Stroke::dashed(GREY, 1.2));
    frame.curve(&[(0.0, prevalence), (1.0, prevalence)], chance);
    let mut recall = 0.0;
    let mut points = Vec::with_capacity(2 * report.precision_recall.len());
    for point in &report.precision_recall {
        points.extend([(recall, point.precision), (point.recall, point.precision)]);
        recall = point.recall;
    }
    frame.curve(&points, line);
    let average = estimate_text(report.natural.estimates.get(&Metric::AveragePrecision));
    let mut legend =
        vec![(line, format!("average precision {average}")), (chance, format!("prevalence {prevalence:.3}"))];
    let figures = &report.natural;
    if let (Some(recall), Some(precision)) = (value(figures, Metric::Recall), value(figures, Metric::Precision)) {
        frame.dot(recall, precision, ORANGE);
        legend.push((Stroke::solid(ORANGE, 6.0), format!("threshold {:.3}", report.threshold)));
    }
    // Where the curve is not: a good one passes the upper right corner.
    let is_high = value(figures, Metric::AveragePrecision).is_some_and(|area| area > 0.5);
    frame.legend(if is_high { (0.02, 0.80) } else { (0.30, 0.02) }, &legend);
    frame.svg.finish()
}
