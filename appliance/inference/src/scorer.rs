//! One model on one engine, used by one thread: panics contained, output checked, heat map drawn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use contract::geometry::Extent;
use domain::findings::ModelId;
use imaging::DecodedImage;
use thiserror::Error;

use crate::checks::{OutputFault, check, check_map};
use crate::engine::{Engine, EngineError, Loaded, ModelFiles, RawOutputs};
use crate::heatmap::{HeatmapError, draw};

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
        let heatmap_png = draw(image, &outputs.cam, &outputs.geometry)?.to_png()?;
        Ok(Scored { outputs, heatmap_png, render_ms: start.elapsed().as_secs_f64() * 1e3 })
    }

    fn load(&self) -> Result<Box<dyn Loaded>, ScoreFailure> {
        let load = AssertUnwindSafe(|| self.engine.load(&self.model));
        Ok(catch_unwind(load).map_err(|_| ScoreFailure::Panicked)??)
    }
}
