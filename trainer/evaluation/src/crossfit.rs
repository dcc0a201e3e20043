//! A calibration fitted on the data that it is judged on looks better than it is. Here it is fitted on four fifths of the
//! patients and judged on the rest, in turn; what is stored with the model is fitted on all of them.

use contract::Calibration;
use serde::{Deserialize, Serialize};

use crate::error::Unfit;
use crate::fit;
use crate::metrics::{Metric, Metrics};
use crate::prediction::Predictions;
use crate::sample::{Prevalence, Sample, Unit};

/// Parts into which the patients are put.
pub const FOLDS: usize = 5;

/// How to calibrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The network's own probability.
    Identity,
    /// [`fit::temperature`] at natural prevalence.
    Temperature,
    /// [`fit::isotonic`] at natural prevalence.
    Isotonic,
}

/// A fitted calibration with what it is worth, per image at natural prevalence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// What was asked for.
    pub method: Method,
    /// What came of it: fitted on all patients.
    pub calibration: Calibration,
    /// Expected calibration error of the network's own probabilities.
    pub error_before: Option<f64>,
    /// Expected calibration error on patients that the calibration was not fitted on; `None` where a fold cannot be fitted.
    pub error_cross_fitted: Option<f64>,
    /// Brier score of the network's own probabilities.
    pub brier_before: Option<f64>,
    /// Brier score on patients that the calibration was not fitted on.
    pub brier_cross_fitted: Option<f64>,
}

/// Fits a calibration to all images and judges the method on patients that were held out.
///
/// # Errors
/// [`Unfit`]: one class, or scores that no temperature can calibrate.
pub fn fit_and_judge(predictions: &Predictions, method: Method) -> Result<Fitted, Unfit> {
    let all: Vec<usize> = (0..predictions.rows().len()).collect();
    let calibration = fit_rows(predictions, method, &all)?;
    let before = figures(predictions, |_| Some(&Calibration::Identity))?;
    let folds = folds(predictions);
    let fitted: Vec<Option<Calibration>> = (0..FOLDS)
        .map(|fold| {
            let others: Vec<usize> = all.iter().copied().filter(|&row| folds[row] != fold).collect();
            fit_rows(predictions, method, &others).ok()
        })
        .collect();
    let held_out = figures(predictions, |row| fitted[folds[row]].as_ref()).ok();
    let of = |metrics: Option<&Metrics>, metric| metrics.and_then(|metrics| metrics.get(metric));
    Ok(Fitted {
        method,
        calibration,
        error_before: before.get(Metric::CalibrationError),
        error_cross_fitted: of(held_out.as_ref(), Metric::CalibrationError),
        brier_before: before.get(Metric::Brier),
        brier_cross_fitted: of(held_out.as_ref(), Metric::Brier),
    })
}

fn fit_rows(predictions: &Predictions, method: Method, rows: &[usize]) -> Result<Calibration, Unfit> {
    let chosen = rows.iter().map(|&row| &predictions.rows()[row]);
    let (logits, labels): (Vec<f64>, Vec<bool>) = chosen.map(|row| (row.logit, row.label)).unzip();
    match method {
        Method::Identity => Ok(Calibration::Identity),
        Method::Temperature => fit::temperature(&logits, &labels, Prevalence::Natural).map(Calibration::Temperature),
        Method::Isotonic => {
            let scores: Vec<f64> = logits.iter().map(|&logit| Calibration::Identity.apply(logit)).collect();
            fit::isotonic(&scores, &labels, Prevalence::Natural).map(Calibration::Isotonic)
        }
    }
}

/// The fold of each row: patients in turn, those with a positive breast and the others apart.
fn folds(predictions: &Predictions) -> Vec<usize> {
    let rows = predictions.rows().iter().enumerate();
    let mut positive = vec![false; predictions.patient_count()];
    for (index, row) in rows {
        if let Some(patient) = predictions.patient(index) {
            positive[patient] |= row.label;
        }
    }
    let mut seen = [0, 0];
    let of_patient: Vec<usize> = positive
        .iter()
        .map(|&positive| {
            let next = &mut seen[usize::from(positive)];
            *next += 1;
            (*next - 1) % FOLDS
        })
        .collect();
    (0..predictions.rows().len()).map(|row| predictions.patient(row).map_or(0, |patient| of_patient[patient])).collect()
}

/// Figures per image with each row's own calibration; [`Unfit::Lengths`] where one has none.
fn figures<'a>(
    predictions: &Predictions,
    calibration: impl Fn(usize) -> Option<&'a Calibration>,
) -> Result<Metrics, Unfit> {
    let rows = predictions.rows().iter().enumerate();
    let unit = |(index, row): (usize, &crate::Prediction)| {
        let score = calibration(index)?.apply(row.logit);
        Some(Unit { score, positive: row.label, patient: predictions.patient(index)?, breast_share: 1.0 })
    };
    let units: Option<Vec<Unit>> = rows.map(unit).collect();
    let sample = Sample::new(units.ok_or(Unfit::Lengths)?)?;
    Metrics::of(&sample, Prevalence::Natural, 0.5).ok_or(Unfit::OneClass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::{Laterality, Prediction};

    /// Labels drawn with `σ(z / temperature)`, two images per patient.
    fn predictions(patients: usize, temperature: f64) -> Predictions {
        let mut random = fastrand::Rng::with_seed(9);
        let rows = (0..2 * patients).map(|index| {
            let logit = 8.0 * random.f64() - 4.0;
            let label = random.f64() < Calibration::Identity.apply(logit / temperature);
            // Each breast has one image, so that labels are free.
            let laterality = if index % 2 == 0 { Laterality::Left } else { Laterality::Right };
            let text = String::new;
            Prediction {
                patient_id: (index / 2).to_string(),
                laterality,
                view: text(),
                image_id: index.to_string(),
                site: text(),
                machine: text(),
                density: text(),
                label,
                logit,
            }
        });
        Predictions::new(rows.collect()).unwrap()
    }

    #[test]
    fn folds_share_no_patient_and_are_even_in_each_class() {
        let predictions = predictions(200, 1.0);
        let folds = folds(&predictions);
        assert!(folds.chunks_exact(2).all(|pair| pair[0] == pair[1]));
        for fold in 0..FOLDS {
            let count = folds.iter().filter(|&&of| of == fold).count();
            assert!((78..=84).contains(&count), "{count}");
        }
    }

    #[test]
    fn a_temperature_helps_where_the_network_is_too_sure() {
        let fitted = fit_and_judge(&predictions(2000, 3.0), Method::Temperature).unwrap();
        assert!(fitted.error_cross_fitted.unwrap() < 0.5 * fitted.error_before.unwrap(), "{fitted:?}");
        assert!(fitted.brier_cross_fitted.unwrap() < fitted.brier_before.unwrap());
        let Calibration::Temperature(temperature) = fitted.calibration else { panic!("{fitted:?}") };
        assert!((temperature.get() - 3.0).abs() < 0.3);
    }

    #[test]
    fn isotonic_looks_worse_on_held_out_patients_than_on_its_own() {
        let predictions = predictions(60, 1.0);
        let fitted = fit_and_judge(&predictions, Method::Isotonic).unwrap();
        let own = figures(&predictions, |_| Some(&fitted.calibration)).unwrap();
        assert!(fitted.brier_cross_fitted.unwrap() > own.get(Metric::Brier).unwrap());
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let mut rows = predictions(30, 1.0).rows().to_vec();
        let identity = fit_and_judge(&Predictions::new(rows.clone()).unwrap(), Method::Identity).unwrap();
        assert_eq!(identity.error_before, identity.error_cross_fitted);
        rows.iter_mut().for_each(|row| row.label = false);
        let one = Predictions::new(rows).unwrap();
        assert_eq!(fit_and_judge(&one, Method::Temperature), Err(Unfit::OneClass));
    }
}
