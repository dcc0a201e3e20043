//! What became of one image.

#[cfg(test)]
pub(crate) mod testing;

use contract::geometry::{Extent, Point};
use contract::manifest::ModelLabel;
use contract::{Digest, Geometry, InstanceAttributes, OperatingPoint, PatientStudy, Target, Threshold};
use serde::{Deserialize, Serialize};

use crate::{ExclusionReason, InstanceKey, ReceivedInstance};

/// Which breast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Laterality {
    /// Right.
    #[serde(rename = "R")]
    Right,
    /// Left.
    #[serde(rename = "L")]
    Left,
}

impl Laterality {
    /// DICOM's letter: `R` or `L`.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Right => "R",
            Self::Left => "L",
        }
    }
}

/// A screening view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum View {
    /// Cranio-caudal.
    #[serde(rename = "CC")]
    CranioCaudal,
    /// Medio-lateral oblique.
    #[serde(rename = "MLO")]
    MedioLateralOblique,
}

impl View {
    /// DICOM's View Position term.
    #[must_use]
    pub const fn term(self) -> &'static str {
        match self {
            Self::CranioCaudal => "CC",
            Self::MedioLateralOblique => "MLO",
        }
    }
}

/// Which model gave a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelId {
    /// The manifest's name.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// What it may be used for.
    pub label: ModelLabel,
    /// SHA-256 of the network file.
    pub network: Digest,
    /// Digest of the preprocessing spec.
    pub preprocess: Digest,
}

/// The class activation map before any threshold, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cam {
    /// Rows and columns of the grid.
    pub extent: Extent,
    /// `rows × columns` values.
    pub values: Vec<f32>,
}

/// A scored image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageFinding {
    /// Which breast.
    pub laterality: Laterality,
    /// Which view.
    pub view: View,
    /// The network's probability, 0 to 1. Not calibrated.
    pub score: f64,
    /// Its logit.
    pub logit: f64,
    /// The probability by the model's calibration, 0 to 1; `None` when the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_probability: Option<f64>,
    /// Whether it reaches each of the model's operating points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operating_points: Vec<Call>,
    /// Where the map is strongest, in pixels of the original image; `None` when that cell lies in padding.
    pub peak: Option<Point>,
    /// The map.
    pub cam: Cam,
    /// From the map's grid to the original image.
    pub geometry: Geometry,
    /// Which model.
    pub model: ModelId,
    /// Which engine: `tract`, `nvidia`, or one `in place of` the other. At most 64 characters.
    pub engine: String,
    /// How long each step took.
    pub timings: ImageTimings,
}

/// What stands in an engine's name between the one that scored and the one that was to.
pub const IN_PLACE_OF: &str = " in place of ";

impl ImageFinding {
    /// The engines that scored `findings`, each named once, in the order of the images; `None` where nothing is scored.
    pub fn engines<'a>(findings: impl Iterator<Item = &'a Self>) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        for finding in findings {
            if !names.contains(&finding.engine.as_str()) {
                names.push(&finding.engine);
            }
        }
        if names.is_empty() { None } else { Some(names.join(", ")) }
    }

    /// What is aggregated per breast, as evaluation does it: the calibrated probability where the model has one.
    #[must_use]
    pub fn probability(&self) -> f64 {
        self.calibrated_probability.unwrap_or(self.score)
    }
}

/// An image at one of the model's operating points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What the point was chosen for.
    pub target: Target,
    /// The lowest probability that is called.
    pub threshold: Threshold,
    /// Is this image's probability called?
    pub called: bool,
}

impl Call {
    /// An image of this calibrated `probability` at `point`.
    #[must_use]
    pub fn of(point: &OperatingPoint, probability: f64) -> Self {
        Self { target: point.target, threshold: point.threshold, called: point.threshold.calls(probability) }
    }
}

/// Milliseconds that the steps of one image took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageTimings {
    /// Header and pixels, worker process included.
    pub decode_ms: f64,
    /// Preprocessing.
    pub preprocess_ms: f64,
    /// Network.
    pub network_ms: f64,
    /// Drawing the heat map.
    pub render_ms: f64,
}

/// Why an image that should have been scored was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// Machine-readable, stable: for example `decode_damaged`, `worker_timeout`, `engine_output_not_finite`.
    pub code: String,
    /// For people, without patient data.
    pub text: String,
}

/// What became of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum InstanceOutcome {
    /// It has a score.
    Scored(Box<ImageFinding>),
    /// It is not for the network, by a rule.
    Excluded {
        /// The rule.
        reason: ExclusionReason,
    },
    /// It was for the network, but something went wrong.
    Failed {
        /// What.
        reason: FailureReason,
    },
}

/// Everything that is kept of one received instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// The instance as it arrived.
    pub received: ReceivedInstance,
    /// Its attributes, once its header was read.
    pub attributes: Option<InstanceAttributes>,
    /// The patient and study modules of its header, for the result objects.
    pub patient_study: Option<PatientStudy>,
    /// How often its analysis was begun: one that keeps ending the process is given up.
    #[serde(default)]
    pub attempts: u32,
    /// What became of it; `None` while it waits.
    pub outcome: Option<InstanceOutcome>,
}

impl InstanceRecord {
    /// A record that waits for the network.
    #[must_use]
    pub const fn waiting(received: ReceivedInstance) -> Self {
        Self { received, attributes: None, patient_study: None, attempts: 0, outcome: None }
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &InstanceKey {
        &self.received.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_that_scored_is_named_once() {
        let finding = |engine: &str| ImageFinding {
            engine: engine.into(),
            ..testing::finding(Laterality::Left, View::CranioCaudal, 0.5)
        };
        let findings = ["nvidia", "tract in place of nvidia", "nvidia"].map(finding);
        assert_eq!(ImageFinding::engines(findings.iter()).as_deref(), Some("nvidia, tract in place of nvidia"));
        assert_eq!(ImageFinding::engines(findings[..1].iter()).as_deref(), Some("nvidia"));
        assert_eq!(ImageFinding::engines([].into_iter()), None);
    }
}
