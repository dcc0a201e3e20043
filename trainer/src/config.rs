//! The configuration of a run, as TOML. Defaults are the reference method's; a run folder keeps the resolved file.

mod defaults;
mod overrides;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contract::{PreprocessSpec, Topology};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::augment::Augmentation;
use crate::data::Background;
use crate::error::{Result, TrainerError};
use crate::loss::Loss;
use crate::network::{BatchNorm, Network};
use crate::optimiser::Method;
use crate::schedule::Schedule;
use overrides::{merge, set};

/// The most threads that compute gradients: each has a replica of the network.
const WORKERS_MAX: usize = 64;

/// Everything that decides what a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// From which all random numbers follow.
    pub seed: u64,
    /// libtorch's threads; 0 leaves the choice to it. Another number changes the last bits of a run.
    pub threads: u32,
    /// Where the network computes. Only on the CPU does a seed make a run repeat bit for bit.
    pub device: Processor,
    /// In which numbers the network computes while training.
    pub precision: Precision,
    /// Where images and labels are.
    pub data: DataConfig,
    /// How images become the network's input; the appliance will do the same.
    pub preprocess: PreprocessSpec,
    /// Which network, and from where its weights come.
    pub network: NetworkConfig,
    /// How images are changed while training.
    pub augmentation: Augmentation,
    /// How many images a step sees.
    pub batch: BatchConfig,
    /// How weights move.
    pub optimiser: OptimiserConfig,
    /// How long.
    pub training: TrainingConfig,
}

/// Where the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// The CPU.
    Cpu,
    /// The first NVIDIA GPU; needs a libtorch with CUDA, see `trainer/setup-libtorch`.
    Cuda,
}

/// In which numbers the network computes while training. Weights, moments, validation and what is packed are 32-bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats.
    Float32,
    /// Mixed: convolutions in 16-bit floats (libtorch's autocast), with a loss scale that follows what they can hold; on
    /// CUDA only.
    Mixed,
}

/// Where images and labels are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// The folder with the table, see `data::table`.
    pub folder: PathBuf,
    /// Share of the patients put apart when the table has no split.
    pub validation_share: f64,
    /// Background of pictures that are no DICOM files.
    pub background: Background,
    /// Go on without images that cannot be used: they are counted and listed. Otherwise they are an error.
    pub leave_out: bool,
    /// Folder of prepared images; below the run folder when it is not set.
    pub cache: Option<PathBuf>,
    /// The most bytes of that folder.
    pub cache_bytes_max: u64,
    /// Threads that decode and load.
    pub loader_threads: usize,
    /// Keep the frozen parts' output of so many augmented variants of each image, and train from them; 0 keeps none.
    pub cache_features: u32,
}

/// Which network, and from where its weights come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// `efficientnet_b4` or `efficientnet_b0`.
    pub topology: String,
    /// Starting weights; without a file the seeded ones of `export`, which know nothing.
    pub weights: Option<PathBuf>,
    /// The first part that is trained, by torchvision's name: `features.7` is the reference, `features.0` the whole.
    pub trained_from: String,
    /// Start with a new classifier even when the file has one.
    pub new_classifier: bool,
    /// Training images over which the batch norms' statistics are taken before the first step, without changing what
    /// the network computes; 0 takes none. Weights with folded batch norms need it.
    pub calibration_images: usize,
    /// Statistics of trained batch norms.
    pub batch_norm: BatchNorm,
    /// Dropout before the classifier; torchvision's is 0.4 for B4 and 0.2 for B0.
    pub dropout: f64,
    /// Stochastic depth of the last block; torchvision's is 0.2.
    pub stochastic_depth: f64,
}

/// How many images a step sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Prediction ids per batch; all their images are in it.
    pub breasts: usize,
    /// The most images that go through the network at once, to limit memory; 0: all of the batch. Batch norms then see
    /// so many images at once.
    pub images_per_pass: usize,
    /// Threads that each take some of a batch's passes, with a replica of the network; libtorch's own threads rest
    /// meanwhile. The more the faster, up to the cores, at passes of 2 to 4 images that stay in the processor's cache.
    /// Where `network.batch_norm = "batch"`, the running statistics are the mean of what the threads' passes made of them.
    pub workers: usize,
    /// Batches whose gradients are averaged for one step.
    pub accumulation: usize,
}

/// How weights move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimiserConfig {
    /// Adam or AdamW.
    pub method: Method,
    /// What a step lowers.
    pub loss: Loss,
    /// Exponent of the focal loss.
    pub focal_gamma: f64,
    /// Share of the pairs in the pairwise loss; the rest is cross entropy.
    pub pairwise_share: f64,
    /// Weight of a second loss, 0 for none: the pairs' loss of how high the images' class activation maps rise
    /// (`peak_share`). A finding is a few cells of the map, and its mean, the logit, says little of them at first (Zhu et
    /// al., Deep Multi-instance Networks with Sparse Label Assignment, MICCAI 2017). Pairs are of one pass.
    pub peak_weight: f64,
    /// The share of the map's cells whose mean is its height.
    pub peak_share: f64,
    /// Learning rate.
    pub rate: f64,
    /// Factor on the learning rate, by torchvision's name of the part (`features.0` to the head, with the classifier).
    pub rate_factors: BTreeMap<String, f64>,
    /// Weight decay of weights that are no biases or batch norms.
    pub weight_decay: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Bad epochs in a row that the plateau schedule bears before it lowers the rate.
    pub plateau_patience: u32,
    /// Epochs in which the cosine schedule warms up.
    pub warm_up_epochs: f64,
    /// Limit of the gradients' norm; 0: none.
    pub clip_norm: f64,
    /// Labels become this share of 1/2 and the rest themselves.
    pub label_smoothing: f64,
    /// Decay per step of an exponential moving average of all weights, which is then validated and kept; 0: none.
    pub average_decay: f64,
}

/// How long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// The most epochs.
    pub epochs: u32,
    /// Stop after so many epochs without an improvement of the validation loss ...
    pub stop_patience: u32,
    /// ... by at least this.
    pub stop_improvement: f64,
    /// By what the best epoch is chosen.
    pub keep: Keep,
}

/// By what the best epoch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The lowest class-balanced validation loss: the reference.
    Loss,
    /// The highest validation AUC per breast.
    Auc,
}

impl Config {
    /// Reads a TOML file, or the defaults without one, and then `overrides` of the form `table.key=value`, the value in
    /// TOML or plain text.
    ///
    /// # Errors
    /// Names file, or setting, with what is wrong about it.
    pub fn resolve(file: Option<&Path>, overrides: &[String]) -> Result<Self> {
        let defaults = toml::Table::try_from(Self::default());
        let mut table = defaults.map_err(|error| setting("config", &error.to_string()))?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(TrainerError::file("read", path))?;
            let parsed = text.parse();
            let wrong = |error: toml::de::Error| TrainerError::data(path, error.to_string().trim_end());
            merge(&mut table, parsed.map_err(wrong)?);
        }
        for text in overrides {
            set(&mut table, text)?;
        }
        let wrong = |error: toml::de::Error| {
            let place = file.map_or_else(|| PathBuf::from("settings"), Path::to_owned);
            TrainerError::data(&place, error.to_string().trim_end())
        };
        let config: Self = table.try_into().map_err(wrong)?;
        config.check()?;
        Ok(config)
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never for a configuration that was read.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self)
            .map_err(|error| TrainerError::Setting { name: "config", problem: error.to_string() })
    }

    /// The topology by its name.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn topology(&self) -> Result<Topology> {
        topology(&self.network.topology)
    }

    /// The first part that is trained.
    ///
    /// # Errors
    /// When the network has no part of this name.
    pub fn first_trained(&self, network: &Network) -> Result<usize> {
        part(network, &self.network.trained_from)
            .ok_or_else(|| setting("network.trained_from", "the network has no such part"))
    }

    /// Where the network computes.
    ///
    /// # Errors
    /// When this libtorch or this machine has no CUDA and the configuration asks for it.
    pub fn device(&self) -> Result<Device> {
        match self.device {
            Processor::Cpu => Ok(Device::Cpu),
            Processor::Cuda if tch::Cuda::is_available() => Ok(Device::Cuda(0)),
            Processor::Cuda => Err(setting(
                "device",
                "is \"cuda\", but this libtorch has none or finds no GPU: see trainer/setup-libtorch for one with CUDA",
            )),
        }
    }

    /// Values that mean nothing, and pairs that contradict each other.
    fn check(&self) -> Result<()> {
        let share = |name, value: f64| match value {
            0.0..1.0 => Ok(()),
            _ => Err(setting(name, "is not at least 0 and below 1")),
        };
        share("data.validation_share", self.data.validation_share)?;
        share("network.dropout", self.network.dropout)?;
        share("network.stochastic_depth", self.network.stochastic_depth)?;
        share("optimiser.label_smoothing", self.optimiser.label_smoothing)?;
        share("optimiser.average_decay", self.optimiser.average_decay)?;
        share("augmentation.scale", self.augmentation.scale)?;
        if !(self.optimiser.rate > 0.0 && self.optimiser.rate.is_finite()) {
            return Err(setting("optimiser.rate", "is not above 0"));
        }
        if self.batch.breasts == 0 || self.batch.accumulation == 0 {
            return Err(setting("batch", "breasts and accumulation are at least 1"));
        }
        if !(self.optimiser.focal_gamma >= 0.0 && self.optimiser.focal_gamma.is_finite()) {
            return Err(setting("optimiser.focal_gamma", "is not at least 0"));
        }
        if !(0.0..=1.0).contains(&self.optimiser.pairwise_share) {
            return Err(setting("optimiser.pairwise_share", "is not 0 to 1"));
        }
        if !(self.optimiser.peak_weight >= 0.0 && self.optimiser.peak_weight.is_finite()) {
            return Err(setting("optimiser.peak_weight", "is not at least 0"));
        }
        if !(0.0..=1.0).contains(&self.optimiser.peak_share) {
            return Err(setting("optimiser.peak_share", "is not 0 to 1"));
        }
        let in_passes = self.batch.images_per_pass > 0 || self.batch.workers > 1;
        if self.optimiser.loss == Loss::Pairwise && in_passes {
            return Err(setting(
                "optimiser.loss",
                "pairwise needs the batch in one pass: images_per_pass 0, workers 1",
            ));
        }
        self.check_device()?;
        if !(1..=WORKERS_MAX).contains(&self.batch.workers) {
            return Err(setting("batch.workers", "is not 1 to 64"));
        }
        if self.data.cache_features > 0 && self.network.trained_from == "features.0" {
            return Err(setting("data.cache_features", "nothing is frozen, there is nothing to keep"));
        }
        self.topology().map(drop)
    }

    fn check_device(&self) -> Result<()> {
        match (self.device, self.precision) {
            (Processor::Cuda, _) if self.batch.workers > 1 => {
                Err(setting("batch.workers", "more than 1 is for the CPU"))
            }
            (Processor::Cpu, Precision::Mixed) => Err(setting("precision", "mixed needs device = \"cuda\"")),
            _ => Ok(()),
        }
    }
}

/// A topology by its name.
///
/// # Errors
/// When there is none of this name.
pub fn topology(name: &str) -> Result<Topology> {
    match name {
        "efficientnet_b4" => Ok(Topology::efficientnet_b4()),
        "efficientnet_b0" => Ok(Topology::efficientnet_b0()),
        _ => Err(setting("network.topology", "is neither efficientnet_b4 nor efficientnet_b0")),
    }
}

/// The first part that torchvision calls `features.N`.
#[must_use]
pub fn part(network: &Network, name: &str) -> Option<usize> {
    let number: usize = name.strip_prefix("features.")?.parse().ok()?;
    let stages = network.topology().stages.len();
    match number {
        0 => Some(0),
        _ if number <= stages + 1 => Some(network.part_of_stage(number - 1)),
        _ => None,
    }
}

fn setting(name: &'static str, problem: &str) -> TrainerError {
    TrainerError::Setting { name, problem: problem.into() }
}

#[cfg(test)]
mod tests;
