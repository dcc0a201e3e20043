//! Fits a calibration to scores and labels of validation data; what is fitted lives in `contract::calibration`.
//!
//! A temperature has no intercept: it cannot move probabilities of a network that was trained on even classes down to a
//! screening population's prevalence. Fit it at the prevalence that the network was trained for, or take isotonic
//! regression at the natural one.

use contract::calibration::sigmoid;
use contract::{Breakpoint, Isotonic, Temperature};

use crate::error::Unfit;
use crate::sample::Prevalence;

/// Doublings of `1 / T` in search of an upper bound, halvings of the bracket, and Newton steps, all together.
const STEPS_MAX: usize = 200;

/// Relative width of `1 / T` at which the search ends.
const TOLERANCE: f64 = 1e-12;

/// The temperature with the smallest `−Σ w (y ln p + (1 − y) ln(1 − p))`, `p = σ(z / T)` (Guo et al. 2017, section 4.2).
///
/// Convex in `β = 1 / T`, with derivative `Σ w (σ(βz) − y) z`: Newton steps, and bisection where one leaves the bracket.
/// On the balanced draw both classes have the same weight.
///
/// # Errors
/// [`Unfit`]: lengths, a logit that is not finite, one class, classes that 0 separates (the best temperature would be 0),
/// and scores without a relation to the labels (it would be infinite or negative).
pub fn temperature(logits: &[f64], labels: &[bool], prevalence: Prevalence) -> Result<Temperature, Unfit> {
    let rows = weighted(logits, labels, prevalence)?;
    if rows.iter().all(|row| if row.positive { row.score >= 0.0 } else { row.score <= 0.0 }) {
        return Err(Unfit::Separable);
    }
    let (mut low, mut high) = (0.0, 1.0);
    if slope(&rows, low).0 >= 0.0 {
        return Err(Unfit::NoSignal);
    }
    let mut steps = 0;
    while slope(&rows, high).0 < 0.0 {
        (low, high) = (high, high * 2.0);
        steps += 1;
        if steps == STEPS_MAX {
            return Err(Unfit::Separable);
        }
    }
    let mut beta = f64::midpoint(low, high);
    while high - low > TOLERANCE * high && steps < STEPS_MAX {
        let (gradient, curvature) = slope(&rows, beta);
        if gradient < 0.0 {
            low = beta
        } else {
            high = beta
        }
        let newton = beta - gradient / curvature;
        if (newton - beta).abs() <= TOLERANCE * beta {
            break;
        }
        // Not a number, where the curvature is 0, is in no bracket.
        beta = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        steps += 1;
    }
    Temperature::new(1.0 / beta).map_err(|_| Unfit::NoSignal)
}

/// First and second derivative of the negative log likelihood at `β`.
fn slope(rows: &[Row], beta: f64) -> (f64, f64) {
    rows.iter().fold((0.0, 0.0), |(gradient, curvature), row| {
        let p = sigmoid(beta * row.score);
        let gap = p - f64::from(u8::from(row.positive));
        (gradient + row.weight * gap * row.score, curvature + row.weight * p * (1.0 - p) * row.score * row.score)
    })
}

/// Isotonic regression by pooling adjacent violators (Ayer et al. 1955), ties pooled first; linear between the pools'
/// ends, constant outside. Least squares among all rising maps; needs hundreds of positive ones not to follow the noise.
///
/// # Errors
/// [`Unfit`]: lengths, a score that is not finite, one class.
pub fn isotonic(scores: &[f64], labels: &[bool], prevalence: Prevalence) -> Result<Isotonic, Unfit> {
    let mut rows = weighted(scores, labels, prevalence)?;
    rows.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut pools: Vec<Pool> = Vec::new();
    for tie in rows.chunk_by(|a, b| a.score == b.score) {
        let mut pool = Pool::of(tie);
        while let Some(before) = pools.pop_if(|before| before.mean() >= pool.mean()) {
            pool = Pool {
                first: before.first,
                last: pool.last,
                weight: before.weight + pool.weight,
                positive: before.positive + pool.positive,
            };
        }
        pools.push(pool);
    }
    let mut breakpoints = Vec::with_capacity(2 * pools.len());
    for pool in pools {
        let probability = pool.mean();
        breakpoints.push(Breakpoint { score: pool.first, probability });
        if pool.last > pool.first {
            breakpoints.push(Breakpoint { score: pool.last, probability });
        }
    }
    Isotonic::new(breakpoints).map_err(|_| Unfit::NotFinite)
}

/// Neighbours with one probability.
struct Pool {
    first: f64,
    last: f64,
    weight: f64,
    positive: f64,
}

impl Pool {
    fn of(tie: &[Row]) -> Self {
        let score = tie.first().map_or(0.0, |row| row.score);
        let sum = |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| row.weight).sum();
        let positive = sum(&mut tie.iter().filter(|row| row.positive));
        Self { first: score, last: score, weight: sum(&mut tie.iter()), positive }
    }

    /// Rounding must not lead out of 0 to 1.
    fn mean(&self) -> f64 {
        (self.positive / self.weight).clamp(0.0, 1.0)
    }
}

#[derive(Clone, Copy)]
struct Row {
    /// A logit or a probability. `-0.0` is `0.0`, which it equals but is not sorted beside.
    score: f64,
    positive: bool,
    weight: f64,
}

fn weighted(scores: &[f64], labels: &[bool], prevalence: Prevalence) -> Result<Vec<Row>, Unfit> {
    if scores.is_empty() || scores.len() != labels.len() {
        return Err(Unfit::Lengths);
    }
    if !scores.iter().all(|score| score.is_finite()) {
        return Err(Unfit::NotFinite);
    }
    let positive = labels.iter().filter(|label| **label).count();
    let negative = labels.len() - positive;
    if positive == 0 || negative == 0 {
        return Err(Unfit::OneClass);
    }
    let weight = |positive_label: bool| match prevalence {
        Prevalence::Natural => 1.0,
        Prevalence::Balanced => 0.5 / (if positive_label { positive } else { negative }) as f64,
    };
    let row = |(&score, &positive): (&f64, &bool)| Row { score: score + 0.0, positive, weight: weight(positive) };
    Ok(scores.iter().zip(labels).map(row).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Labels drawn with the probability that `σ(z / temperature)` says.
    fn drawn(count: usize, temperature: f64) -> (Vec<f64>, Vec<bool>) {
        let mut random = fastrand::Rng::with_seed(5);
        (0..count)
            .map(|_| {
                let logit = 8.0 * random.f64() - 4.0;
                (logit, random.f64() < sigmoid(logit / temperature))
            })
            .unzip()
    }

    #[test]
    fn what_nothing_can_be_fitted_to_is_refused() {
        let natural = Prevalence::Natural;
        for (scores, labels, why) in [
            (&[][..], &[][..], Unfit::Lengths),
            (&[0.1], &[true, false], Unfit::Lengths),
            (&[0.1, f64::NAN], &[true, false], Unfit::NotFinite),
            (&[0.1, 0.2], &[true, true], Unfit::OneClass),
        ] {
            assert_eq!(temperature(scores, labels, natural), Err(why));
            assert_eq!(isotonic(scores, labels, natural), Err(why));
        }
        assert_eq!(temperature(&[1.0, -1.0], &[true, false], natural), Err(Unfit::Separable));
        assert_eq!(temperature(&[-1.0, 1.0], &[true, false], natural), Err(Unfit::NoSignal));
        assert_eq!(temperature(&[0.0, 0.0], &[true, false], natural), Err(Unfit::Separable));
    }

    #[test]
    fn the_temperature_of_the_draw_is_found() {
        for expected in [0.5, 1.0, 3.0] {
            let (logits, labels) = drawn(40_000, expected);
            let found = temperature(&logits, &labels, Prevalence::Natural).unwrap().get();
            assert!((found / expected - 1.0).abs() < 0.05, "{expected}: {found}");
        }
    }

    #[test]
    fn the_temperature_is_the_best() {
        let (logits, labels) = drawn(500, 2.0);
        let best = temperature(&logits, &labels, Prevalence::Balanced).unwrap().get();
        let rows = weighted(&logits, &labels, Prevalence::Balanced).unwrap();
        assert!(slope(&rows, 1.0 / best).0.abs() < 1e-9);
        // Nearly separable: one wrong among many, far from the start.
        let logits: Vec<f64> = (0..100).map(|index| f64::from(index) * 1e-4 - 5e-3).collect();
        let labels: Vec<bool> = (0..100).map(|index| index > 50 || index == 49).collect();
        let rows = weighted(&logits, &labels, Prevalence::Natural).unwrap();
        let best = temperature(&logits, &labels, Prevalence::Natural).unwrap().get();
        assert!(slope(&rows, 1.0 / best).0.abs() < 1e-9, "{best}");
    }

    #[test]
    fn isotonic_by_hand() {
        // 0.1: 0; 0.2: 1 and 0.3: 0 are pooled to 1/2; 0.4: 1.
        let map = isotonic(&[0.3, 0.1, 0.4, 0.2], &[false, false, true, true], Prevalence::Natural).unwrap();
        let points: Vec<_> = map.breakpoints().iter().map(|point| (point.score, point.probability)).collect();
        assert_eq!(points, [(0.1, 0.0), (0.2, 0.5), (0.3, 0.5), (0.4, 1.0)]);
        let tied = isotonic(&[0.0, -0.0, 0.5], &[true, false, true], Prevalence::Natural).unwrap();
        assert_eq!(tied.breakpoints().len(), 2, "both zeros are one score");
    }

    proptest! {
        #[test]
        fn isotonic_is_monotone_and_keeps_the_mean(rows in proptest::collection::vec((0_u8..30, any::<bool>()), 2..80)) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score) / 30.0).collect();
            let labels: Vec<bool> = rows.iter().map(|(_, label)| *label).collect();
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let map = isotonic(&scores, &labels, Prevalence::Natural).unwrap();
            let fitted: Vec<f64> = scores.iter().map(|score| map.apply(*score)).collect();
            let positive = labels.iter().filter(|label| **label).count() as f64;
            prop_assert!((fitted.iter().sum::<f64>() - positive).abs() < 1e-9);
            let mut pairs: Vec<_> = scores.iter().zip(&fitted).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(b.0));
            prop_assert!(pairs.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        }
    }
}
