//! One score per breast from its images (reference method, "Aggregation per prediction id").
//!
//! Here and not with the appliance, because evaluation must aggregate as the device does.

use serde::{Deserialize, Serialize};

/// How the images' scores become the breast's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// `P̄ = (1/n) Σ p²`, `1 − (1 − P̄)^n`: the reference method. Scores with different `n` do not compare.
    #[default]
    Reference,
    /// The mean.
    Mean,
    /// The largest.
    Max,
}

impl Aggregation {
    /// The breast's score from its images' scores, each in 0 to 1; `None` without an image.
    #[must_use]
    pub fn aggregate(self, scores: &[f64]) -> Option<f64> {
        if scores.is_empty() {
            return None;
        }
        let count = scores.len() as f64;
        let score = match self {
            Self::Reference => {
                let mean_square = scores.iter().map(|score| score * score).sum::<f64>() / count;
                1.0 - (1.0 - mean_square).powf(count)
            }
            Self::Mean => scores.iter().sum::<f64>() / count,
            Self::Max => scores.iter().copied().fold(0.0, f64::max),
        };
        Some(score.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reference_figures() {
        let reference = Aggregation::Reference;
        assert_eq!(reference.aggregate(&[]), None);
        assert!((reference.aggregate(&[0.5]).unwrap() - 0.25).abs() < 1e-12, "one view gives p²");
        // P̄ = (0.64 + 0.04) / 2 = 0.34; 1 − 0.66² = 0.5644.
        assert!((reference.aggregate(&[0.8, 0.2]).unwrap() - 0.5644).abs() < 1e-12);
        assert_eq!(Aggregation::Mean.aggregate(&[0.75, 0.25]), Some(0.5));
        assert_eq!(Aggregation::Max.aggregate(&[0.75, 0.25]), Some(0.75));
    }

    proptest! {
        #[test]
        fn scores_stay_in_range_and_grow_with_each_image(scores in proptest::collection::vec(0.0..1.0_f64, 1..6), index: prop::sample::Index) {
            for aggregation in [Aggregation::Reference, Aggregation::Mean, Aggregation::Max] {
                let score = aggregation.aggregate(&scores).unwrap();
                prop_assert!((0.0..=1.0).contains(&score));
                let mut higher = scores.clone();
                let place = index.index(higher.len());
                higher[place] = 1.0;
                prop_assert!(aggregation.aggregate(&higher).unwrap() >= score - 1e-12);
            }
        }
    }
}
