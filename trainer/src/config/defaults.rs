//! The reference method's settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::PreprocessSpec;

use super::{
    BatchConfig, Config, DataConfig, Keep, NetworkConfig, OptimiserConfig, Precision, Processor, TrainingConfig,
};
use crate::augment::Augmentation;
use crate::data::Background;
use crate::loss::Loss;
use crate::network::BatchNorm;
use crate::optimiser::Method;
use crate::schedule::Schedule;

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            threads: 0,
            device: Processor::Cpu,
            precision: Precision::Float32,
            data: DataConfig::default(),
            preprocess: PreprocessSpec::reference(),
            network: NetworkConfig::default(),
            augmentation: Augmentation::default(),
            batch: BatchConfig::default(),
            optimiser: OptimiserConfig::default(),
            training: TrainingConfig::default(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            validation_share: 0.2,
            background: Background::Detect,
            leave_out: false,
            cache: None,
            cache_bytes_max: 100 << 30,
            loader_threads: 2,
            cache_features: 0,
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            topology: "efficientnet_b4".into(),
            weights: None,
            trained_from: "features.7".into(),
            new_classifier: false,
            calibration_images: 0,
            batch_norm: BatchNorm::Batch,
            dropout: 0.4,
            stochastic_depth: 0.2,
        }
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { breasts: 8, images_per_pass: 0, workers: 1, accumulation: 1 }
    }
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        Self {
            method: Method::Adam,
            loss: Loss::CrossEntropy,
            focal_gamma: 2.0,
            pairwise_share: 0.5,
            peak_weight: 0.0,
            peak_share: 0.05,
            rate: 1e-3,
            rate_factors: BTreeMap::new(),
            weight_decay: 0.0,
            schedule: Schedule::Plateau,
            plateau_patience: 1,
            warm_up_epochs: 0.0,
            clip_norm: 0.0,
            label_smoothing: 0.0,
            average_decay: 0.0,
        }
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self { epochs: 50, stop_patience: 8, stop_improvement: 0.01, keep: Keep::Loss }
    }
}
