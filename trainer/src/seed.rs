//! Random numbers: each use draws from a generator of its own, made from the run's seed and where it is used.
//!
//! Nothing carries a state from one step to the next, so that a resumed run draws what an uninterrupted one would have
//! drawn.

/// What a generator is for: two uses never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Which patients are put apart for validation.
    Split = 1,
    /// Which prediction ids an epoch draws.
    Sampler = 2,
    /// Augmentation of one image.
    Augmentation = 3,
    /// Dropout and stochastic depth of one step.
    Dropout = 4,
    /// Weights of a new classifier.
    Classifier = 5,
    /// Copied channels and noise of a grown network.
    Growth = 6,
    /// Which images calibrate the batch norms.
    Calibration = 7,
    /// Which kept variant of an image is trained on.
    Variant = 8,
}

/// The seed of one use: `place` says where, for example epoch and step.
#[must_use]
pub fn derive(seed: u64, purpose: Purpose, place: &[u64]) -> u64 {
    let start = mix(seed ^ mix(purpose as u64));
    place.iter().fold(start, |state, &part| mix(state.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ mix(part)))
}

/// A generator for one use.
#[must_use]
pub fn generator(seed: u64, purpose: Purpose, place: &[u64]) -> fastrand::Rng {
    fastrand::Rng::with_seed(derive(seed, purpose, place))
}

/// Seeds libtorch's own generator for one use.
pub fn seed_torch(seed: u64, purpose: Purpose, place: &[u64]) {
    tch::manual_seed(derive(seed, purpose, place).cast_signed());
}

/// A number of the normal distribution with mean 0 and variance 1 (Box and Muller).
pub fn normal(generator: &mut fastrand::Rng) -> f64 {
    // 1 − u is never 0.
    let radius = (-2.0 * (1.0 - generator.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * generator.f64()).cos()
}

/// SplitMix64's finaliser.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_and_purpose_has_numbers_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for purpose in [Purpose::Sampler, Purpose::Augmentation] {
            for place in [&[][..], &[0], &[1], &[0, 1], &[1, 0]] {
                assert!(seen.insert(derive(7, purpose, place)), "{purpose:?} {place:?}");
            }
        }
        assert_eq!(derive(7, Purpose::Sampler, &[1]), derive(7, Purpose::Sampler, &[1]));
    }

    #[test]
    fn normal_numbers_have_variance_one() {
        let mut generator = generator(1, Purpose::Growth, &[]);
        let values: Vec<f64> = (0..20_000).map(|_| normal(&mut generator)).collect();
        let mean = values.iter().sum::<f64>() / 2e4;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / 2e4;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
