//! Reports that no study gave.

use contract::geometry::{Extent, Point, Rectangle, Runs};
use contract::manifest::ModelLabel;
use contract::{Digest, Geometry, InstanceAttributes, PatientStudy, Uid};
use domain::findings::{Cam, ImageTimings, ModelId};
use domain::{
    Aggregation, BreastFinding, ExclusionReason, FailureReason, ImageFinding, InstanceKey, InstanceOutcome, Laterality,
    NOTICE, ReportedImage, ResultKind, StudyKey, StudyReport, StudyState, Trigger, UnixMillis, View,
};
use drawing::Picture;
use results::{FindingCode, ResultError, ResultObject, Settings, for_each_object};

/// Stands in every patient attribute.
pub const MARKER: &str = "MARKER";

/// The document and the pages.
pub const ALL: [ResultKind; 3] = [ResultKind::Json, ResultKind::Summary, ResultKind::Heatmap];

pub fn model(label: ModelLabel) -> ModelId {
    let [network, preprocess] = [Digest::of(b"network"), Digest::of(b"preprocess")];
    ModelId { name: "made-up".into(), version: "1".into(), label, network, preprocess }
}

pub fn image(number: usize, outcome: InstanceOutcome) -> ReportedImage {
    ReportedImage {
        key: InstanceKey(Uid::derived(&["image", &number.to_string()])),
        sop_class: Uid::parse("1.2.840.10008.5.1.4.1.1.1.2").unwrap(),
        series: Some(Uid::derived(&["series"])),
        spool_name: format!("spool-{number}"),
        outcome,
        attributes: Some(Box::new(attributes())),
        notes: Vec::new(),
    }
}

pub fn attributes() -> InstanceAttributes {
    InstanceAttributes {
        image_laterality: Some("R".into()),
        view_position: Some("MLO".into()),
        photometric: Some("MONOCHROME2".into()),
        rescale: Some([1.0, 0.0]),
        window: Some([2_047.5, 3_000.0]),
        has_pixel_data: true,
        ..InstanceAttributes::default()
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
            source: None,
        },
        last_received_at: UnixMillis(1_767_225_599_042),
        predecessors: Vec::new(),
        synthetic: false,
        self_test_failed: false,
    }
}

/// The report with one hot cell in each map, in row 3 and column 2 of 8 by 4.
pub fn hot(mut report: StudyReport) -> StudyReport {
    for finding in findings(&mut report) {
        let mut values = vec![0.0; 32];
        values[14] = 9.0;
        finding.cam = Cam { extent: Extent { rows: 8, columns: 4 }, values };
        finding.peak = Some(Point { x: 12.5, y: 17.5 });
    }
    report
}

pub fn findings(report: &mut StudyReport) -> impl Iterator<Item = &mut ImageFinding> {
    report.images.iter_mut().filter_map(|image| match &mut image.outcome {
        InstanceOutcome::Scored(finding) => Some(&mut **finding),
        _ => None,
    })
}

/// Both views of the right breast called, both of the left not; all there.
pub fn positive() -> StudyReport {
    let exam = [
        (Laterality::Right, View::CranioCaudal, 0.8),
        (Laterality::Right, View::MedioLateralOblique, 0.6),
        (Laterality::Left, View::CranioCaudal, 0.1),
        (Laterality::Left, View::MedioLateralOblique, 0.05),
    ];
    let breast = |side| {
        let images = exam.iter().filter(|image| image.0 == side).map(|image| (image.1, image.2));
        BreastFinding::of(side, &images.collect::<Vec<_>>(), Aggregation::Mean)
    };
    let images = (1..).zip(exam).map(|(number, (side, view, score))| image(number, scored(side, view, score)));
    hot(StudyReport {
        trigger: Trigger::AllViews,
        breasts: [Laterality::Right, Laterality::Left].into_iter().filter_map(breast).collect(),
        images: images.collect(),
        missing_views: Vec::new(),
        ..report()
    })
}

pub fn negative() -> StudyReport {
    let mut report = positive();
    findings(&mut report).for_each(|finding| finding.score /= 10.0);
    report
}

pub fn all_failed() -> StudyReport {
    let mut report = nothing_scored();
    report.images = (1..=2).map(|number| image(number, failed("pixel data is damaged"))).collect();
    report
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
    for_each_object::<ResultError>(report, kinds, Settings::default(), heatmap, &mut |object| {
        objects.push(object);
        Ok(())
    })
    .unwrap();
    objects
}

/// The only object of `kind`.
pub fn one(report: &StudyReport, kind: ResultKind) -> ResultObject {
    with_code(report, kind, FindingCode::default())
}

pub fn with_code(report: &StudyReport, kind: ResultKind, finding_code: FindingCode) -> ResultObject {
    let mut objects = Vec::new();
    for_each_object::<ResultError>(
        report,
        &[kind],
        Settings { finding_code, ..Settings::default() },
        &|_| None,
        &mut |object| {
            objects.push(object);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(objects.len(), 1);
    objects.remove(0)
}

pub fn objects(report: &StudyReport) -> Vec<ResultObject> {
    objects_with(report, &ALL, &|_| Some(png()))
}
