//! EfficientNet-B0 as TensorFlow.js publishes it, batch norms folded into the convolutions: `.npz` with the names `stem`,
//! `stack_<stage>.block_<block>.<layer>`, `top` and `fc`, each with `.w` (rows, columns, in, out) and `.b`.

use std::path::Path;

use contract::Topology;
use contract::topology::{BATCH_NORM_EPSILON, Block};
use tch::{Device, Kind, Tensor};

use crate::error::{Result, TrainerError};
use crate::network::Tensors;

/// Is it such a file?
#[must_use]
pub fn is_folded(tensors: &Tensors) -> bool {
    tensors.contains_key("stem.w")
}

/// The tensors by torchvision's names; each batch norm has mean 0, variance 1 − ε, scale 1 and the folded bias. The
/// classifier is left out: it knows ImageNet's classes.
///
/// # Errors
/// When a tensor is missing or has an unexpected number of dimensions.
pub fn unfold(folded: &Tensors, topology: &Topology, source: &Path) -> Result<Tensors> {
    let mut reader = Reader { folded, source, tensors: Tensors::new() };
    reader.convolution("stem", "features.0")?;
    let mut in_stage = 0;
    let mut stage = 0;
    for block in topology.blocks() {
        in_stage = if block.stage == stage { in_stage } else { 0 };
        stage = block.stage;
        reader.block(&block, &format!("stack_{stage}.block_{in_stage}"))?;
        in_stage += 1;
    }
    reader.convolution("top", &topology.head_prefix())?;
    Ok(reader.tensors)
}

struct Reader<'a> {
    folded: &'a Tensors,
    source: &'a Path,
    tensors: Tensors,
}

impl Reader<'_> {
    fn block(&mut self, block: &Block, folded: &str) -> Result<()> {
        let place = |index: usize| format!("{}.block.{index}", block.prefix);
        let mut index = 0;
        if block.expands() {
            self.convolution(&format!("{folded}.expand"), &place(0))?;
            index = 1;
        }
        self.depthwise(&format!("{folded}.depthwise"), &place(index))?;
        for (layer, name) in [("fc1", "se_reduce"), ("fc2", "se_expand")] {
            let weight = self.get(&format!("{folded}.{name}.w"))?.permute([3, 2, 0, 1]).contiguous();
            let bias = self.get(&format!("{folded}.{name}.b"))?;
            self.tensors.insert(format!("{}.{layer}.weight", place(index + 1)), weight);
            self.tensors.insert(format!("{}.{layer}.bias", place(index + 1)), bias);
        }
        self.convolution(&format!("{folded}.project"), &place(index + 2))
    }

    fn convolution(&mut self, folded: &str, place: &str) -> Result<()> {
        self.layer(folded, place, [3, 2, 0, 1])
    }

    fn depthwise(&mut self, folded: &str, place: &str) -> Result<()> {
        self.layer(folded, place, [2, 3, 0, 1])
    }

    fn layer(&mut self, folded: &str, place: &str, order: [i64; 4]) -> Result<()> {
        let weight = self.get(&format!("{folded}.w"))?.f_permute(order)?.contiguous();
        let bias = self.get(&format!("{folded}.b"))?;
        let channels = bias.size();
        let filled = |value: f64| Tensor::full(channels.as_slice(), value, (Kind::Float, Device::Cpu));
        for (name, tensor) in [
            ("0.weight", weight),
            ("1.weight", filled(1.0)),
            ("1.bias", bias),
            ("1.running_mean", filled(0.0)),
            ("1.running_var", filled(1.0 - BATCH_NORM_EPSILON)),
        ] {
            self.tensors.insert(format!("{place}.{name}"), tensor);
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Tensor> {
        let missing = || TrainerError::weights(self.source, format!("tensor {name}: is missing"));
        self.folded.get(name).map(Tensor::shallow_clone).ok_or_else(missing)
    }
}
