//! Confidence intervals: the percentile bootstrap over patients (Efron and Tibshirani 1993, chapter 13).
//!
//! Whole patients are drawn with replacement, because images of a patient are not independent; each resample has as many
//! patients as the sample. A resample in which a figure is not defined (one class only, nothing called) is left out of
//! that figure's interval and counted. An interval is withheld, not guessed,
//! - when more resamples were left out than the interval itself leaves out (5 % at level 0.95): what is left is a
//!   selection, and there are too few patients of a class (three give 5 %);
//! - when all resamples gave the same value: it is at its border and bounds nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::curves::{BandPoint, roc_at};
use crate::error::EvaluationError;
use crate::metrics::{Confusion, Metric, Metrics};
use crate::sample::{Prevalence, Sample};

/// Resamples of one interval.
pub const RESAMPLES_MAX: usize = 100_000;

/// How intervals are made. The same values give the same intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// How many resamples; 0 for none, at most [`RESAMPLES_MAX`].
    pub resamples: usize,
    /// The share of resamples inside the interval, above 0 and below 1.
    pub level: f64,
    /// Where the draws start.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, level: 0.95, seed: 1 }
    }
}

/// A percentile interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A figure and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Of the sample itself; `None` where it is not defined.
    pub value: Option<f64>,
    /// `None` where it is withheld (see the module).
    pub interval: Option<Interval>,
    /// Resamples in which it is not defined.
    pub undefined: usize,
}

/// All figures of a sample at one prevalence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The outcomes at the threshold.
    pub confusion: Confusion,
    /// Each figure with its interval.
    pub estimates: BTreeMap<Metric, Estimate>,
}

impl Bootstrap {
    /// # Errors
    /// [`EvaluationError::Setting`] for values out of range.
    pub fn check(&self) -> Result<(), EvaluationError> {
        if self.resamples > RESAMPLES_MAX {
            return Err(EvaluationError::Setting { name: "resamples", rule: "at most 100000" });
        }
        let inside = self.level > 0.0 && self.level < 1.0;
        if inside { Ok(()) } else { Err(EvaluationError::Setting { name: "level", rule: "above 0 and below 1" }) }
    }

    /// The figures with their intervals; `None` for the balanced draw of one class.
    #[must_use]
    pub fn figures(&self, sample: &Sample, prevalence: Prevalence, threshold: f64) -> Option<Figures> {
        let metrics = Metrics::of(sample, prevalence, threshold)?;
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); Metric::ALL.len()];
        self.each(sample, prevalence, |weights| {
            let metrics = Metrics::weighted(sample, weights, threshold);
            for (values, metric) in values.iter_mut().zip(Metric::ALL) {
                values.extend(metrics.get(metric));
            }
        });
        let estimate = |(metric, values): (Metric, Vec<f64>)| {
            let undefined = self.resamples - values.len();
            (metric, Estimate { value: metrics.get(metric), interval: self.interval(values), undefined })
        };
        let estimates = Metric::ALL.into_iter().zip(values).map(estimate).collect();
        Some(Figures { confusion: metrics.confusion, estimates })
    }

    /// Pointwise interval of the ROC curve's height at `points` (at least 2) evenly spaced false-positive rates. Empty
    /// where intervals are withheld.
    #[must_use]
    pub fn roc_band(&self, sample: &Sample, points: usize) -> Vec<BandPoint> {
        let steps = points.max(2) - 1;
        let rates: Vec<f64> = (0..=steps).map(|step| step as f64 / steps as f64).collect();
        let mut heights: Vec<Vec<f64>> = vec![Vec::new(); rates.len()];
        self.each(sample, Prevalence::Natural, |weights| {
            if let Some(resampled) = roc_at(sample, weights, &rates) {
                heights.iter_mut().zip(resampled).for_each(|(heights, height)| heights.push(height));
            }
        });
        let enough = heights.iter().all(|heights| self.suffices(heights.len()));
        let tail = (1.0 - self.level) / 2.0;
        let point = |(x, mut heights): (f64, Vec<f64>)| {
            heights.sort_by(f64::total_cmp);
            Some(BandPoint { x, low: percentile(&heights, tail)?, high: percentile(&heights, 1.0 - tail)? })
        };
        if enough { rates.into_iter().zip(heights).filter_map(point).collect() } else { Vec::new() }
    }

    /// Calls `with` the weights of each resample that has any.
    fn each(&self, sample: &Sample, prevalence: Prevalence, mut with: impl FnMut(&[f64])) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let patients = sample.patient_count();
        for _ in 0..self.resamples {
            let mut times = vec![0_u32; patients];
            for _ in 0..patients {
                times[random.usize(..patients)] += 1;
            }
            if let Some(weights) = sample.weights_of(&times, prevalence) {
                with(&weights);
            }
        }
    }

    /// Whether so many defined resamples are enough of all.
    fn suffices(&self, defined: usize) -> bool {
        let undefined = self.resamples.saturating_sub(defined);
        defined >= 2 && undefined as f64 <= (1.0 - self.level) * self.resamples as f64
    }

    fn interval(&self, mut values: Vec<f64>) -> Option<Interval> {
        values.sort_by(f64::total_cmp);
        let varies = values.first() < values.last();
        let tail = (1.0 - self.level) / 2.0;
        let interval = Interval { low: percentile(&values, tail)?, high: percentile(&values, 1.0 - tail)? };
        (varies && self.suffices(values.len())).then_some(interval)
    }
}

/// The percentile of sorted values with linear interpolation (type 7 of Hyndman and Fan 1996, as NumPy).
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)? as f64);
    let (low, high) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Unit;

    fn sample(patients: usize, images: usize) -> Sample {
        let mut random = fastrand::Rng::with_seed(3);
        let mut units = Vec::new();
        for patient in 0..patients {
            let positive = patient % 3 == 0;
            let score = (random.f64() + 0.5 * f64::from(u8::from(positive))) / 1.5;
            units.extend(vec![Unit { score, positive, patient, breast_share: 1.0 / images as f64 }; images]);
        }
        Sample::new(units).unwrap()
    }

    fn auc(sample: &Sample, seed: u64) -> Estimate {
        let bootstrap = Bootstrap { resamples: 500, level: 0.95, seed };
        bootstrap.figures(sample, Prevalence::Natural, 0.5).unwrap().estimates[&Metric::Auc]
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let sample = sample(60, 1);
        let first = auc(&sample, 1);
        assert_eq!(first, auc(&sample, 1));
        assert_ne!(first.interval, auc(&sample, 2).interval);
        let (interval, value) = (first.interval.unwrap(), first.value.unwrap());
        assert!(interval.low < value && value < interval.high, "{first:?}");
    }

    #[test]
    fn repeated_images_of_a_patient_do_not_narrow_the_interval() {
        let width = |estimate: Estimate| estimate.interval.map(|interval| interval.high - interval.low).unwrap();
        let (single, fourfold) = (width(auc(&sample(60, 1), 1)), width(auc(&sample(60, 4), 1)));
        assert!((single - fourfold).abs() < 1e-9, "{single} {fourfold}");
    }

    #[test]
    fn too_few_patients_of_a_class_have_no_interval() {
        let scores: Vec<f64> = (0..40).map(|index| f64::from(index) / 40.0).collect();
        let labels: Vec<bool> = (0..40).map(|index| index == 30).collect();
        let estimate = auc(&Sample::of(&scores, &labels).unwrap(), 1);
        assert!(estimate.value.is_some() && estimate.interval.is_none());
        // (1 - 1/40)^40 = 36 % of resamples are without the one positive patient.
        assert!((150..220).contains(&estimate.undefined), "{estimate:?}");
    }

    #[test]
    fn a_figure_at_its_border_and_a_single_patient_have_no_interval() {
        let perfect = Sample::of(&[0.9, 0.8, 0.2, 0.1].repeat(5), &[true, true, false, false].repeat(5)).unwrap();
        assert_eq!((auc(&perfect, 1).value, auc(&perfect, 1).interval), (Some(1.0), None));
        let unit = |score, positive| Unit { score, positive, patient: 0, breast_share: 1.0 };
        let single = Sample::new(vec![unit(0.9, false), unit(0.5, true), unit(0.2, false)]).unwrap();
        assert_eq!((auc(&single, 1).value, auc(&single, 1).interval), (Some(0.5), None));
    }

    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        // 100 sets of a model whose true AUC is 7/8 (uniform scores on 0..1/2 more for positive ones).
        let covered = (0..100).filter(|&seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            let labels: Vec<bool> = (0..120).map(|index| index % 2 == 0).collect();
            let scores: Vec<f64> =
                labels.iter().map(|&label| (random.f64() + 0.5 * f64::from(u8::from(label))) / 1.5).collect();
            let interval = auc(&Sample::of(&scores, &labels).unwrap(), seed).interval.unwrap();
            interval.low <= 0.875 && 0.875 <= interval.high
        });
        let covered = covered.count();
        assert!((88..=99).contains(&covered), "{covered} of 100");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (resamples, level) in [(RESAMPLES_MAX + 1, 0.95), (10, 0.0), (10, 1.0), (10, f64::NAN)] {
            assert!(Bootstrap { resamples, level, seed: 1 }.check().is_err());
        }
        let none = Bootstrap { resamples: 0, ..Bootstrap::default() };
        let figures = none.figures(&sample(9, 1), Prevalence::Balanced, 0.5).unwrap();
        assert!(figures.estimates.values().all(|estimate| estimate.interval.is_none() && estimate.undefined == 0));
        assert!(none.roc_band(&sample(9, 1), 11).is_empty());
    }
}
