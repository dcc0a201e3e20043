//! One score per breast from its images (reference method, "Aggregation per prediction id").

use serde::{Deserialize, Serialize};

use crate::{Laterality, View};

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

/// The result for one breast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreastFinding {
    /// Which breast.
    pub laterality: Laterality,
    /// Aggregated score, 0 to 1.
    pub score: f64,
    /// How it was aggregated.
    pub aggregation: Aggregation,
    /// How many images it rests on: scores of different numbers do not compare.
    pub images: usize,
    /// Which views were seen, without repetition.
    pub views: Vec<View>,
    /// Which views of the expected set (CC and MLO) are missing.
    pub missing_views: Vec<View>,
}

impl BreastFinding {
    /// Joins the scored images of one breast; `None` without one.
    #[must_use]
    pub fn of(laterality: Laterality, images: &[(View, f64)], aggregation: Aggregation) -> Option<Self> {
        let scores: Vec<f64> = images.iter().map(|(_, score)| *score).collect();
        let score = aggregation.aggregate(&scores)?;
        let expected = [View::CranioCaudal, View::MedioLateralOblique];
        let is_seen = |view: &View| images.iter().any(|(seen, _)| seen == view);
        let (views, missing_views) = expected.into_iter().partition(is_seen);
        Some(Self { laterality, score, aggregation, images: images.len(), views, missing_views })
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

    #[test]
    fn a_breast_names_what_it_rests_on() {
        let breast = BreastFinding::of(Laterality::Left, &[(View::CranioCaudal, 0.5); 2], Aggregation::Mean).unwrap();
        assert_eq!(
            (breast.images, &breast.views[..], &breast.missing_views[..]),
            (2, &[View::CranioCaudal][..], &[View::MedioLateralOblique][..])
        );
        assert_eq!(BreastFinding::of(Laterality::Left, &[], Aggregation::Mean), None);
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
