//! What every engine must do, as a suite that each engine's tests run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use contract::PreprocessSpec;
use contract::preprocess::InputShape;
use contract::topology::{Stage, Topology};
use imaging::{DecodedImage, PrepareError};

use crate::cam::CamSurface;
use crate::checks::{check, check_map};
use crate::engine::{Engine, EngineError, Loaded, ModelFiles, RawOutputs};
use crate::heatmap;

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

/// Runs the suite: `model` is [`small_model`] exported, `bias` its classifier's. The tolerance is that of
/// [`crate::checks`]; the same image must give the same bits, also after a refusal and on a second load.
///
/// # Errors
/// The first rule that `engine` breaks.
pub fn run(engine: &dyn Engine, model: &ModelFiles, bias: f64) -> Result<(), String> {
    if engine.name().is_empty() || !engine.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
        return Err("the name is not one lower-case word".into());
    }
    engine.probe().map_err(|error| format!("probe: {error}"))?;
    let image = test_image().ok_or("no test image")?;
    let extent = model.manifest().topology.cam_extent(model.manifest().preprocess.input);
    let mut loaded = load(engine, model)?;
    let first = analyze(loaded.as_mut(), &image)?;
    check(&first, extent).map_err(|fault| format!("output: {fault}"))?;
    check_map(&first, bias).map_err(|fault| format!("map: {fault}"))?;
    if first.surface.as_ref().is_some_and(|surface| *surface != expected_surface(&first)) {
        return Err("the map over the image is not the map's".into());
    }
    if !is_same(&first, &analyze(loaded.as_mut(), &image)?) {
        return Err("the same image gave two results".into());
    }
    refuses_blank(loaded.as_mut())?;
    if !is_same(&first, &analyze(loaded.as_mut(), &image)?) {
        return Err("a refused image changed the next result".into());
    }
    if !is_same(&first, &analyze(load(engine, model)?.as_mut(), &image)?) {
        return Err("a second load gave another result".into());
    }
    refuses_garbage(engine, model)
}

fn load(engine: &dyn Engine, model: &ModelFiles) -> Result<Box<dyn Loaded>, String> {
    engine.load(model).map_err(|error| format!("load: {error}"))
}

fn analyze(loaded: &mut dyn Loaded, image: &DecodedImage) -> Result<RawOutputs, String> {
    loaded.analyze(image).map_err(|error| format!("analyze: {error}"))
}

/// Equal but for the times.
fn is_same(one: &RawOutputs, other: &RawOutputs) -> bool {
    let parts = |outputs: &RawOutputs| (outputs.probability.to_bits(), outputs.logit.to_bits());
    parts(one) == parts(other) && one.cam == other.cam && one.geometry == other.geometry && one.surface == other.surface
}

fn expected_surface(outputs: &RawOutputs) -> CamSurface {
    CamSurface::of(&outputs.cam, &outputs.geometry, heatmap::extent(outputs.geometry.original))
}

fn refuses_blank(loaded: &mut dyn Loaded) -> Result<(), String> {
    let blank = DecodedImage::from_gray(40, 40, 12, vec![5; 1600]).map_err(|error| error.to_string())?;
    match loaded.analyze(&blank) {
        Err(EngineError::Prepare(PrepareError::Blank)) => Ok(()),
        _ => Err("a blank image was not refused".into()),
    }
}

fn refuses_garbage(engine: &dyn Engine, model: &ModelFiles) -> Result<(), String> {
    for garbage in [Vec::new(), vec![0xFF; 1000], model.network()[..model.network().len() / 2].to_vec()] {
        let mut manifest = model.manifest().clone();
        manifest.network = contract::Digest::of(&garbage);
        let model = ModelFiles::new(manifest, garbage).map_err(|error| error.to_string())?;
        match catch_unwind(AssertUnwindSafe(|| engine.load(&model))) {
            Ok(Err(EngineError::Load(_))) => {}
            Ok(_) => return Err("a broken network file was not refused".into()),
            Err(_) => return Err("a broken network file made the engine panic".into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeEngine, Fault, fake_model};

    fn verdict(fault: Fault) -> Result<(), String> {
        run(&FakeEngine::new(fault), &fake_model(), 0.0)
    }

    #[test]
    fn an_engine_that_keeps_the_rules_passes() {
        assert_eq!(verdict(Fault::None), Ok(()));
    }

    #[test]
    fn each_broken_rule_is_found() {
        let cases = [
            (Fault::NoDevice, "probe: no device"),
            (Fault::LoadAcceptsAnything, "a broken network file was not refused"),
            (Fault::GarbagePanics, "a broken network file made the engine panic"),
            (Fault::AcceptsBlankImages, "a blank image was not refused"),
            (Fault::NotFinite, "output: network's output is not finite"),
            (Fault::WrongProbability, "output: network's map contradicts its probability"),
            (Fault::WrongMap, "map: network's map contradicts its probability"),
            (Fault::WrongShape, "output: network's map has another shape than the topology's"),
            (Fault::WrongSurface, "the map over the image is not the map's"),
            (Fault::Drifts, "the same image gave two results"),
            (Fault::RefusalsLeaveTraces, "a refused image changed the next result"),
            (Fault::LoadsDiffer, "a second load gave another result"),
        ];
        for (fault, rule) in cases {
            assert_eq!(verdict(fault), Err(rule.to_owned()), "{fault:?}");
        }
    }
}
