//! Reports that no study gave.

use contract::geometry::{Extent, Rectangle, Runs};
use contract::manifest::ModelLabel;
use contract::{Digest, Geometry, PatientStudy, Uid};
use domain::findings::{Cam, ImageTimings, ModelId};
use domain::{
    Aggregation, BreastFinding, ExclusionReason, FailureReason, ImageFinding, InstanceKey, InstanceOutcome, Laterality,
    NOTICE, ReportedImage, ResultKind, StudyKey, StudyReport, StudyState, Trigger, UnixMillis, View,
};
use drawing::Picture;
use results::{ResultError, ResultObject, for_each_object};

/// Stands in every patient attribute.
pub const MARKER: &str = "MARKER";

pub const ALL: [ResultKind; 3] = [ResultKind::Json, ResultKind::Summary, ResultKind::Heatmap];

pub fn model(label: ModelLabel) -> ModelId {
    let [network, preprocess] = [Digest::of(b"network"), Digest::of(b"preprocess")];
    ModelId { name: "made-up".into(), version: "1".into(), label, network, preprocess }
}

pub fn image(number: usize, outcome: InstanceOutcome) -> ReportedImage {
    ReportedImage {
        key: InstanceKey(Uid::derived(&["image", &number.to_string()])),
        sop_class: Uid::parse("1.2.840.10008.5.1.4.1.1.1.2").unwrap(),
        series: None,
        spool_name: format!("spool-{number}"),
        outcome,
        notes: Vec::new(),
    }
}

pub fn scored(laterality: Laterality, view: View, score: f64) -> InstanceOutcome {
    let extent = Extent { rows: 40, columns: 20 };
    InstanceOutcome::Scored(Box::new(ImageFinding {
        laterality,
        view,
        score,
        logit: 0.5,
        calibrated_probability: None,
        operating_points: Vec::new(),
        peak: None,
        cam: Cam { extent: Extent { rows: 1, columns: 2 }, values: vec![0.25, 0.5] },
        geometry: Geometry {
            original: extent,
            kept_rows: Runs::all(40),
            kept_columns: Runs::all(20),
            input: extent,
            placed: Rectangle { top: 0, left: 0, rows: 40, columns: 20 },
        },
        model: model(ModelLabel::Research),
        engine: "tract".into(),
        timings: ImageTimings { decode_ms: 1.0, preprocess_ms: 2.0, network_ms: 4.0, render_ms: 8.0 },
    }))
}

pub fn excluded(reason: ExclusionReason) -> InstanceOutcome {
    InstanceOutcome::Excluded { reason }
}

pub fn failed(text: &str) -> InstanceOutcome {
    InstanceOutcome::Failed { reason: FailureReason { code: "decode_damaged".into(), text: text.into() } }
}

/// Two scored images of the right breast, a failed and an excluded one.
pub fn report() -> StudyReport {
    let marked = |what: &str| Some(format!("{MARKER}{what}"));
    StudyReport {
        study: StudyKey(Uid::derived(&["study"])),
        revision: 1,
        trigger: Trigger::QuietTime,
        state: StudyState::Final,
        breasts: BreastFinding::of(
            Laterality::Right,
            &[(View::CranioCaudal, 0.8), (View::MedioLateralOblique, 0.2)],
            Aggregation::Reference,
        )
        .into_iter()
        .collect(),
        images: vec![
            image(1, scored(Laterality::Right, View::CranioCaudal, 0.8)),
            image(2, failed("pixel data is damaged")),
            image(3, excluded(ExclusionReason::Implant)),
            image(4, scored(Laterality::Right, View::MedioLateralOblique, 0.2)),
        ],
        missing_views: vec![(Laterality::Left, View::CranioCaudal), (Laterality::Left, View::MedioLateralOblique)],
        model: Some(model(ModelLabel::Research)),
        engine: Some("tract".into()),
        patient_study: PatientStudy {
            patient_name: marked("^Jürgen=山田^太郎"),
            patient_id: marked("-ID"),
            issuer_of_patient_id: marked("-ISSUER"),
            birth_date: Some("19700102".into()),
            sex: Some("F".into()),
            study_date: Some("20260101".into()),
            study_time: Some("120000".into()),
            study_id: marked("-STUDY"),
            study_description: marked(" description"),
            accession_number: marked("-A"),
            referring_physician: marked("^Physician"),
        },
        last_received_at: UnixMillis(1_767_225_599_042),
    }
}

pub fn nothing_scored() -> StudyReport {
    let mut report = report();
    report.images = vec![image(1, excluded(ExclusionReason::ForProcessing))];
    report.breasts.clear();
    (report.model, report.engine) = (None, None);
    report
}

pub fn crowded(count: usize) -> StudyReport {
    let mut report = report();
    let outcome = |number: usize| match number % 2 {
        0 => scored(Laterality::Left, View::CranioCaudal, 0.5),
        _ => excluded(ExclusionReason::Magnification),
    };
    report.images = (1..=count).map(|number| image(number, outcome(number))).collect();
    report
}

pub fn png() -> Vec<u8> {
    Picture::new(96, 68, [90, 120, 150]).to_png(NOTICE).unwrap()
}

pub fn objects_with(
    report: &StudyReport,
    kinds: &[ResultKind],
    heatmap: &dyn Fn(&ReportedImage) -> Option<Vec<u8>>,
) -> Vec<ResultObject> {
    let mut objects = Vec::new();
    for_each_object::<ResultError>(report, kinds, heatmap, &mut |object| {
        objects.push(object);
        Ok(())
    })
    .unwrap();
    objects
}

pub fn objects(report: &StudyReport) -> Vec<ResultObject> {
    objects_with(report, &ALL, &|_| Some(png()))
}
