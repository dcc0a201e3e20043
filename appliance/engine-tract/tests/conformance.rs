//! The engines' conformance suite, and the transposed network against the natural one.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use contract::{PreprocessSpec, Topology};
use engine_tract::{Layout, TractEngine};
use inference::{Engine, ModelFiles, conformance};

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
