//! Exchanging height and width of a network before it is run.

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto};

/// Operators that treat height and width alike, or see only what is pooled. `Cast` widens weights that are stored as
/// FLOAT16.
const SYMMETRIC: [&str; 7] = ["Sigmoid", "Mul", "Add", "GlobalAveragePool", "Flatten", "Relu", "Cast"];

/// ONNX's `TensorProto.DataType` FLOAT and FLOAT16.
const FLOAT: i32 = 1;
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
        [_, _, height, width] if height > 0 && width > 0 => value_bytes(tensor).is_some_and(|bytes| {
            let values = tensor.dims.iter().try_fold(1_i64, |product, &side| product.checked_mul(side));
            values.and_then(|values| values.checked_mul(bytes as i64)) == Some(tensor.raw_data.len() as i64)
        }),
        _ => false,
    };
    graph.node.iter().all(|node| known_operator(&node.op_type)) && graph.initializer.iter().all(known_tensor)
}

/// Bytes of one value of a tensor.
const fn value_bytes(tensor: &TensorProto) -> Option<usize> {
    match tensor.data_type {
        FLOAT => Some(4),
        FLOAT16 => Some(2),
        _ => None,
    }
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

fn exchange_kernel(tensor: &mut TensorProto) {
    let ([_, _, height, width], Some(bytes)) = (&tensor.dims[..], value_bytes(tensor)) else { return };
    let (height, width) = (*height, *width);
    if height * width <= 1 {
        return;
    }
    let (height, width) = (height as usize, width as usize);
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
        let kernel = TensorProto { dims, raw_data, data_type: FLOAT, ..TensorProto::default() };
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
    fn kernels_of_half_precision_are_exchanged() {
        let mut network = network("Conv", vec![1, 1, 2, 3], &[0.0; 3]);
        let kernel = &mut network.graph.as_mut().unwrap().initializer[0];
        (kernel.data_type, kernel.raw_data) = (FLOAT16, (0..12).collect());
        assert!(transpose(&mut network));
        assert_eq!(network.graph.unwrap().initializer[0].raw_data, [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
    }

    #[test]
    fn kernels_of_other_types_or_lengths_are_left_alone() {
        for (dims, data_type) in [(vec![1, 1, 2, 3], 7), (vec![1, 1, 3, 3], FLOAT), (vec![1, i64::MAX, 2, 3], FLOAT)] {
            let mut network = network("Conv", dims, &[1.0; 6]);
            network.graph.as_mut().unwrap().initializer[0].data_type = data_type;
            let before = network.clone();
            assert!(!transpose(&mut network));
            assert_eq!(network, before);
        }
    }

    #[test]
    fn unknown_operators_are_left_alone() {
        let mut network = network("Resize", vec![1], &[1.0]);
        let before = network.clone();
        assert!(!transpose(&mut network));
        assert_eq!(network, before);
    }
}
