//! The engines' conformance suite, and the transposed network against the natural one.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use contract::preprocess::InputShape;
use contract::{Digest, PreprocessSpec, Topology};
use engine_tract::{Layout, TractEngine};
use inference::{Engine, ModelFiles, conformance};
use prost::Message as _;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::f16;

fn model(topology: &Topology, spec: PreprocessSpec) -> ModelFiles {
    let (manifest, network) = export::untrained_model(topology, spec).unwrap();
    ModelFiles::new(manifest, network).unwrap()
}

#[test]
fn both_layouts_conform() {
    let (topology, spec) = conformance::small_model();
    let model = model(&topology, spec);
    for layout in [Layout::Natural, Layout::Transposed] {
        conformance::run(&TractEngine::new(2, layout), &model, 0.0).unwrap();
    }
}

#[test]
fn the_transposed_network_is_the_same_function() {
    let (topology, spec) = conformance::small_model();
    compare(&model(&topology, spec));
    compare(&model(&Topology::efficientnet_b4(), PreprocessSpec::reference()));
}

#[test]
fn any_input_shape_is_run() {
    let (topology, spec) = conformance::small_model();
    for (rows, columns) in [(768, 384), (384, 768), (33, 32)] {
        let spec = PreprocessSpec { input: InputShape { rows, columns }, ..spec };
        let model = model(&topology, spec);
        conformance::run(&TractEngine::new(2, Layout::Transposed), &model, 0.0).unwrap();
        compare(&model);
    }
}

#[test]
fn weights_that_are_stored_in_half_precision_are_run() {
    let (topology, spec) = conformance::small_model();
    let whole = model(&topology, spec);
    let half = in_half_precision(&whole);
    conformance::run(&TractEngine::new(2, Layout::Transposed), &half, 0.0).unwrap();
    compare(&half);
    let image = conformance::test_image().unwrap();
    let [whole, half] = [whole, half]
        .map(|model| TractEngine::new(2, Layout::Transposed).load(&model).unwrap().analyze(&image).unwrap().logit);
    assert!(whole != half && (whole - half).abs() < 1e-2 * whole.abs().max(1.0), "{whole} {half}");
}

/// The same model with every weight as a FLOAT16 initializer behind a Cast to FLOAT.
fn in_half_precision(model: &ModelFiles) -> ModelFiles {
    let mut network = ModelProto::decode(model.network()).unwrap();
    let graph = network.graph.as_mut().unwrap();
    let casts = graph.initializer.iter_mut().map(|tensor| {
        let name = tensor.name.clone();
        tensor.name.push_str(".half");
        narrow(tensor);
        let to = AttributeProto { name: "to".into(), r#type: 2, i: 1, ..AttributeProto::default() };
        let (input, output) = (vec![tensor.name.clone()], vec![name]);
        NodeProto { op_type: "Cast".into(), input, output, attribute: vec![to], ..NodeProto::default() }
    });
    let casts: Vec<NodeProto> = casts.collect();
    graph.node.splice(0..0, casts);
    let network = network.encode_to_vec();
    let mut manifest = model.manifest().clone();
    manifest.network = Digest::of(&network);
    ModelFiles::new(manifest, network).unwrap()
}

fn narrow(tensor: &mut TensorProto) {
    let values = tensor.raw_data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    tensor.raw_data = values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect();
    tensor.data_type = 10;
}

fn compare(model: &ModelFiles) {
    let image = conformance::test_image().unwrap();
    let outputs = [Layout::Natural, Layout::Transposed]
        .map(|layout| TractEngine::new(2, layout).load(model).unwrap().analyze(&image).unwrap());
    let [natural, transposed] = outputs;
    assert!(
        (natural.logit - transposed.logit).abs() < 1e-3 * natural.logit.abs().max(1.0),
        "{} {}",
        natural.logit,
        transposed.logit
    );
    let greatest = natural.cam.values.iter().fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
    for (a, b) in natural.cam.values.iter().zip(&transposed.cam.values) {
        assert!((a - b).abs() < 1e-3 * greatest, "{a} {b}");
    }
}
