//! What is known of a breast from its images.

pub use contract::Aggregation;
use serde::{Deserialize, Serialize};

use crate::{Laterality, View};

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
    use super::*;

    #[test]
    fn a_breast_names_what_it_rests_on() {
        let breast = BreastFinding::of(Laterality::Left, &[(View::CranioCaudal, 0.5); 2], Aggregation::Mean).unwrap();
        assert_eq!(
            (breast.images, &breast.views[..], &breast.missing_views[..]),
            (2, &[View::CranioCaudal][..], &[View::MedioLateralOblique][..])
        );
        assert_eq!(BreastFinding::of(Laterality::Left, &[], Aggregation::Mean), None);
    }
}
