//! The network as a table: EfficientNet (Tan and Le 2019, arXiv:1905.11946) with one output neuron.
//!
//! The trainer walks this table to build its network and `export` walks it to write ONNX, so that the two cannot
//! differ. Parameter names and shapes are those of torchvision's `efficientnet_b4`.

use serde::{Deserialize, Serialize};

/// Epsilon of every batch norm (torchvision's default).
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// A whole network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// `efficientnet_b4`.
    pub name: String,
    /// Output channels of the first convolution, 3×3, stride 2.
    pub stem_channels: u32,
    /// The stages of MBConv blocks.
    pub stages: Vec<Stage>,
    /// Output channels of the last convolution, 1×1, whose maps the CAM weighs.
    pub head_channels: u32,
    /// Index of the first stage that is trained; stem and stages before it are frozen.
    pub first_trained_stage: usize,
}

/// A stage: blocks of one shape, of which the first one may change stride and channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Expansion of the channels inside a block; 1 leaves the expanding convolution out.
    pub expansion: u32,
    /// Kernel of the depthwise convolution.
    pub kernel: u32,
    /// Stride of the first block.
    pub stride: u32,
    /// Channels out of each block.
    pub channels: u32,
    /// Number of blocks.
    pub blocks: u32,
}

/// One MBConv block, with everything that its place fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// torchvision's prefix, for example `features.1.0`.
    pub prefix: String,
    /// Index of its stage.
    pub stage: usize,
    /// Channels in.
    pub input: u32,
    /// Channels of the depthwise convolution.
    pub expanded: u32,
    /// Channels between the two layers of squeeze-and-excitation: a quarter of `input`.
    pub squeezed: u32,
    /// Channels out.
    pub output: u32,
    /// Kernel of the depthwise convolution.
    pub kernel: u32,
    /// Stride of the depthwise convolution.
    pub stride: u32,
}

impl Block {
    /// Does the block begin with an expanding 1×1 convolution?
    #[must_use]
    pub const fn expands(&self) -> bool {
        self.expanded != self.input
    }

    /// Is the block's input added to its output?
    #[must_use]
    pub const fn has_residual(&self) -> bool {
        self.stride == 1 && self.input == self.output
    }
}

/// What a stored tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorRole {
    /// Weight of a convolution or of the linear layer.
    Weight,
    /// Bias of a convolution, of the linear layer or of a batch norm.
    Bias,
    /// Scale of a batch norm.
    Scale,
    /// Running mean of a batch norm: a buffer, not a parameter.
    RunningMean,
    /// Running variance of a batch norm: a buffer, not a parameter.
    RunningVariance,
}

/// A named tensor of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// torchvision's name, for example `features.0.0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u32>,
    /// What it is for.
    pub role: TensorRole,
    /// Does the reference method train it?
    pub trained: bool,
}

impl TensorSpec {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.shape.iter().map(|&side| u64::from(side)).product()
    }

    /// Is there no value?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is it a parameter, as opposed to a buffer?
    #[must_use]
    pub const fn is_parameter(&self) -> bool {
        !matches!(self.role, TensorRole::RunningMean | TensorRole::RunningVariance)
    }
}

impl Topology {
    /// EfficientNet-B4 with one output neuron: 17,550,409 parameters, 5,278,197 of them trained.
    #[must_use]
    pub fn efficientnet_b4() -> Self {
        let stage = |expansion, kernel, stride, channels, blocks| Stage { expansion, kernel, stride, channels, blocks };
        Self {
            name: "efficientnet_b4".into(),
            stem_channels: 48,
            stages: vec![
                stage(1, 3, 1, 24, 2),
                stage(6, 3, 2, 32, 4),
                stage(6, 5, 2, 56, 4),
                stage(6, 3, 2, 112, 6),
                stage(6, 5, 1, 160, 6),
                stage(6, 5, 2, 272, 8),
                stage(6, 3, 1, 448, 2),
            ],
            head_channels: 1792,
            first_trained_stage: 6,
        }
    }

    /// EfficientNet-B0 with one output neuron: 4,008,829 parameters. Small enough to be trained whole before it grows.
    #[must_use]
    pub fn efficientnet_b0() -> Self {
        let stage = |expansion, kernel, stride, channels, blocks| Stage { expansion, kernel, stride, channels, blocks };
        Self {
            name: "efficientnet_b0".into(),
            stem_channels: 32,
            stages: vec![
                stage(1, 3, 1, 16, 1),
                stage(6, 3, 2, 24, 2),
                stage(6, 5, 2, 40, 2),
                stage(6, 3, 2, 80, 3),
                stage(6, 5, 1, 112, 3),
                stage(6, 5, 2, 192, 4),
                stage(6, 3, 1, 320, 1),
            ],
            head_channels: 1280,
            first_trained_stage: 6,
        }
    }

    /// The blocks in order.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut input = self.stem_channels;
        for (index, stage) in self.stages.iter().enumerate() {
            for block in 0..stage.blocks {
                blocks.push(Block {
                    prefix: format!("features.{}.{block}", index + 1),
                    stage: index,
                    input,
                    expanded: input * stage.expansion,
                    squeezed: (input / 4).max(1),
                    output: stage.channels,
                    kernel: stage.kernel,
                    stride: if block == 0 { stage.stride } else { 1 },
                });
                input = stage.channels;
            }
        }
        blocks
    }

    /// Channels that go into the head's convolution.
    #[must_use]
    pub fn head_input(&self) -> u32 {
        self.stages.last().map_or(self.stem_channels, |stage| stage.channels)
    }

    /// torchvision's prefix of the head's convolution, for example `features.8`.
    #[must_use]
    pub fn head_prefix(&self) -> String {
        format!("features.{}", self.stages.len() + 1)
    }

    /// Every tensor in the order of the forward pass.
    #[must_use]
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = TensorList::default();
        tensors.convolution_norm("features.0", &[self.stem_channels, 3, 3, 3]);
        for block in self.blocks() {
            tensors.trained = block.stage >= self.first_trained_stage;
            tensors.block(&block);
        }
        tensors.trained = true;
        tensors.convolution_norm(&self.head_prefix(), &[self.head_channels, self.head_input(), 1, 1]);
        tensors.weight_bias("classifier.1", &[1, self.head_channels]);
        tensors.list
    }

    /// Number of parameters, buffers not counted.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.tensors().iter().filter(|tensor| tensor.is_parameter()).map(TensorSpec::len).sum()
    }

    /// Number of parameters that the reference method trains.
    #[must_use]
    pub fn trained_parameter_count(&self) -> u64 {
        self.tensors().iter().filter(|tensor| tensor.is_parameter() && tensor.trained).map(TensorSpec::len).sum()
    }

    /// Rows and columns of the CAM for an input: every stride-2 layer halves, rounding up.
    #[must_use]
    pub fn cam_extent(&self, input: crate::preprocess::InputShape) -> crate::geometry::Extent {
        let halvings = 1 + self.stages.iter().filter(|stage| stage.stride == 2).count();
        let shrink = |side: u32| (0..halvings).fold(side, |side, _| side.div_ceil(2));
        crate::geometry::Extent { rows: shrink(input.rows), columns: shrink(input.columns) }
    }
}

#[derive(Default)]
struct TensorList {
    list: Vec<TensorSpec>,
    trained: bool,
}

impl TensorList {
    fn push(&mut self, name: String, shape: &[u32], role: TensorRole) {
        self.list.push(TensorSpec { name, shape: shape.to_vec(), role, trained: self.trained });
    }

    fn weight_bias(&mut self, prefix: &str, shape: &[u32]) {
        self.push(format!("{prefix}.weight"), shape, TensorRole::Weight);
        self.push(format!("{prefix}.bias"), &shape[..1], TensorRole::Bias);
    }

    /// A convolution without bias, and its batch norm.
    fn convolution_norm(&mut self, prefix: &str, shape: &[u32]) {
        self.push(format!("{prefix}.0.weight"), shape, TensorRole::Weight);
        let channels = &shape[..1];
        self.push(format!("{prefix}.1.weight"), channels, TensorRole::Scale);
        self.push(format!("{prefix}.1.bias"), channels, TensorRole::Bias);
        self.push(format!("{prefix}.1.running_mean"), channels, TensorRole::RunningMean);
        self.push(format!("{prefix}.1.running_var"), channels, TensorRole::RunningVariance);
    }

    fn block(&mut self, block: &Block) {
        let Block { prefix, input, expanded, squeezed, output, kernel, .. } = block;
        let mut layer = 0;
        if block.expands() {
            self.convolution_norm(&format!("{prefix}.block.0"), &[*expanded, *input, 1, 1]);
            layer = 1;
        }
        self.convolution_norm(&format!("{prefix}.block.{layer}"), &[*expanded, 1, *kernel, *kernel]);
        let squeeze = format!("{prefix}.block.{}", layer + 1);
        self.weight_bias(&format!("{squeeze}.fc1"), &[*squeezed, *expanded, 1, 1]);
        self.weight_bias(&format!("{squeeze}.fc2"), &[*expanded, *squeezed, 1, 1]);
        self.convolution_norm(&format!("{prefix}.block.{}", layer + 2), &[*output, *expanded, 1, 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Extent;
    use crate::preprocess::InputShape;

    #[test]
    fn counts_are_those_of_the_reference_method() {
        let network = Topology::efficientnet_b4();
        assert_eq!(network.blocks().len(), 32);
        assert_eq!(network.parameter_count(), 17_550_409);
        assert_eq!(network.trained_parameter_count(), 5_278_197);
    }

    #[test]
    fn the_small_network_is_torchvisions() {
        let network = Topology::efficientnet_b0();
        assert_eq!(network.blocks().len(), 16);
        // torchvision's efficientnet_b0 has 5,288,548 with its 1,000 classes.
        assert_eq!(network.parameter_count(), 5_288_548 - 1_281_000 + 1_281);
    }

    #[test]
    fn trained_part_is_the_last_stage_and_the_head() {
        let sum = |prefix: &str| -> u64 {
            let tensors = Topology::efficientnet_b4().tensors();
            tensors.iter().filter(|t| t.is_parameter() && t.name.starts_with(prefix)).map(TensorSpec::len).sum()
        };
        assert_eq!(sum("features.7.0."), 1_420_804);
        assert_eq!(sum("features.7.1."), 3_049_200);
        assert_eq!(sum("features.8.0."), 802_816);
        assert_eq!(sum("features.8.1."), 3_584);
        assert_eq!(sum("classifier."), 1_793);
    }

    #[test]
    fn cam_of_the_reference_input_is_30_by_16() {
        let extent = Topology::efficientnet_b4().cam_extent(InputShape::REFERENCE);
        assert_eq!(extent, Extent { rows: 30, columns: 16 });
    }

    #[test]
    fn names_are_unique_and_as_in_torchvision() {
        let tensors = Topology::efficientnet_b4().tensors();
        let names: std::collections::BTreeSet<_> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names.len(), tensors.len());
        for name in ["features.1.0.block.0.0.weight", "features.2.0.block.2.fc1.bias", "features.8.1.running_var"] {
            assert!(names.contains(name), "{name}");
        }
    }
}
