//! Calibration diagram, score histograms and confusion matrices.

use super::frame::{Axis, Frame, Titles, blank};
use super::svg::{Anchor, BLUE, BODY, Font, GREY, INK, NOTE, ORANGE, Stroke};
use super::{Plot, counts_text, estimate_text, heading, thousands};
use crate::metrics::{Confusion, Metric};
use crate::report::LevelReport;
use crate::sample::{Level, Prevalence, Sample};

/// Bins of a histogram.
const HISTOGRAM_BINS: usize = 40;

/// The 97.5th percentile of the normal distribution.
const NORMAL_975: f64 = 1.959_964;

/// The calibration diagram: in each bin of scores the share of positive ones, with its 95 % Wilson interval (which takes
/// units as independent), and below the share of all units that the bin has.
#[must_use]
pub fn calibration(report: &LevelReport) -> Plot {
    let subtitle = counts_text(report.level, report.counts);
    let titles = Titles { title: &heading("Calibration", report), subtitle: &subtitle };
    let axes = (Axis::unit("mean score"), Axis::unit("share of positive ones"));
    let mut frame = Frame::new((400.0, 400.0), &titles, axes.0, axes.1);
    let (line, ideal) = (Stroke::solid(BLUE, 2.0), Stroke::dashed(GREY, 1.2));
    let total: f64 = report.reliability.iter().map(|bin| bin.weight).sum();
    for bin in &report.reliability {
        let height = 0.25 * bin.weight / total;
        frame.bar((bin.score - 0.012, 0.0), (bin.score + 0.012, height), GREY, 0.35);
    }
    frame.curve(&[(0.0, 0.0), (1.0, 1.0)], ideal);
    for bin in &report.reliability {
        let (low, high) = wilson(bin.positive, bin.weight);
        frame.curve(&[(bin.score, low), (bin.score, high)], Stroke::solid(BLUE, 1.2));
    }
    frame.curve(&report.reliability.iter().map(|bin| (bin.score, bin.positive)).collect::<Vec<_>>(), line);
    for bin in &report.reliability {
        frame.dot(bin.score, bin.positive, BLUE);
    }
    let error = estimate_text(report.natural.estimates.get(&Metric::CalibrationError));
    let bars = Stroke { colour: "#b8b8b8", width: 8.0, dashed: false };
    let legend = [
        (line, format!("calibration error {error}")),
        (ideal, "ideal".into()),
        (bars, "share of units (scale 4:1)".into()),
    ];
    frame.legend((0.02, 0.02), &legend);
    frame.svg.finish()
}

/// Wilson's score interval of a share at 95 %.
fn wilson(share: f64, count: f64) -> (f64, f64) {
    let square = NORMAL_975 * NORMAL_975;
    let middle = (share + square / (2.0 * count)) / (1.0 + square / count);
    let spread = (share * (1.0 - share) / count + square / (4.0 * count * count)).sqrt();
    let reach = NORMAL_975 / (1.0 + square / count) * spread;
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// Scores of each class; each class sums to 1, so that a rare one is seen. The threshold is marked.
#[must_use]
pub fn score_histogram(sample: &Sample, level: Level, threshold: f64) -> Plot {
    let mut shares = [[0.0; HISTOGRAM_BINS]; 2];
    let counts = sample.counts();
    let of_class = [counts.units - counts.positive, counts.positive];
    for unit in sample.units() {
        let bin = ((unit.score * HISTOGRAM_BINS as f64) as usize).min(HISTOGRAM_BINS - 1);
        let class = usize::from(unit.positive);
        shares[class][bin] += 1.0 / of_class[class] as f64;
    }
    let subtitle = counts_text(level, counts);
    let title = format!("Scores by class, {}", super::level_title(level));
    let heights = shares.iter().flatten().copied().chain([0.0]);
    let y = Axis::around(heights, 0.0, "share of the class");
    let mut frame = Frame::new((560.0, 320.0), &Titles { title: &title, subtitle: &subtitle }, Axis::unit("score"), y);
    let edge = |bin: usize| bin as f64 / HISTOGRAM_BINS as f64;
    let mut legend = Vec::new();
    for (shares, colour, name) in [(shares[0], BLUE, "negative"), (shares[1], ORANGE, "positive")] {
        let mut outline = vec![(0.0, 0.0)];
        for (bin, &share) in shares.iter().enumerate() {
            frame.bar((edge(bin), 0.0), (edge(bin + 1), share), colour, 0.22);
            outline.extend([(edge(bin), share), (edge(bin + 1), share)]);
        }
        outline.push((1.0, 0.0));
        let stroke = Stroke::solid(colour, 1.6);
        frame.curve(&outline, stroke);
        legend.push((
            Stroke::solid(colour, 6.0),
            format!("{name} ({})", thousands(of_class[usize::from(name == "positive")])),
        ));
    }
    let mark = Stroke::dashed(GREY, 1.4);
    if (0.0..=1.0).contains(&threshold) {
        frame.curve(&[(threshold, 0.0), (threshold, f64::MAX)], mark);
        legend.push((mark, format!("threshold {threshold:.3}")));
    }
    frame.legend((0.70, 0.02), &legend);
    frame.svg.finish()
}

/// The four outcomes at the threshold: counts at natural prevalence, shares on the balanced draw, each with its share of
/// the row (of the truth). `None` for the balanced draw of one class.
#[must_use]
pub fn confusion(report: &LevelReport, prevalence: Prevalence) -> Option<Plot> {
    let (figures, what) = match prevalence {
        Prevalence::Natural => (&report.natural, "Confusion"),
        Prevalence::Balanced => (report.balanced.as_ref()?, "Confusion on the balanced draw"),
    };
    let subtitle = format!("threshold {:.3}; {}", report.threshold, counts_text(report.level, report.counts));
    let titles = Titles { title: &heading(what, report), subtitle: &subtitle };
    let mut svg = blank((470.0, 440.0), &titles);
    let Confusion { true_positive, false_positive, false_negative, true_negative } = figures.confusion;
    let (left, top, side) = (110.0, 104.0, 150.0);
    for (row, (name, cells)) in
        [("negative", [true_negative, false_positive]), ("positive", [false_negative, true_positive])]
            .into_iter()
            .enumerate()
    {
        let y = top + row as f64 * side;
        svg.text((left - 12.0, y + side / 2.0 + 4.0), Anchor::End, BODY, name);
        let of_row: f64 = cells.iter().sum();
        for (column, weight) in cells.into_iter().enumerate() {
            let x = left + column as f64 * side;
            let share = if of_row > 0.0 { weight / of_row } else { 0.0 };
            svg.rect((x + 1.5, y + 1.5), (side - 3.0, side - 3.0), BLUE, 0.06 + 0.84 * share);
            let colour = if share > 0.75 { "#ffffff" } else { INK };
            let amount = match prevalence {
                Prevalence::Natural => thousands(weight.round() as usize),
                Prevalence::Balanced => format!("{weight:.3}"),
            };
            let middle = x + side / 2.0;
            svg.text((middle, y + 74.0), Anchor::Middle, Font { size: 24.0, bold: true, colour }, &amount);
            let of_row = if of_row > 0.0 { format!("{:.1} % of {name}", 100.0 * share) } else { "none".into() };
            svg.text((middle, y + 98.0), Anchor::Middle, Font { colour, ..BODY }, &of_row);
        }
    }
    for (column, name) in ["not called", "called"].into_iter().enumerate() {
        svg.text((left + (column as f64 + 0.5) * side, top - 10.0), Anchor::Middle, BODY, name);
    }
    svg.text((left + side, top - 30.0), Anchor::Middle, NOTE, "prediction");
    svg.upright_text((24.0, top + side), NOTE, "truth");
    Some(svg.finish())
}
