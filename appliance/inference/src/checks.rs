//! Checks of every output: in shape, finite, and true to itself.

use contract::geometry::Extent;
use thiserror::Error;

use crate::engine::RawOutputs;

/// How far `σ(mean(CAM) + bias)` may be from the probability: half-precision engines need some room.
pub const PROBABILITY_TOLERANCE: f64 = 5e-3;

/// An output that must not become a score.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutputFault {
    /// A value is infinite or no number.
    #[error("network's output is not finite")]
    NotFinite,
    /// The probability is not in 0 to 1.
    #[error("network's probability is not between 0 and 1")]
    OutOfRange,
    /// The map has another size.
    #[error("network's map has another shape than the topology's")]
    Shape,
    /// `σ(mean(CAM) + bias)` is not the probability.
    #[error("network's map contradicts its probability")]
    Contradiction,
}

impl OutputFault {
    /// Stable and machine-readable.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFinite => "engine_output_not_finite",
            Self::OutOfRange => "engine_output_out_of_range",
            Self::Shape => "engine_output_shape",
            Self::Contradiction => "engine_output_contradiction",
        }
    }
}

/// The logistic function.
#[must_use]
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Checks `outputs` against the map's expected size, and against themselves: the reference method's identity
/// `σ(mean(M) + b) = P`.
///
/// # Errors
/// The first [`OutputFault`].
pub fn check(outputs: &RawOutputs, expected: Extent) -> Result<(), OutputFault> {
    let RawOutputs { probability, logit, cam, .. } = outputs;
    if cam.extent != expected || cam.values.len() != expected.rows as usize * expected.columns as usize {
        return Err(OutputFault::Shape);
    }
    if !probability.is_finite() || !logit.is_finite() || !cam.values.iter().all(|value| value.is_finite()) {
        return Err(OutputFault::NotFinite);
    }
    let probability = f64::from(*probability);
    if !(0.0..=1.0).contains(&probability) {
        return Err(OutputFault::OutOfRange);
    }
    if (sigmoid(f64::from(*logit)) - probability).abs() > PROBABILITY_TOLERANCE {
        return Err(OutputFault::Contradiction);
    }
    Ok(())
}

/// The other half of the identity, which needs the classifier's bias: `σ(mean(M) + b) = P`.
///
/// # Errors
/// [`OutputFault::Contradiction`].
pub fn check_map(outputs: &RawOutputs, bias: f64) -> Result<(), OutputFault> {
    let sum: f64 = outputs.cam.values.iter().map(|&value| f64::from(value)).sum();
    let mean = sum / outputs.cam.values.len().max(1) as f64;
    if (sigmoid(mean + bias) - f64::from(outputs.probability)).abs() > PROBABILITY_TOLERANCE {
        return Err(OutputFault::Contradiction);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use contract::Geometry;
    use contract::geometry::{Rectangle, Runs};
    use domain::findings::Cam;

    use super::*;

    const EXTENT: Extent = Extent { rows: 2, columns: 1 };

    fn outputs(probability: f32, logit: f32, values: Vec<f32>) -> RawOutputs {
        RawOutputs {
            probability,
            logit,
            cam: Cam { extent: EXTENT, values },
            geometry: Geometry {
                original: EXTENT,
                kept_rows: Runs::all(2),
                kept_columns: Runs::all(1),
                input: EXTENT,
                placed: Rectangle { top: 0, left: 0, rows: 2, columns: 1 },
            },
            surface: None,
            preprocess_ms: 0.0,
            network_ms: 0.0,
        }
    }

    #[test]
    fn sound_output_passes() {
        let sound = outputs(0.5, 0.0, vec![-1.0, 2.0]);
        assert_eq!(check(&sound, EXTENT), Ok(()));
        assert_eq!(check_map(&sound, -0.5), Ok(()));
    }

    #[test]
    fn each_fault_is_found() {
        let cases = [
            (outputs(f32::NAN, 0.0, vec![0.0; 2]), OutputFault::NotFinite),
            (outputs(0.5, 0.0, vec![0.0, f32::INFINITY]), OutputFault::NotFinite),
            (outputs(1.5, 0.0, vec![0.0; 2]), OutputFault::OutOfRange),
            (outputs(0.5, 0.0, vec![0.0; 3]), OutputFault::Shape),
            (outputs(0.9, 0.0, vec![0.0; 2]), OutputFault::Contradiction),
        ];
        for (outputs, fault) in cases {
            assert_eq!(check(&outputs, EXTENT), Err(fault));
        }
        assert_eq!(check_map(&outputs(0.5, 0.0, vec![3.0; 2]), 0.0), Err(OutputFault::Contradiction));
    }
}
