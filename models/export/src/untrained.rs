//! A deterministic model with seeded weights, labelled `untrained`: the path works, the scores mean nothing.
//!
//! Weights are uniform with a variance per layer that keeps activations near unit variance through all blocks (after
//! He et al., arXiv:1502.01852, with the second moments of SiLU and of squeeze-and-excitation's gates). Only
//! integer arithmetic, multiplication and square roots are used, so every platform makes the same bytes.

use std::collections::BTreeMap;

use contract::manifest::{Manifest, ModelLabel};
use contract::topology::{Block, TensorRole, TensorSpec};
use contract::{Aggregation, CONTRACT_VERSION, Digest, PreprocessSpec, Topology};

use crate::graph::{ExportError, to_onnx};
use crate::weights::{Tensor, Weights, WeightsError};

/// The seed; part of the model's version.
const SEED: u64 = 0x6D61_6D6F_7275;

/// Mean of the square of SiLU of a normal variable: 0.355, but nearer to 1/2 for a wide one. Taken above 0.355, so that a
/// chain of blocks contracts a little instead of exploding.
const SILU_SECOND_MOMENT: f64 = 0.45;
/// Mean of the square of a gate: 1/4 for a gate at 1/2, nearer to 1/2 for one that is open or shut. Taken above, alike.
const GATE_SECOND_MOMENT: f64 = 0.35;
/// Mean of the square of a prepared mammogram's values, roughly.
const INPUT_SECOND_MOMENT: f64 = 0.15;
/// Variance that a block adds to what it is added to.
const RESIDUAL_VARIANCE: f64 = 0.1;

/// The untrained model of `topology` for inputs that `preprocess` makes: its manifest and its ONNX file.
///
/// # Errors
/// [`ExportError`] never happens for a sound topology.
pub fn untrained_model(topology: &Topology, preprocess: PreprocessSpec) -> Result<(Manifest, Vec<u8>), ExportError> {
    let network = to_onnx(topology, &untrained_weights(topology)?, preprocess.input)?;
    let manifest = Manifest {
        contract: CONTRACT_VERSION,
        name: format!("untrained-{}", topology.name),
        version: format!("seed-{SEED:x}"),
        label: ModelLabel::Untrained,
        preprocess,
        topology: topology.clone(),
        network: Digest::of(&network),
        calibration: None,
        operating_points: Vec::new(),
        aggregation: Aggregation::Reference,
        provenance: None,
    };
    Ok((manifest, network))
}

/// The weights of the untrained model.
///
/// # Errors
/// [`WeightsError`] never happens for a sound topology.
pub fn untrained_weights(topology: &Topology) -> Result<Weights, WeightsError> {
    let blocks = topology.blocks();
    let tensors = topology.tensors().into_iter().map(|spec| {
        let values = match spec.role {
            TensorRole::Weight => uniform(&spec, variance(&spec, topology, &blocks)),
            TensorRole::Scale | TensorRole::RunningVariance => vec![1.0; spec.len() as usize],
            TensorRole::Bias | TensorRole::RunningMean => vec![0.0; spec.len() as usize],
        };
        (spec.name, Tensor { shape: spec.shape, values })
    });
    Weights::new(topology, tensors.collect::<BTreeMap<_, _>>())
}

/// Variance of a layer's weights: the wanted variance of its output over fan-in and second moment of its input.
fn variance(spec: &TensorSpec, topology: &Topology, blocks: &[Block]) -> f64 {
    let fan_in = spec.shape[1..].iter().map(|&side| f64::from(side)).product::<f64>();
    let from_silu = 1.0 / (fan_in * SILU_SECOND_MOMENT);
    if spec.name.starts_with("features.0.") {
        return 1.0 / (fan_in * INPUT_SECOND_MOMENT);
    }
    if spec.name.starts_with("classifier.") {
        return from_silu;
    }
    let Some(block) = blocks.iter().find(|block| spec.name.starts_with(&format!("{}.", block.prefix))) else {
        // The head: its input is the sum of the last stage's blocks.
        return 1.0 / fan_in;
    };
    let is_depthwise = spec.shape[1] == 1 && spec.shape[2] > 1;
    let projects = spec.shape[0] == block.output && spec.shape[1] == block.expanded;
    if spec.name.contains(".fc") || is_depthwise {
        from_silu
    } else if projects {
        let wanted = if block.has_residual() { RESIDUAL_VARIANCE } else { 1.0 };
        wanted * from_silu / GATE_SECOND_MOMENT
    } else {
        // Expanding: the input is a stage's sum, or the stem's SiLU.
        let is_first = block.input == topology.stem_channels;
        if is_first { from_silu } else { 1.0 / fan_in }
    }
}

/// Uniform values with mean 0 and this variance, from SplitMix64 seeded by the tensor's name.
fn uniform(spec: &TensorSpec, variance: f64) -> Vec<f32> {
    let bound = (3.0 * variance).sqrt();
    let mut state = spec.name.bytes().fold(SEED, |state, byte| mix(state ^ u64::from(byte)));
    (0..spec.len())
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            // 24 bits are what a 32-bit float holds exactly.
            let part = (mix(state) >> 40) as f64 / f64::from(1_u32 << 24);
            ((2.0 * part - 1.0) * bound) as f32
        })
        .collect()
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_same_everywhere() {
        let (manifest, network) = untrained_model(&Topology::efficientnet_b4(), PreprocessSpec::reference()).unwrap();
        assert_eq!(manifest.check(&network), Ok(()));
        assert_eq!(manifest.label, ModelLabel::Untrained);
        assert_eq!(manifest.network.to_string(), "16fc49a6cacd9af694d21653fd12af397db912aa31dd589533f04ea6ba64f54f");
    }

    #[test]
    fn values_have_the_wanted_variance() {
        let spec =
            TensorSpec { name: "x.weight".into(), shape: vec![100, 100], role: TensorRole::Weight, trained: false };
        let values = uniform(&spec, 0.04);
        let variance = values.iter().map(|value| f64::from(value * value)).sum::<f64>() / 1e4;
        assert!((variance - 0.04).abs() < 0.002, "{variance}");
    }

    #[test]
    fn weights_are_checked() {
        let topology = Topology::efficientnet_b4();
        let tensors = || -> BTreeMap<String, Tensor> {
            let tensor = |spec: TensorSpec| {
                (spec.name.clone(), Tensor { shape: spec.shape.clone(), values: vec![0.0; spec.len() as usize] })
            };
            topology.tensors().into_iter().map(tensor).collect()
        };
        let mut missing = tensors();
        missing.remove("features.0.0.weight");
        assert!(matches!(Weights::new(&topology, missing), Err(WeightsError::Missing(_))));
        let mut unknown = tensors();
        unknown.insert("features.9".into(), Tensor { shape: vec![1], values: vec![0.0] });
        assert!(matches!(Weights::new(&topology, unknown), Err(WeightsError::Unknown(_))));
        let mut wrong = tensors();
        wrong.insert("classifier.1.bias".into(), Tensor { shape: vec![2], values: vec![0.0; 2] });
        assert!(matches!(Weights::new(&topology, wrong), Err(WeightsError::Shape { .. })));
        let mut broken = tensors();
        broken.insert("classifier.1.bias".into(), Tensor { shape: vec![1], values: vec![f32::NAN] });
        assert!(matches!(Weights::new(&topology, broken), Err(WeightsError::NotFinite(_))));
    }
}
