//! Thresholds: chosen for a target, and tabled with what they mean at a population's prevalence.

use contract::{OperatingPoint, Target, Threshold};
use serde::{Deserialize, Serialize};

use crate::error::Unfit;
use crate::metrics::{Confusion, ratio};
use crate::sample::{Prevalence, Sample};

/// Chooses the threshold that reaches the target and gives most of the other: the highest for a sensitivity, the lowest
/// for a specificity.
///
/// It lies in the middle between the lowest score that is called and the highest that is not, so that the small
/// differences of another engine do not turn the case at the border.
///
/// # Errors
/// [`Unfit::OneClass`], and [`Unfit::Unreachable`] for a target outside 0 to 1.
pub fn operating_point(sample: &Sample, target: Target) -> Result<OperatingPoint, Unfit> {
    let counts = sample.counts();
    let (positive, negative) = (counts.positive as f64, (counts.units - counts.positive) as f64);
    if positive * negative <= 0.0 {
        return Err(Unfit::OneClass);
    }
    let (Target::Sensitivity(share) | Target::Specificity(share)) = target;
    if !(0.0..=1.0).contains(&share) {
        return Err(Unfit::Unreachable);
    }
    // After each tie: its score, and what calling it and all above reaches. Before the first nothing is called.
    let mut states = vec![(None, 0.0, 1.0)];
    let (mut called_positive, mut called_negative) = (0.0, 0.0);
    for tie in sample.ties() {
        let tie_positive = tie.iter().filter(|unit| unit.positive).count() as f64;
        called_positive += tie_positive;
        called_negative += tie.len() as f64 - tie_positive;
        let score = tie.first().map(|unit| unit.score);
        states.push((score, called_positive / positive, 1.0 - called_negative / negative));
    }
    // Shares are quotients of counts: a target typed as 0.9 must accept 9 of 10.
    let reaches = |reached: f64| reached >= share - 1e-12;
    let chosen = match target {
        Target::Sensitivity(_) => states.iter().position(|state| reaches(state.1)),
        Target::Specificity(_) => states.iter().rposition(|state| reaches(state.2)),
    };
    let chosen = chosen.ok_or(Unfit::Unreachable)?;
    let (lowest_called, sensitivity, specificity) = states[chosen];
    let highest_passed = states.get(chosen + 1).and_then(|state| state.0);
    let threshold = Threshold::new(between(highest_passed, lowest_called)).map_err(|_| Unfit::NotFinite)?;
    Ok(OperatingPoint { target, threshold, sensitivity, specificity })
}

/// The middle; the called score itself where no number lies between. What calls all is 0, what calls nothing above 1.
fn between(passed: Option<f64>, called: Option<f64>) -> f64 {
    match (passed, called) {
        (Some(passed), Some(called)) => {
            let middle = f64::midpoint(passed, called);
            if middle > passed { middle } else { called }
        }
        (None, _) => 0.0,
        (Some(passed), None) => f64::midpoint(passed, 2.0),
    }
}

/// What a threshold means where another share is positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PredictiveValues {
    /// The share of positive ones in the population.
    pub prevalence: f64,
    /// `Se π / (Se π + (1 − Sp)(1 − π))`; `None` when nothing is called.
    pub positive: Option<f64>,
    /// `Sp (1 − π) / (Sp (1 − π) + (1 − Se) π)`; `None` when all is called.
    pub negative: Option<f64>,
    /// `Se π + (1 − Sp)(1 − π)`: the share of the population that is called.
    pub called: f64,
}

/// One line of a threshold table. Sensitivity and specificity are taken from the sample, the rest follows by Bayes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRow {
    /// Scores at or above it are called.
    pub threshold: f64,
    /// Share of the positive ones that is called.
    pub sensitivity: f64,
    /// Share of the negative ones that is not.
    pub specificity: f64,
    /// At each of the prevalences.
    pub values: Vec<PredictiveValues>,
}

/// A line for each threshold; empty for one class.
#[must_use]
pub fn threshold_table(sample: &Sample, thresholds: &[f64], prevalences: &[f64]) -> Vec<ThresholdRow> {
    let weights = sample.weights(Prevalence::Natural).unwrap_or_default();
    let row = |&threshold: &f64| {
        let confusion = Confusion::of(sample.units(), &weights, threshold);
        let (sensitivity, specificity) = (confusion.recall()?, confusion.specificity()?);
        let values = prevalences.iter().map(|&prevalence| predictive_values(sensitivity, specificity, prevalence));
        Some(ThresholdRow { threshold, sensitivity, specificity, values: values.collect() })
    };
    thresholds.iter().filter_map(row).collect()
}

/// Predictive values by Bayes' rule, from shares in 0 to 1.
#[must_use]
pub fn predictive_values(sensitivity: f64, specificity: f64, prevalence: f64) -> PredictiveValues {
    let rest = 1.0 - prevalence;
    let called = sensitivity * prevalence + (1.0 - specificity) * rest;
    let passed = specificity * rest + (1.0 - sensitivity) * prevalence;
    let (positive, negative) = (ratio(sensitivity * prevalence, called), ratio(specificity * rest, passed));
    PredictiveValues { prevalence, positive, negative, called }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Sample {
        Sample::of(&[0.9, 0.8, 0.6, 0.4, 0.2], &[true, false, true, false, false]).unwrap()
    }

    #[test]
    fn what_has_no_operating_point_is_refused() {
        let one_class = Sample::of(&[0.5, 0.6], &[true, true]).unwrap();
        assert_eq!(operating_point(&one_class, Target::Sensitivity(0.9)), Err(Unfit::OneClass));
        for share in [-0.1, 1.1, f64::NAN] {
            assert_eq!(operating_point(&sample(), Target::Specificity(share)), Err(Unfit::Unreachable));
        }
        assert!(threshold_table(&one_class, &[0.5], &[0.02]).is_empty());
    }

    #[test]
    fn operating_points_by_hand() {
        let at = |target| {
            let point = operating_point(&sample(), target).unwrap();
            (point.threshold.get(), point.sensitivity, point.specificity)
        };
        assert_eq!(at(Target::Sensitivity(1.0)), (0.5, 1.0, 1.0 - 1.0 / 3.0));
        assert!((at(Target::Sensitivity(0.5)).0 - 0.85).abs() < 1e-12);
        assert_eq!(at(Target::Specificity(0.6)), (0.5, 1.0, 1.0 - 1.0 / 3.0));
        assert!((at(Target::Specificity(1.0)).0 - 0.85).abs() < 1e-12);
        assert_eq!(at(Target::Specificity(0.0)), (0.0, 1.0, 0.0), "all is called");
        assert!(at(Target::Sensitivity(0.0)).0 > 1.0, "nothing is called");
        let neighbours = Sample::of(&[0.5, 0.5_f64.next_down()], &[true, false]).unwrap();
        let point = operating_point(&neighbours, Target::Sensitivity(1.0)).unwrap();
        assert!(point.threshold.calls(0.5) && !point.threshold.calls(0.5_f64.next_down()));
    }

    #[test]
    fn predictive_values_of_screening() {
        // 90 % and 90 % at 6 in 1000: 54 of 1048 called per 10,000 are right.
        let values = predictive_values(0.9, 0.9, 0.006);
        assert!(values.positive.is_some_and(|value| (value - 54.0 / 1048.0).abs() < 1e-12));
        assert!((values.called - 0.1048).abs() < 1e-12);
        assert_eq!(predictive_values(0.0, 1.0, 0.1).positive, None);
        let row = &threshold_table(&sample(), &[0.5], &[0.5])[0];
        assert_eq!((row.sensitivity, row.specificity), (1.0, 2.0 / 3.0));
        assert!(row.values[0].positive.is_some_and(|value| (value - 0.75).abs() < 1e-12));
    }

    proptest! {
        #[test]
        fn a_point_reaches_its_target_on_its_own_sample(
            rows in proptest::collection::vec((0_u8..40, any::<bool>()), 2..60), share in 0.0..=1.0_f64,
        ) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score) / 40.0).collect();
            let labels: Vec<bool> = rows.iter().map(|(_, label)| *label).collect();
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let sample = Sample::of(&scores, &labels).unwrap();
            for target in [Target::Sensitivity(share), Target::Specificity(share)] {
                let point = operating_point(&sample, target).unwrap();
                let row = &threshold_table(&sample, &[point.threshold.get()], &[])[0];
                prop_assert!((row.sensitivity - point.sensitivity).abs() < 1e-12);
                prop_assert!((row.specificity - point.specificity).abs() < 1e-12);
                let reached = if matches!(target, Target::Sensitivity(_)) { row.sensitivity } else { row.specificity };
                prop_assert!(reached >= share - 1e-9);
            }
        }
    }
}
