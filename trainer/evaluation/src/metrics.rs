//! The figures of a sample at one threshold and one prevalence. A figure that is not defined is `None`, never 0: precision
//! when nothing is called, recall without a positive unit, AUC of one class.

use serde::{Deserialize, Serialize};

use crate::sample::{BINS, Prevalence, Sample, Unit};

/// Weights of the four outcomes: counts at natural prevalence, shares on the balanced draw.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Called and positive.
    pub true_positive: f64,
    /// Called and negative.
    pub false_positive: f64,
    /// Not called and positive.
    pub false_negative: f64,
    /// Not called and negative.
    pub true_negative: f64,
}

impl Confusion {
    /// Counts what `score ≥ threshold` calls.
    pub(crate) fn of(units: &[Unit], weights: &[f64], threshold: f64) -> Self {
        let mut confusion = Self::default();
        for (unit, weight) in units.iter().zip(weights) {
            let cell = match (unit.score >= threshold, unit.positive) {
                (true, true) => &mut confusion.true_positive,
                (true, false) => &mut confusion.false_positive,
                (false, true) => &mut confusion.false_negative,
                (false, false) => &mut confusion.true_negative,
            };
            *cell += weight;
        }
        confusion
    }

    /// `TP / (TP + FP)`: PPV at the sample's prevalence.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// `TP / (TP + FN)`: sensitivity.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// `TN / (TN + FP)`.
    #[must_use]
    pub fn specificity(&self) -> Option<f64> {
        ratio(self.true_negative, self.true_negative + self.false_positive)
    }

    /// `2 TP / (2 TP + FP + FN)`.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let twice = 2.0 * self.true_positive;
        ratio(twice, twice + self.false_positive + self.false_negative)
    }

    /// `(TP + FP) / all`: the share that is called.
    #[must_use]
    pub fn called(&self) -> Option<f64> {
        let called = self.true_positive + self.false_positive;
        ratio(called, called + self.false_negative + self.true_negative)
    }
}

/// One of the figures, in the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the ROC curve, `P(s₊ > s₋) + P(s₊ = s₋) / 2` (Mann and Whitney 1947).
    Auc,
    /// `Σ (Rₖ − Rₖ₋₁) Pₖ` over the distinct scores, without interpolation.
    AveragePrecision,
    /// [`Confusion::precision`].
    Precision,
    /// [`Confusion::recall`].
    Recall,
    /// [`Confusion::specificity`].
    Specificity,
    /// [`Confusion::f1`].
    F1,
    /// The RSNA 2022 challenge's figure: F1 with `pTP = Σ₊ s`, `pFP = Σ₋ s`, precision `pTP / (pTP + pFP)` and recall
    /// `pTP / N₊`. The challenge takes it per prediction id. It rewards small scores of negative ones, so that it is of
    /// the calibration as much as of the ranking.
    ProbabilisticF1,
    /// Mean of `(s − y)²` (Brier 1950).
    Brier,
    /// Expected calibration error, `Σ_b w_b |ȳ_b − s̄_b|` over [`BINS`] bins of equal width (Guo et al. 2017, section 2).
    CalibrationError,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Auc,
        Self::AveragePrecision,
        Self::Precision,
        Self::Recall,
        Self::Specificity,
        Self::F1,
        Self::ProbabilisticF1,
        Self::Brier,
        Self::CalibrationError,
    ];

    /// A name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::AveragePrecision => "average precision",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Specificity => "specificity",
            Self::F1 => "F1",
            Self::ProbabilisticF1 => "pF1",
            Self::Brier => "Brier score",
            Self::CalibrationError => "calibration error",
        }
    }
}

/// All figures of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metrics {
    /// The outcomes at the threshold.
    pub confusion: Confusion,
    /// In the order of [`Metric::ALL`].
    values: [Option<f64>; 9],
}

impl Metrics {
    /// The figures; `None` for the balanced draw of one class.
    #[must_use]
    pub fn of(sample: &Sample, prevalence: Prevalence, threshold: f64) -> Option<Self> {
        sample.weights(prevalence).map(|weights| Self::weighted(sample, &weights, threshold))
    }

    /// One figure.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values[metric as usize]
    }

    /// With a weight for each unit, in the sample's order.
    pub(crate) fn weighted(sample: &Sample, weights: &[f64], threshold: f64) -> Self {
        let confusion = Confusion::of(sample.units(), weights, threshold);
        let (auc, average_precision) = ranking(sample, weights);
        let soft = Soft::of(sample, weights);
        let mut metrics = Self { confusion, ..Self::default() };
        for metric in Metric::ALL {
            metrics.values[metric as usize] = match metric {
                Metric::Auc => auc,
                Metric::AveragePrecision => average_precision,
                Metric::Precision => confusion.precision(),
                Metric::Recall => confusion.recall(),
                Metric::Specificity => confusion.specificity(),
                Metric::F1 => confusion.f1(),
                Metric::ProbabilisticF1 => soft.f1(),
                Metric::Brier => ratio(soft.square, soft.weight),
                Metric::CalibrationError => soft.calibration_error(),
            };
        }
        metrics
    }
}

/// `a / b`, when there is something to divide by.
pub(crate) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}

/// AUC and average precision in one walk over the ties, by falling score.
fn ranking(sample: &Sample, weights: &[f64]) -> (Option<f64>, Option<f64>) {
    let (mut positive, mut negative, mut above, mut area) = (0.0, 0.0, 0.0, 0.0);
    let mut start = 0;
    for tie in sample.ties() {
        let (tie_positive, tie_negative) = class_weights(tie, &weights[start..]);
        start += tie.len();
        // Each negative unit lies below the positive ones before it, and beside the ones of its tie.
        above += tie_negative * (positive + tie_positive / 2.0);
        positive += tie_positive;
        negative += tie_negative;
        if tie_positive > 0.0 {
            area += tie_positive * positive / (positive + negative);
        }
    }
    (ratio(above, positive * negative), ratio(area, positive))
}

/// Weights of the positive and the negative units.
pub(crate) fn class_weights(units: &[Unit], weights: &[f64]) -> (f64, f64) {
    units.iter().zip(weights).fold((0.0, 0.0), |(positive, negative), (unit, weight)| {
        if unit.positive { (positive + weight, negative) } else { (positive, negative + weight) }
    })
}

/// Sums that need no threshold.
#[derive(Default)]
struct Soft {
    weight: f64,
    positive: f64,
    square: f64,
    true_positive: f64,
    false_positive: f64,
    /// Of each bin: `Σ w (y − s)`.
    gaps: [f64; BINS],
}

impl Soft {
    fn of(sample: &Sample, weights: &[f64]) -> Self {
        let mut sums = Self::default();
        for ((unit, weight), &bin) in sample.units().iter().zip(weights).zip(sample.bins()) {
            let gap = f64::from(u8::from(unit.positive)) - unit.score;
            sums.weight += weight;
            sums.square += weight * gap * gap;
            sums.gaps[bin] += weight * gap;
            if unit.positive {
                sums.positive += weight;
                sums.true_positive += weight * unit.score;
            } else {
                sums.false_positive += weight * unit.score;
            }
        }
        sums
    }

    /// `2 P R / (P + R)` is `2 pTP / (pTP + pFP + N₊)`; not defined without a positive unit.
    fn f1(&self) -> Option<f64> {
        ratio(self.positive, self.positive)?;
        ratio(2.0 * self.true_positive, self.true_positive + self.false_positive + self.positive)
    }

    /// A bin's share times its gap is `|Σ w (y − s)| / Σ w`.
    fn calibration_error(&self) -> Option<f64> {
        ratio(self.gaps.iter().map(|gap| gap.abs()).sum(), self.weight)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural(scores: &[f64], labels: &[bool]) -> Metrics {
        Metrics::of(&Sample::of(scores, labels).unwrap(), Prevalence::Natural, 0.5).unwrap()
    }

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-12)
    }

    #[test]
    fn one_class_leaves_undefined_what_is_undefined() {
        let negative = natural(&[0.2, 0.7], &[false; 2]);
        for metric in [Metric::Auc, Metric::AveragePrecision, Metric::Recall, Metric::ProbabilisticF1] {
            assert_eq!(negative.get(metric), None, "{metric:?}");
        }
        assert!(close(negative.get(Metric::Specificity), 0.5) && close(negative.get(Metric::Precision), 0.0));
        let uncalled = natural(&[0.2, 0.3], &[false, true]);
        assert_eq!(uncalled.get(Metric::Precision), None, "nothing is called");
        assert!(close(uncalled.get(Metric::F1), 0.0));
        let positive = natural(&[0.2, 0.7], &[true; 2]);
        assert_eq!((positive.get(Metric::Auc), positive.get(Metric::Specificity)), (None, None));
        assert_eq!(Metrics::of(&Sample::of(&[0.5], &[true]).unwrap(), Prevalence::Balanced, 0.5), None);
    }

    #[test]
    fn figures_by_hand() {
        // Scores 0.9+ 0.8- 0.8+ 0.3-: three and a half of four pairs in order.
        let metrics = natural(&[0.9, 0.8, 0.8, 0.3], &[true, false, true, false]);
        assert!(close(metrics.get(Metric::Auc), 3.5 / 4.0));
        assert!(close(metrics.get(Metric::AveragePrecision), 0.5 + 0.5 * 2.0 / 3.0));
        assert!(close(metrics.get(Metric::Precision), 2.0 / 3.0));
        assert!(close(metrics.get(Metric::F1), 0.8));
        // pTP 1.7, pFP 1.1, two positive ones.
        assert!(close(metrics.get(Metric::ProbabilisticF1), 3.4 / 4.8));
        assert!(close(metrics.get(Metric::Brier), (0.01 + 0.64 + 0.04 + 0.09) / 4.0));
        // 0.9 in a bin of its own, 0.8 twice in one with one positive, 0.3.
        assert!(close(metrics.get(Metric::CalibrationError), (0.1 + 0.6 + 0.3) / 4.0));
    }

    #[test]
    fn the_papers_figures_mean_its_false_positive_rate() {
        // Recall 0.889 and precision 0.623 at even classes are a false-positive rate of 54 % (reference method).
        let scores: Vec<f64> =
            (0..2000).map(|index| if index % 1000 < [889, 538][index / 1000] { 0.9 } else { 0.1 }).collect();
        let labels: Vec<bool> = (0..2000).map(|index| index < 1000).collect();
        let metrics = Metrics::of(&Sample::of(&scores, &labels).unwrap(), Prevalence::Balanced, 0.5).unwrap();
        assert!(metrics.get(Metric::Precision).is_some_and(|precision| (precision - 0.623).abs() < 5e-4));
        assert!(metrics.get(Metric::F1).is_some_and(|f1| (f1 - 0.735).abs() < 3e-3));
    }

    /// Mean of each figure over seeded draws of 400 prediction ids, as the paper draws them.
    fn drawn(scores: &[f64], labels: &[bool], draws: usize) -> Vec<f64> {
        let classes =
            [false, true].map(|class| (0..labels.len()).filter(|&at| labels[at] == class).collect::<Vec<_>>());
        let mut random = fastrand::Rng::with_seed(7);
        let mut sums = vec![0.0; Metric::ALL.len()];
        for _ in 0..draws {
            let mut pick = || {
                let class = &classes[usize::from(random.bool())];
                class[random.usize(..class.len())]
            };
            let picked: Vec<usize> = (0..400).map(|_| pick()).collect();
            let scores: Vec<f64> = picked.iter().map(|&at| scores[at]).collect();
            let labels: Vec<bool> = picked.iter().map(|&at| labels[at]).collect();
            let metrics = natural(&scores, &labels);
            for (sum, metric) in sums.iter_mut().zip(Metric::ALL) {
                *sum += metrics.get(metric).unwrap() / draws as f64;
            }
        }
        sums
    }

    #[test]
    fn draws_converge_to_the_balanced_figures() {
        let mut random = fastrand::Rng::with_seed(1);
        let labels: Vec<bool> = (0..600).map(|index| index % 12 == 0).collect();
        let scores: Vec<f64> =
            labels.iter().map(|&label| (random.f64() + 0.5 * f64::from(u8::from(label))) / 1.5).collect();
        let exact = Metrics::of(&Sample::of(&scores, &labels).unwrap(), Prevalence::Balanced, 0.5).unwrap();
        for (drawn, metric) in drawn(&scores, &labels, 400).into_iter().zip(Metric::ALL) {
            // The calibration error of a finite draw is biased upwards by the noise in each bin.
            let tolerance = if metric == Metric::CalibrationError { 0.02 } else { 0.006 };
            assert!((drawn - exact.get(metric).unwrap()).abs() < tolerance, "{metric:?}: {drawn} {exact:?}");
        }
    }

    proptest! {
        #[test]
        fn ranking_is_invariant_under_rising_maps(rows in proptest::collection::vec((0_u8..20, any::<bool>()), 2..60)) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score) / 20.0).collect();
            let labels: Vec<bool> = rows.iter().map(|(_, label)| *label).collect();
            let mapped: Vec<f64> = scores.iter().map(|score| score * score * 0.5 + 0.1).collect();
            let (before, after) = (natural(&scores, &labels), natural(&mapped, &labels));
            for metric in [Metric::Auc, Metric::AveragePrecision] {
                prop_assert_eq!(before.get(metric), after.get(metric));
            }
        }

        #[test]
        fn auc_is_the_share_of_pairs_in_order(rows in proptest::collection::vec((0_u8..9, any::<bool>()), 2..40)) {
            let of = |class: bool| rows.iter().filter(move |row| row.1 == class).map(|row| row.0);
            let (mut pairs, mut in_order) = (0.0, 0.0);
            for positive in of(true) {
                for negative in of(false) {
                    pairs += 1.0;
                    in_order += match positive.cmp(&negative) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score) / 9.0).collect();
            let labels: Vec<bool> = rows.iter().map(|(_, label)| *label).collect();
            let auc = natural(&scores, &labels).get(Metric::Auc);
            prop_assert_eq!(auc.is_some(), pairs > 0.0);
            prop_assert!(auc.is_none_or(|auc| (auc - in_order / pairs).abs() < 1e-12));
        }
    }
}
