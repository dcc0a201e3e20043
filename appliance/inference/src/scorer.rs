//! One model on an engine, used by one thread: panics contained, output checked, heat map drawn, loss of the engine dealt with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use contract::geometry::Extent;
use contract::{Golden, Manifest};
use domain::findings::ModelId;
use imaging::DecodedImage;
use thiserror::Error;

use crate::checks::{OutputFault, check, check_map};
use crate::crew::{Crew, Engines, LoadFailure, Watcher};
use crate::engine::{EngineError, ModelFiles, RawOutputs};
use crate::heatmap::{HeatmapError, draw_png};

/// A scored image.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The checked outputs.
    pub outputs: RawOutputs,
    /// Which engine scored it, for results: its name, or `... in place of ...` (at most 64 characters).
    pub engine: String,
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
    /// There is no engine that can score.
    #[error("AI is unavailable: {0}")]
    Unavailable(String),
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
            Self::Engine(EngineError::Lost(_)) | Self::Unavailable(_) => "ai_unavailable",
            Self::Panicked => "engine_panicked",
            Self::Output(fault) => fault.code(),
            Self::Heatmap(_) => "heatmap_failed",
        }
    }

    /// Is the model to blame, or what the engine makes of it? Not the picture, and not a device that is lost.
    #[must_use]
    pub const fn is_models(&self) -> bool {
        match self {
            Self::Engine(EngineError::Prepare(_) | EngineError::Lost(_)) | Self::Unavailable(_) => false,
            Self::Engine(EngineError::Load(_) | EngineError::Run(_))
            | Self::Panicked
            | Self::Output(_)
            | Self::Heatmap(_) => true,
        }
    }
}

/// A model, and the engines that may run it.
pub struct Scorer {
    crew: Crew,
    bias: f64,
    cam: Extent,
}

impl Scorer {
    /// A scorer of which nothing is loaded yet. `bias` is the classifier's, from the network file's metadata; each engine is
    /// held against `golden` whenever it has loaded the model.
    #[must_use]
    pub fn new(engines: Engines, model: ModelFiles, bias: f64, golden: Option<Golden>) -> Self {
        let cam = model.manifest().topology.cam_extent(model.manifest().preprocess.input);
        Self { crew: Crew::new(engines, model, golden), bias, cam }
    }

    /// The same, and `watcher` hears how the engines are.
    #[must_use]
    pub fn watched_by(self, watcher: Watcher) -> Self {
        Self { crew: self.crew.watched_by(watcher), ..self }
    }

    #[cfg(test)]
    pub(crate) fn with_clock(self, clock: Box<dyn Fn() -> Instant + Send>) -> Self {
        Self { crew: self.crew.with_clock(clock), ..self }
    }

    /// Makes the first engine ready, or the second one where it may score from the start.
    ///
    /// # Errors
    /// [`LoadFailure`]: the engine counts as lost from then on.
    pub fn prepare(&mut self) -> Result<(), LoadFailure> {
        self.crew.prepare()
    }

    /// Makes whoever would score an image now ready, be it the engine that stands in.
    ///
    /// # Errors
    /// Why nobody would.
    pub fn stand_by(&mut self) -> Result<(), String> {
        let on_duty = self.crew.take()?;
        self.crew.put_back(on_duty);
        Ok(())
    }

    /// The engine of the next image, as far as it is known, as in [`Scored::engine`].
    #[must_use]
    pub fn engine(&self) -> String {
        self.crew.name()
    }

    /// Which model.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        self.crew.model().manifest()
    }

    /// Which model, for results.
    #[must_use]
    pub fn model(&self) -> ModelId {
        let manifest = self.manifest();
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
        let (engine, outputs) = match self.run(image) {
            // Whoever stands in takes over for this very image.
            Err(ScoreFailure::Engine(EngineError::Lost(_))) => self.run(image)?,
            result => result?,
        };
        check(&outputs, self.cam)?;
        check_map(&outputs, self.bias)?;
        let start = Instant::now();
        let heatmap_png = draw_png(image, &outputs.cam, &outputs.geometry, outputs.surface.as_ref())?;
        Ok(Scored { outputs, engine, heatmap_png, render_ms: start.elapsed().as_secs_f64() * 1e3 })
    }

    fn run(&mut self, image: &DecodedImage) -> Result<(String, RawOutputs), ScoreFailure> {
        let mut on_duty = self.crew.take().map_err(ScoreFailure::Unavailable)?;
        // After a panic the loaded model is dropped: whatever state it is in is never used again.
        let analyze = AssertUnwindSafe(|| on_duty.loaded.analyze(image));
        match catch_unwind(analyze).map_err(|_| ScoreFailure::Panicked)? {
            Err(EngineError::Lost(why)) => {
                drop(on_duty);
                self.crew.lose(why.clone());
                Err(EngineError::Lost(why).into())
            }
            outputs => {
                let name = on_duty.name.clone();
                self.crew.put_back(on_duty);
                Ok((name, outputs?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::conformance::test_image;
    use crate::fake::{Counts, FakeEngine, Fault, fake_model};

    fn of(engine: FakeEngine) -> Scorer {
        Scorer::new(Engines::only(Box::new(engine)), fake_model(), 0.0, None)
    }

    fn scorer(fault: Fault) -> (Scorer, Arc<Counts>) {
        let engine = FakeEngine::new(fault);
        let counts = Arc::clone(&engine.counts);
        let mut scorer = of(engine);
        scorer.prepare().unwrap();
        (scorer, counts)
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
        let result = of(FakeEngine::new(Fault::LoadPanics)).prepare();
        assert!(matches!(result, Err(LoadFailure::Panicked)));
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
