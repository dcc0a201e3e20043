//! What reaches the network, held against the reference on the CPU bit for bit.

use contract::PreprocessSpec;
use contract::geometry::Extent;
use contract::preprocess::{AspectRule, ContrastRule, CropRule, InputShape, ResizeFilter, WindowRule};
use domain::findings::Cam;
use engine_nvidia::plan;
use engine_nvidia::tensorrt::Precision;
use half::f16;
use imaging::{DecodedImage, prepare};
use inference::{Engine as _, EngineError, Loaded};

use crate::images::{any_case, breast, shipped};
use crate::machine::{Machine, PRECISIONS, alone, model_of};

/// What `kernels/cases.rs` makes; the spec's input and the map are not used here.
#[allow(dead_code)]
pub struct Case {
    pub image: DecodedImage,
    pub spec: PreprocessSpec,
    pub precision: plan::Precision,
    pub map: Cam,
    pub surface: Extent,
}

/// The spec with an input that the small topology takes.
fn sized(spec: PreprocessSpec) -> PreprocessSpec {
    PreprocessSpec { input: InputShape { rows: 61, columns: 47 }, ..spec }
}

/// One spec for each way through the kernels.
fn specs() -> Vec<PreprocessSpec> {
    let reference = PreprocessSpec::reference();
    [
        reference,
        shipped(),
        PreprocessSpec { crop: CropRule::None, aspect: AspectRule::KeepAndPad, ..shipped() },
        PreprocessSpec { filter: ResizeFilter::Area, contrast: ContrastRule::Breast, ..reference },
        PreprocessSpec { window: WindowRule::DicomVoi, crop: CropRule::LargestComponent, ..reference },
    ]
    .map(sized)
    .to_vec()
}

/// Analyses an image and compares what the network saw, and the geometry.
fn check(
    machine: &Machine,
    loaded: &mut dyn Loaded,
    image: &DecodedImage,
    spec: &PreprocessSpec,
    precision: Precision,
) {
    let found = loaded.analyze(image);
    let expected = match prepare(image, spec) {
        Ok(expected) => expected,
        Err(reason) => {
            assert!(matches!(found, Err(EngineError::Prepare(found)) if found == reason), "{reason}");
            return;
        }
    };
    let found = found.unwrap();
    assert_eq!(found.geometry, expected.geometry, "{spec:?}");
    let bytes: Vec<u8> = match precision {
        Precision::Half => expected.tensor.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        Precision::Single => expected.tensor.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    assert!(machine.input() == bytes, "another input than the reference's: {spec:?}, {precision:?}");
}

#[test]
fn the_network_sees_the_references_bits_for_images_of_all_sizes() {
    alone("reference::the_network_sees_the_references_bits_for_images_of_all_sizes", |machine| {
        // Growing, shrinking, and back: buffers move, graphs are recorded again.
        let images: Vec<DecodedImage> =
            [(90, 70), (300, 180), (40, 33), (300, 180), (301, 40), (90, 70)].map(|(y, x)| breast(y, x)).to_vec();
        for (precision, _) in PRECISIONS {
            for uses_graph in [false, true] {
                for spec in specs() {
                    let engine = machine.engine(|settings| {
                        settings.precision = precision;
                        settings.uses_graph = uses_graph;
                    });
                    let mut loaded = engine.load(&model_of(spec)).unwrap();
                    for image in &images {
                        check(machine, loaded.as_mut(), image, &spec, precision);
                    }
                }
            }
        }
        assert!(machine.count("cuGraphLaunch") > 0, "graphs were used");
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn headers_of_every_kind_reach_the_network_in_the_references_bits() {
    alone("reference::headers_of_every_kind_reach_the_network_in_the_references_bits", |machine| {
        for seed in 0..40 {
            let case = any_case(seed, 90);
            let spec = sized(case.spec);
            let uses_graph = seed % 2 == 0;
            let engine = machine.engine(|settings| settings.uses_graph = uses_graph);
            let mut loaded = engine.load(&model_of(spec)).unwrap();
            for _ in 0..2 {
                check(machine, loaded.as_mut(), &case.image, &spec, Precision::Half);
            }
        }
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_graph_changes_no_bit() {
    alone("reference::a_graph_changes_no_bit", |machine| {
        let spec = sized(shipped());
        let results = [false, true].map(|uses_graph| {
            let engine = machine.engine(|settings| settings.uses_graph = uses_graph);
            let mut loaded = engine.load(&model_of(spec)).unwrap();
            let sizes = [(120, 80), (120, 80), (80, 120), (120, 80), (80, 120)];
            let images = sizes.map(|(rows, columns)| breast(rows, columns));
            images.map(|image| {
                let outputs = loaded.analyze(&image).unwrap();
                (outputs.probability.to_bits(), outputs.logit.to_bits(), outputs.cam, outputs.geometry)
            })
        });
        assert_eq!(results[0], results[1]);
        // The first image runs without; the third one's buffers are longer, and what was recorded before them goes.
        assert_eq!((machine.count("cuGraphInstantiate"), machine.count("cuGraphLaunch")), (3, 4));
    });
}
