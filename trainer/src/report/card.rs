//! The model card of a run or of a bundle.

use contract::NOTICE;
use evaluation::card::{DataPart, Figure};
use evaluation::report::Grouping;
use evaluation::{Level, Metric, ModelCard};

use super::Report;
use crate::config::Config;
use crate::predict::Predicted;

/// Licence of weights about which nothing else was said.
pub const LICENCE: &str = "not stated by who packed it; research use only";

/// What a model is for about which nothing else was said.
pub const INTENDED_USE: &str = "research on mammography and on the software around it";

/// What the maker says of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A name for people.
    pub name: String,
    /// A version for people.
    pub version: String,
    /// Of the data: where it is from.
    pub data: String,
    /// Of the data: under which terms it was used.
    pub data_licence: String,
    /// Of the weights.
    pub licence: String,
    /// What it is for.
    pub intended_use: String,
    /// When the weights were made.
    pub trained: String,
    /// How the weights came about with which the run began; may be empty.
    pub history: String,
}

/// The card's training table: names with values.
#[must_use]
pub fn facts(config: &Config) -> Vec<(String, String)> {
    let facts = [
        ("topology", config.network.topology.clone()),
        ("preprocessing", json(&config.preprocess)),
        ("trained from", config.network.trained_from.clone()),
        ("augmentation", json(&config.augmentation)),
        ("batch", json(&config.batch)),
        ("optimiser", json(&config.optimiser)),
        ("training", json(&config.training)),
        ("seed", config.seed.to_string()),
    ];
    facts.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// Settings as JSON text; those of a run always have some.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The card; `training` are the facts of its training.
#[must_use]
pub fn card(
    identity: Identity,
    report: &Report,
    predicted: &Predicted,
    training: Vec<(String, String)>,
    figures: Vec<Figure>,
) -> ModelCard {
    let part = |part: &crate::predict::Part| DataPart {
        role: if part.split == crate::data::Split::Train { "training".into() } else { "validation".into() },
        source: identity.data.clone(),
        licence: identity.data_licence.clone(),
        patients: part.patients,
        breasts: part.breasts,
        images: part.images,
        positive_images: part.positive,
        images_left_out: if part.split == predicted.split { predicted.left_out.len() } else { 0 },
    };
    let summary = format!(
        "{}. A score per image and, aggregated, per breast; not calibrated for any population but the one below.",
        report.subject
    );
    ModelCard {
        name: identity.name.clone(),
        version: identity.version.clone(),
        date: identity.trained.clone(),
        summary,
        intended_use: vec![identity.intended_use.clone()],
        not_for: vec![
            format!("diagnosis, screening, triage or any decision about a person. {NOTICE}"),
            "images of other kinds than it was trained on: tomosynthesis, magnification, implants, other modalities"
                .into(),
        ],
        licence: identity.licence.clone(),
        training,
        data: predicted.parts.iter().filter(|part| part.images > 0).map(part).collect(),
        split: "The splits share no patient. Images left out are counted over all splits, beside the evaluated one."
            .into(),
        calibration: report.evaluation.settings.calibration.clone(),
        operating_points: report.operating_points.clone(),
        evaluated_on: format!("the {}, on which the weights were chosen and the calibration fitted", report.data),
        evaluation: report.evaluation.clone(),
        weaknesses: weaknesses(report),
        figures,
    }
}

/// The card of a model that was packed without its data: what it is, and that nobody knows what it is worth.
#[must_use]
pub fn without_figures(identity: &Identity, training: &[(String, String)]) -> String {
    let Identity { name, version, licence, intended_use, trained, .. } = identity;
    let mut text =
        format!("# {name} {version}\n\n**{NOTICE}**\n\nPacked without its data: it was not evaluated and not ");
    text += &format!(
        "calibrated.\n\nIntended for: {intended_use}. Licence: {licence}. Date: {trained}.\n\n## Training\n\n"
    );
    for (fact, value) in training {
        text += &format!("- {fact}: `{}`\n", value.replace('`', "'"));
    }
    text
}

/// What the figures themselves say against the model.
fn weaknesses(report: &Report) -> Vec<String> {
    let mut weaknesses = vec![
        "Evaluated on the split by which its weights were chosen: figures on new data are expected to be lower."
            .to_owned(),
        "No test on another site's data, other machines, or another population.".to_owned(),
    ];
    let levels = std::iter::once(&report.evaluation.images).chain(&report.evaluation.breasts);
    for level in levels {
        let title = evaluation::plot::level_title(level.level);
        let Some(auc) = level.natural.estimates.get(&Metric::Auc) else { continue };
        match auc.interval {
            Some(interval) if interval.low <= 0.5 && interval.high < 0.5 => {
                weaknesses.push(format!("{title}: the ranking is worse than chance."));
            }
            Some(interval) if interval.low <= 0.5 => {
                weaknesses.push(format!(
                    "{title}: the interval of the AUC holds 0.5, it is not shown to be better than chance."
                ));
            }
            Some(_) => {}
            None => weaknesses.push(format!("{title}: too few patients of a class for an interval of the AUC.")),
        }
        let weak = level.groups.iter().filter(|group| {
            let auc = group.figures.estimates.get(&Metric::Auc).and_then(|auc| auc.value);
            let is_place = matches!(group.by, Grouping::Site | Grouping::Machine);
            is_place && level.level == Level::Image && auc.is_some_and(|auc| auc < 0.5)
        });
        for group in weak {
            let kind = group.by.title();
            weaknesses.push(format!(
                "{title}: the AUC is below 0.5 at {kind} {} ({} images).",
                group.name, group.counts.units
            ));
        }
    }
    if let Some(fitted) = &report.fitted {
        let number = |value: Option<f64>| value.map_or_else(|| "not defined".into(), |value| format!("{value:.3}"));
        weaknesses.push(format!(
            "Calibration error per image {} before calibration and {} on patients that it was not fitted on; at another \
             prevalence the probabilities are wrong.",
            number(fitted.error_before),
            number(fitted.error_cross_fitted)
        ));
    } else if let Some(unfit) = &report.unfit {
        weaknesses.push(format!("Not calibrated: {unfit}."));
    }
    weaknesses
}
