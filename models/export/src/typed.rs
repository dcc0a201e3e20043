//! A network whose arithmetic is in half precision: for runtimes that compute in exactly the types of the file.
//!
//! TensorRT from version 10 on is such a runtime ("strongly typed networks"). Kernels, biases and everything between the
//! input and the last convolution become 16-bit floats (IEEE 754 binary16); the class activation map, its mean, the bias and
//! the probability, few numbers of which sums are made, stay 32-bit floats. Input `image` becomes 16-bit, outputs keep their
//! types.

use contract::{INPUT_IMAGE, OUTPUT_CAM};
use half::f16;
use prost::Message as _;
use thiserror::Error;

use crate::graph::HALF_SUFFIX;
use crate::onnx::{Attribute, FLOAT, FLOAT16, Graph, Initializer, Model, Node};

/// What the last convolution reads.
const FEATURES: &str = "features.float";

/// Why there is no such network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypedError {
    /// The file is no network of ours.
    #[error("network is malformed: {0}")]
    Malformed(String),
    /// A parameter is beyond 65,504, the greatest 16-bit float.
    #[error("parameter {0} holds a value that a 16-bit float cannot hold")]
    TooLarge(String),
}

/// The network of a file that [`crate::to_onnx_stored`] wrote, computed in half precision.
///
/// # Errors
/// [`TypedError`].
pub fn to_half(network: &[u8]) -> Result<Vec<u8>, TypedError> {
    let mut model = Model::decode(network).map_err(|error| TypedError::Malformed(error.to_string()))?;
    let graph = model.graph.as_mut().ok_or_else(|| TypedError::Malformed("no graph".into()))?;
    let last = graph.node.iter().position(|node| node.output.iter().any(|output| output == OUTPUT_CAM));
    let last = last.ok_or_else(|| TypedError::Malformed("no class activation map".into()))?;
    let exact: Vec<String> = graph.node[last..].iter().flat_map(|node| node.input.clone()).collect();
    remove_casts(graph);
    for initializer in &mut graph.initializer {
        if initializer.data_type == FLOAT && !exact.contains(&initializer.name) {
            halve(initializer)?;
        }
    }
    widen_features(graph)?;
    let input = graph.input.iter_mut().find(|input| input.name == INPUT_IMAGE);
    let tensor = input.and_then(|input| input.value_type.as_mut()).and_then(|value| value.tensor.as_mut());
    tensor.ok_or_else(|| TypedError::Malformed("no input".into()))?.elem_type = FLOAT16;
    Ok(model.encode_to_vec())
}

/// Kernels that are stored in 16 bits are used as they are, without the casts.
fn remove_casts(graph: &mut Graph) {
    let is_cast = |node: &Node| node.op_type == "Cast" && node.input.iter().any(|input| input.ends_with(HALF_SUFFIX));
    graph.node.retain(|node| !is_cast(node));
    for initializer in &mut graph.initializer {
        if let Some(name) = initializer.name.strip_suffix(HALF_SUFFIX) {
            initializer.name = name.to_owned();
        }
    }
}

fn halve(initializer: &mut Initializer) -> Result<(), TypedError> {
    let (values, rest) = initializer.raw_data.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(TypedError::Malformed(format!("parameter {} is cut", initializer.name)));
    }
    let halves: Vec<f16> = values.iter().map(|&bytes| f16::from_f32(f32::from_le_bytes(bytes))).collect();
    if !halves.iter().all(|half| half.is_finite()) {
        return Err(TypedError::TooLarge(initializer.name.clone()));
    }
    initializer.raw_data = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    initializer.data_type = FLOAT16;
    Ok(())
}

/// Casts what the last convolution reads.
fn widen_features(graph: &mut Graph) -> Result<(), TypedError> {
    let last = graph.node.iter().position(|node| node.output.iter().any(|output| output == OUTPUT_CAM));
    let last = last.ok_or_else(|| TypedError::Malformed("no class activation map".into()))?;
    let first = graph.node[last].input.first_mut();
    let features = first.ok_or_else(|| TypedError::Malformed("no features".into()))?;
    let cast = Node {
        input: vec![std::mem::replace(features, FEATURES.into())],
        output: vec![FEATURES.into()],
        name: "Cast_features".into(),
        op_type: "Cast".into(),
        attribute: vec![Attribute::int("to", i64::from(FLOAT))],
    };
    graph.node.insert(last, cast);
    Ok(())
}

#[cfg(test)]
mod tests {
    use contract::preprocess::PreprocessSpec;
    use contract::topology::Topology;

    use super::*;
    use crate::graph::{Storage, to_onnx_stored};
    use crate::untrained::untrained_weights;

    fn network(storage: Storage) -> Vec<u8> {
        let topology = Topology::efficientnet_b4();
        let weights = untrained_weights(&topology).unwrap();
        to_onnx_stored(&topology, &weights, PreprocessSpec::reference().input, storage).unwrap()
    }

    #[test]
    fn everything_up_to_the_map_is_half_and_the_rest_is_whole() {
        let model = Model::decode(to_half(&network(Storage::Float)).unwrap().as_slice()).unwrap();
        let graph = model.graph.unwrap();
        let whole = graph.initializer.iter().filter(|initializer| initializer.data_type == FLOAT);
        let whole: Vec<&str> = whole.map(|initializer| initializer.name.as_str()).collect();
        assert_eq!(whole, ["classifier.1.weight", "classifier.1.bias"]);
        let casts: Vec<&Node> = graph.node.iter().filter(|node| node.op_type == "Cast").collect();
        assert_eq!(casts.len(), 1);
        assert_eq!(graph.input[0].value_type.as_ref().unwrap().tensor.as_ref().unwrap().elem_type, FLOAT16);
        for output in &graph.output {
            assert_eq!(
                output.value_type.as_ref().unwrap().tensor.as_ref().unwrap().elem_type,
                FLOAT,
                "{}",
                output.name
            );
        }
        assert_eq!(
            crate::classifier_bias(&to_half(&network(Storage::Float)).unwrap()),
            crate::classifier_bias(&network(Storage::Float))
        );
    }

    #[test]
    fn a_file_with_16_bit_kernels_gives_the_same_network() {
        let sorted = |bytes: Vec<u8>| {
            let mut graph = Model::decode(bytes.as_slice()).unwrap().graph.unwrap();
            graph.initializer.sort_by(|one, other| one.name.cmp(&other.name));
            graph.initializer
        };
        let (whole, half) = (to_half(&network(Storage::Float)).unwrap(), to_half(&network(Storage::Half)).unwrap());
        assert_eq!(sorted(whole), sorted(half));
    }

    #[test]
    fn every_value_that_a_node_reads_is_there_before_it() {
        for storage in [Storage::Float, Storage::Half] {
            let graph = Model::decode(to_half(&network(storage)).unwrap().as_slice()).unwrap().graph.unwrap();
            let mut known: Vec<&str> = graph.initializer.iter().map(|initializer| initializer.name.as_str()).collect();
            known.extend(graph.input.iter().map(|input| input.name.as_str()));
            for node in &graph.node {
                assert!(node.input.iter().all(|input| known.contains(&input.as_str())), "{}", node.name);
                known.extend(node.output.iter().map(String::as_str));
            }
        }
    }

    #[test]
    fn what_is_no_network_of_ours_is_refused() {
        for bytes in [&[][..], &[0xFF; 50][..]] {
            assert!(matches!(to_half(bytes), Err(TypedError::Malformed(_))));
        }
        let mut model = Model::decode(network(Storage::Float).as_slice()).unwrap();
        let graph = model.graph.as_mut().unwrap();
        graph.initializer[0].raw_data[..4].copy_from_slice(&1e6_f32.to_le_bytes());
        let name = graph.initializer[0].name.clone();
        assert_eq!(to_half(&model.encode_to_vec()), Err(TypedError::TooLarge(name)));
    }
}
