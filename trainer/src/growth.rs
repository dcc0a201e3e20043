//! A small EfficientNet grown into a larger one that computes the same function.
//!
//! Channels are widened by copies that share the weights of those who read them (Net2Net, Chen et al., arXiv:1511.05641);
//! blocks beyond the small network's depth stand behind a batch norm with scale 0, so that they add nothing to their
//! input. Such a block starts from the last one of its stage, or at random where that one cannot fit. Copies compute the
//! same and would learn the same: [`add_noise`] breaks them up.

pub mod folded;

use std::path::Path;

use contract::Topology;
use contract::topology::Block;
use tch::{Device, Kind, Tensor};

use crate::error::{Result, TrainerError};
use crate::network::Tensors;
use crate::seed::{Purpose, generator, normal, seed_torch};

/// The tensors of a batch norm.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Tensors of `to` that compute what `tensors` compute as `from`. `source` is named in errors.
///
/// # Errors
/// When the two differ in more than width and depth, `to` is the smaller one somewhere, or a tensor is missing.
pub fn grow(tensors: &Tensors, from: &Topology, to: &Topology, seed: u64, source: &Path) -> Result<Tensors> {
    let problem = |text: &str| TrainerError::weights(source, format!("{} to {}: {text}", from.name, to.name));
    let same_kind = from.stages.len() == to.stages.len()
        && from.stages.iter().zip(&to.stages).all(|(small, large)| {
            (small.expansion, small.kernel, small.stride) == (large.expansion, large.kernel, large.stride)
        });
    if !same_kind {
        return Err(problem("stages differ in more than width and depth"));
    }
    let narrower = |small: u32, large: u32| small > large;
    let shrinks = from
        .stages
        .iter()
        .zip(&to.stages)
        .any(|(small, large)| narrower(small.channels, large.channels) || narrower(small.blocks, large.blocks));
    if shrinks || narrower(from.stem_channels, to.stem_channels) || narrower(from.head_channels, to.head_channels) {
        return Err(problem("the second is smaller somewhere"));
    }
    let mut growth =
        Growth { old: tensors, new: Tensors::new(), generator: generator(seed, Purpose::Growth, &[]), source };
    growth.whole(from, to)?;
    Ok(growth.new)
}

/// Adds normal noise to the weights of convolutions and of the classifier: `share` of each tensor's standard deviation.
pub fn add_noise(tensors: &mut Tensors, share: f64, seed: u64) {
    seed_torch(seed, Purpose::Growth, &[1]);
    for tensor in tensors.values_mut().filter(|tensor| tensor.dim() > 1) {
        let deviation = tensor.std(false);
        *tensor = &*tensor + tensor.randn_like() * deviation * share;
    }
}

/// Which old channel each new one copies.
#[derive(Debug, Clone)]
struct Channels(Vec<i64>);

impl Channels {
    /// How many copies each new channel's original has, itself included, one value per new channel.
    fn copies(&self) -> Tensor {
        let most = self.0.iter().max().map_or(0, |&most| most as usize + 1);
        let mut counts = vec![0_f32; most];
        self.0.iter().for_each(|&old| counts[old as usize] += 1.0);
        let values: Vec<f32> = self.0.iter().map(|&old| counts[old as usize]).collect();
        Tensor::from_slice(&values)
    }

    fn index(&self) -> Tensor {
        Tensor::from_slice(&self.0)
    }

    const fn len(&self) -> i64 {
        self.0.len() as i64
    }
}

struct Growth<'a> {
    old: &'a Tensors,
    new: Tensors,
    generator: fastrand::Rng,
    source: &'a Path,
}

impl Growth<'_> {
    fn whole(&mut self, from: &Topology, to: &Topology) -> Result<()> {
        let colours = Channels((0..3).collect());
        let mut channels = self.channels(from.stem_channels, to.stem_channels);
        self.convolution_norm("features.0", "features.0", &colours, &channels)?;
        let (old_blocks, new_blocks) = (from.blocks(), to.blocks());
        for stage in 0..to.stages.len() {
            let of_stage = |blocks: &[Block]| -> Vec<Block> {
                blocks.iter().filter(|block| block.stage == stage).cloned().collect()
            };
            let old = of_stage(&old_blocks);
            let output = self.channels(from.stages[stage].channels, to.stages[stage].channels);
            for (index, block) in of_stage(&new_blocks).iter().enumerate() {
                let input = if index == 0 { &channels } else { &output };
                let original = &old[index.min(old.len() - 1)];
                // A block that keeps its channels cannot start from one that changes them.
                if index > 0 && !original.has_residual() {
                    self.random_block(block);
                } else {
                    self.copied_block(original, block, input, &output)?;
                }
                if index >= old.len() {
                    self.silence(block);
                }
            }
            channels = output;
        }
        let head = self.channels(from.head_channels, to.head_channels);
        self.convolution_norm(&from.head_prefix(), &to.head_prefix(), &channels, &head)?;
        let weight = self.old("classifier.1.weight")?.index_select(1, &head.index()) / head.copies();
        self.new.insert("classifier.1.weight".into(), weight);
        let bias = self.old("classifier.1.bias")?.copy();
        self.new.insert("classifier.1.bias".into(), bias);
        Ok(())
    }

    /// Every old channel once, then copies of as even a choice as the numbers allow.
    fn channels(&mut self, old: u32, new: u32) -> Channels {
        let mut chosen: Vec<i64> = (0..i64::from(old)).collect();
        while chosen.len() < new as usize {
            let mut more: Vec<i64> = (0..i64::from(old)).collect();
            self.generator.shuffle(&mut more);
            more.truncate(new as usize - chosen.len());
            chosen.extend(more);
        }
        Channels(chosen)
    }

    fn copied_block(&mut self, old: &Block, new: &Block, input: &Channels, output: &Channels) -> Result<()> {
        let place = |block: &Block, index: usize| format!("{}.block.{index}", block.prefix);
        let mut index = 0;
        let mut expanded = input.clone();
        if new.expands() {
            expanded = self.channels(old.expanded, new.expanded);
            self.convolution_norm(&place(old, 0), &place(new, 0), input, &expanded)?;
            index = 1;
        }
        let one = Channels(vec![0]);
        self.convolution_norm(&place(old, index), &place(new, index), &one, &expanded)?;
        let squeezed = self.channels(old.squeezed, new.squeezed);
        let (old_gate, new_gate) = (place(old, index + 1), place(new, index + 1));
        for (layer, from, to) in [("fc1", &expanded, &squeezed), ("fc2", &squeezed, &expanded)] {
            let weight = self.widened(&format!("{old_gate}.{layer}.weight"), from, to)?;
            self.new.insert(format!("{new_gate}.{layer}.weight"), weight);
            let bias = self.old(&format!("{old_gate}.{layer}.bias"))?.index_select(0, &to.index());
            self.new.insert(format!("{new_gate}.{layer}.bias"), bias);
        }
        self.convolution_norm(&place(old, index + 2), &place(new, index + 2), &expanded, output)
    }

    /// After He et al., arXiv:1502.01852; batch norms that change nothing.
    fn random_block(&mut self, block: &Block) {
        let place = |index: usize| format!("{}.block.{index}", block.prefix);
        let [input, expanded, squeezed, output, kernel] =
            [block.input, block.expanded, block.squeezed, block.output, block.kernel].map(i64::from);
        let mut index = 0;
        if block.expands() {
            self.random_convolution_norm(&place(0), &[expanded, input, 1, 1]);
            index = 1;
        }
        self.random_convolution_norm(&place(index), &[expanded, 1, kernel, kernel]);
        let gate = place(index + 1);
        for (layer, to, from) in [("fc1", squeezed, expanded), ("fc2", expanded, squeezed)] {
            let weight = self.random(&[to, from, 1, 1]);
            self.new.insert(format!("{gate}.{layer}.weight"), weight);
            self.new.insert(format!("{gate}.{layer}.bias"), filled(to, 0.0));
        }
        self.random_convolution_norm(&place(index + 2), &[output, expanded, 1, 1]);
    }

    /// Scale and bias of the block's last batch norm become 0: it adds nothing.
    fn silence(&mut self, block: &Block) {
        let last = if block.expands() { 3 } else { 2 };
        for name in ["weight", "bias"] {
            let zero = filled(i64::from(block.output), 0.0);
            self.new.insert(format!("{}.block.{last}.1.{name}", block.prefix), zero);
        }
    }

    fn convolution_norm(&mut self, old: &str, new: &str, input: &Channels, output: &Channels) -> Result<()> {
        let weight = self.widened(&format!("{old}.0.weight"), input, output)?;
        self.new.insert(format!("{new}.0.weight"), weight);
        for name in NORM {
            let values = self.old(&format!("{old}.1.{name}"))?.index_select(0, &output.index());
            self.new.insert(format!("{new}.1.{name}"), values);
        }
        Ok(())
    }

    /// A convolution's weight `[out, in, ...]` with both sides widened; copies of an input share its weight.
    fn widened(&self, name: &str, input: &Channels, output: &Channels) -> Result<Tensor> {
        let weight = self.old(name)?.index_select(0, &output.index()).index_select(1, &input.index());
        Ok(weight / input.copies().view([1, input.len(), 1, 1]))
    }

    fn random_convolution_norm(&mut self, place: &str, shape: &[i64]) {
        let weight = self.random(shape);
        self.new.insert(format!("{place}.0.weight"), weight);
        for (name, value) in NORM.into_iter().zip([1.0, 0.0, 0.0, 1.0]) {
            self.new.insert(format!("{place}.1.{name}"), filled(shape[0], value));
        }
    }

    fn random(&mut self, shape: &[i64]) -> Tensor {
        let fan_in = shape[1..].iter().product::<i64>() as f64;
        let deviation = (2.0 / fan_in).sqrt();
        let count = shape.iter().product::<i64>();
        let values: Vec<f32> = (0..count).map(|_| (normal(&mut self.generator) * deviation) as f32).collect();
        Tensor::from_slice(&values).reshape(shape)
    }

    fn old(&self, name: &str) -> Result<&Tensor> {
        let missing = || TrainerError::weights(self.source, format!("tensor {name}: is missing"));
        self.old.get(name).ok_or_else(missing)
    }
}

fn filled(length: i64, value: f64) -> Tensor {
    Tensor::full([length], value, (Kind::Float, Device::Cpu))
}

#[cfg(test)]
mod tests;
