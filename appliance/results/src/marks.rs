//! The scored images of a report with what is marked on them: the same for every kind of object.

use contract::manifest::ModelLabel;
use contract::{HotSpot, Point, Ring, Target};
use domain::findings::{Call, ModelId};
use domain::{
    BreastFinding, ImageFinding, InstanceOutcome, Laterality, NOTICE, ReportedImage, StudyReport, StudyState, Tally,
};

use crate::wording;

/// The score from which an image is called when its model has no operating point.
const THRESHOLD: f64 = 0.5;

/// A scored image.
pub(crate) struct Mark<'a> {
    /// Its number in the report, from 1.
    pub(crate) number: u32,
    pub(crate) image: &'a ReportedImage,
    pub(crate) finding: &'a ImageFinding,
    /// Does its score reach the operating point?
    pub(crate) called: bool,
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
        self.called && !matches!(self.finding.model.label, ModelLabel::Untrained)
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
            called: operating_point(finding).map_or(finding.score >= THRESHOLD, |call| call.called),
            hot_spot: HotSpot::of(&finding.cam.values, finding.cam.extent, &finding.geometry, finding.peak),
            finding,
        }),
        _ => None,
    });
    scored.collect()
}

/// The first one of the model.
fn operating_point(finding: &ImageFinding) -> Option<&Call> {
    finding.operating_points.first()
}

/// By which rule images are called.
pub(crate) fn rule(finding: &ImageFinding) -> String {
    let Some(call) = operating_point(finding) else {
        return format!("Called from a score of {THRESHOLD} on: the model has no operating point.");
    };
    let of = if finding.calibrated_probability.is_some() { "calibrated probability" } else { "score" };
    let (name, share) = match call.target {
        Target::Sensitivity(share) => ("sensitivity", share),
        Target::Specificity(share) => ("specificity", share),
    };
    format!(
        "Called from a {of} of {:.4} on, the model's operating point for a {name} of {share}.",
        call.threshold.get()
    )
}

/// The whole result in words: notice, scores, what is missing, rule.
pub(crate) fn summary(report: &StudyReport, marks: &[Mark<'_>]) -> String {
    let mut parts = vec![NOTICE.to_owned()];
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
        parts.push(wording::NOT_CALIBRATED.to_owned());
    }
    parts.join(" ")
}

/// `RIGHT 0.7310 (R CC 0.8123, R MLO 0.6417).`
fn breast_words(breast: &BreastFinding, marks: &[Mark<'_>]) -> String {
    let images = marks.iter().filter(|mark| mark.finding.laterality == breast.laterality).map(Mark::words);
    let images = images.collect::<Vec<_>>().join(", ");
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
        report.breasts.first().map(|breast| format!("Score of a breast: {}", wording::aggregation(breast.aggregation))),
    );
    let scored = report.images.iter().find_map(|image| match &image.outcome {
        InstanceOutcome::Scored(finding) => Some(rule(finding)),
        _ => None,
    });
    lines.extend(scored);
    lines
}
