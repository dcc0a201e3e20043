//! The scored images of a report with what is marked on them: the same for every kind of object.

use contract::manifest::ModelLabel;
use contract::{HotSpot, Point, Ring, Target};
use domain::findings::{Call, ModelId};
use domain::{BreastFinding, ImageFinding, InstanceOutcome, Laterality, ReportedImage, StudyReport, StudyState, Tally};

use crate::wording;

/// The score from which an image is called when its model has no operating point.
const THRESHOLD: f64 = 0.5;

/// A scored image.
pub(crate) struct Mark<'a> {
    /// Its number in the report, from 1.
    pub(crate) number: u32,
    pub(crate) image: &'a ReportedImage,
    pub(crate) finding: &'a ImageFinding,
    hot_spot: Option<HotSpot>,
}

impl Mark<'_> {
    /// The strongest place of the map; the middle of the image for a map without extent.
    pub(crate) fn center(&self) -> Point {
        let original = self.finding.geometry.original;
        let middle = || Point { x: f64::from(original.columns) / 2.0, y: f64::from(original.rows) / 2.0 };
        self.hot_spot.as_ref().map_or_else(middle, |hot_spot| hot_spot.center)
    }

    /// The line around the strongest place; `None` for a map in which nothing stands out.
    pub(crate) fn outline(&self) -> Option<&Ring> {
        self.hot_spot.as_ref()?.main()
    }

    /// All lines, around all that stands out.
    pub(crate) fn outlines(&self) -> &[Ring] {
        self.hot_spot.as_ref().map_or(&[], |hot_spot| &hot_spot.rings)
    }

    /// Is it to be marked for a reader? Never by a model that was not trained, whatever it says.
    pub(crate) fn is_marked(&self) -> bool {
        is_marked(self.finding)
    }

    /// `R CC 0.8123`.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", wording::view(self.finding), wording::score(self.finding.score))
    }
}

/// The scored images in the order of the report.
pub(crate) fn of(report: &StudyReport) -> Vec<Mark<'_>> {
    let scored = (1..).zip(&report.images).filter_map(|(number, image)| match &image.outcome {
        InstanceOutcome::Scored(finding) => Some(Mark {
            number,
            image,
            hot_spot: HotSpot::of(&finding.cam.values, finding.cam.extent, &finding.geometry, finding.peak),
            finding,
        }),
        _ => None,
    });
    scored.collect()
}

/// The first one of the finding: of its model, unless the site wants another one ([`crate::OperatingPointChoice`]).
fn operating_point(finding: &ImageFinding) -> Option<&Call> {
    finding.operating_points.first()
}

/// Is an image to be marked for a reader? When it reaches the operating point, and never by a model that was not trained.
pub(crate) fn is_marked(finding: &ImageFinding) -> bool {
    let is_called = operating_point(finding).map_or(finding.score >= THRESHOLD, |call| call.called);
    is_called && !matches!(finding.model.label, ModelLabel::Untrained)
}

/// [`is_marked`] in words.
pub(crate) fn verdict(finding: &ImageFinding) -> &'static str {
    if is_marked(finding) { "called" } else { "not called" }
}

/// By which rule images are called.
pub(crate) fn rule(finding: &ImageFinding) -> String {
    if matches!(finding.model.label, ModelLabel::Untrained) {
        return "The untrained model calls nothing.".to_owned();
    }
    let Some(call) = operating_point(finding) else {
        return format!("Called from a score of {THRESHOLD} on: the model has no operating point.");
    };
    let of = if finding.calibrated_probability.is_some() { "calibrated probability" } else { "score" };
    let (name, share) = match call.target {
        Target::Sensitivity(share) => ("sensitivity", share),
        Target::Specificity(share) => ("specificity", share),
    };
    let threshold = call.threshold.get();
    format!("Called from a {of} of {threshold:.4} on (operating point: {name} {share}).")
}

/// The whole result in words: notice, scores, what is missing, rule.
pub(crate) fn summary(report: &StudyReport, marks: &[Mark<'_>]) -> String {
    let mut parts = vec![report.notice().to_owned()];
    parts.extend(wording::supersedes(report).map(|text| format!("{text}.")));
    if report.state == StudyState::Provisional {
        parts.push(format!("{}.", wording::state(report.state)));
    }
    parts.extend(report.model.as_ref().and_then(wording::untrained).map(|text| format!("{text}.")));
    parts.extend(report.breasts.iter().map(|breast| breast_words(breast, marks)));
    if report.breasts.is_empty() {
        parts.push("No image was scored.".to_owned());
    }
    for side in [Laterality::Right, Laterality::Left] {
        let missing = wording::missing(report, side);
        if !missing.is_empty() {
            parts.push(format!("{} without a scored image: {}.", wording::side(side), wording::views(missing)));
        }
    }
    let Tally { scored, excluded, failed } = report.tally();
    parts.push(format!("Images: {scored} scored, {excluded} excluded, {failed} failed."));
    if let Some(first) = marks.first() {
        parts.push(rule(first.finding));
        parts.push(wording::meaning(report).to_owned());
    }
    parts.join(" ")
}

/// `RIGHT 0.7310 (R CC 0.8123, called; R MLO 0.6417, called).`
fn breast_words(breast: &BreastFinding, marks: &[Mark<'_>]) -> String {
    let of_breast = marks.iter().map(|mark| mark.finding).filter(|finding| finding.laterality == breast.laterality);
    let images = of_breast.map(|finding| format!("{} {}", wording::view(finding), wording::scored(finding)));
    let images = images.collect::<Vec<_>>().join("; ");
    format!("{} {} ({images}).", wording::side(breast.laterality), wording::score(breast.score))
}

/// Name and version for the algorithm's items: of the model, or of this software where no image was scored.
pub(crate) fn algorithm(model: Option<&ModelId>) -> (String, String) {
    let software = env!("CARGO_PKG_VERSION");
    model.map_or_else(
        || ("Mamoru".to_owned(), software.to_owned()),
        |model| (model.name.clone(), format!("{} ({})", model.version, wording::label(model.label))),
    )
}

/// Where the scores came from, one line each.
pub(crate) fn provenance(report: &StudyReport) -> Vec<String> {
    let mut lines = vec![format!("Software: Mamoru {}", env!("CARGO_PKG_VERSION"))];
    if let Some(model) = &report.model {
        lines.push(format!("Model: {}", wording::model(model)));
        lines.push(format!("Network SHA-256: {}", model.network));
        lines.push(format!("Preprocessing digest: {}", model.preprocess));
    }
    lines.extend(report.engine.as_ref().map(|engine| format!("Engine: {engine}")));
    lines.extend(
        report.breasts.first().map(|breast| format!("Score of a breast: {}", wording::aggregation(report, breast))),
    );
    lines.extend(wording::findings(report).next().map(rule));
    lines
}
