//! Which model scores, and what is checked before it may.
//!
//! A model is a folder, as `mamoru-train pack` writes it, or its files compiled into this command (`build.rs`):
//!
//! ```text
//! manifest.json    contract::Manifest: preprocessing, topology, calibration, digest of the network
//! network.onnx     the network
//! golden.json      contract::Golden: inputs as seeds, with what the trainer's network says of them
//! ```
//!
//! The untrained model is made here from a seed, and has no golden vectors.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use contract::golden::GoldenError;
use contract::manifest::ManifestError;
use contract::{Golden, Manifest, PreprocessSpec, Topology};
use export::ExportError;
use inference::{Engines, GoldenFault, LoadFailure, ModelFiles, Scorer, Unavailable};
use results::OperatingPointChoice;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest manifest, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Largest network, in bytes: more than twice a B4 in single precision.
const NETWORK_BYTES_MAX: u64 = 256 << 20;
/// Largest file of golden vectors, in bytes.
const GOLDEN_BYTES_MAX: u64 = 16 << 20;

/// A model that was compiled in.
struct Embedded {
    manifest: &'static [u8],
    network: &'static [u8],
    golden: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/default_model.rs"));

/// Where the model comes from: in a configuration `default`, `untrained` or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ModelSource {
    /// The one that was compiled in; the untrained one in a build without it.
    #[default]
    Default,
    /// The untrained one.
    Untrained,
    /// A folder.
    Folder(PathBuf),
}

impl From<String> for ModelSource {
    fn from(text: String) -> Self {
        match text.as_str() {
            "default" => Self::Default,
            "untrained" => Self::Untrained,
            _ => Self::Folder(text.into()),
        }
    }
}

impl From<ModelSource> for String {
    fn from(source: ModelSource) -> Self {
        match source {
            ModelSource::Default => "default".into(),
            ModelSource::Untrained => "untrained".into(),
            ModelSource::Folder(folder) => folder.display().to_string(),
        }
    }
}

/// Why a model is not used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{file} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        bytes_max: u64,
    },
    /// A file is not of its form.
    #[error("{file} is not of the form that this software knows: {source}")]
    Form {
        /// The file.
        file: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// This software cannot obey the manifest, or the network file is another one.
    #[error("manifest.json: {0}")]
    Manifest(#[from] ManifestError),
    /// The golden vectors hold the engine to nothing.
    #[error("golden.json: {0}")]
    Golden(#[from] GoldenError),
    /// The network file lacks what the self-check of every image needs.
    #[error("network.onnx does not hold the classifier's bias")]
    NoBias,
    /// The engine that is asked for cannot be used on this machine.
    #[error("the engine cannot be used here: {0}")]
    NoEngine(Unavailable),
    /// The engine cannot run the network.
    #[error("network.onnx: {0}")]
    Engine(LoadFailure),
    /// The engine does not say what the trainer's network said.
    #[error("the model does not compute here what it computed where it was trained: {0}")]
    Differs(GoldenFault),
    /// The untrained model could not be made.
    #[error("the untrained model cannot be made: {0}")]
    Untrained(#[from] ExportError),
}

impl From<LoadFailure> for ModelError {
    fn from(failure: LoadFailure) -> Self {
        match failure {
            LoadFailure::Unavailable(why) => Self::NoEngine(why),
            LoadFailure::Golden(fault) => Self::Differs(fault),
            failure => Self::Engine(failure),
        }
    }
}

/// A model whose files are sound and belong together. The engine has not seen it yet.
pub struct Model {
    files: ModelFiles,
    bias: f32,
    golden: Option<Golden>,
}

impl Model {
    /// Reads and checks the model's files, up to step 4.
    ///
    /// # Errors
    /// [`ModelError`] names the file and the rule.
    pub fn open(source: &ModelSource) -> Result<Self, ModelError> {
        match (source, DEFAULT_MODEL) {
            (ModelSource::Folder(folder), _) => {
                // 1. Each file is a file, and is read up to its limit.
                let manifest = read(folder, "manifest.json", MANIFEST_BYTES_MAX)?;
                let network = read(folder, "network.onnx", NETWORK_BYTES_MAX)?;
                let golden = read(folder, "golden.json", GOLDEN_BYTES_MAX)?;
                Self::assemble(&manifest, network, &golden)
            }
            (ModelSource::Default, Some(Embedded { manifest, network, golden })) => {
                Self::assemble(manifest, network.to_vec(), golden)
            }
            (ModelSource::Untrained, _) | (ModelSource::Default, None) => {
                let topology = Topology::efficientnet_b4();
                let (manifest, network) = export::untrained_model(&topology, PreprocessSpec::reference())?;
                Self::of(manifest, network, None)
            }
        }
    }

    fn assemble(manifest: &[u8], network: Vec<u8>, golden: &[u8]) -> Result<Self, ModelError> {
        let manifest: Manifest = parse("manifest.json", manifest)?;
        let golden: Golden = parse("golden.json", golden)?;
        Self::of(manifest, network, Some(golden))
    }

    fn of(manifest: Manifest, network: Vec<u8>, golden: Option<Golden>) -> Result<Self, ModelError> {
        // 2. The manifest is of a contract that this software knows, its values are in bounds, and its digest is the
        //    network's.
        let files = ModelFiles::new(manifest, network)?;
        // 3. The golden vectors hold the engine to something.
        golden.as_ref().map_or(Ok(()), Golden::check)?;
        // 4. What the self-check of every image needs is there.
        let bias = export::classifier_bias(files.network()).filter(|bias| bias.is_finite());
        Ok(Self { files, bias: bias.ok_or(ModelError::NoBias)?, golden })
    }

    /// Refuses a choice of an operating point that the model does not have, with those that it has.
    ///
    /// # Errors
    /// A line for people.
    pub fn check_operating_point(&self, choice: OperatingPointChoice) -> Result<(), String> {
        let points = &self.files.manifest().operating_points;
        if choice.is_among(points) {
            return Ok(());
        }
        let known = points.iter().map(|point| OperatingPointChoice::For(point.target).to_string());
        let known = known.collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        Err(format!("the model has no operating point \"{choice}\"; it has: {known}"))
    }

    /// The manifest and the network.
    pub const fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// What engines are held against, when the model has it.
    pub const fn golden(&self) -> Option<&Golden> {
        self.golden.as_ref()
    }

    /// The model on `engines`, which have not seen it yet. When one is made ready:
    /// 5. it loads the network;
    /// 6. it says of the golden inputs what the trainer's network says.
    pub fn scorer(self, engines: Engines) -> Scorer {
        Scorer::new(engines, self.files, f64::from(self.bias), self.golden)
    }
}

/// Reads a file of a model. A pipe or device is none: it might never end.
fn read(folder: &Path, name: &str, bytes_max: u64) -> Result<Vec<u8>, ModelError> {
    let path = folder.join(name);
    let shown = || path.display().to_string();
    let unreadable = |source| ModelError::Unreadable { file: shown(), source };
    if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
        return Err(unreadable(std::io::Error::other("not a file")));
    }
    let mut bytes = Vec::new();
    File::open(&path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(ModelError::TooLarge { file: shown(), bytes_max });
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(bytes).map_err(|source| ModelError::Form { file: file.into(), source })
}
