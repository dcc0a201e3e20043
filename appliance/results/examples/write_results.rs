//! Writes the result objects of made-up reports into a folder, to be looked at or checked by other software:
//! `write_results FOLDER` prints the files.

use std::io::Write as _;
use std::path::Path;

use contract::geometry::{Extent, Point, Rectangle, Runs};
use contract::manifest::ModelLabel;
use contract::{Digest, Geometry, PatientStudy, Uid};
use domain::findings::{Cam, ImageTimings, ModelId};
use domain::{
    Aggregation, BreastFinding, ExclusionReason, FailureReason, ImageFinding, InstanceKey, InstanceOutcome, Laterality,
    NOTICE, ReportedImage, ResultKind, StudyKey, StudyReport, StudyState, Trigger, UnixMillis, View,
};
use drawing::Picture;
use results::{ResultObject, for_each_object};

const EXAM: [(Laterality, View, f64); 4] = [
    (Laterality::Right, View::CranioCaudal, 0.8123),
    (Laterality::Right, View::MedioLateralOblique, 0.6417),
    (Laterality::Left, View::CranioCaudal, 0.0391),
    (Laterality::Left, View::MedioLateralOblique, 0.0518),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: write_results FOLDER")?;
    for report in [complete(), second_revision(), nothing_scored(), crowded()] {
        write(Path::new(&folder), &report)?;
    }
    Ok(())
}

fn write(folder: &Path, report: &StudyReport) -> Result<(), Box<dyn std::error::Error>> {
    let kinds = [ResultKind::Json, ResultKind::Summary, ResultKind::Heatmap];
    let heatmap = |image: &ReportedImage| match image.spool_name.as_str() {
        "gone" => None,
        "damaged" => Some(b"no picture".to_vec()),
        _ => picture(&image.outcome).to_png(NOTICE).ok(),
    };
    for_each_object(report, &kinds, &heatmap, &mut |object: ResultObject| {
        let path = folder.join(&object.file_name);
        std::fs::write(&path, &object.bytes)?;
        writeln!(std::io::stdout(), "{}", path.display())?;
        Ok::<(), Box<dyn std::error::Error>>(())
    })
}

/// Four scored images and a raw one, of a trained model.
fn complete() -> StudyReport {
    let mut report = report("complete", 1, ModelLabel::Research);
    report.images.push(excluded(9, ExclusionReason::ForProcessing));
    report
}

/// A view less and other outcomes, of an untrained model, of a patient whose name is not ASCII.
fn second_revision() -> StudyReport {
    let mut report = report("second", 2, ModelLabel::Untrained);
    report.trigger = Trigger::QuietTime;
    report.patient_study.patient_name = Some("Müller^Jürgen=山田^太郎".into());
    report.images.truncate(3);
    report.breasts[1] = breast(Laterality::Left, &[(View::CranioCaudal, 0.0391)]);
    report.missing_views = vec![(Laterality::Left, View::MedioLateralOblique)];
    report.images[0].spool_name = "gone".into();
    report.images[1].spool_name = "damaged".into();
    let reason = FailureReason { code: "decode_damaged".into(), text: "pixel data is damaged: cut short".into() };
    report.images.push(image(4, InstanceOutcome::Failed { reason }));
    report.images.push(excluded(5, ExclusionReason::ViewModifier));
    report
}

fn nothing_scored() -> StudyReport {
    let mut report = report("nothing", 1, ModelLabel::Untrained);
    report.images = vec![excluded(1, ExclusionReason::Implant), excluded(2, ExclusionReason::SopClassNotScored)];
    report.missing_views = EXAM.map(|(side, view, _)| (side, view)).to_vec();
    report.breasts.clear();
    report.patient_study = PatientStudy::default();
    (report.model, report.engine, report.trigger) = (None, None, Trigger::HardCap);
    report
}

/// More images than the summary has lines.
fn crowded() -> StudyReport {
    let mut report = report("crowded", 3, ModelLabel::Research);
    report.images.extend((10..60).map(|number| excluded(number, ExclusionReason::NotMammography)));
    report
}

fn report(study: &str, revision: u32, label: ModelLabel) -> StudyReport {
    let model = ModelId {
        name: "efficientnet-b4-made-up".into(),
        version: "2026.1".into(),
        label,
        network: Digest::of(b"network"),
        preprocess: Digest::of(b"preprocess"),
    };
    let scored = (1..).zip(EXAM).map(|(number, exam)| image(number, scored(exam, &model)));
    let of_side = |side| EXAM.iter().filter(|exam| exam.0 == side).map(|exam| (exam.1, exam.2)).collect::<Vec<_>>();
    StudyReport {
        study: StudyKey(Uid::derived(&["example", study])),
        revision,
        trigger: Trigger::AllViews,
        state: StudyState::Final,
        breasts: [Laterality::Right, Laterality::Left].map(|side| breast(side, &of_side(side))).to_vec(),
        images: scored.collect(),
        missing_views: Vec::new(),
        model: Some(model.clone()),
        engine: Some("tract".into()),
        patient_study: PatientStudy {
            patient_name: Some("EXAMPLE^PATIENT".into()),
            patient_id: Some("EXAMPLE-1".into()),
            birth_date: Some("19700101".into()),
            sex: Some("F".into()),
            study_date: Some("20260101".into()),
            study_time: Some("120000".into()),
            study_id: Some("1".into()),
            study_description: Some("Made-up screening".into()),
            accession_number: Some("A-1".into()),
            ..PatientStudy::default()
        },
        last_received_at: UnixMillis(1_767_272_655_250),
    }
}

fn breast(side: Laterality, images: &[(View, f64)]) -> BreastFinding {
    BreastFinding {
        laterality: side,
        score: Aggregation::Reference.aggregate(&images.iter().map(|image| image.1).collect::<Vec<_>>()).unwrap_or(0.0),
        aggregation: Aggregation::Reference,
        images: images.len(),
        views: images.iter().map(|image| image.0).collect(),
        missing_views: if images.len() < 2 { vec![View::MedioLateralOblique] } else { Vec::new() },
    }
}

fn image(number: u32, outcome: InstanceOutcome) -> ReportedImage {
    ReportedImage {
        key: InstanceKey(Uid::derived(&["example image", &number.to_string()])),
        sop_class: Uid::parse("1.2.840.10008.5.1.4.1.1.1.2").unwrap_or_else(|_| Uid::derived(&["no class"])),
        series: None,
        spool_name: format!("image-{number}"),
        outcome,
        notes: Vec::new(),
    }
}

fn excluded(number: u32, reason: ExclusionReason) -> ReportedImage {
    image(number, InstanceOutcome::Excluded { reason })
}

fn scored((laterality, view, score): (Laterality, View, f64), model: &ModelId) -> InstanceOutcome {
    let size = Extent { rows: 1024, columns: 834 };
    InstanceOutcome::Scored(Box::new(ImageFinding {
        laterality,
        view,
        score,
        logit: (score / (1.0 - score)).ln(),
        calibrated_probability: None,
        operating_points: Vec::new(),
        peak: Some(Point { x: 400.5, y: 512.5 }),
        cam: Cam { extent: Extent { rows: 30, columns: 16 }, values: vec![0.25; 480] },
        geometry: Geometry {
            original: size,
            kept_rows: Runs::all(size.rows),
            kept_columns: Runs::all(size.columns),
            input: Extent { rows: 955, columns: 500 },
            placed: Rectangle { top: 0, left: 0, rows: 955, columns: 500 },
        },
        model: model.clone(),
        engine: "tract".into(),
        timings: ImageTimings { decode_ms: 210.0, preprocess_ms: 40.0, network_ms: 900.0, render_ms: 55.0 },
    }))
}

/// Two half ellipses, the right one with a spot of the score's strength.
fn picture(outcome: &InstanceOutcome) -> Picture {
    let mut picture = Picture::new(1684, 1052, [0; 3]);
    let InstanceOutcome::Scored(finding) = outcome else { return picture };
    let is_right = finding.laterality == Laterality::Right;
    for y in 0..1024 {
        for x in 0..834 {
            let from_wall = if is_right { 834 - x } else { x };
            let [across, down] = [f64::from(from_wall) / 700.0, (f64::from(y) - 512.0) / 460.0];
            let inside = 1.0 - across * across - down * down;
            if inside <= 0.0 {
                continue;
            }
            let grey = (60.0 + 120.0 * inside.sqrt()) as u8;
            let spot = (-((across - 0.5).powi(2) + (down + 0.2).powi(2)) / 0.02).exp() * finding.score;
            let blend = |colour: f64| (f64::from(grey) * (1.0 - spot) + colour * spot) as u8;
            picture.set(x, y, [grey; 3]);
            picture.set(x + 850, y, [blend(250.0), blend(160.0), blend(40.0)]);
        }
    }
    picture.write((8, 1028), 1600, NOTICE, drawing::Size::Normal, [255, 190, 60]);
    picture
}
