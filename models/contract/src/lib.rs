//! What training and serving must agree on, as pure data.
//!
//! The preprocessing spec, the network topology, the outputs' names, the geometry between the network's grid and the
//! original image, calibration and aggregation of scores, the model manifest, golden vectors, and the attributes of a mammogram as they
//! stand in its header. No IO, no clock, no codec: values come in through serde or constructors that check them, and go
//! out through serde.
//!
//! Never here: decisions (the `domain` crate), pixels (`imaging`), and anything that depends on an engine.

pub mod aggregation;
pub mod attributes;
pub mod calibration;
pub mod cam;
pub mod digest;
pub mod geometry;
pub mod golden;
pub mod manifest;
pub mod outline;
pub mod outputs;
pub mod preprocess;
pub mod provenance;
pub mod topology;
pub mod transfer_syntax;
pub mod uid;

pub use aggregation::Aggregation;
pub use attributes::{CodedConcept, InstanceAttributes, KeyObjects, PatientStudy, SourceText};
pub use calibration::{Breakpoint, Calibration, Isotonic, OperatingPoint, Target, Temperature, Threshold};
pub use digest::Digest;
pub use geometry::{Geometry, Point, Runs};
pub use golden::{Golden, GoldenVector, golden_channels, golden_input};
pub use manifest::{Manifest, ModelLabel, NOTICE};
pub use outline::{HotSpot, Ring};
pub use outputs::{INPUT_IMAGE, OUTPUT_CAM, OUTPUT_LOGIT, OUTPUT_PROBABILITY};
pub use preprocess::PreprocessSpec;
pub use provenance::Provenance;
pub use topology::Topology;
pub use uid::Uid;

/// The version of everything in this crate that a model bundle fixes. A device refuses a major that it does not know.
pub const CONTRACT_VERSION: ContractVersion = ContractVersion { major: 1, minor: 0 };

/// `major.minor`; a minor only adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ContractVersion {
    /// Changed when an old reader would misunderstand.
    pub major: u16,
    /// Changed when something was added.
    pub minor: u16,
}
