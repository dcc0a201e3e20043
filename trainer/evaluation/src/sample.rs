//! What is counted: scores with labels at one level, image or breast, and how much each weighs.

use std::collections::HashMap;

use contract::{Aggregation, Calibration};
use serde::{Deserialize, Serialize};

use crate::error::Unfit;
use crate::prediction::{Prediction, Predictions};

/// Bins of the calibration error and diagram: the 15 of Guo et al. 2017.
pub const BINS: usize = 15;

/// What one score stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One image.
    Image,
    /// One prediction id (patient and laterality), aggregated.
    Breast(Aggregation),
}

/// The share of positive ones for which a figure is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prevalence {
    /// The set's own: every unit weighs the same.
    Natural,
    /// The paper's draw: prediction ids are drawn with replacement, positive and negative ones with equal chance, and
    /// all images of a drawn one are taken.
    ///
    /// Here every figure is the limit of an ever longer draw, not the mean of repeated draws: a unit weighs what it is
    /// expected to be drawn, `1 / (2 N)` with the `N` prediction ids of its class. It needs no seed, has no noise of its
    /// own, and the draws converge to it (tested). The mean of short draws would differ by their length, which says
    /// nothing about a model.
    Balanced,
}

/// One scored thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// Its probability, 0 to 1.
    pub score: f64,
    /// Its label.
    pub positive: bool,
    /// Whose it is: any number that is the same for all units of a patient.
    pub patient: usize,
    /// Its share of its breast: 1 over the number of the breast's units in this sample.
    pub breast_share: f64,
}

/// Units by falling score, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    units: Vec<Unit>,
    bins: Vec<usize>,
    patient_count: usize,
}

/// How much there is of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Images or breasts.
    pub units: usize,
    /// Of them positive.
    pub positive: usize,
    /// Patients.
    pub patients: usize,
}

impl Sample {
    /// Sorts the units and numbers their patients anew from 0.
    ///
    /// # Errors
    /// [`Unfit::Lengths`] without a unit, [`Unfit::NotFinite`] for a score outside 0 to 1 or a share that is not above 0.
    pub fn new(mut units: Vec<Unit>) -> Result<Self, Unfit> {
        if units.is_empty() {
            return Err(Unfit::Lengths);
        }
        let sound =
            |unit: &Unit| (0.0..=1.0).contains(&unit.score) && unit.breast_share.is_finite() && unit.breast_share > 0.0;
        if !units.iter().all(sound) {
            return Err(Unfit::NotFinite);
        }
        let mut patients = HashMap::new();
        for unit in &mut units {
            let next = patients.len();
            unit.patient = *patients.entry(unit.patient).or_insert(next);
        }
        units.sort_by(|a, b| b.score.total_cmp(&a.score));
        let bins = units.iter().map(|unit| bin(unit.score)).collect();
        Ok(Self { units, bins, patient_count: patients.len() })
    }

    /// Scores and labels without anything about patients: each is a patient of its own.
    ///
    /// # Errors
    /// As [`Sample::new`], and [`Unfit::Lengths`] when there are not as many labels as scores.
    pub fn of(scores: &[f64], labels: &[bool]) -> Result<Self, Unfit> {
        if scores.len() != labels.len() {
            return Err(Unfit::Lengths);
        }
        let unit = |(patient, (&score, &positive))| Unit { score, positive, patient, breast_share: 1.0 };
        Self::new(scores.iter().zip(labels).enumerate().map(unit).collect())
    }

    /// The images for which `keep` holds.
    ///
    /// # Errors
    /// [`Unfit::Lengths`] when that is none.
    pub fn images(
        predictions: &Predictions,
        calibration: &Calibration,
        keep: impl Fn(&Prediction) -> bool,
    ) -> Result<Self, Unfit> {
        let mut units = Vec::new();
        for breast in predictions.breasts() {
            let kept: Vec<usize> = breast.iter().copied().filter(|&row| keep(&predictions.rows()[row])).collect();
            for &row in &kept {
                let prediction = &predictions.rows()[row];
                units.push(Unit {
                    score: calibration.apply(prediction.logit),
                    positive: prediction.label,
                    patient: predictions.patient(row).unwrap_or(row),
                    breast_share: 1.0 / kept.len() as f64,
                });
            }
        }
        Self::new(units)
    }

    /// The breasts for whose images `keep` holds, each aggregated from all its calibrated images.
    ///
    /// # Errors
    /// [`Unfit::Lengths`] when that is none.
    pub fn breasts(
        predictions: &Predictions,
        calibration: &Calibration,
        aggregation: Aggregation,
        keep: impl Fn(&[&Prediction]) -> bool,
    ) -> Result<Self, Unfit> {
        let (scores, labels) = predictions.breast_scores(calibration, aggregation);
        let mut units = Vec::new();
        for ((rows, score), positive) in predictions.breasts().iter().zip(scores).zip(labels) {
            let images: Vec<&Prediction> = rows.iter().map(|&row| &predictions.rows()[row]).collect();
            let patient = rows.first().and_then(|&row| predictions.patient(row));
            if let (Some(patient), true) = (patient, keep(&images)) {
                units.push(Unit { score, positive, patient, breast_share: 1.0 });
            }
        }
        Self::new(units)
    }

    /// The units, by falling score.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// How much there is.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let positive = self.units.iter().filter(|unit| unit.positive).count();
        Counts { units: self.units.len(), positive, patients: self.patient_count }
    }

    /// What each unit weighs at a prevalence, in the order of [`Sample::units`]; balanced weights sum to 1. `None` for
    /// the balanced draw of one class.
    #[must_use]
    pub fn weights(&self, prevalence: Prevalence) -> Option<Vec<f64>> {
        self.weights_of(&vec![1; self.patient_count], prevalence)
    }

    /// As [`Sample::weights`], with each patient as often as `times` says.
    pub(crate) fn weights_of(&self, times: &[u32], prevalence: Prevalence) -> Option<Vec<f64>> {
        let times_of = |unit: &Unit| f64::from(times.get(unit.patient).copied().unwrap_or(0));
        match prevalence {
            Prevalence::Natural => Some(self.units.iter().map(times_of).collect()),
            Prevalence::Balanced => {
                // Prediction ids and images of each class: negative, positive.
                let mut breasts = [0.0; 2];
                let mut images = [0.0; 2];
                for unit in &self.units {
                    breasts[usize::from(unit.positive)] += times_of(unit) * unit.breast_share;
                    images[usize::from(unit.positive)] += times_of(unit);
                }
                if breasts[0] <= 0.0 || breasts[1] <= 0.0 {
                    return None;
                }
                let total = images[0] / breasts[0] + images[1] / breasts[1];
                let weight = |unit: &Unit| times_of(unit) / breasts[usize::from(unit.positive)] / total;
                Some(self.units.iter().map(weight).collect())
            }
        }
    }

    pub(crate) fn patient_count(&self) -> usize {
        self.patient_count
    }

    /// Bin of each unit, in the order of [`Sample::units`].
    pub(crate) fn bins(&self) -> &[usize] {
        &self.bins
    }

    /// Ranges of units with the same score, by falling score.
    pub(crate) fn ties(&self) -> impl Iterator<Item = &[Unit]> {
        self.units.chunk_by(|a, b| a.score == b.score)
    }
}

/// Bin of a score: `(k / BINS, (k + 1) / BINS]`, with 0 in the first.
fn bin(score: f64) -> usize {
    (1..BINS).filter(|&edge| score > edge as f64 / BINS as f64).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_counted_is_refused() {
        assert_eq!(Sample::of(&[], &[]), Err(Unfit::Lengths));
        assert_eq!(Sample::of(&[0.5], &[]), Err(Unfit::Lengths));
        for score in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(Sample::of(&[0.5, score], &[true, false]), Err(Unfit::NotFinite), "{score}");
        }
    }

    #[test]
    fn the_balanced_draw_weighs_breasts_equally_and_takes_all_their_images() {
        // One positive breast of three images; two negative breasts of one and two.
        let unit = |positive, patient, images: f64| Unit { score: 0.5, positive, patient, breast_share: 1.0 / images };
        let units = vec![
            unit(true, 1, 3.0),
            unit(true, 1, 3.0),
            unit(true, 1, 3.0),
            unit(false, 2, 1.0),
            unit(false, 3, 2.0),
            unit(false, 3, 2.0),
        ];
        let weights = Sample::new(units).unwrap().weights(Prevalence::Balanced).unwrap();
        // A draw of one prediction id has 3 positive images with chance 1/2, 1.5 negative ones on average otherwise.
        let positive: f64 = weights[..3].iter().sum();
        assert!((positive - 3.0 / 4.5).abs() < 1e-12, "{positive}");
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[3..].windows(2).all(|pair| (pair[0] - pair[1]).abs() < 1e-12));
        assert_eq!(Sample::of(&[0.5], &[true]).unwrap().weights(Prevalence::Balanced), None, "one class");
    }

    #[test]
    fn bins_are_closed_on_the_right() {
        assert_eq!([0.0, 1e-9, 1.0 / 15.0, 0.067, 1.0].map(bin), [0, 0, 0, 1, 14]);
    }
}
