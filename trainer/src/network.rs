//! The network, walked from a [`Topology`] with tch tensors: torchvision's EfficientNet, operation by operation.
//!
//! A network is a row of parts: part 0 is the stem, then one part per MBConv block, the last one the head's convolution.
//! The classifier follows the head. A part is either trained or frozen; the frozen ones stand before the trained ones
//! and run in evaluation mode without gradient, so that their output is a function of the image alone.

mod layers;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use contract::Topology;
use contract::topology::Block;
use tch::{Device, Kind, Tensor};

use crate::error::{Result, TrainerError};

use layers::Activate as _;
pub use layers::{BatchNorm, Observed, Observer, Pass, Training};

/// Tensors by torchvision's names.
pub type Tensors = BTreeMap<String, Tensor>;

/// What the network says of a batch of `n` images.
#[derive(Debug)]
pub struct Output {
    /// `[n, 1]`: the logit, mean of the CAM plus the bias.
    pub logit: Tensor,
    /// `[n, 1]`: the probability, `σ(logit)`.
    pub probability: Tensor,
    /// `[n, 1, rows, columns]`: the class activation map, the classifier's weights over the last feature maps.
    pub cam: Tensor,
}

/// A network with its weights.
#[derive(Debug)]
pub struct Network {
    topology: Topology,
    blocks: Vec<Block>,
    tensors: Tensors,
}

impl Network {
    /// Joins a topology with its tensors, all 32-bit floats. `source` is named in errors.
    ///
    /// # Errors
    /// When a tensor is missing, unknown, of another shape or not finite.
    pub fn new(topology: Topology, mut tensors: Tensors, source: &Path) -> Result<Self> {
        // PyTorch's count of batches per batch norm is of no use here.
        tensors.retain(|name, _| !name.ends_with(".num_batches_tracked"));
        let specs = topology.tensors();
        for spec in &specs {
            let problem = |text: String| TrainerError::weights(source, format!("tensor {}: {text}", spec.name));
            let tensor = tensors.get(&spec.name).ok_or_else(|| problem("is missing".into()))?;
            let expected: Vec<i64> = spec.shape.iter().map(|&side| i64::from(side)).collect();
            if tensor.size() != expected {
                return Err(problem(format!("has shape {:?}, the topology has {expected:?}", tensor.size())));
            }
            if bool::try_from(tensor.isfinite().all().logical_not())? {
                return Err(problem("holds a value that is not finite".into()));
            }
        }
        if let Some(name) = tensors.keys().find(|name| !specs.iter().any(|spec| &spec.name == *name)) {
            return Err(TrainerError::weights(source, format!("tensor {name}: is not part of {}", topology.name)));
        }
        // A copy of its own for each: files of PyTorch may share storage.
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, tensor.detach().to_kind(Kind::Float).copy()));
        Ok(Self { blocks: topology.blocks(), topology, tensors: tensors.collect() })
    }

    /// The table that it was walked from.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// All tensors, buffers of the batch norms included. They are the network's own: who changes one changes the network.
    #[must_use]
    pub const fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// Where its tensors are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.tensor("classifier.1.bias").device()
    }

    /// Number of parts: stem, blocks, head.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.blocks.len() + 2
    }

    /// The part to which a tensor belongs; the classifier counts as the head.
    #[must_use]
    pub fn part_of(&self, name: &str) -> usize {
        if name.starts_with("features.0.") {
            return 0;
        }
        let block = self.blocks.iter().position(|block| name.starts_with(&format!("{}.", block.prefix)));
        block.map_or(self.parts() - 1, |index| index + 1)
    }

    /// The first part of a stage, counted from 0; the head for a stage that is not there.
    #[must_use]
    pub fn part_of_stage(&self, stage: usize) -> usize {
        let block = self.blocks.iter().position(|block| block.stage >= stage);
        block.map_or(self.parts() - 1, |index| index + 1)
    }

    /// Runs some parts: images `[n, 3, rows, columns]` or the output of the part before the range go in.
    pub fn run_parts(&self, input: &Tensor, parts: Range<usize>, pass: &Pass<'_>) -> Tensor {
        let mut features = channels_last(input);
        for part in parts {
            features = if part == 0 {
                layers::convolution_norm(self, &features, "features.0", 2, pass).activate(pass)
            } else if let Some(block) = self.blocks.get(part - 1) {
                // Stochastic depth grows linearly with depth, as in torchvision.
                let share = (part - 1) as f64 / self.blocks.len() as f64;
                layers::block(self, &features, block, share, pass)
            } else {
                layers::convolution_norm(self, &features, &self.topology.head_prefix(), 1, pass).activate(pass)
            };
        }
        features
    }

    /// The last feature maps `[n, channels, rows, columns]` to the outputs, in evaluation mode.
    #[must_use]
    pub fn outputs(&self, features: &Tensor) -> Output {
        let kernel = self.tensor("classifier.1.weight").unsqueeze(-1).unsqueeze(-1);
        let cam = features.conv2d(&kernel, None::<&Tensor>, 1, 0, 1, 1);
        let logit = cam.mean_dim([2_i64, 3].as_slice(), false, Kind::Float) + self.tensor("classifier.1.bias");
        Output { probability: logit.sigmoid(), logit, cam }
    }

    /// Images `[n, 3, rows, columns]` to the outputs, in evaluation mode and without gradient.
    #[must_use]
    pub fn evaluate(&self, images: &Tensor) -> Output {
        tch::no_grad(|| self.outputs(&self.run_parts(images, 0..self.parts(), &Pass::evaluation())))
    }

    /// The logit `[n, 1]` of a training step: parts from `first` on of what came before, then dropout and classifier.
    pub fn training_logit(&self, input: &Tensor, first: usize, training: &Training) -> Tensor {
        self.pooled_logit(&self.training_features(input, first, training), training)
    }

    /// The last feature maps `[n, channels, rows, columns]` of a training step: parts from `first` on.
    pub fn training_features(&self, input: &Tensor, first: usize, training: &Training) -> Tensor {
        let pass = Pass { training: Some(training), observer: None };
        self.run_parts(input, first..self.parts(), &pass)
    }

    /// The last feature maps of a training step to the logit `[n, 1]`: pooling, dropout, classifier.
    pub fn pooled_logit(&self, features: &Tensor, training: &Training) -> Tensor {
        let mut pooled = features.mean_dim([2_i64, 3].as_slice(), false, Kind::Float);
        if training.dropout > 0.0 {
            let size = pooled.size();
            let kept = layers::survivors(size[0] * size[1], 1.0 - training.dropout, training);
            pooled *= kept.view([size[0], size[1]]).to_device(pooled.device());
        }
        pooled.linear(self.tensor("classifier.1.weight"), Some(self.tensor("classifier.1.bias")))
    }

    /// How high the class activation map of the last feature maps rises, `[n, 1]`: the mean of the given share of its
    /// cells, the highest ones, at least one.
    pub fn peak(&self, features: &Tensor, share: f64) -> Tensor {
        let kernel = self.tensor("classifier.1.weight").unsqueeze(-1).unsqueeze(-1);
        let cells = features.conv2d(&kernel, None::<&Tensor>, 1, 0, 1, 1).flatten(1, -1);
        let count = ((cells.size()[1] as f64 * share).round() as i64).max(1);
        let (highest, _) = cells.topk(count, 1, true, false);
        highest.mean_dim([1_i64].as_slice(), true, Kind::Float)
    }

    /// A network of its own with the same values; what is trained in this one is trained in the other.
    ///
    /// # Errors
    /// When libtorch has no memory.
    pub fn replica(&self) -> Result<Self> {
        let copy = |(name, tensor): (&String, &Tensor)| {
            let own = tensor.detach().copy();
            Ok((name.clone(), own.f_set_requires_grad(tensor.requires_grad())?))
        };
        let tensors = self.tensors.iter().map(copy).collect::<Result<_>>()?;
        Ok(Self { topology: self.topology.clone(), blocks: self.blocks.clone(), tensors })
    }

    /// A tensor that [`Network::new`] found to be there.
    ///
    /// # Panics
    /// For a name that the topology does not have: a fault in the walk, found by the first forward pass.
    #[allow(clippy::expect_used)] // a walk of the topology that names no tensor of it cannot go on
    pub(crate) fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).expect("the topology has no such tensor")
    }
}

/// The same values with the channels of a pixel side by side in memory. libtorch's CPU kernels take the layout from the
/// strides and keep it; on an EPYC with one thread a training step of the B0 then takes 7.8 s instead of 12.4 s.
fn channels_last(images: &Tensor) -> Tensor {
    images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests;
