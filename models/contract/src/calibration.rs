//! From a network's score to a probability, and from a probability to a decision: what is fitted in training, stored
//! with the model, and applied wherever the model runs.

use serde::{Deserialize, Serialize};

/// `σ(x) = 1 / (1 + e^−x)`, without overflow.
#[must_use]
pub fn sigmoid(logit: f64) -> f64 {
    if logit >= 0.0 { 1.0 / (1.0 + (-logit).exp()) } else { logit.exp() / (1.0 + logit.exp()) }
}

/// How one image's logit becomes its probability.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// `σ(z)`: the network's own probability.
    #[default]
    Identity,
    /// `σ(z / T)` (Guo et al., On Calibration of Modern Neural Networks, 2017, section 4.2). Keeps every ranking.
    Temperature(Temperature),
    /// A monotone map of `σ(z)` (Zadrozny and Elkan, 2002). May make ties of scores that differed.
    Isotonic(Isotonic),
}

impl Calibration {
    /// The calibrated probability of an image, 0 to 1, from its logit; not a number stays not a number.
    #[must_use]
    pub fn apply(&self, logit: f64) -> f64 {
        match self {
            Self::Identity => sigmoid(logit),
            Self::Temperature(temperature) => temperature.apply(logit),
            Self::Isotonic(isotonic) => isotonic.apply(sigmoid(logit)),
        }
    }
}

/// A calibration value that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// Zero, negative, infinite or not a number.
    #[error("a temperature is a finite number above 0")]
    Temperature,
    /// No breakpoint, or not increasing, or out of range.
    #[error("breakpoints need finite scores that increase and probabilities in 0 to 1 that do not fall")]
    Breakpoints,
    /// Not a finite number.
    #[error("a threshold is a finite number")]
    Threshold,
}

/// The divisor of temperature scaling: finite, above 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TemperatureFields", into = "TemperatureFields")]
pub struct Temperature(f64);

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemperatureFields {
    temperature: f64,
}

impl Temperature {
    /// # Errors
    /// [`CalibrationError::Temperature`] for what is not finite or not above 0.
    pub fn new(temperature: f64) -> Result<Self, CalibrationError> {
        let valid = temperature.is_finite() && temperature > 0.0;
        valid.then_some(Self(temperature)).ok_or(CalibrationError::Temperature)
    }

    /// The divisor.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// `σ(z / T)`.
    #[must_use]
    pub fn apply(self, logit: f64) -> f64 {
        sigmoid(logit / self.0)
    }
}

impl TryFrom<TemperatureFields> for Temperature {
    type Error = CalibrationError;

    fn try_from(fields: TemperatureFields) -> Result<Self, Self::Error> {
        Self::new(fields.temperature)
    }
}

impl From<Temperature> for TemperatureFields {
    fn from(temperature: Temperature) -> Self {
        Self { temperature: temperature.0 }
    }
}

/// A score and the probability that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breakpoint {
    /// The score.
    pub score: f64,
    /// Its probability, 0 to 1.
    pub probability: f64,
}

/// A monotone, piecewise linear map. Left of the first and right of the last breakpoint it is constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "IsotonicFields", into = "IsotonicFields")]
pub struct Isotonic(Vec<Breakpoint>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IsotonicFields {
    breakpoints: Vec<Breakpoint>,
}

impl Isotonic {
    /// # Errors
    /// [`CalibrationError::Breakpoints`] for an empty list, scores that do not increase, probabilities that fall or are
    /// outside 0 to 1, and what is not finite.
    pub fn new(breakpoints: Vec<Breakpoint>) -> Result<Self, CalibrationError> {
        let in_range = |point: &Breakpoint| point.score.is_finite() && (0.0..=1.0).contains(&point.probability);
        let rises = |pair: &[Breakpoint]| pair[0].score < pair[1].score && pair[0].probability <= pair[1].probability;
        let valid = !breakpoints.is_empty() && breakpoints.iter().all(in_range) && breakpoints.windows(2).all(rises);
        valid.then_some(Self(breakpoints)).ok_or(CalibrationError::Breakpoints)
    }

    /// The breakpoints, by rising score.
    #[must_use]
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.0
    }

    /// The probability of a score, 0 to 1, by linear interpolation; not a number stays not a number.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        if score.is_nan() {
            return score;
        }
        let above = self.0.partition_point(|point| point.score < score);
        match (above.checked_sub(1).and_then(|below| self.0.get(below)), self.0.get(above)) {
            (Some(low), Some(high)) => {
                let share = (score - low.score) / (high.score - low.score);
                (low.probability + share * (high.probability - low.probability)).min(high.probability)
            }
            (Some(edge), None) | (None, Some(edge)) => edge.probability,
            (None, None) => score,
        }
    }
}

impl TryFrom<IsotonicFields> for Isotonic {
    type Error = CalibrationError;

    fn try_from(fields: IsotonicFields) -> Result<Self, Self::Error> {
        Self::new(fields.breakpoints)
    }
}

impl From<Isotonic> for IsotonicFields {
    fn from(isotonic: Isotonic) -> Self {
        Self { breakpoints: isotonic.0 }
    }
}

/// What an operating point was chosen for, a share in 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// At least this share of the positive ones is called.
    Sensitivity(f64),
    /// At least this share of the negative ones is not called.
    Specificity(f64),
}

/// A threshold, and what it reached on the data on which it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// What it was chosen for.
    pub target: Target,
    /// The decision; see [`Threshold::calls`].
    pub threshold: Threshold,
    /// Sensitivity reached.
    pub sensitivity: f64,
    /// Specificity reached.
    pub specificity: f64,
}

/// The lowest score that is called positive: finite. May be above 1, which calls nothing.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Threshold(f64);

impl Threshold {
    /// # Errors
    /// [`CalibrationError::Threshold`] for what is not finite.
    pub fn new(threshold: f64) -> Result<Self, CalibrationError> {
        threshold.is_finite().then_some(Self(threshold)).ok_or(CalibrationError::Threshold)
    }

    /// The lowest score that is called.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether a score is called positive: `score ≥ threshold`.
    #[must_use]
    pub fn calls(self, score: f64) -> bool {
        score >= self.0
    }
}

impl TryFrom<f64> for Threshold {
    type Error = CalibrationError;

    fn try_from(threshold: f64) -> Result<Self, Self::Error> {
        Self::new(threshold)
    }
}

impl From<Threshold> for f64 {
    fn from(threshold: Threshold) -> Self {
        threshold.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Breakpoint> {
        pairs.iter().map(|&(score, probability)| Breakpoint { score, probability }).collect()
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Temperature::new(temperature), Err(CalibrationError::Temperature));
        }
        let bad: [&[(f64, f64)]; 5] =
            [&[], &[(0.5, 0.1), (0.5, 0.2)], &[(0.1, 0.2), (0.2, 0.1)], &[(0.1, 1.5)], &[(f64::NAN, 0.5)]];
        for pairs in bad {
            assert_eq!(Isotonic::new(points(pairs)), Err(CalibrationError::Breakpoints), "{pairs:?}");
        }
        assert_eq!(Threshold::new(f64::NAN), Err(CalibrationError::Threshold));
        for text in [r#"{"temperature":{"temperature":0.0}}"#, r#"{"isotonic":{"breakpoints":[]}}"#] {
            assert!(serde_json::from_str::<Calibration>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn survives_json() {
        let isotonic = Isotonic::new(points(&[(0.1, 0.0), (0.4, 0.3)])).unwrap();
        for calibration in [
            Calibration::Identity,
            Calibration::Temperature(Temperature::new(1.5).unwrap()),
            Calibration::Isotonic(isotonic),
        ] {
            let text = serde_json::to_string(&calibration).unwrap();
            assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration, "{text}");
        }
        let temperature = Calibration::Temperature(Temperature::new(1.5).unwrap());
        assert_eq!(serde_json::to_string(&temperature).unwrap(), r#"{"temperature":{"temperature":1.5}}"#);
    }

    #[test]
    fn interpolates_between_and_is_constant_outside() {
        let isotonic = Isotonic::new(points(&[(0.2, 0.1), (0.4, 0.3), (0.6, 0.3)])).unwrap();
        for (score, probability) in [(0.0, 0.1), (0.2, 0.1), (0.3, 0.2), (0.5, 0.3), (0.9, 0.3)] {
            assert!((isotonic.apply(score) - probability).abs() < 1e-12, "{score}");
        }
        assert!(isotonic.apply(f64::NAN).is_nan());
        assert!((sigmoid(-800.0), sigmoid(800.0)) == (0.0, 1.0), "no overflow");
    }

    #[test]
    fn a_threshold_calls_its_own_score() {
        let threshold = Threshold::new(0.5).unwrap();
        assert!(threshold.calls(0.5) && !threshold.calls(0.499) && !threshold.calls(f64::NAN));
    }

    proptest! {
        #[test]
        fn calibration_never_turns_an_order_round(a in -20.0..20.0_f64, b in -20.0..20.0_f64) {
            let (low, high) = (a.min(b), a.max(b));
            let isotonic = Isotonic::new(points(&[(0.1, 0.0), (0.4, 0.3), (0.9, 0.8)])).unwrap();
            for calibration in [
                Calibration::Identity,
                Calibration::Temperature(Temperature::new(2.0).unwrap()),
                Calibration::Isotonic(isotonic),
            ] {
                prop_assert!(calibration.apply(low) <= calibration.apply(high));
            }
        }
    }
}
