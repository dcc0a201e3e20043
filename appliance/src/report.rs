//! The JSON document of `mamoru analyze --json`. Its schema is stable: fields are only ever added.
//!
//! `{"notice", "studies": [{"study", "revision", "breasts": [{"laterality", "score", "aggregation", "images", "views",
//! "missing_views"}], "images": [{"file", "instance", "outcome": "scored" | "excluded" | "failed", "laterality", "view",
//! "score", "logit", "peak", "cam", "geometry", "reason", "heatmap", ...}], "model", "engine", "timings_ms"}]}`. Studies and
//! instances are named by their UIDs, because a report belongs to the studies' readers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::findings::{ImageTimings, ModelId};
use domain::{Aggregation, BreastFinding, InstanceOutcome, Laterality};
use serde::Serialize;

use crate::analysis::Analysis;

/// Stands in every result.
pub const NOTICE: &str = "Research use only, not a medical device.";

/// Everything that one run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`NOTICE`].
    pub notice: &'static str,
    /// By Study Instance UID; files without a readable header come last, as a study without a UID.
    pub studies: Vec<StudyResult>,
}

/// One study.
#[derive(Debug, Serialize)]
pub struct StudyResult {
    /// Study Instance UID.
    pub study: Option<String>,
    /// Always 1: without the network nothing arrives late.
    pub revision: u32,
    /// Right, then left, where an image was scored.
    pub breasts: Vec<BreastFinding>,
    /// Every file, with its outcome.
    pub images: Vec<ImageResult>,
    /// Which model.
    pub model: ModelId,
    /// Which engine.
    pub engine: &'static str,
    /// Sums over the study's images.
    pub timings_ms: TimingsMs,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct ImageResult {
    /// The file's path as it was found.
    pub file: PathBuf,
    /// SOP Instance UID.
    pub instance: Option<String>,
    /// The heat map's file, when one was written.
    pub heatmap: Option<PathBuf>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: InstanceOutcome,
}

/// Milliseconds of the stages.
#[derive(Debug, Default, Serialize)]
pub struct TimingsMs {
    /// Header and pixels.
    pub decode: f64,
    /// Preprocessing.
    pub preprocess: f64,
    /// Network.
    pub network: f64,
    /// Heat maps.
    pub render: f64,
}

/// An analysed file and where its heat map was written.
pub struct AnalyzedFile {
    /// The file.
    pub path: PathBuf,
    /// What was found.
    pub analysis: Analysis,
    /// The heat map's file.
    pub heatmap: Option<PathBuf>,
}

impl Report {
    /// Groups files by study and aggregates each breast.
    pub fn new(files: Vec<AnalyzedFile>, aggregation: Aggregation, model: &ModelId, engine: &'static str) -> Self {
        let mut studies: BTreeMap<(bool, Option<String>), Vec<AnalyzedFile>> = BTreeMap::new();
        for file in files {
            let study = file.analysis.header.as_ref().map(|header| header.study.as_str().to_owned());
            studies.entry((study.is_none(), study)).or_default().push(file);
        }
        let studies =
            studies.into_iter().map(|((_, study), files)| StudyResult::new(study, files, aggregation, model, engine));
        Self { notice: NOTICE, studies: studies.collect() }
    }

    /// Every file of every study.
    pub fn images(&self) -> impl Iterator<Item = &ImageResult> {
        self.studies.iter().flat_map(|study| &study.images)
    }
}

impl StudyResult {
    fn new(
        study: Option<String>,
        files: Vec<AnalyzedFile>,
        aggregation: Aggregation,
        model: &ModelId,
        engine: &'static str,
    ) -> Self {
        let images: Vec<ImageResult> = files.into_iter().map(ImageResult::from).collect();
        let breast = |laterality: Laterality| {
            let scored = images.iter().filter_map(|image| match &image.outcome {
                InstanceOutcome::Scored(finding) if finding.laterality == laterality => {
                    Some((finding.view, finding.score))
                }
                _ => None,
            });
            BreastFinding::of(laterality, &scored.collect::<Vec<_>>(), aggregation)
        };
        let breasts = [Laterality::Right, Laterality::Left].into_iter().filter_map(breast).collect();
        let timings_ms = TimingsMs::sum(&images);
        Self { study, revision: 1, breasts, images, model: model.clone(), engine, timings_ms }
    }
}

impl From<AnalyzedFile> for ImageResult {
    fn from(file: AnalyzedFile) -> Self {
        Self {
            file: file.path,
            instance: file.analysis.header.map(|header| header.instance.as_str().to_owned()),
            heatmap: file.heatmap,
            outcome: file.analysis.outcome,
        }
    }
}

impl TimingsMs {
    fn sum(images: &[ImageResult]) -> Self {
        images.iter().fold(Self::default(), |sum, image| {
            let ImageTimings { decode_ms, preprocess_ms, network_ms, render_ms } = match &image.outcome {
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
