//! What pages and comments say in the same words.

use contract::manifest::ModelLabel;
use domain::findings::{IN_PLACE_OF, ModelId};
use domain::{
    Aggregation, BreastFinding, ImageFinding, InstanceOutcome, Laterality, StudyReport, StudyState, Trigger, View,
};

use crate::marks;

/// Stands on top of every page.
pub(crate) const BANNER: &str = "RESEARCH USE ONLY - NOT A MEDICAL DEVICE";
/// Stands above it on pages of an exam that was computed to try something out.
pub(crate) const SYNTHETIC: &str = "SYNTHETIC TEST EXAM - OF NO PATIENT";
/// Stands above it on pages of a device whose last self-test failed.
pub(crate) const DOUBT: &str = "THIS DEVICE FAILED ITS SELF-TEST - SCORES MAY BE WRONG";
/// Stands beside every score of a model that never saw an image.
pub(crate) const UNTRAINED: &str = "UNTRAINED: SCORES MEAN NOTHING";
/// Stands beside the scores of a model without a calibration.
const NOT_CALIBRATED: &str = "Scores are not calibrated probabilities.";
/// Stands beside the scores of a model with one. Of a mean or a largest one of calibrated probabilities nobody knows how well it
/// is calibrated itself.
const MADE_OF_CALIBRATED: &str = "Scores of images are not calibrated. Scores of breasts are made of the images' calibrated \
                                  probabilities, which hold for the set that the model was calibrated on, not for any population.";
/// Stands beside scores of which only some come from a model with one.
const MIXED: &str =
    "Only some images have a calibrated probability. In scores of breasts the others' plain score stands in for it.";

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

/// What the scores of a report are, and are not.
pub(crate) fn meaning(report: &StudyReport) -> &'static str {
    match Calibrated::of(findings(report)) {
        Calibrated::No => NOT_CALIBRATED,
        Calibrated::All => MADE_OF_CALIBRATED,
        Calibrated::Some => MIXED,
    }
}

/// What the score of one image is, and is not.
pub(crate) fn meaning_of(finding: &ImageFinding) -> String {
    finding.calibrated_probability.map_or_else(
        || "The score is not a calibrated probability.".to_owned(),
        |share| {
            let share = score(share);
            format!("Calibrated probability {share}, for the set that the model was calibrated on; the score itself is not calibrated.")
        },
    )
}

/// Of what a breast's score is made, and how: `the mean of its images' scores`.
pub(crate) fn aggregation(report: &StudyReport, breast: &BreastFinding) -> String {
    let of_breast = findings(report).filter(|finding| finding.laterality == breast.laterality);
    let values = match Calibrated::of(of_breast) {
        Calibrated::No => "scores",
        Calibrated::All => "calibrated probabilities",
        Calibrated::Some => "calibrated probabilities, or scores where there is none",
    };
    match breast.aggregation {
        Aggregation::Reference => {
            format!("1 - (1 - mean of squares)^n of its n images' {values}, the reference method")
        }
        Aggregation::Mean => format!("the mean of its images' {values}"),
        Aggregation::Max => format!("the largest of its images' {values}"),
    }
}

/// How many scored images have a calibrated probability.
enum Calibrated {
    No,
    Some,
    All,
}

impl Calibrated {
    fn of<'a>(findings: impl Iterator<Item = &'a ImageFinding>) -> Self {
        let (with, without): (Vec<_>, Vec<_>) = findings.partition(|finding| finding.calibrated_probability.is_some());
        match (with.is_empty(), without.is_empty()) {
            (true, _) => Self::No,
            (false, true) => Self::All,
            (false, false) => Self::Some,
        }
    }
}

/// The scored images' findings.
pub(crate) fn findings(report: &StudyReport) -> impl Iterator<Item = &ImageFinding> {
    report.images.iter().filter_map(|image| match &image.outcome {
        InstanceOutcome::Scored(finding) => Some(&**finding),
        _ => None,
    })
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

/// Did another engine than the one that was to score stand in for it?
pub(crate) fn is_stand_in(engine: &str) -> bool {
    engine.contains(IN_PLACE_OF)
}

/// [`UNTRAINED`], for a model of that label.
pub(crate) fn untrained(model: &ModelId) -> Option<&'static str> {
    matches!(model.label, ModelLabel::Untrained).then_some(UNTRAINED)
}

/// What became of an image: `0.8439, called`, `excluded: breast implant`.
pub(crate) fn outcome(outcome: &InstanceOutcome) -> String {
    match outcome {
        InstanceOutcome::Scored(finding) => scored(finding),
        InstanceOutcome::Excluded { reason } => format!("excluded: {}", reason.text()),
        InstanceOutcome::Failed { reason } => format!("FAILED: {}", reason.text),
    }
}

/// `0.8439, calibrated 0.6966, called`.
pub(crate) fn scored(finding: &ImageFinding) -> String {
    let calibrated = finding.calibrated_probability.map(|share| format!(", calibrated {}", score(share)));
    format!("{}{}, {}", score(finding.score), calibrated.unwrap_or_default(), marks::verdict(finding))
}

/// `R CC`.
pub(crate) fn view(finding: &ImageFinding) -> String {
    format!("{} {}", finding.laterality.letter(), finding.view.term())
}
