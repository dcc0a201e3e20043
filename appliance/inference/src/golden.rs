//! Golden vectors on an engine: before a model is used, it must say here what it said where it was trained.

use contract::golden::GoldenError;
use contract::{Golden, Manifest, golden_channels};
use thiserror::Error;

use crate::engine::{Arithmetic, EngineError, Loaded};

/// What half precision may make of an output, in the measure of [`Golden::tolerance`]: three times what rounding every layer's
/// output of the default model to 16 bits does (`tests/peers/check_half_typed.py`).
pub const HALF_TOLERANCE: f64 = 0.02;

/// Why a model must not be used on this engine.
#[derive(Debug, Error)]
pub enum GoldenFault {
    /// The network did not run.
    #[error("golden vectors could not be run: {0}")]
    Run(#[from] EngineError),
    /// The engine panicked; the panic's text may hold anything and is left out.
    #[error("golden vectors made the engine panic")]
    Panicked,
    /// The vectors are none, or the engine does not meet them.
    #[error(transparent)]
    Golden(#[from] GoldenError),
}

/// Runs every golden vector on `loaded`, the model of `manifest`, and compares all outputs: within the vectors' own tolerance,
/// and in half precision within [`HALF_TOLERANCE`] where that is wider.
///
/// # Errors
/// The first [`GoldenFault`].
pub fn verify(loaded: &mut dyn Loaded, manifest: &Manifest, golden: &Golden) -> Result<(), GoldenFault> {
    golden.check()?;
    let tolerance = match loaded.arithmetic() {
        Arithmetic::Single => golden.tolerance,
        Arithmetic::Half => golden.tolerance.max(HALF_TOLERANCE),
    };
    for vector in &golden.vectors {
        let outputs = loaded.run(&input(manifest, vector.seed))?;
        vector.compare(outputs.logit, outputs.probability, &outputs.cam.values, tolerance)?;
    }
    Ok(())
}

/// The input `[3, rows, columns]` of a golden vector, normalised.
#[must_use]
pub fn input(manifest: &Manifest, seed: u64) -> Vec<f32> {
    golden_channels(seed, &manifest.preprocess)
}

#[cfg(test)]
mod tests {
    use contract::GoldenVector;

    use super::*;
    use crate::engine::Engine as _;
    use crate::fake::{FakeEngine, Fault, fake_model};

    fn golden() -> Golden {
        let model = fake_model();
        let mut loaded = FakeEngine::new(Fault::None).load(&model).unwrap();
        let vector = |seed| {
            let outputs = loaded.run(&input(model.manifest(), seed)).unwrap();
            let (logit, probability) = (outputs.logit, outputs.probability);
            GoldenVector { seed, logit, probability, cam: outputs.cam.values }
        };
        Golden { tolerance: 1e-3, vectors: [1, 2].map(vector).to_vec() }
    }

    fn verdict(fault: Fault, golden: &Golden) -> Result<(), GoldenFault> {
        let model = fake_model();
        verify(FakeEngine::new(fault).load(&model).unwrap().as_mut(), model.manifest(), golden)
    }

    #[test]
    fn an_engine_that_says_the_same_passes() {
        verdict(Fault::None, &golden()).unwrap();
    }

    /// An engine in half precision that is off by `gap`.
    struct Halved(Box<dyn Loaded>, f32);

    impl Loaded for Halved {
        fn arithmetic(&self) -> Arithmetic {
            Arithmetic::Half
        }

        fn analyze(&mut self, image: &imaging::DecodedImage) -> Result<crate::RawOutputs, EngineError> {
            self.0.analyze(image)
        }

        fn run(&mut self, input: &[f32]) -> Result<crate::NetworkOutputs, EngineError> {
            let mut outputs = self.0.run(input)?;
            outputs.cam.values[0] += self.1;
            Ok(outputs)
        }
    }

    #[test]
    fn half_precision_has_more_room_and_not_all_of_it() {
        let model = fake_model();
        let verdict = |gap| {
            let mut loaded = Halved(FakeEngine::new(Fault::None).load(&model).unwrap(), gap);
            verify(&mut loaded, model.manifest(), &golden()).is_ok()
        };
        assert!(verdict(0.015));
        assert!(!verdict(0.2));
    }

    #[test]
    fn an_engine_that_says_something_else_is_found() {
        for fault in [Fault::NotFinite, Fault::WrongProbability, Fault::WrongMap, Fault::Drifts] {
            let found = verdict(fault, &golden());
            assert!(matches!(found, Err(GoldenFault::Golden(GoldenError::Differs { .. }))), "{fault:?}: {found:?}");
        }
        let found = verdict(Fault::WrongShape, &golden());
        assert!(matches!(found, Err(GoldenFault::Golden(GoldenError::Shape { .. }))), "{found:?}");
        assert!(matches!(verdict(Fault::AnalyzeFailsOnce, &golden()), Err(GoldenFault::Run(_))));
    }

    #[test]
    fn vectors_that_hold_to_nothing_are_refused() {
        let found = verdict(Fault::None, &Golden { vectors: Vec::new(), ..golden() });
        assert!(matches!(found, Err(GoldenFault::Golden(GoldenError::Vectors(0)))));
    }
}
