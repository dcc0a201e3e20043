//! The whole evaluation of a predictions file, as one serialisable value.

use std::collections::BTreeSet;

use contract::{Aggregation, Calibration, Threshold};
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Figures};
use crate::curves::{BandPoint, PrecisionRecallPoint, ReliabilityBin, RocPoint, precision_recall, reliability, roc};
use crate::error::EvaluationError;
use crate::operating::{ThresholdRow, threshold_table};
use crate::prediction::{Prediction, Predictions};
use crate::sample::{Counts, Level, Prevalence, Sample};

/// Points of the ROC curve's interval.
const BAND_POINTS: usize = 101;

/// Groups of one kind that are reported; the others are counted in [`LevelReport::groups_left_out`].
pub const GROUPS_MAX: usize = 64;

/// What to evaluate, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Applied to each image before anything else.
    pub calibration: Calibration,
    /// Of images.
    pub image_threshold: Threshold,
    /// Of breasts, for each aggregation that is wanted: their scores have different scales.
    pub breasts: Vec<(Aggregation, Threshold)>,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
    /// Lines of the threshold tables.
    pub thresholds: Vec<f64>,
    /// Populations for which predictive values are tabled, each in 0 to 1.
    pub prevalences: Vec<f64>,
}

impl Settings {
    /// The paper's thresholds of 0.5 on uncalibrated scores; reference aggregation, mean and max; threshold tables in
    /// steps of 0.05, for screening (6 in 1000), the RSNA set (2 %) and an enriched set (10 %).
    ///
    /// # Errors
    /// Never: the constant is a threshold.
    pub fn reference() -> Result<Self, contract::calibration::CalibrationError> {
        let half = Threshold::new(0.5)?;
        Ok(Self {
            calibration: Calibration::Identity,
            image_threshold: half,
            breasts: [Aggregation::Reference, Aggregation::Mean, Aggregation::Max].map(|way| (way, half)).to_vec(),
            bootstrap: Bootstrap::default(),
            thresholds: (1..20).map(|step| f64::from(step) / 20.0).collect(),
            prevalences: vec![0.006, 0.02, 0.1],
        })
    }

    fn check(&self) -> Result<(), EvaluationError> {
        self.bootstrap.check()?;
        if !self.prevalences.iter().all(|prevalence| (0.0..=1.0).contains(prevalence)) {
            return Err(EvaluationError::Setting { name: "prevalences", rule: "in 0 to 1" });
        }
        let finite = self.thresholds.iter().all(|threshold| threshold.is_finite());
        if finite { Ok(()) } else { Err(EvaluationError::Setting { name: "thresholds", rule: "finite" }) }
    }
}

/// By what units are put into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// Where it was taken.
    Site,
    /// On which machine.
    Machine,
    /// The view; of images only.
    View,
    /// Density of the breast.
    Density,
    /// How many images the breast has: aggregated scores of different numbers do not compare. Of breasts only.
    ImageCount,
}

impl Grouping {
    /// A name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Machine => "machine",
            Self::View => "view",
            Self::Density => "density",
            Self::ImageCount => "images per breast",
        }
    }

    /// The group of an image, or of a breast with these images.
    fn name(self, images: &[&Prediction]) -> String {
        let value = |image: &Prediction| match self {
            Self::Site => image.site.clone(),
            Self::Machine => image.machine.clone(),
            Self::View => image.view.clone(),
            Self::Density => image.density.clone(),
            Self::ImageCount => images.len().to_string(),
        };
        let values: BTreeSet<String> = images.iter().map(|image| value(image)).collect();
        match (values.first(), values.len()) {
            (Some(name), 1) if !name.is_empty() => name.clone(),
            (_, 0 | 1) => "unknown".into(),
            _ => "mixed".into(),
        }
    }
}

/// The figures of one group, at its own prevalence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// Of which kind.
    pub by: Grouping,
    /// Its value; `unknown` without one, `mixed` for a breast whose images differ.
    pub name: String,
    /// How much there is.
    pub counts: Counts,
    /// Its figures.
    pub figures: Figures,
}

/// Everything about one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelReport {
    /// Image, or breast with its aggregation.
    pub level: Level,
    /// Scores at or above it are called.
    pub threshold: f64,
    /// How much there is.
    pub counts: Counts,
    /// At the set's own prevalence.
    pub natural: Figures,
    /// On the paper's class-balanced draw; `None` for one class.
    pub balanced: Option<Figures>,
    /// Empty for one class.
    pub roc: Vec<RocPoint>,
    /// Interval of the ROC curve; empty where it is withheld.
    pub roc_band: Vec<BandPoint>,
    /// At the set's own prevalence; empty without a positive unit.
    pub precision_recall: Vec<PrecisionRecallPoint>,
    /// The calibration diagram at the set's own prevalence.
    pub reliability: Vec<ReliabilityBin>,
    /// Sensitivity, specificity and predictive values; empty for one class.
    pub thresholds: Vec<ThresholdRow>,
    /// By site, machine, view or number of images, and density; each kind by name.
    pub groups: Vec<GroupReport>,
    /// Groups beyond [`GROUPS_MAX`] of a kind, the smallest ones.
    pub groups_left_out: usize,
}

/// Everything about a predictions file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was asked.
    pub settings: Settings,
    /// Per image.
    pub images: LevelReport,
    /// Per prediction id, in the order of [`Settings::breasts`].
    pub breasts: Vec<LevelReport>,
}

/// Evaluates predictions at each level.
///
/// # Errors
/// [`EvaluationError::Setting`] for settings out of range, [`EvaluationError::Unfit`] for a calibration whose results are
/// no probabilities.
pub fn evaluate(predictions: &Predictions, settings: &Settings) -> Result<Evaluation, EvaluationError> {
    settings.check()?;
    let images = level(predictions, settings, Level::Image, settings.image_threshold)?;
    let breasts = settings.breasts.iter();
    let breasts = breasts.map(|&(way, threshold)| level(predictions, settings, Level::Breast(way), threshold));
    let breasts = breasts.collect::<Result<_, _>>()?;
    Ok(Evaluation { settings: settings.clone(), images, breasts })
}

/// The units of a level for whose images `keep` holds.
///
/// # Errors
/// As [`Sample::images`].
pub fn sample(
    predictions: &Predictions,
    calibration: &Calibration,
    level: Level,
    keep: impl Fn(&[&Prediction]) -> bool,
) -> Result<Sample, crate::Unfit> {
    match level {
        Level::Image => Sample::images(predictions, calibration, |image| keep(&[image])),
        Level::Breast(aggregation) => Sample::breasts(predictions, calibration, aggregation, keep),
    }
}

fn level(
    predictions: &Predictions,
    settings: &Settings,
    level: Level,
    threshold: Threshold,
) -> Result<LevelReport, EvaluationError> {
    let Settings { bootstrap, calibration, .. } = settings;
    let whole = sample(predictions, calibration, level, |_| true)?;
    let at = threshold.get();
    let kinds = match level {
        Level::Image => [Grouping::Site, Grouping::Machine, Grouping::View, Grouping::Density],
        Level::Breast(_) => [Grouping::Site, Grouping::Machine, Grouping::ImageCount, Grouping::Density],
    };
    let (mut groups, mut groups_left_out) = (Vec::new(), 0);
    for by in kinds {
        let (names, left_out) = group_names(predictions, level, by);
        groups_left_out += left_out;
        for name in names {
            let part = sample(predictions, calibration, level, |images| by.name(images) == name)?;
            if let Some(figures) = bootstrap.figures(&part, Prevalence::Natural, at) {
                groups.push(GroupReport { by, name, counts: part.counts(), figures });
            }
        }
    }
    let natural = bootstrap.figures(&whole, Prevalence::Natural, at).ok_or(EvaluationError::Empty)?;
    Ok(LevelReport {
        level,
        threshold: at,
        counts: whole.counts(),
        natural,
        balanced: bootstrap.figures(&whole, Prevalence::Balanced, at),
        roc: roc(&whole).unwrap_or_default(),
        roc_band: bootstrap.roc_band(&whole, BAND_POINTS),
        precision_recall: precision_recall(&whole, Prevalence::Natural).unwrap_or_default(),
        reliability: reliability(&whole, Prevalence::Natural),
        thresholds: threshold_table(&whole, &settings.thresholds, &settings.prevalences),
        groups,
        groups_left_out,
    })
}

/// Names of the largest groups, numbers by value, and how many others there are.
fn group_names(predictions: &Predictions, level: Level, by: Grouping) -> (Vec<String>, usize) {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for breast in predictions.breasts() {
        let images: Vec<&Prediction> = breast.iter().map(|&row| &predictions.rows()[row]).collect();
        match level {
            Level::Image => images.iter().for_each(|image| *counts.entry(by.name(&[*image])).or_default() += 1),
            Level::Breast(_) => *counts.entry(by.name(&images)).or_default() += 1,
        }
    }
    let mut names: Vec<(String, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let left_out = names.len().saturating_sub(GROUPS_MAX);
    names.truncate(GROUPS_MAX);
    names.sort_by_key(|(name, _)| (name.parse::<u64>().unwrap_or(u64::MAX), name.clone()));
    (names.into_iter().map(|(name, _)| name).collect(), left_out)
}
