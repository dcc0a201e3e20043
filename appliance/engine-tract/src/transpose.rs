//! Exchanging height and width of a network before it is run.

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto};

/// Operators that treat height and width alike, or see only what is pooled.
const SYMMETRIC: [&str; 7] = ["Cast", "Sigmoid", "Mul", "Add", "GlobalAveragePool", "Flatten", "Relu"];

/// `TensorProto.FLOAT16`.
const FLOAT16: i32 = 10;

/// Exchanges the last two axes of every convolution; the caller exchanges them in input and map. Returns false, and
/// leaves the network as it was, when it has an operator or a tensor for which it is not known to be right.
pub(crate) fn transpose(network: &mut ModelProto) -> bool {
    let Some(graph) = network.graph.as_mut() else { return false };
    if !is_known(graph) {
        return false;
    }
    for node in graph.node.iter_mut().filter(|node| node.op_type == "Conv") {
        node.attribute.iter_mut().for_each(exchange_attribute);
    }
    graph.initializer.iter_mut().for_each(exchange_kernel);
    // Declared shapes of the outputs are ignored when the plan is made.
    true
}

fn is_known(graph: &GraphProto) -> bool {
    let known_operator = |name: &str| name == "Conv" || SYMMETRIC.contains(&name);
    let known_tensor = |tensor: &TensorProto| match tensor.dims[..] {
        [] | [_] => true,
        [out, input, height, width] => {
            tensor.raw_data.len() as i64 == out * input * height * width * value_bytes(tensor) as i64
        }
        _ => false,
    };
    graph.node.iter().all(|node| known_operator(&node.op_type)) && graph.initializer.iter().all(known_tensor)
}

/// `kernel_shape`, `strides` and `dilations` are (height, width); `pads` are (top, left, bottom, right).
fn exchange_attribute(attribute: &mut AttributeProto) {
    match attribute.name.as_str() {
        "kernel_shape" | "strides" | "dilations" => attribute.ints.reverse(),
        "pads" if attribute.ints.len() == 4 => {
            attribute.ints.swap(0, 1);
            attribute.ints.swap(2, 3);
        }
        _ => {}
    }
}

/// Kernels are stored in 32 or 16 bits.
fn value_bytes(tensor: &TensorProto) -> usize {
    if tensor.data_type == FLOAT16 { 2 } else { 4 }
}

fn exchange_kernel(tensor: &mut TensorProto) {
    let [_, _, height, width] = tensor.dims[..] else { return };
    if height * width <= 1 {
        return;
    }
    let (height, width, bytes) = (height as usize, width as usize, value_bytes(tensor));
    for kernel in tensor.raw_data.chunks_exact_mut(height * width * bytes) {
        let original = kernel.to_vec();
        for (index, value) in original.chunks_exact(bytes).enumerate() {
            let place = (index % width * height + index / width) * bytes;
            kernel[place..place + bytes].copy_from_slice(value);
        }
    }
    tensor.dims.swap(2, 3);
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::*;

    fn network(operator: &str, dims: Vec<i64>, values: &[f32]) -> ModelProto {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let kernel = TensorProto { dims, raw_data, ..TensorProto::default() };
        let pads = AttributeProto { name: "pads".into(), ints: vec![1, 2, 3, 4], ..AttributeProto::default() };
        let node = NodeProto { op_type: operator.into(), attribute: vec![pads], ..NodeProto::default() };
        let graph = GraphProto { node: vec![node], initializer: vec![kernel], ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }
    }

    #[test]
    fn kernels_and_pads_are_exchanged() {
        let mut network = network("Conv", vec![1, 1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(transpose(&mut network));
        let graph = network.graph.unwrap();
        assert_eq!(graph.initializer[0].dims, [1, 1, 3, 2]);
        let values: Vec<f32> = graph.initializer[0]
            .raw_data
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(graph.node[0].attribute[0].ints, [2, 1, 4, 3]);
    }

    #[test]
    fn kernels_of_16_bits_are_exchanged() {
        let mut network = network("Conv", vec![1, 1, 1, 2], &[]);
        let kernel = &mut network.graph.as_mut().unwrap().initializer[0];
        (kernel.dims, kernel.data_type, kernel.raw_data) = (vec![1, 1, 2, 2], FLOAT16, vec![1, 1, 2, 2, 3, 3, 4, 4]);
        assert!(transpose(&mut network));
        assert_eq!(network.graph.unwrap().initializer[0].raw_data, [1, 1, 3, 3, 2, 2, 4, 4]);
    }

    #[test]
    fn unknown_operators_are_left_alone() {
        let mut network = network("Resize", vec![1], &[1.0]);
        let before = network.clone();
        assert!(!transpose(&mut network));
        assert_eq!(network, before);
    }
}
