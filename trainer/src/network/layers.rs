//! The layers, as torchvision's `MBConv` and `Conv2dNormActivation` have them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use contract::topology::{BATCH_NORM_EPSILON, Block};
use tch::{Kind, Tensor};

use super::Network;

/// Share of a batch's statistics in the running ones (torchvision's default).
const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Which statistics a batch norm of a trained part uses while training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum BatchNorm {
    /// The batch's own, which also move the running ones: the reference.
    Batch,
    /// The running ones, which stay as they are; scale and bias are trained.
    Running,
}

/// Mean and mean square of what came into a batch norm, per channel, summed over batches.
#[derive(Debug)]
pub struct Observed {
    /// `[channels]`, double precision: sum of the batches' means.
    pub mean: Tensor,
    /// `[channels]`, double precision: sum of the batches' mean squares.
    pub square: Tensor,
    /// Number of batches.
    pub batches: u32,
}

/// What each batch norm saw, by its prefix.
pub type Observer = RefCell<BTreeMap<String, Observed>>;

/// How a pass through the network is run.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// Training: gradients, and what is drawn with `training`.
    pub training: Option<&'a Training>,
    /// Where to note what comes into the batch norms.
    pub observer: Option<&'a Observer>,
}

/// What a pass of training does beyond one of evaluation.
#[derive(Debug)]
pub struct Training {
    /// Statistics of the batch norms.
    pub batch_norm: BatchNorm,
    /// Probability of dropping one of the classifier's inputs.
    pub dropout: f64,
    /// Probability that the last block is left out for an image; earlier blocks less, in proportion.
    pub stochastic_depth: f64,
    /// Draws what is dropped. Not libtorch's own generator, which all threads of the process share.
    pub generator: RefCell<fastrand::Rng>,
}

impl Training {
    /// Nothing is dropped.
    #[must_use]
    pub const fn plain(batch_norm: BatchNorm) -> Self {
        let generator = RefCell::new(fastrand::Rng::with_seed(0));
        Self { batch_norm, dropout: 0.0, stochastic_depth: 0.0, generator }
    }
}

impl Pass<'_> {
    /// Evaluation mode: nothing is dropped, running statistics.
    #[must_use]
    pub const fn evaluation() -> Self {
        Self { training: None, observer: None }
    }
}

/// SiLU, in place where no gradient needs the input.
pub(super) trait Activate {
    fn activate(self, pass: &Pass<'_>) -> Tensor;
}

impl Activate for Tensor {
    fn activate(mut self, pass: &Pass<'_>) -> Tensor {
        if pass.training.is_some() { self.silu() } else { self.silu_() }
    }
}

/// A convolution without bias, "same" padding, and its batch norm. Depthwise when its kernel has one input channel and
/// covers an area.
///
/// With running statistics the batch norm is a scale and a shift per channel, which go into the kernel and the bias: one
/// walk through the feature maps instead of two, and none instead of one on the way back.
pub(super) fn convolution_norm(
    network: &Network,
    input: &Tensor,
    prefix: &str,
    stride: i64,
    pass: &Pass<'_>,
) -> Tensor {
    let kernel = network.tensor(&format!("{prefix}.0.weight"));
    let size = kernel.size();
    let groups = if size[1] == 1 && size[2] > 1 { size[0] } else { 1 };
    let convolve = |kernel: &Tensor, bias: Option<&Tensor>| input.conv2d(kernel, bias, stride, size[2] / 2, 1, groups);
    let norm = |name: &str| network.tensor(&format!("{prefix}.1.{name}"));
    if pass.training.is_some_and(|training| training.batch_norm == BatchNorm::Batch) || pass.observer.is_some() {
        return batch_norm(&convolve(kernel, None), norm, &format!("{prefix}.1"), pass);
    }
    let scale = norm("weight") * (norm("running_var") + BATCH_NORM_EPSILON).rsqrt();
    let shift = norm("bias") - norm("running_mean") * &scale;
    convolve(&(kernel * scale.view([-1, 1, 1, 1])), Some(&shift))
}

fn batch_norm<'a>(input: &Tensor, part: impl Fn(&str) -> &'a Tensor, prefix: &str, pass: &Pass<'_>) -> Tensor {
    if let Some(observer) = pass.observer {
        observe(observer, input, prefix);
    }
    input.batch_norm(
        Some(part("weight")),
        Some(part("bias")),
        Some(part("running_mean")),
        Some(part("running_var")),
        pass.training.is_some_and(|training| training.batch_norm == BatchNorm::Batch),
        BATCH_NORM_MOMENTUM,
        BATCH_NORM_EPSILON,
        false,
    )
}

fn observe(observer: &Observer, input: &Tensor, prefix: &str) {
    let over = [0_i64, 2, 3];
    let input = input.to_kind(Kind::Double);
    let mean = input.mean_dim(over.as_slice(), false, Kind::Double);
    let square = input.square().mean_dim(over.as_slice(), false, Kind::Double);
    let mut observed = observer.borrow_mut();
    match observed.get_mut(prefix) {
        Some(sum) => {
            sum.mean += mean;
            sum.square += square;
            sum.batches += 1;
        }
        None => {
            observed.insert(prefix.into(), Observed { mean, square, batches: 1 });
        }
    }
}

/// MBConv: expand, depthwise, squeeze-and-excitation, project, stochastic depth, add. `share` of the depth, 0 to 1.
pub(super) fn block(network: &Network, input: &Tensor, block: &Block, share: f64, pass: &Pass<'_>) -> Tensor {
    let layer = |index: usize| format!("{}.block.{index}", block.prefix);
    let mut index = 0;
    let mut features = input.shallow_clone();
    if block.expands() {
        features = convolution_norm(network, &features, &layer(0), 1, pass).activate(pass);
        index = 1;
    }
    features = convolution_norm(network, &features, &layer(index), i64::from(block.stride), pass).activate(pass);
    features = squeeze_excitation(network, &features, &layer(index + 1), pass);
    features = convolution_norm(network, &features, &layer(index + 2), 1, pass);
    if !block.has_residual() {
        return features;
    }
    let Some(training) = pass.training else { return features.g_add_(input) };
    let dropped = training.stochastic_depth * share;
    if dropped > 0.0 {
        let images = features.size()[0];
        features *= survivors(images, 1.0 - dropped, training).view([images, 1, 1, 1]).to_device(features.device());
    }
    features + input
}

/// `count` draws: 0 for what is dropped, 1 / `kept` for the others.
pub(super) fn survivors(count: i64, kept: f64, training: &Training) -> Tensor {
    let mut generator = training.generator.borrow_mut();
    let mut draw = || if generator.f64() < kept { 1.0 / kept as f32 } else { 0.0 };
    Tensor::from_slice(&(0..count).map(|_| draw()).collect::<Vec<f32>>())
}

fn squeeze_excitation(network: &Network, input: &Tensor, prefix: &str, pass: &Pass<'_>) -> Tensor {
    let fully_connected = |input: &Tensor, name: &str| {
        let weight = network.tensor(&format!("{prefix}.{name}.weight"));
        input.conv2d(weight, Some(network.tensor(&format!("{prefix}.{name}.bias"))), 1, 0, 1, 1)
    };
    let pooled = input.mean_dim([2_i64, 3].as_slice(), true, Kind::Float);
    let squeezed = fully_connected(&pooled, "fc1").activate(pass);
    input * fully_connected(&squeezed, "fc2").sigmoid()
}
