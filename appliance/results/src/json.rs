//! The JSON document. Its schema is stable: fields are only ever added.

use std::borrow::Cow;
use std::path::PathBuf;

use domain::findings::{ImageTimings, ModelId};
use domain::{BreastFinding, ImageNote, InstanceOutcome, Laterality, StudyReport, StudyState, Trigger, View};
use serde::{Deserialize, Serialize};

use crate::marks;

/// The whole document: `{"notice", "studies": [StudyJson]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentJson {
    /// [`crate::NOTICE`].
    pub notice: Cow<'static, str>,
    /// One study where the document is delivered, any number where a command writes it.
    pub studies: Vec<StudyJson>,
}

/// One study. Named by its UID, because a report belongs to the study's readers; nothing else in it names a person.
///
/// ```json
/// {
///   "notice": "Research use only, not a medical device.",
///   "study": "Study Instance UID, or null for files without a readable header",
///   "revision": 1,
///   "trigger": "all_views | quiet_time | hard_cap | early",
///   "state": "provisional | final | revised",
///   "breasts": [{
///     "laterality": "R | L", "score": 0.5, "aggregation": "reference | mean | max",
///     "images": 2, "views": ["CC", "MLO"], "missing_views": []
///   }],
///   "missing_views": [{"laterality": "L", "view": "MLO"}],
///   "images": [{
///     "instance": "SOP Instance UID, or null for a file without a readable header",
///     "file": "path", "heatmap": "path",
///     "outcome": "scored", "laterality": "R", "view": "CC",
///     "score": 0.5, "logit": 0.0, "calibrated_probability": 0.5,
///     "operating_points": [{"target": {"sensitivity": 0.9}, "threshold": 0.4, "called": true}],
///     "called": true,
///     "peak": {"x": 1.5, "y": 2.5},
///     "cam": {"extent": {"rows": 30, "columns": 16}, "values": [0.0]},
///     "geometry": {
///       "original": {"rows": 4084, "columns": 3328}, "kept_rows": [[0, 4084]], "kept_columns": [[0, 3328]],
///       "input": {"rows": 955, "columns": 500}, "placed": {"top": 0, "left": 0, "rows": 955, "columns": 500}
///     },
///     "model": {}, "engine": "tract",
///     "timings": {"decode_ms": 1.0, "preprocess_ms": 1.0, "network_ms": 1.0, "render_ms": 1.0},
///     "notes": ["lossy_compression"]
///   }, {
///     "instance": "...", "outcome": "excluded", "reason": "implant", "reason_text": "breast implant"
///   }, {
///     "instance": "...", "outcome": "failed", "reason": {"code": "decode_damaged", "text": "for people"}
///   }],
///   "model": {
///     "name": "...", "version": "...", "label": "untrained | research", "network": "sha256", "preprocess": "sha256"
///   },
///   "engine": "tract",
///   "rule": "Called from a calibrated probability of 0.4000 on (operating point: sensitivity 0.9).",
///   "timings_ms": {"decode": 1.0, "preprocess": 1.0, "network": 1.0, "render": 1.0}
/// }
/// ```
///
/// The `score` of an image is the network's, from 0 to 1, and not calibrated. `calibrated_probability` is the image's logit by the
/// model's calibration, and absent where the model has none; it holds for the set that the model was calibrated on. The `score` of
/// a breast is made of its images' calibrated probabilities, of their scores where there are none. `operating_points` are the model's thresholds of that probability (of the score,
/// without a calibration), chosen for a `sensitivity` or a `specificity`, and whether the image reaches each; absent
/// where the model has none. The first of them decides what is `called`, and `rule` says so for people; without one a score of 0.5
/// does. An untrained model calls nothing. `score` of a breast rests on `images` images, and scores of different
/// numbers do not compare; a breast without a scored image is absent. `images` holds every received instance, in the
/// order of arrival. `peak` is in pixels of the original image, with the upper left corner of the first at (0, 0), or
/// null in padding. A number that is not finite is null. Reasons of exclusion are the names of
/// [`domain::ExclusionReason`], with the same for people as `reason_text`. `notes` are names of [`domain::ImageNote`], absent
/// where there is none. `state` is that of this revision: after a provisional one comes a final one, and a revised one
/// replaces a final one; `revision` says which one. `file`, `heatmap`, `trigger` and `state` are absent where they do not
/// apply: only commands set the first two, and they have no trigger and no state. `model` and `engine` are null where no image was scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyJson {
    /// [`StudyReport::notice`]: a study that is cut out of its document still says it.
    pub notice: Cow<'static, str>,
    /// Study Instance UID; `None` for files without a readable header.
    pub study: Option<String>,
    /// From 1. A later revision replaces all earlier ones.
    pub revision: u32,
    /// Why the study was reported when it was; `None` where a command was asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// As what it is given; `None` where a command was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StudyState>,
    /// Right, then left, where an image was scored.
    pub breasts: Vec<BreastFinding>,
    /// Expected views without a scored image.
    pub missing_views: Vec<MissingViewJson>,
    /// Every instance, with its outcome.
    pub images: Vec<ImageJson>,
    /// Which model; `None` when no image has a score.
    pub model: Option<ModelId>,
    /// Which engine.
    pub engine: Option<String>,
    /// By which rule images were called, for people; `None` when no image has a score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Sums over the scored images.
    pub timings_ms: TimingsMsJson,
}

/// A view that was expected and has no scored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingViewJson {
    /// Of which breast.
    pub laterality: Laterality,
    /// Which.
    pub view: View,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageJson {
    /// The file's path as it was found, where a command read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// SOP Instance UID; `None` for a file without a readable header.
    pub instance: Option<String>,
    /// Is it called, by the study's rule? Only a scored image is or is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<bool>,
    /// The heat map's file, where a command wrote one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heatmap: Option<PathBuf>,
    /// What became of it: its fields stand beside these.
    #[serde(flatten)]
    pub outcome: InstanceOutcome,
    /// The reason of an exclusion for people; see [`ImageJson::new`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<Cow<'static, str>>,
    /// What is said beside a score.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ImageNote>,
}

impl ImageJson {
    /// An instance that ended so, without paths.
    #[must_use]
    pub fn new(instance: Option<String>, outcome: InstanceOutcome, notes: Vec<ImageNote>) -> Self {
        let reason_text = match &outcome {
            InstanceOutcome::Excluded { reason } => Some(reason.text().into()),
            _ => None,
        };
        let called = match &outcome {
            InstanceOutcome::Scored(finding) => Some(marks::is_marked(finding)),
            _ => None,
        };
        Self { file: None, instance, called, heatmap: None, outcome, reason_text, notes }
    }
}

/// Milliseconds of the stages.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimingsMsJson {
    /// Header and pixels.
    pub decode: f64,
    /// Preprocessing.
    pub preprocess: f64,
    /// Network.
    pub network: f64,
    /// Heat maps.
    pub render: f64,
}

impl StudyJson {
    /// The report's study, without paths.
    #[must_use]
    pub fn of(report: &StudyReport) -> Self {
        let missing = report.missing_views.iter().map(|&(laterality, view)| MissingViewJson { laterality, view });
        let images: Vec<ImageJson> = report
            .images
            .iter()
            .map(|image| {
                let instance = Some(image.key.0.as_str().to_owned());
                ImageJson::new(instance, image.outcome.clone(), image.notes.clone())
            })
            .collect();
        Self {
            notice: report.notice().into(),
            study: Some(report.study.0.as_str().to_owned()),
            revision: report.revision,
            trigger: Some(report.trigger),
            state: Some(report.state),
            breasts: report.breasts.clone(),
            missing_views: missing.collect(),
            rule: Self::rule_of(&images),
            images,
            model: report.model.clone(),
            engine: report.engine.clone(),
            timings_ms: TimingsMsJson::sum(report.images.iter().map(|image| &image.outcome)),
        }
    }

    /// By which rule `images` were called, for people; `None` when none has a score.
    #[must_use]
    pub fn rule_of(images: &[ImageJson]) -> Option<String> {
        images.iter().find_map(|image| match &image.outcome {
            InstanceOutcome::Scored(finding) => Some(marks::rule(finding)),
            _ => None,
        })
    }
}

impl TimingsMsJson {
    /// The sums over all scored images.
    #[must_use]
    pub fn sum<'a>(outcomes: impl IntoIterator<Item = &'a InstanceOutcome>) -> Self {
        outcomes.into_iter().fold(Self::default(), |sum, outcome| {
            let ImageTimings { decode_ms, preprocess_ms, network_ms, render_ms } = match outcome {
                InstanceOutcome::Scored(finding) => finding.timings,
                _ => ImageTimings::default(),
            };
            Self {
                decode: sum.decode + decode_ms,
                preprocess: sum.preprocess + preprocess_ms,
                network: sum.network + network_ms,
                render: sum.render + render_ms,
            }
        })
    }
}
