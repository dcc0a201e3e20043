//! One row per image: who, where from, what was said, what is true.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use contract::{Aggregation, Calibration};
use serde::{Deserialize, Serialize};

use crate::error::{EvaluationError, RowProblem};

/// Rows that are evaluated at once: twenty times the RSNA training set.
pub const ROWS_MAX: usize = 1_000_000;

/// Which breast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Laterality {
    /// `L`.
    #[serde(rename = "L")]
    Left,
    /// `R`.
    #[serde(rename = "R")]
    Right,
}

impl Laterality {
    /// `L` or `R`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Left => "L",
            Self::Right => "R",
        }
    }
}

/// One image's prediction and truth. An empty `site`, `machine`, `view` or `density` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Whose image: the unit of the bootstrap.
    pub patient_id: String,
    /// Which breast; patient and laterality are the prediction id.
    pub laterality: Laterality,
    /// `CC`, `MLO` and so on.
    pub view: String,
    /// Which image, unique in the patient.
    pub image_id: String,
    /// Where it was taken.
    pub site: String,
    /// On which machine.
    pub machine: String,
    /// Density of the breast, `A` to `D`.
    pub density: String,
    /// Cancer in this breast, proven by biopsy.
    pub label: bool,
    /// The network's output before the sigmoid, finite.
    pub logit: f64,
}

/// Rows that have been checked: at least one and at most [`ROWS_MAX`], finite logits, no image twice, one label per
/// breast.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    rows: Vec<Prediction>,
    breasts: Vec<Vec<usize>>,
    patients: Vec<usize>,
    patient_count: usize,
}

impl Predictions {
    /// Checks the rows.
    ///
    /// # Errors
    /// [`EvaluationError::Empty`], or [`EvaluationError::Row`] with the number of the first row that breaks a rule.
    pub fn new(rows: Vec<Prediction>) -> Result<Self, EvaluationError> {
        let checked = group(&rows).map_err(|(row, problem)| EvaluationError::Row { row, problem })?;
        let (breasts, patients, patient_count) = checked;
        if rows.is_empty() {
            return Err(EvaluationError::Empty);
        }
        Ok(Self { rows, breasts, patients, patient_count })
    }

    /// The rows, in the order in which they were given.
    #[must_use]
    pub fn rows(&self) -> &[Prediction] {
        &self.rows
    }

    /// Indices of each breast's rows; breasts by their first appearance.
    #[must_use]
    pub fn breasts(&self) -> &[Vec<usize>] {
        &self.breasts
    }

    /// How many patients there are.
    #[must_use]
    pub fn patient_count(&self) -> usize {
        self.patient_count
    }

    /// The patient of a row, from 0 by first appearance.
    pub(crate) fn patient(&self, row: usize) -> Option<usize> {
        self.patients.get(row).copied()
    }

    /// The logits and labels of the images, for the fit of a calibration.
    #[must_use]
    pub fn logits_and_labels(&self) -> (Vec<f64>, Vec<bool>) {
        self.rows.iter().map(|row| (row.logit, row.label)).unzip()
    }

    /// Each breast's aggregated score with its label, in the order of [`Predictions::breasts`].
    #[must_use]
    pub fn breast_scores(&self, calibration: &Calibration, aggregation: Aggregation) -> (Vec<f64>, Vec<bool>) {
        let breast = |rows: &Vec<usize>| {
            let scores: Vec<f64> = rows.iter().map(|&row| calibration.apply(self.rows[row].logit)).collect();
            Some((aggregation.aggregate(&scores)?, self.rows[*rows.first()?].label))
        };
        self.breasts.iter().filter_map(breast).unzip()
    }
}

type Grouped = (Vec<Vec<usize>>, Vec<usize>, usize);

/// Rows of each breast, patient of each row, number of patients; or the first bad row from 1.
pub(crate) fn group(rows: &[Prediction]) -> Result<Grouped, (usize, RowProblem)> {
    let mut breasts: Vec<Vec<usize>> = Vec::new();
    let (mut breast_of, mut patient_of, mut image_of) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut patients = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let bad = |problem| Err((index + 1, problem));
        if index == ROWS_MAX {
            return bad(RowProblem::TooMany(ROWS_MAX));
        }
        check(row).map_err(|problem| (index + 1, problem))?;
        match image_of.entry((row.patient_id.as_str(), row.image_id.as_str())) {
            Entry::Occupied(first) => return bad(RowProblem::Duplicate { first: *first.get() }),
            Entry::Vacant(place) => place.insert(index + 1),
        };
        let next = patient_of.len();
        patients.push(*patient_of.entry(row.patient_id.as_str()).or_insert(next));
        match breast_of.entry((row.patient_id.as_str(), row.laterality)) {
            Entry::Vacant(place) => {
                place.insert(breasts.len());
                breasts.push(vec![index]);
            }
            Entry::Occupied(place) => {
                let breast = &mut breasts[*place.get()];
                if rows[breast[0]].label != row.label {
                    return bad(RowProblem::LabelConflict { first: breast[0] + 1 });
                }
                breast.push(index);
            }
        }
    }
    let patient_count = patient_of.len();
    Ok((breasts, patients, patient_count))
}

fn check(row: &Prediction) -> Result<(), RowProblem> {
    for (name, value) in [("patient_id", &row.patient_id), ("image_id", &row.image_id)] {
        if value.is_empty() {
            return Err(RowProblem::EmptyField(name));
        }
    }
    if row.logit.is_finite() { Ok(()) } else { Err(RowProblem::Field { name: "logit", rule: "a finite number" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(patient: &str, laterality: Laterality, image: &str, label: bool, logit: f64) -> Prediction {
        Prediction {
            patient_id: patient.into(),
            laterality,
            view: "CC".into(),
            image_id: image.into(),
            site: String::new(),
            machine: String::new(),
            density: String::new(),
            label,
            logit,
        }
    }

    fn problem(rows: Vec<Prediction>) -> (usize, RowProblem) {
        match Predictions::new(rows) {
            Err(EvaluationError::Row { row, problem }) => (row, problem),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bad_rows_are_named() {
        let good = || row("1", Laterality::Left, "a", false, 0.0);
        assert!(matches!(Predictions::new(vec![]), Err(EvaluationError::Empty)));
        assert_eq!(problem(vec![good(), good()]), (2, RowProblem::Duplicate { first: 1 }));
        let conflict = row("1", Laterality::Left, "b", true, 0.0);
        assert_eq!(problem(vec![good(), conflict]), (2, RowProblem::LabelConflict { first: 1 }));
        for logit in [f64::NAN, f64::INFINITY] {
            let (at, problem) = problem(vec![good(), row("2", Laterality::Left, "b", true, logit)]);
            assert_eq!((at, problem.to_string().as_str()), (2, "logit must be a finite number"));
        }
        assert_eq!(problem(vec![row("", Laterality::Left, "a", false, 0.0)]).1, RowProblem::EmptyField("patient_id"));
    }

    #[test]
    fn rows_are_grouped_by_breast_and_patient() {
        let rows = vec![
            row("1", Laterality::Left, "a", true, 0.0),
            row("1", Laterality::Right, "b", false, 0.0),
            row("2", Laterality::Left, "a", false, 0.0),
            row("1", Laterality::Left, "c", true, 2.0),
        ];
        let predictions = Predictions::new(rows).unwrap();
        assert_eq!(predictions.breasts(), [vec![0, 3], vec![1], vec![2]]);
        assert_eq!((predictions.patient_count(), predictions.patient(3)), (2, Some(0)));
        let (scores, labels) = predictions.breast_scores(&Calibration::Identity, Aggregation::Reference);
        assert_eq!(labels, [true, false, false]);
        assert!((scores[1] - 0.25).abs() < 1e-12, "one view gives p²");
    }
}
