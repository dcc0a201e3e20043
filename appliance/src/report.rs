//! The JSON document of `mamoru analyze --json`: the schema of [`results::StudyJson`], with the path of each file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::findings::ModelId;
use domain::report::EXPECTED_VIEWS;
use domain::{Aggregation, BreastFinding, InstanceOutcome, Laterality, View};
use results::{DocumentJson, ImageJson, MissingViewJson, NOTICE, StudyJson, TimingsMsJson};

use crate::analysis::Analysis;

/// An analysed file and where its heat map was written.
pub struct AnalyzedFile {
    /// The file.
    pub path: PathBuf,
    /// What was found.
    pub analysis: Analysis,
    /// The heat map's file.
    pub heatmap: Option<PathBuf>,
}

/// Groups files by study and aggregates each breast. Files without a readable header come last, as a study without a UID.
pub fn document(files: Vec<AnalyzedFile>, aggregation: Aggregation, model: &ModelId, engine: &str) -> DocumentJson {
    let mut studies: BTreeMap<(bool, Option<String>), Vec<AnalyzedFile>> = BTreeMap::new();
    for file in files {
        let study = file.analysis.header.as_ref().map(|header| header.study.as_str().to_owned());
        studies.entry((study.is_none(), study)).or_default().push(file);
    }
    let studies = studies.into_iter().map(|((_, study), files)| StudyJson {
        study,
        model: Some(model.clone()),
        engine: Some(engine.to_owned()),
        ..study_of(files, aggregation)
    });
    DocumentJson { notice: NOTICE.into(), studies: studies.collect() }
}

fn study_of(files: Vec<AnalyzedFile>, aggregation: Aggregation) -> StudyJson {
    let images: Vec<ImageJson> = files.into_iter().map(image).collect();
    let scored: Vec<(Laterality, View, f64)> = images
        .iter()
        .filter_map(|image| match &image.outcome {
            InstanceOutcome::Scored(finding) => Some((finding.laterality, finding.view, finding.probability())),
            _ => None,
        })
        .collect();
    let breast = |side: Laterality| {
        let images = scored.iter().filter(|(laterality, ..)| *laterality == side);
        BreastFinding::of(side, &images.map(|(_, view, score)| (*view, *score)).collect::<Vec<_>>(), aggregation)
    };
    let is_missing =
        |(side, view): &(Laterality, View)| !scored.iter().any(|found| (found.0, found.1) == (*side, *view));
    let missing = EXPECTED_VIEWS.into_iter().filter(is_missing);
    StudyJson {
        notice: NOTICE.into(),
        study: None,
        revision: 1,
        trigger: None,
        breasts: [Laterality::Right, Laterality::Left].into_iter().filter_map(breast).collect(),
        missing_views: missing.map(|(laterality, view)| MissingViewJson { laterality, view }).collect(),
        model: None,
        engine: None,
        timings_ms: TimingsMsJson::sum(images.iter().map(|image| &image.outcome)),
        images,
    }
}

fn image(file: AnalyzedFile) -> ImageJson {
    ImageJson {
        file: Some(file.path),
        instance: file.analysis.header.map(|header| header.instance.as_str().to_owned()),
        heatmap: file.heatmap,
        outcome: file.analysis.outcome,
    }
}
