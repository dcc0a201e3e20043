//! The graph of a topology.

use contract::outputs::{INPUT_IMAGE, METADATA_BIAS, METADATA_TOPOLOGY};
use contract::preprocess::InputShape;
use contract::topology::{BATCH_NORM_EPSILON, Block};
use contract::{OUTPUT_CAM, OUTPUT_LOGIT, OUTPUT_PROBABILITY, Topology};
use half::f16;
use prost::Message as _;
use thiserror::Error;

use crate::onnx::{
    Attribute, FLOAT, FLOAT16, Graph, Initializer, Model, ModelProperties, Node, OperatorSet, Property, ValueInfo,
};
use crate::weights::{Tensor, Weights, WeightsError};

/// ONNX's operator set; 17 is old enough for every engine.
const OPERATOR_SET: i64 = 17;
const IR_VERSION: i64 = 8;

/// Why no file was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExportError {
    /// The weights are not those of the topology.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A folded weight is beyond 65,504, the greatest 16-bit float.
    #[error("weight {0} holds a value that a 16-bit float cannot hold")]
    Half(String),
}

/// How the kernels are stored; biases and the classifier always keep 32 bits, as there are few of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// As 32-bit floats.
    #[default]
    Float,
    /// As 16-bit floats, each cast to 32 bits where it is used: half the file, the same arithmetic on rounded weights.
    Half,
}

/// What is put behind the name of a kernel that is stored in 16 bits; the cast gives it its own name.
pub(crate) const HALF_SUFFIX: &str = ".half";

/// Writes the network as an ONNX file: input `image` `[batch, 3, rows, columns]`, outputs as in [`contract::outputs`].
///
/// # Errors
/// [`ExportError`] when `weights` were made for another topology.
pub fn to_onnx(topology: &Topology, weights: &Weights, input: InputShape) -> Result<Vec<u8>, ExportError> {
    to_onnx_stored(topology, weights, input, Storage::Float)
}

/// As [`to_onnx`], with the kernels stored as `storage` says.
///
/// # Errors
/// As [`to_onnx`], and [`ExportError::Half`] when a weight does not fit into 16 bits.
pub fn to_onnx_stored(
    topology: &Topology,
    weights: &Weights,
    input: InputShape,
    storage: Storage,
) -> Result<Vec<u8>, ExportError> {
    let mut builder = Builder { weights, graph: Graph::default(), storage };
    let mut features = builder.convolution_norm(INPUT_IMAGE, "features.0", 2)?;
    features = builder.silu(&features);
    for block in topology.blocks() {
        features = builder.block(&features, &block)?;
    }
    features = builder.convolution_norm(&features, &topology.head_prefix(), 1)?;
    features = builder.silu(&features);
    builder.outputs(&features)?;
    let cam = topology.cam_extent(input);
    let mut graph = builder.graph;
    graph.name = topology.name.clone();
    graph.input = vec![ValueInfo::batch_of(INPUT_IMAGE, &[3, input.rows, input.columns])];
    graph.output = vec![
        ValueInfo::batch_of(OUTPUT_PROBABILITY, &[1]),
        ValueInfo::batch_of(OUTPUT_LOGIT, &[1]),
        ValueInfo::batch_of(OUTPUT_CAM, &[1, cam.rows, cam.columns]),
    ];
    let property = |key: &str, value: String| Property { key: key.into(), value };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "mamoru".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATOR_SET }],
        metadata_props: vec![
            property(METADATA_BIAS, weights.classifier_bias()?.to_string()),
            property(METADATA_TOPOLOGY, topology.name.clone()),
        ],
    };
    Ok(model.encode_to_vec())
}

/// The classifier's bias that [`to_onnx`] wrote into the file's metadata: what `σ(mean(CAM) + bias)` needs. `None` when
/// the file has none.
#[must_use]
pub fn classifier_bias(network: &[u8]) -> Option<f32> {
    let properties = ModelProperties::decode(network).ok()?.metadata_props;
    properties.iter().find(|property| property.key == METADATA_BIAS)?.value.parse().ok()
}

struct Builder<'a> {
    weights: &'a Weights,
    graph: Graph,
    storage: Storage,
}

impl Builder<'_> {
    fn initializer(&mut self, name: &str, shape: &[u32], values: &[f32]) -> String {
        self.graph.initializer.push(Initializer {
            dims: shape.iter().map(|&dim| i64::from(dim)).collect(),
            data_type: FLOAT,
            name: name.into(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
        name.into()
    }

    /// A convolution's kernel, in the storage that was asked for.
    fn kernel(&mut self, name: &str, tensor: &Tensor) -> Result<String, ExportError> {
        if self.storage == Storage::Float {
            return Ok(self.initializer(name, &tensor.shape, &tensor.values));
        }
        let halves: Vec<f16> = tensor.values.iter().map(|&value| f16::from_f32(value)).collect();
        if !halves.iter().all(|half| half.is_finite()) {
            return Err(ExportError::Half(name.into()));
        }
        let stored = format!("{name}{HALF_SUFFIX}");
        self.graph.initializer.push(Initializer {
            dims: tensor.shape.iter().map(|&dim| i64::from(dim)).collect(),
            data_type: FLOAT16,
            name: stored.clone(),
            raw_data: halves.iter().flat_map(|half| half.to_le_bytes()).collect(),
        });
        Ok(self.node("Cast", &[&stored], Some(name), vec![Attribute::int("to", i64::from(FLOAT))]))
    }

    /// Adds a node and returns the name of its output.
    fn node(&mut self, operator: &str, inputs: &[&str], output: Option<&str>, attribute: Vec<Attribute>) -> String {
        let number = self.graph.node.len();
        let output = output.map_or_else(|| format!("value_{number}"), str::to_owned);
        self.graph.node.push(Node {
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![output.clone()],
            name: format!("{operator}_{number}"),
            op_type: operator.into(),
            attribute,
        });
        output
    }

    fn silu(&mut self, input: &str) -> String {
        let gate = self.node("Sigmoid", &[input], None, vec![]);
        self.node("Mul", &[input, &gate], None, vec![])
    }

    /// A convolution with "same" padding; depthwise when its kernel has one input channel and covers an area.
    fn convolution(&mut self, inputs: &[&str], shape: &[u32], stride: i64, output: Option<&str>) -> String {
        let kernel = i64::from(shape[2]);
        let is_depthwise = shape[1] == 1 && kernel > 1;
        let group = if is_depthwise { i64::from(shape[0]) } else { 1 };
        let attributes = vec![
            Attribute::ints("kernel_shape", vec![kernel; 2]),
            Attribute::ints("strides", vec![stride; 2]),
            Attribute::ints("pads", vec![kernel / 2; 4]),
            Attribute::ints("dilations", vec![1; 2]),
            Attribute::int("group", group),
        ];
        self.node("Conv", inputs, output, attributes)
    }

    /// A convolution whose batch norm is folded into its weight and bias, in double precision.
    fn convolution_norm(&mut self, input: &str, prefix: &str, stride: i64) -> Result<String, ExportError> {
        let weight = self.weights.get(&format!("{prefix}.0.weight"))?.clone();
        let (weight, bias) = self.fold(weight, &format!("{prefix}.1"))?;
        let channels = weight.shape[0];
        let kernel = self.kernel(&format!("{prefix}.0.weight"), &weight)?;
        let bias = self.initializer(&format!("{prefix}.0.bias"), &[channels], &bias);
        Ok(self.convolution(&[input, &kernel, &bias], &weight.shape, stride, None))
    }

    fn fold(&self, mut weight: Tensor, norm: &str) -> Result<(Tensor, Vec<f32>), WeightsError> {
        let part = |name: &str| self.weights.get(&format!("{norm}.{name}"));
        let (scale, shift) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let per_channel = weight.values.len() / scale.values.len();
        let mut bias = Vec::with_capacity(scale.values.len());
        for (channel, kernel) in weight.values.chunks_exact_mut(per_channel).enumerate() {
            let at = |tensor: &Tensor| f64::from(tensor.values[channel]);
            let factor = at(scale) / (at(variance) + BATCH_NORM_EPSILON).sqrt();
            kernel.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
            bias.push((at(shift) - at(mean) * factor) as f32);
        }
        Ok((weight, bias))
    }

    /// A 1×1 convolution with its own bias, as squeeze-and-excitation uses it.
    fn fully_connected(&mut self, input: &str, prefix: &str) -> Result<String, ExportError> {
        let weight = self.weights.get(&format!("{prefix}.weight"))?.clone();
        let bias = self.weights.get(&format!("{prefix}.bias"))?.clone();
        let kernel = self.kernel(&format!("{prefix}.weight"), &weight)?;
        let bias = self.initializer(&format!("{prefix}.bias"), &bias.shape, &bias.values);
        Ok(self.convolution(&[input, &kernel, &bias], &weight.shape, 1, None))
    }

    fn squeeze_excitation(&mut self, input: &str, prefix: &str) -> Result<String, ExportError> {
        let pooled = self.node("GlobalAveragePool", &[input], None, vec![]);
        let squeezed = self.fully_connected(&pooled, &format!("{prefix}.fc1"))?;
        let squeezed = self.silu(&squeezed);
        let excited = self.fully_connected(&squeezed, &format!("{prefix}.fc2"))?;
        let gate = self.node("Sigmoid", &[&excited], None, vec![]);
        Ok(self.node("Mul", &[input, &gate], None, vec![]))
    }

    /// MBConv: expand, depthwise, squeeze-and-excitation, project, add.
    fn block(&mut self, input: &str, block: &Block) -> Result<String, ExportError> {
        let layer = |index: usize| format!("{}.block.{index}", block.prefix);
        let mut features = input.to_owned();
        let mut index = 0;
        if block.expands() {
            features = self.convolution_norm(&features, &layer(0), 1)?;
            features = self.silu(&features);
            index = 1;
        }
        features = self.convolution_norm(&features, &layer(index), i64::from(block.stride))?;
        features = self.silu(&features);
        features = self.squeeze_excitation(&features, &layer(index + 1))?;
        features = self.convolution_norm(&features, &layer(index + 2), 1)?;
        if block.has_residual() {
            features = self.node("Add", &[&features, input], None, vec![]);
        }
        Ok(features)
    }

    /// The CAM is a 1×1 convolution with the classifier's weights; the logit its mean plus the bias.
    fn outputs(&mut self, features: &str) -> Result<(), WeightsError> {
        let weight = self.weights.get("classifier.1.weight")?.clone();
        let bias = self.weights.classifier_bias()?;
        let shape = [1, weight.shape[1], 1, 1];
        let kernel = self.initializer("classifier.1.weight", &shape, &weight.values);
        let bias = self.initializer("classifier.1.bias", &[1], &[bias]);
        self.convolution(&[features, &kernel], &shape, 1, Some(OUTPUT_CAM));
        let mean = self.node("GlobalAveragePool", &[OUTPUT_CAM], None, vec![]);
        let mean = self.node("Flatten", &[&mean], None, vec![]);
        self.node("Add", &[&mean, &bias], Some(OUTPUT_LOGIT), vec![]);
        self.node("Sigmoid", &[OUTPUT_LOGIT], Some(OUTPUT_PROBABILITY), vec![]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use contract::preprocess::PreprocessSpec;

    use super::*;
    use crate::untrained::{untrained_model, untrained_weights};

    #[test]
    fn the_file_holds_every_parameter_folded() {
        let topology = Topology::efficientnet_b4();
        let (_, bytes) = untrained_model(&topology, PreprocessSpec::reference()).unwrap();
        let graph = Model::decode(bytes.as_slice()).unwrap().graph.unwrap();
        let values: usize = graph.initializer.iter().map(|tensor| tensor.raw_data.len() / 4).sum();
        // A folded batch norm leaves one bias per channel of its scale and bias.
        let scales: u64 = topology
            .tensors()
            .iter()
            .filter(|tensor| tensor.role == contract::topology::TensorRole::Scale)
            .map(contract::topology::TensorSpec::len)
            .sum();
        assert_eq!(values as u64, topology.parameter_count() - scales);
        assert_eq!(graph.node.iter().filter(|node| node.op_type == "Conv").count(), 3 + 30 + 32 * 4);
    }

    #[test]
    fn the_bias_is_read_back_from_the_file() {
        let topology = Topology::efficientnet_b4();
        let (_, network) = untrained_model(&topology, PreprocessSpec::reference()).unwrap();
        assert_eq!(classifier_bias(&network), untrained_weights(&topology).unwrap().classifier_bias().ok());
        let property = |value: &str| Property { key: METADATA_BIAS.into(), value: value.into() };
        let file = |value| ModelProperties { metadata_props: vec![property(value)] }.encode_to_vec();
        assert_eq!(classifier_bias(&file("-1.25")), Some(-1.25));
        assert_eq!(classifier_bias(&file("none")), None);
        assert_eq!(classifier_bias(&[]), None);
        assert_eq!(classifier_bias(&[0xFF; 40]), None);
    }

    #[test]
    fn repeated_integers_are_not_packed() {
        let bytes = Attribute::ints("pads", vec![1, 2]).encode_to_vec();
        // Field 8, wire type 0, twice.
        assert!(bytes.windows(4).any(|window| window == [0x40, 1, 0x40, 2]), "{bytes:?}");
    }

    #[test]
    fn folding_is_the_batch_norm() {
        let topology = Topology::efficientnet_b4();
        let weights = untrained_weights(&topology).unwrap();
        let builder = Builder { weights: &weights, graph: Graph::default(), storage: Storage::Float };
        let weight = weights.get("features.0.0.weight").unwrap().clone();
        let (folded, bias) = builder.fold(weight.clone(), "features.0.1").unwrap();
        let expected = f64::from(weight.values[5]) / (1.0 + BATCH_NORM_EPSILON).sqrt();
        assert_eq!(folded.values[5], expected as f32);
        assert!(bias.iter().all(|&bias| bias == 0.0));
    }
}
