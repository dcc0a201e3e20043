//! What every engine must do, as a suite that each engine's tests run.

use contract::PreprocessSpec;
use contract::preprocess::InputShape;
use contract::topology::{Stage, Topology};
use imaging::DecodedImage;

use crate::checks::{check, check_map};
use crate::engine::{Engine, EngineError, ModelFiles};

/// A network of the same kinds of layers that runs in milliseconds, and a spec of odd sizes for it.
#[must_use]
pub fn small_model() -> (Topology, PreprocessSpec) {
    let stage = |expansion, kernel, stride, channels, blocks| Stage { expansion, kernel, stride, channels, blocks };
    let topology = Topology {
        name: "small".into(),
        stem_channels: 8,
        stages: vec![stage(1, 3, 1, 8, 2), stage(4, 5, 2, 16, 2), stage(4, 3, 2, 24, 1)],
        head_channels: 48,
        first_trained_stage: 2,
    };
    let spec = PreprocessSpec { input: InputShape { rows: 61, columns: 47 }, ..PreprocessSpec::reference() };
    (topology, spec)
}

/// A picture with structure in both directions.
#[must_use]
pub fn test_image() -> Option<DecodedImage> {
    let (rows, columns) = (150_u32, 90_u32);
    let value = |index: u32| {
        let (y, x) = (f64::from(index / columns), f64::from(index % columns));
        (2000.0 + 1500.0 * (x / 13.0).sin() * (y / 29.0).cos() + 400.0 * ((x + 2.0 * y) / 7.0).sin()) as u16
    };
    DecodedImage::from_gray(rows, columns, 12, (0..rows * columns).map(value).collect()).ok()
}

/// Runs the suite: `model` is [`small_model`] exported, `bias` its classifier's.
///
/// # Errors
/// The first rule that `engine` breaks.
pub fn run(engine: &dyn Engine, model: &ModelFiles, bias: f64) -> Result<(), String> {
    engine.probe().map_err(|error| format!("probe: {error}"))?;
    let image = test_image().ok_or("no test image")?;
    let extent = model.manifest().topology.cam_extent(model.manifest().preprocess.input);
    let mut loaded = engine.load(model).map_err(|error| format!("load: {error}"))?;
    let first = loaded.analyze(&image).map_err(|error| format!("analyze: {error}"))?;
    check(&first, extent).map_err(|fault| format!("output: {fault}"))?;
    check_map(&first, bias).map_err(|fault| format!("map: {fault}"))?;
    let second = loaded.analyze(&image).map_err(|error| format!("analyze again: {error}"))?;
    if (first.logit, &first.cam) != (second.logit, &second.cam) {
        return Err("the same image gave two results".into());
    }
    let blank = DecodedImage::from_gray(40, 40, 12, vec![5; 1600]).map_err(|error| error.to_string())?;
    match loaded.analyze(&blank) {
        Err(EngineError::Prepare(_)) => {}
        _ => return Err("a blank image was not refused".into()),
    }
    let after = loaded.analyze(&image).map_err(|error| format!("analyze after a refusal: {error}"))?;
    if after.logit != first.logit {
        return Err("a refused image changed the next result".into());
    }
    refuses_garbage(engine, model)
}

fn refuses_garbage(engine: &dyn Engine, model: &ModelFiles) -> Result<(), String> {
    for garbage in [Vec::new(), vec![0xFF; 1000], model.network()[..model.network().len() / 2].to_vec()] {
        let mut manifest = model.manifest().clone();
        manifest.network = contract::Digest::of(&garbage);
        let model = ModelFiles::new(manifest, garbage).map_err(|error| error.to_string())?;
        if !matches!(engine.load(&model), Err(EngineError::Load(_))) {
            return Err("a broken network file was not refused".into());
        }
    }
    Ok(())
}
