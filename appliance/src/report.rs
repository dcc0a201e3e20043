//! The JSON document of `mamoru analyze --json`: the schema of [`results::StudyJson`], with the path of each file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::findings::ModelId;
use domain::report::EXPECTED_VIEWS;
use domain::study_rules::{Decision, Judged, decide};
use domain::{
    Aggregation, BreastFinding, EligibilityPolicy, ImageFinding, InstanceKey, InstanceOutcome, Laterality, View,
};
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

/// What is said of studies as a whole.
pub struct Method<'a> {
    /// How the images of a breast become one score.
    pub aggregation: Aggregation,
    /// Which images are scored.
    pub policy: &'a EligibilityPolicy,
    /// Which model.
    pub model: &'a ModelId,
    /// Which engine, where no image says it.
    pub engine: &'a str,
}

/// Groups files by study, applies the rules of whole studies and aggregates each breast. Files without a readable header
/// come last, as a study without a UID.
pub fn document(files: Vec<AnalyzedFile>, method: &Method<'_>) -> DocumentJson {
    let mut studies: BTreeMap<(bool, Option<String>), Vec<AnalyzedFile>> = BTreeMap::new();
    for file in files {
        let study = file.analysis.header.as_ref().map(|header| header.study.as_str().to_owned());
        studies.entry((study.is_none(), study)).or_default().push(file);
    }
    let studies = studies.into_iter().map(|((_, study), files)| StudyJson {
        study,
        model: Some(method.model.clone()),
        ..study_of(files, method)
    });
    DocumentJson { notice: NOTICE.into(), studies: studies.collect() }
}

fn study_of(files: Vec<AnalyzedFile>, method: &Method<'_>) -> StudyJson {
    let headers = files.iter().map(|file| file.analysis.header.as_ref());
    let keys: Vec<Option<InstanceKey>> =
        headers.clone().map(|header| Some(InstanceKey(header?.instance.clone()))).collect();
    let judged = files.iter().zip(headers).zip(&keys).map(|((file, header), key)| Judged {
        key: key.as_ref(),
        attributes: header.map(|header| &header.attributes),
        outcome: &file.analysis.outcome,
    });
    let decisions = decide(&judged.collect::<Vec<_>>(), method.policy);
    let image = |(file, decision): (AnalyzedFile, Decision)| ImageJson {
        file: Some(file.path),
        heatmap: file.heatmap,
        ..ImageJson::new(
            file.analysis.header.map(|header| header.instance.as_str().to_owned()),
            decision.outcome,
            decision.notes,
        )
    };
    let images: Vec<ImageJson> = files.into_iter().zip(decisions).map(image).collect();
    let findings = images.iter().filter_map(|image| match &image.outcome {
        InstanceOutcome::Scored(finding) => Some(finding.as_ref()),
        _ => None,
    });
    let engine = ImageFinding::engines(findings.clone()).unwrap_or_else(|| method.engine.to_owned());
    let scored: Vec<(Laterality, View, f64)> =
        findings.map(|finding| (finding.laterality, finding.view, finding.probability())).collect();
    let breast = |side: Laterality| {
        let images = scored.iter().filter(|(laterality, ..)| *laterality == side);
        BreastFinding::of(side, &images.map(|(_, view, score)| (*view, *score)).collect::<Vec<_>>(), method.aggregation)
    };
    let is_missing =
        |(side, view): &(Laterality, View)| !scored.iter().any(|found| (found.0, found.1) == (*side, *view));
    let missing = EXPECTED_VIEWS.into_iter().filter(is_missing);
    StudyJson {
        notice: NOTICE.into(),
        study: None,
        revision: 1,
        trigger: None,
        state: None,
        breasts: [Laterality::Right, Laterality::Left].into_iter().filter_map(breast).collect(),
        missing_views: missing.map(|(laterality, view)| MissingViewJson { laterality, view }).collect(),
        model: None,
        engine: Some(engine),
        rule: StudyJson::rule_of(&images),
        timings_ms: TimingsMsJson::sum(images.iter().map(|image| &image.outcome)),
        images,
    }
}
