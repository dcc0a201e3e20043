//! The model's manifest: what it is, what it was trained on, and what it needs.

use serde::{Deserialize, Serialize};

use crate::topology::Stage;
use crate::{Aggregation, Calibration, ContractVersion, Digest, OperatingPoint, PreprocessSpec, Provenance, Topology};

/// Stands in every result and in every model card.
pub const NOTICE: &str = "Research use only, not a medical device.";

/// What a model may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelLabel {
    /// Seeded weights that never saw an image: the path works, the scores mean nothing.
    Untrained,
    /// Trained weights, for research only.
    Research,
}

/// Everything that the appliance must know of a model besides its network file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which version of the contract the rest is written in.
    pub contract: ContractVersion,
    /// A name for people, for example `untrained-efficientnet-b4`.
    pub name: String,
    /// A version for people.
    pub version: String,
    /// What it may be used for.
    pub label: ModelLabel,
    /// How pixels become its input.
    pub preprocess: PreprocessSpec,
    /// Its layers.
    pub topology: Topology,
    /// SHA-256 of the ONNX file.
    pub network: Digest,
    /// How a logit becomes a probability; `None` in a model that was not calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Thresholds of an image's calibrated probability, each with what it reached; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operating_points: Vec<OperatingPoint>,
    /// How the probabilities of a breast's images become one score; `reference` where the manifest does not say.
    #[serde(default)]
    pub aggregation: Aggregation,
    /// Where the weights come from; `None` in a model that was not trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

/// Largest side of an input, in pixels.
const INPUT_SIDE_MAX: u32 = 8_192;
/// Largest number of channels of a layer.
const CHANNELS_MAX: u32 = 16_384;
/// Largest number of stages, of blocks of a stage, and of operating points.
const ITEMS_MAX: usize = 32;
/// Longest name or version, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A manifest that this software cannot obey.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Written by a later major of the contract.
    #[error("model needs contract {needs}, this software knows {knows}")]
    UnknownContract {
        /// The manifest's major.
        needs: u16,
        /// This software's major.
        knows: u16,
    },
    /// The network file is not the one of the manifest.
    #[error("network file has digest {found}, the manifest names {named}")]
    WrongNetwork {
        /// Digest of the file.
        found: Digest,
        /// Digest in the manifest.
        named: Digest,
    },
    /// A value is none that a model can have.
    #[error("manifest cannot be obeyed: {0}")]
    Impossible(&'static str),
}

impl Manifest {
    /// Checks that this software can obey the manifest and that `network` is its network file.
    ///
    /// # Errors
    /// [`ManifestError`] names the rule that is broken.
    pub fn check(&self, network: &[u8]) -> Result<(), ManifestError> {
        let knows = crate::CONTRACT_VERSION.major;
        if self.contract.major != knows {
            return Err(ManifestError::UnknownContract { needs: self.contract.major, knows });
        }
        self.check_values()?;
        let found = Digest::of(network);
        if found != self.network {
            return Err(ManifestError::WrongNetwork { found, named: self.network });
        }
        Ok(())
    }

    /// Keeps what is computed from the manifest, sizes above all, in bounds.
    fn check_values(&self) -> Result<(), ManifestError> {
        let Topology { stem_channels, stages, head_channels, .. } = &self.topology;
        let (rows, columns) = (self.preprocess.input.rows, self.preprocess.input.columns);
        let is_channels = |count: u32| (1..=CHANNELS_MAX).contains(&count);
        let is_stage = |stage: &Stage| {
            is_channels(stage.channels)
                && (1..=16).contains(&stage.expansion)
                && matches!(stage.kernel, 1 | 3 | 5 | 7 | 9)
                && (1..=4).contains(&stage.stride)
                && (1..=ITEMS_MAX as u32).contains(&stage.blocks)
        };
        let is_name = |text: &str| {
            !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(|character| !character.is_control())
        };
        let rules = [
            (is_name(&self.name) && is_name(&self.version), "name and version have 1 to 128 bytes without controls"),
            ((1..=INPUT_SIDE_MAX).contains(&rows.min(columns)), "input has a side of 0 or above 8192"),
            (rows.max(columns) <= INPUT_SIDE_MAX, "input has a side of 0 or above 8192"),
            (!stages.is_empty() && stages.len() <= ITEMS_MAX, "topology has 1 to 32 stages"),
            (is_channels(*stem_channels) && is_channels(*head_channels), "topology has 1 to 16384 channels"),
            (stages.iter().all(is_stage), "topology has a stage out of bounds"),
            (self.operating_points.len() <= ITEMS_MAX, "there are more than 32 operating points"),
        ];
        match rules.into_iter().find(|(is_kept, _)| !is_kept) {
            Some((_, rule)) => Err(ManifestError::Impossible(rule)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, Temperature, Threshold};

    fn manifest(network: &[u8]) -> Manifest {
        Manifest {
            contract: crate::CONTRACT_VERSION,
            name: "test".into(),
            version: "1".into(),
            label: ModelLabel::Untrained,
            preprocess: PreprocessSpec::reference(),
            topology: Topology::efficientnet_b4(),
            network: Digest::of(network),
            calibration: None,
            operating_points: Vec::new(),
            aggregation: Aggregation::Reference,
            provenance: None,
        }
    }

    #[test]
    fn refuses_another_network_and_a_later_contract() {
        let mut manifest = manifest(b"net");
        assert_eq!(manifest.check(b"net"), Ok(()));
        assert!(matches!(manifest.check(b"other"), Err(ManifestError::WrongNetwork { .. })));
        manifest.contract.major += 1;
        assert!(matches!(manifest.check(b"net"), Err(ManifestError::UnknownContract { .. })));
    }

    #[test]
    fn refuses_values_that_no_model_has() {
        let refused = |change: fn(&mut Manifest)| {
            let mut manifest = manifest(b"net");
            change(&mut manifest);
            matches!(manifest.check(b"net"), Err(ManifestError::Impossible(_)))
        };
        assert!(!refused(|_| {}));
        assert!(refused(|manifest| manifest.name.clear()));
        assert!(refused(|manifest| manifest.version = "1\n2".into()));
        assert!(refused(|manifest| manifest.preprocess.input.rows = 0));
        assert!(refused(|manifest| manifest.preprocess.input.columns = 8_193));
        assert!(refused(|manifest| manifest.topology.stages.clear()));
        assert!(refused(|manifest| manifest.topology.stages[0].blocks = u32::MAX));
        assert!(refused(|manifest| manifest.topology.stages[6].stride = 0));
        assert!(refused(|manifest| manifest.topology.head_channels = 0));
    }

    #[test]
    fn survives_json() {
        let manifest = manifest(b"net");
        let text = serde_json::to_string(&manifest).unwrap();
        assert!(!text.contains("calibration") && !text.contains("operating_points") && !text.contains("provenance"));
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
    }

    #[test]
    fn what_training_adds_survives_json() {
        let point = OperatingPoint {
            target: Target::Sensitivity(0.9),
            threshold: Threshold::new(0.25).unwrap(),
            sensitivity: 0.91,
            specificity: 0.6,
        };
        let provenance = Provenance {
            data: "data".into(),
            licence: "licence".into(),
            intended_use: "use".into(),
            trained: "2026-01-01T00:00:00Z".into(),
            settings: Digest::of(b"settings"),
        };
        let manifest = Manifest {
            calibration: Some(Calibration::Temperature(Temperature::new(1.5).unwrap())),
            operating_points: vec![point],
            provenance: Some(provenance),
            ..manifest(b"net")
        };
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
    }
}
