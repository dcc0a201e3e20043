//! Curves over all thresholds, and the calibration diagram.

use serde::{Deserialize, Serialize};

use crate::metrics::{class_weights, ratio};
use crate::sample::{BINS, Prevalence, Sample};

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Scores at or above it are called; `None` where nothing is.
    pub threshold: Option<f64>,
    /// `1 − specificity`.
    pub false_positive_rate: f64,
    /// Sensitivity.
    pub true_positive_rate: f64,
}

/// A point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallPoint {
    /// Scores at or above it are called.
    pub threshold: f64,
    /// Share of the positive ones that is called.
    pub recall: f64,
    /// Share of the called ones that is positive.
    pub precision: f64,
}

/// Ends of a pointwise interval at one place of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandPoint {
    /// The place.
    pub x: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A bin of the calibration diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Mean score of its units.
    pub score: f64,
    /// Share of the positive ones among them.
    pub positive: f64,
    /// How many units; a share on the balanced draw.
    pub weight: f64,
}

/// The ROC curve from (0, 0) to (1, 1), one point for each distinct score; `None` for one class. The same at every
/// prevalence.
#[must_use]
pub fn roc(sample: &Sample) -> Option<Vec<RocPoint>> {
    let weights = sample.weights(Prevalence::Natural)?;
    let (positive, negative) = class_weights(sample.units(), &weights);
    ratio(1.0, positive * negative)?;
    let mut points = vec![RocPoint { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0 }];
    walk(sample, &weights, |threshold, called_positive, called_negative| {
        points.push(RocPoint {
            threshold: Some(threshold),
            false_positive_rate: called_negative / negative,
            true_positive_rate: called_positive / positive,
        });
    });
    Some(points)
}

/// The precision-recall curve by rising recall, one point for each distinct score; `None` without a positive unit.
#[must_use]
pub fn precision_recall(sample: &Sample, prevalence: Prevalence) -> Option<Vec<PrecisionRecallPoint>> {
    let weights = sample.weights(prevalence)?;
    let (positive, _) = class_weights(sample.units(), &weights);
    ratio(1.0, positive)?;
    let mut points = Vec::new();
    walk(sample, &weights, |threshold, called_positive, called_negative| {
        let precision = called_positive / (called_positive + called_negative);
        points.push(PrecisionRecallPoint { threshold, recall: called_positive / positive, precision });
    });
    Some(points)
}

/// The bins that have units, by rising score; empty for the balanced draw of one class.
#[must_use]
pub fn reliability(sample: &Sample, prevalence: Prevalence) -> Vec<ReliabilityBin> {
    let weights = sample.weights(prevalence).unwrap_or_default();
    let mut sums = [(0.0, 0.0, 0.0); BINS];
    for ((unit, weight), &bin) in sample.units().iter().zip(weights).zip(sample.bins()) {
        let (score, positive, total) = &mut sums[bin];
        *score += weight * unit.score;
        *positive += weight * f64::from(u8::from(unit.positive));
        *total += weight;
    }
    let filled = sums.into_iter().filter(|(_, _, weight)| *weight > 0.0);
    filled
        .map(|(score, positive, weight)| ReliabilityBin { score: score / weight, positive: positive / weight, weight })
        .collect()
}

/// Height of the ROC curve at rising false-positive rates, linear between its points and the highest at a step; `None` for
/// one class.
pub(crate) fn roc_at(sample: &Sample, weights: &[f64], rates: &[f64]) -> Option<Vec<f64>> {
    let (positive, negative) = class_weights(sample.units(), weights);
    ratio(1.0, positive * negative)?;
    let mut heights = Vec::with_capacity(rates.len());
    let mut before = (0.0, 0.0);
    walk(sample, weights, |_, called_positive, called_negative| {
        let here = (called_negative / negative, called_positive / positive);
        while let Some(&rate) = rates.get(heights.len()).filter(|&&rate| rate < here.0) {
            heights.push(before.1 + (here.1 - before.1) * (rate - before.0) / (here.0 - before.0));
        }
        before = here;
    });
    heights.resize(rates.len(), 1.0);
    Some(heights)
}

/// Calls `with` each distinct score and the weights of the positive and negative units at or above it.
fn walk(sample: &Sample, weights: &[f64], mut with: impl FnMut(f64, f64, f64)) {
    let (mut start, mut positive, mut negative) = (0, 0.0, 0.0);
    for tie in sample.ties() {
        let (tie_positive, tie_negative) = class_weights(tie, &weights[start..]);
        start += tie.len();
        positive += tie_positive;
        negative += tie_negative;
        if let Some(unit) = tie.first() {
            with(unit.score, positive, negative);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sample {
        Sample::of(&[0.9, 0.8, 0.8, 0.3], &[true, false, true, false]).unwrap()
    }

    #[test]
    fn one_class_has_no_curve() {
        let negative = Sample::of(&[0.1, 0.2], &[false; 2]).unwrap();
        assert_eq!((roc(&negative), precision_recall(&negative, Prevalence::Natural)), (None, None));
        assert!(reliability(&negative, Prevalence::Balanced).is_empty());
        assert_eq!(reliability(&negative, Prevalence::Natural).len(), 2);
    }

    #[test]
    fn curves_by_hand() {
        let points: Vec<_> =
            roc(&sample()).unwrap().iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect();
        assert_eq!(points, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        let points: Vec<_> = precision_recall(&sample(), Prevalence::Natural).unwrap();
        assert_eq!((points[0].recall, points[0].precision), (0.5, 1.0));
        assert!((points[2].precision - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_roc_curve_is_linear_between_its_points() {
        let weights = sample().weights(Prevalence::Natural).unwrap();
        assert_eq!(roc_at(&sample(), &weights, &[0.0, 0.25, 0.5, 1.0]).unwrap(), [0.5, 0.75, 1.0, 1.0]);
    }
}
