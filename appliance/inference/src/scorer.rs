//! One model on one engine, used by one thread: panics contained, output checked, heat map drawn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use contract::geometry::Extent;
use contract::{Golden, Manifest};
use domain::findings::ModelId;
use imaging::DecodedImage;
use thiserror::Error;

use crate::checks::{OutputFault, check, check_map};
use crate::engine::{Engine, EngineError, Loaded, ModelFiles, RawOutputs};
use crate::golden::GoldenFault;
use crate::heatmap::{HeatmapError, draw_png};

/// A scored image.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The checked outputs.
    pub outputs: RawOutputs,
    /// The heat map beside the image, as PNG.
    pub heatmap_png: Vec<u8>,
    /// Milliseconds of drawing.
    pub render_ms: f64,
}

/// Why an image has no score.
#[derive(Debug, Error)]
pub enum ScoreFailure {
    /// The engine said so.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine panicked; it is loaded anew for the next image. The panic's text may hold anything and is left out.
    #[error("engine panicked")]
    Panicked,
    /// The output must not become a score.
    #[error(transparent)]
    Output(#[from] OutputFault),
    /// The heat map could not be drawn.
    #[error(transparent)]
    Heatmap(#[from] HeatmapError),
}

impl ScoreFailure {
    /// Stable and machine-readable.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Engine(EngineError::Prepare(error)) => error.code(),
            Self::Engine(EngineError::Load(_)) => "engine_load_failed",
            Self::Engine(EngineError::Run(_)) => "engine_run_failed",
            Self::Engine(EngineError::Lost(_)) => "engine_lost",
            Self::Panicked => "engine_panicked",
            Self::Output(fault) => fault.code(),
            Self::Heatmap(_) => "heatmap_failed",
        }
    }
}

/// A model on an engine.
pub struct Scorer {
    engine: Box<dyn Engine>,
    model: ModelFiles,
    bias: f64,
    cam: Extent,
    loaded: Option<Box<dyn Loaded>>,
}

impl Scorer {
    /// Loads `model`. `bias` is the classifier's, from the network file's metadata.
    ///
    /// # Errors
    /// [`ScoreFailure`] when the engine cannot load the model.
    pub fn new(engine: Box<dyn Engine>, model: ModelFiles, bias: f64) -> Result<Self, ScoreFailure> {
        let cam = model.manifest().topology.cam_extent(model.manifest().preprocess.input);
        let mut scorer = Self { engine, model, bias, cam, loaded: None };
        scorer.loaded = Some(scorer.load()?);
        Ok(scorer)
    }

    /// The engine's name.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// Which model.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        self.model.manifest()
    }

    /// Which model, for results.
    #[must_use]
    pub fn model(&self) -> ModelId {
        let manifest = self.model.manifest();
        ModelId {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            label: manifest.label,
            network: manifest.network,
            preprocess: manifest.preprocess.digest(),
        }
    }

    /// Scores one image.
    ///
    /// # Errors
    /// [`ScoreFailure`]; the scorer stays usable.
    pub fn score(&mut self, image: &DecodedImage) -> Result<Scored, ScoreFailure> {
        let mut loaded = match self.loaded.take() {
            Some(loaded) => loaded,
            None => self.load()?,
        };
        // After a panic the loaded model is dropped: whatever state it is in is never used again.
        let outputs = catch_unwind(AssertUnwindSafe(|| loaded.analyze(image))).map_err(|_| ScoreFailure::Panicked)?;
        self.loaded = Some(loaded);
        let outputs = outputs?;
        check(&outputs, self.cam)?;
        check_map(&outputs, self.bias)?;
        let start = Instant::now();
        let heatmap_png = draw_png(image, &outputs.cam, &outputs.geometry, outputs.surface.as_ref())?;
        Ok(Scored { outputs, heatmap_png, render_ms: start.elapsed().as_secs_f64() * 1e3 })
    }

    /// Holds the loaded model against golden vectors.
    ///
    /// # Errors
    /// [`GoldenFault`]: the model must not be used on this engine.
    pub fn verify(&mut self, golden: &Golden) -> Result<(), GoldenFault> {
        let mut loaded = match self.loaded.take() {
            Some(loaded) => loaded,
            None => self.engine.load(&self.model)?,
        };
        let manifest = self.model.manifest();
        let verify = AssertUnwindSafe(|| crate::golden::verify(loaded.as_mut(), manifest, golden));
        let verdict = catch_unwind(verify).map_err(|_| GoldenFault::Panicked)?;
        self.loaded = Some(loaded);
        verdict
    }

    fn load(&self) -> Result<Box<dyn Loaded>, ScoreFailure> {
        let load = AssertUnwindSafe(|| self.engine.load(&self.model));
        Ok(catch_unwind(load).map_err(|_| ScoreFailure::Panicked)??)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::conformance::test_image;
    use crate::fake::{Counts, FakeEngine, Fault, fake_model};

    fn scorer(fault: Fault) -> (Scorer, Arc<Counts>) {
        let engine = FakeEngine::new(fault);
        let counts = Arc::clone(&engine.counts);
        (Scorer::new(Box::new(engine), fake_model(), 0.0).unwrap(), counts)
    }

    /// Scores three images: `Ok` or the failure's code for each, and how often the model was loaded.
    fn three(fault: Fault) -> (Vec<&'static str>, u32) {
        let (mut scorer, counts) = scorer(fault);
        let image = test_image().unwrap();
        let score = |_| scorer.score(&image).map_or_else(|failure| failure.code(), |_| "scored");
        ((0..3).map(score).collect(), counts.loads.load(Ordering::Relaxed))
    }

    #[test]
    fn a_sound_image_is_scored_with_its_picture() {
        let scored = scorer(Fault::None).0.score(&test_image().unwrap()).unwrap();
        assert!((0.0..=1.0).contains(&scored.outputs.probability));
        assert!(scored.heatmap_png.starts_with(b"\x89PNG"));
    }

    #[test]
    fn a_panic_costs_one_image_and_a_fresh_load() {
        assert_eq!(three(Fault::AnalyzePanicsOnce), (vec!["scored", "engine_panicked", "scored"], 2));
    }

    #[test]
    fn a_failed_image_leaves_the_model_loaded() {
        assert_eq!(three(Fault::AnalyzeFailsOnce), (vec!["scored", "engine_run_failed", "scored"], 1));
    }

    #[test]
    fn a_panic_while_loading_is_an_error() {
        let result = Scorer::new(Box::new(FakeEngine::new(Fault::LoadPanics)), fake_model(), 0.0);
        assert!(matches!(result, Err(ScoreFailure::Panicked)));
    }

    #[test]
    fn an_unsound_output_is_no_score() {
        let cases = [
            (Fault::NotFinite, "engine_output_not_finite"),
            (Fault::WrongShape, "engine_output_shape"),
            (Fault::WrongProbability, "engine_output_contradiction"),
            (Fault::WrongMap, "engine_output_contradiction"),
        ];
        for (fault, code) in cases {
            assert_eq!(three(fault), (vec![code; 3], 1), "{fault:?}");
        }
    }

    #[test]
    fn a_blank_image_is_a_failure_and_the_next_one_is_scored() {
        let (mut scorer, _) = scorer(Fault::None);
        let blank = DecodedImage::from_gray(8, 8, 12, vec![7; 64]).unwrap();
        assert_eq!(scorer.score(&blank).unwrap_err().code(), "image_blank");
        assert!(scorer.score(&test_image().unwrap()).is_ok());
    }
}
