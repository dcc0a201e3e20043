//! What pages and comments say in the same words.

use contract::manifest::ModelLabel;
use domain::findings::ModelId;
use domain::{
    Aggregation, BreastFinding, ImageFinding, InstanceOutcome, Laterality, StudyReport, StudyState, Trigger, View,
};

/// Stands on top of every page.
pub(crate) const BANNER: &str = "RESEARCH USE ONLY - NOT A MEDICAL DEVICE";
/// Stands beside every score of a model that never saw an image.
pub(crate) const UNTRAINED: &str = "UNTRAINED: SCORES MEAN NOTHING";
/// Stands beside every score.
pub(crate) const NOT_CALIBRATED: &str = "Scores are not calibrated probabilities.";

/// `REVISION 2, supersedes revision 1`, from the second on.
pub(crate) fn supersedes(report: &StudyReport) -> Option<String> {
    (report.revision > 1).then(|| format!("REVISION {}, supersedes revision {}", report.revision, report.revision - 1))
}

/// `PROVISIONAL: a final report follows`, `final`.
pub(crate) const fn state(state: StudyState) -> &'static str {
    match state {
        StudyState::Provisional => "PROVISIONAL: a final report follows",
        other => other.text(),
    }
}

/// A score with four decimals.
pub(crate) fn score(score: f64) -> String {
    format!("{score:.4}")
}

pub(crate) const fn side(laterality: Laterality) -> &'static str {
    match laterality {
        Laterality::Right => "RIGHT",
        Laterality::Left => "LEFT",
    }
}

/// `CC, MLO`, or `none`.
pub(crate) fn views(views: impl IntoIterator<Item = View>) -> String {
    let terms: Vec<&str> = views.into_iter().map(View::term).collect();
    if terms.is_empty() { "none".to_owned() } else { terms.join(", ") }
}

/// The views of `laterality` that were expected and have no scored image.
pub(crate) fn missing(report: &StudyReport, laterality: Laterality) -> Vec<View> {
    report.missing_views.iter().filter(|(side, _)| *side == laterality).map(|(_, view)| *view).collect()
}

/// `2 images: CC, MLO`.
pub(crate) fn basis(breast: &BreastFinding) -> String {
    let noun = if breast.images == 1 { "image" } else { "images" };
    format!("{} {noun}: {}", breast.images, views(breast.views.iter().copied()))
}

pub(crate) const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::AllViews => "reported when all expected views were there",
        Trigger::QuietTime => "reported when nothing more arrived",
        Trigger::HardCap => "reported when the longest wait was over",
        Trigger::Early => "reported before the study is complete",
    }
}

pub(crate) const fn aggregation(aggregation: Aggregation) -> &'static str {
    match aggregation {
        Aggregation::Reference => "1 - (1 - mean of squares)^n over its n images, the reference method",
        Aggregation::Mean => "the mean of its images",
        Aggregation::Max => "the largest of its images",
    }
}

pub(crate) const fn label(label: ModelLabel) -> &'static str {
    match label {
        ModelLabel::Untrained => "untrained",
        ModelLabel::Research => "research",
    }
}

/// Name, version and label.
pub(crate) fn model(model: &ModelId) -> String {
    format!("{} {} ({})", model.name, model.version, label(model.label))
}

/// [`UNTRAINED`], for a model of that label.
pub(crate) fn untrained(model: &ModelId) -> Option<&'static str> {
    matches!(model.label, ModelLabel::Untrained).then_some(UNTRAINED)
}

/// What became of an image, as far as it has no score: `excluded: breast implant`.
pub(crate) fn outcome(outcome: &InstanceOutcome) -> String {
    match outcome {
        InstanceOutcome::Scored(finding) => score(finding.score),
        InstanceOutcome::Excluded { reason } => format!("excluded: {}", reason.text()),
        InstanceOutcome::Failed { reason } => format!("FAILED: {}", reason.text),
    }
}

/// `R CC`.
pub(crate) fn view(finding: &ImageFinding) -> String {
    format!("{} {}", finding.laterality.letter(), finding.view.term())
}
