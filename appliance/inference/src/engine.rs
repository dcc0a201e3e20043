//! The contract of an engine: name, probe, load, analyse.

use contract::{Geometry, Manifest};
use domain::findings::Cam;
use imaging::{DecodedImage, PrepareError};
use thiserror::Error;

use crate::cam::CamSurface;

/// A model whose network file is known to be the manifest's.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    manifest: Manifest,
    network: std::sync::Arc<[u8]>,
}

impl ModelFiles {
    /// Joins a manifest and its network file.
    ///
    /// # Errors
    /// When this software cannot obey the manifest or the file is another one.
    pub fn new(manifest: Manifest, network: Vec<u8>) -> Result<Self, contract::manifest::ManifestError> {
        manifest.check(&network)?;
        Ok(Self { manifest, network: network.into() })
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The ONNX file.
    #[must_use]
    pub fn network(&self) -> &[u8] {
        &self.network
    }
}

/// What an engine found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// For people: the device and the versions.
    pub description: String,
}

/// Why an engine cannot be used here, in words of a technician.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why an engine could not load a model or analyse an image.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The model cannot be run by this engine.
    #[error("engine cannot load the model: {0}")]
    Load(String),
    /// The image has no input.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The network failed.
    #[error("network failed: {0}")]
    Run(String),
    /// The device that runs the network is gone, or does not answer in time: the loaded model must not be used again.
    #[error("the engine's device is lost: {0}")]
    Lost(String),
}

/// What a network says of an input, before any check.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkOutputs {
    /// Output `probability`.
    pub probability: f32,
    /// Output `logit`.
    pub logit: f32,
    /// Output `cam`.
    pub cam: Cam,
}

/// What a network says of an image, before any check.
#[derive(Debug, Clone, PartialEq)]
pub struct RawOutputs {
    /// Output `probability`.
    pub probability: f32,
    /// Output `logit`.
    pub logit: f32,
    /// Output `cam`.
    pub cam: Cam,
    /// From the map to the original image.
    pub geometry: Geometry,
    /// The map over the image at [`crate::heatmap::extent`], where the engine makes it: the same bits as
    /// [`CamSurface::of`].
    pub surface: Option<CamSurface>,
    /// Milliseconds of preprocessing.
    pub preprocess_ms: f64,
    /// Milliseconds of the network.
    pub network_ms: f64,
}

/// What a loaded model is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// 32-bit floats, as where it was trained.
    Single,
    /// 16-bit floats, as far as the engine finds them faster.
    Half,
}

/// A way to run networks.
pub trait Engine: Send + Sync {
    /// Its name in every result, for example `tract`.
    fn name(&self) -> &'static str;

    /// Looks for what the engine needs on this machine.
    ///
    /// # Errors
    /// [`Unavailable`] says what is missing.
    fn probe(&self) -> Result<EngineInfo, Unavailable>;

    /// Makes a model ready.
    ///
    /// # Errors
    /// [`EngineError::Load`].
    fn load(&self, model: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError>;
}

/// A model that is ready to run. Used by one thread at a time.
pub trait Loaded: Send {
    /// What it is computed in: golden vectors are compared accordingly.
    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Single
    }

    /// Preprocesses and runs one image.
    ///
    /// # Errors
    /// [`EngineError`]; the model stays usable but after [`EngineError::Lost`].
    fn analyze(&mut self, image: &DecodedImage) -> Result<RawOutputs, EngineError>;

    /// Runs the network alone on an input `[3, rows, columns]` of the spec's size, normalised as the spec has it: for
    /// golden vectors.
    ///
    /// # Errors
    /// [`EngineError::Run`], after which the model stays usable; [`EngineError::Lost`].
    fn run(&mut self, input: &[f32]) -> Result<NetworkOutputs, EngineError>;
}
