//! Golden vectors: inputs as seeds with what the trainer's network gives for them. Every engine is held against them
//! before it may use a model.

use serde::{Deserialize, Serialize};

use crate::PreprocessSpec;

/// The widest tolerance that is taken: above it a comparison says nothing.
const TOLERANCE_MAX: f64 = 0.05;

/// Vectors at most: each one costs a run of the network at every start.
const VECTORS_MAX: usize = 16;

/// What engines are held against: the file `golden.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Largest difference that is allowed: of the probability as it is, of logit and CAM relative to the CAM's greatest
    /// absolute value or 1, whichever is more. Above 0, at most 0.05.
    pub tolerance: f64,
    /// The vectors, 1 to 16.
    pub vectors: Vec<GoldenVector>,
}

/// One input with its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenVector {
    /// Of the input, see [`golden_input`].
    pub seed: u64,
    /// The logit.
    pub logit: f32,
    /// The probability.
    pub probability: f32,
    /// The CAM, row by row.
    pub cam: Vec<f32>,
}

/// Golden vectors that hold nothing to be held against, or that an engine does not meet.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GoldenError {
    /// The tolerance is none.
    #[error("golden vectors have tolerance {0}, it must be above 0 and at most {TOLERANCE_MAX}")]
    Tolerance(f64),
    /// None, or too many.
    #[error("there are {0} golden vectors, it must be 1 to {VECTORS_MAX}")]
    Vectors(usize),
    /// Not a finite number.
    #[error("golden vector {seed} holds a number that is not finite")]
    NotFinite {
        /// The vector's seed.
        seed: u64,
    },
    /// The map has another size.
    #[error("golden vector {seed} has a map of {expected} values, the network's has {found}")]
    Shape {
        /// The vector's seed.
        seed: u64,
        /// Values of the vector's map.
        expected: usize,
        /// Values of the network's map.
        found: usize,
    },
    /// An output differs.
    #[error("golden vector {seed}: {output} differs by {difference:.1e}, at most {tolerance:.1e} is allowed")]
    Differs {
        /// The vector's seed.
        seed: u64,
        /// `logit`, `probability` or `map`.
        output: &'static str,
        /// By how much, in the tolerance's measure.
        difference: f64,
        /// What is allowed.
        tolerance: f64,
    },
}

impl Golden {
    /// Checks that the vectors can hold an engine to anything.
    ///
    /// # Errors
    /// [`GoldenError::Tolerance`], [`GoldenError::Vectors`], [`GoldenError::NotFinite`].
    pub fn check(&self) -> Result<(), GoldenError> {
        if !(self.tolerance > 0.0 && self.tolerance <= TOLERANCE_MAX) {
            return Err(GoldenError::Tolerance(self.tolerance));
        }
        if self.vectors.is_empty() || self.vectors.len() > VECTORS_MAX {
            return Err(GoldenError::Vectors(self.vectors.len()));
        }
        let is_finite = |vector: &&GoldenVector| {
            vector.logit.is_finite()
                && vector.probability.is_finite()
                && vector.cam.iter().all(|value| value.is_finite())
        };
        match self.vectors.iter().find(|vector| !is_finite(vector)) {
            Some(vector) => Err(GoldenError::NotFinite { seed: vector.seed }),
            None => Ok(()),
        }
    }
}

impl GoldenVector {
    /// Compares an engine's outputs for this vector's input; what is not finite differs.
    ///
    /// # Errors
    /// [`GoldenError::Shape`], [`GoldenError::Differs`] with the first output that is too far away.
    pub fn compare(&self, logit: f32, probability: f32, cam: &[f32], tolerance: f64) -> Result<(), GoldenError> {
        let seed = self.seed;
        if cam.len() != self.cam.len() {
            return Err(GoldenError::Shape { seed, expected: self.cam.len(), found: cam.len() });
        }
        let scale = self.cam.iter().fold(1.0_f64, |most, value| most.max(f64::from(*value).abs()));
        let distance = |a: f32, b: f32| (f64::from(a) - f64::from(b)).abs();
        // A maximum that keeps what is no number.
        let map = cam.iter().zip(&self.cam).map(|(a, b)| distance(*a, *b));
        let map = map.fold(0.0_f64, |most, next| if next > most || next.is_nan() { next } else { most });
        let outputs = [
            ("logit", distance(logit, self.logit) / scale),
            ("probability", distance(probability, self.probability)),
            ("map", map / scale),
        ];
        let is_too_far = |(_, difference): &(&str, f64)| difference.is_nan() || *difference > tolerance;
        match outputs.into_iter().find(is_too_far) {
            Some((output, difference)) => Err(GoldenError::Differs { seed, output, difference, tolerance }),
            None => Ok(()),
        }
    }
}

/// A golden input as the network takes it: `[3, rows, columns]`, normalised as the spec says.
#[must_use]
pub fn golden_channels(seed: u64, spec: &PreprocessSpec) -> Vec<f32> {
    spec.normalisation.channels(&golden_input(seed, spec.input.rows as usize * spec.input.columns as usize))
}

/// A golden input: `values` numbers in 0 to 1 of 24 bits each, from SplitMix64 started at `seed`, before the spec's
/// normalisation. In the order `[row, column]`; the three channels are the same, as of a grey image.
#[must_use]
pub fn golden_input(seed: u64, values: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = state;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((value ^ (value >> 31)) >> 40) as f32 / (1_u32 << 24) as f32
    };
    (0..values).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_inputs_are_the_same_everywhere() {
        let values = golden_input(1, 4);
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        assert_eq!(values, golden_input(1, 4));
        assert_ne!(values, golden_input(2, 4));
        // The first numbers of SplitMix64 from seed 1, upper 24 bits.
        assert_eq!(values[0], (0x910a_2dec_8902_5cc1_u64 >> 40) as f32 / 16_777_216.0);
    }

    fn vector() -> GoldenVector {
        GoldenVector { seed: 1, logit: 0.0, probability: 0.5, cam: vec![-4.0, 4.0] }
    }

    #[test]
    fn what_holds_an_engine_to_nothing_is_refused() {
        let golden = |tolerance, vectors| Golden { tolerance, vectors }.check();
        assert_eq!(golden(1e-3, vec![vector()]), Ok(()));
        for tolerance in [0.0, -1.0, 0.1, f64::INFINITY] {
            assert_eq!(golden(tolerance, vec![vector()]), Err(GoldenError::Tolerance(tolerance)));
        }
        assert!(matches!(golden(f64::NAN, vec![vector()]), Err(GoldenError::Tolerance(_))));
        assert_eq!(golden(1e-3, vec![]), Err(GoldenError::Vectors(0)));
        assert_eq!(golden(1e-3, vec![vector(); 17]), Err(GoldenError::Vectors(17)));
        let broken = GoldenVector { cam: vec![f32::NAN], ..vector() };
        assert_eq!(golden(1e-3, vec![broken]), Err(GoldenError::NotFinite { seed: 1 }));
    }

    #[test]
    fn each_output_is_compared() {
        let differs = |logit, probability, cam: &[f32]| match vector().compare(logit, probability, cam, 1e-2) {
            Err(GoldenError::Differs { output, .. }) => output,
            Err(_) => "shape",
            Ok(()) => "nothing",
        };
        assert_eq!(differs(0.0, 0.5, &[-4.0, 4.0]), "nothing");
        // Relative to the map's greatest value, 4.
        assert_eq!(differs(0.039, 0.509, &[-4.039, 4.0]), "nothing");
        assert_eq!(differs(0.041, 0.5, &[-4.0, 4.0]), "logit");
        assert_eq!(differs(f32::NAN, 0.5, &[-4.0, 4.0]), "logit");
        assert_eq!(differs(0.0, 0.511, &[-4.0, 4.0]), "probability");
        assert_eq!(differs(0.0, 0.5, &[-4.0, 4.041]), "map");
        assert_eq!(differs(0.0, 0.5, &[f32::NAN, 4.0]), "map");
        assert_eq!(differs(0.0, 0.5, &[-4.0]), "shape");
    }
}
