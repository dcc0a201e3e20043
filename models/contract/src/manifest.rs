//! The model's manifest: what it is, what it was trained on, and what it needs.

use serde::{Deserialize, Serialize};

use crate::{Calibration, ContractVersion, Digest, OperatingPoint, PreprocessSpec, Provenance, Topology};

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
    /// Thresholds of the calibrated probability, each with what it reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operating_points: Vec<OperatingPoint>,
    /// Where the weights come from; `None` in a model that was not trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

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
        let found = Digest::of(network);
        if found != self.network {
            return Err(ManifestError::WrongNetwork { found, named: self.network });
        }
        Ok(())
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
