//! Where a trained model comes from, for whoever asks years later.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What a model was trained on and what for, as its maker says it. Nothing here changes what a device does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The data: collection, number of images and patients.
    pub data: String,
    /// The licence of the weights.
    pub licence: String,
    /// What the model is meant for.
    pub intended_use: String,
    /// When training ended: a date of RFC 3339, or text.
    pub trained: String,
    /// SHA-256 of the training's resolved settings.
    pub settings: Digest,
}
