//! One score per breast from its images.

use serde::{Deserialize, Serialize};

use crate::{Laterality, View};

/// How the images' scores become the breast's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// `P̄ = (1/n) Σ p²`, `1 − (1 − P̄)^n`: the reference method.
    #[default]
    Reference,
    /// The mean.
    Mean,
    /// The largest.
    Max,
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
    pub images: u32,
    /// Which views were seen, without repetition.
    pub views: Vec<View>,
    /// Which views of the expected set (CC and MLO) are missing.
    pub missing_views: Vec<View>,
}
