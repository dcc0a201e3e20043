//! Writes the result objects of made-up reports into a folder, to be looked at or checked by other software:
//! `write_results FOLDER` prints the files.

use std::io::Write as _;
use std::path::Path;

use contract::geometry::{Extent, Point, Rectangle, Runs};
use contract::manifest::ModelLabel;
use contract::{Digest, Geometry, InstanceAttributes, PatientStudy, SourceText, Target, Threshold, Uid};
use domain::findings::{Call, Cam, ImageTimings, ModelId};
use domain::{
    Aggregation, BreastFinding, Document, ExclusionReason, FailureReason, ImageFinding, InstanceKey, InstanceOutcome,
    Laterality, NOTICE, ReportedImage, ResultKind, Sop, StudyKey, StudyReport, StudyState, Trigger, UnixMillis, View,
};
use drawing::Picture;
use results::{FindingCode, ResultObject, Settings, for_each_object};

const EXAM: [(Laterality, View, f64); 4] = [
    (Laterality::Right, View::CranioCaudal, 0.8123),
    (Laterality::Right, View::MedioLateralOblique, 0.6417),
    (Laterality::Left, View::CranioCaudal, 0.0391),
    (Laterality::Left, View::MedioLateralOblique, 0.0518),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: write_results FOLDER")?;
    let folder = Path::new(&folder);
    let plain = Settings::default();
    let drawn = Settings { finding_code: FindingCode::BreastDensity, ..plain };
    for (name, report, settings) in [
        ("positive", complete(), plain),
        ("calibrated", calibrated(), drawn),
        ("negative", negative(), plain),
        ("partial", second_revision(), plain),
        ("failed", failed(), plain),
        ("excluded", nothing_scored(), plain),
        ("crowded", crowded(), plain),
        ("latin-1", in_latin_1(), drawn),
        ("japanese", in_japanese(), plain),
    ] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        write(&folder, &report, settings)?;
    }
    Ok(())
}

fn write(folder: &Path, report: &StudyReport, settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let heatmap = |image: &ReportedImage| match image.spool_name.as_str() {
        "gone" => None,
        "damaged" => Some(b"no picture".to_vec()),
        _ => picture(&image.outcome).to_png(NOTICE).ok(),
    };
    for_each_object(report, &ResultKind::ALL, settings, &heatmap, &mut |object: ResultObject| {
        let path = folder.join(&object.file_name);
        std::fs::write(&path, &object.bytes)?;
        writeln!(std::io::stdout(), "{}", path.display())?;
        Ok::<(), Box<dyn std::error::Error>>(())
    })
}

/// Four scored images and a raw one, of a trained model.
fn complete() -> StudyReport {
    let mut report = report("complete", 1, ModelLabel::Research, EXAM);
    report.images.push(excluded(9, ExclusionReason::ForProcessing));
    report
}

/// A calibrated model with operating points; one view of the left breast is called, and nothing stands out in its map.
fn calibrated() -> StudyReport {
    let mut exam = EXAM;
    exam[3].2 = 0.71;
    let mut report = report("calibrated", 1, ModelLabel::Research, exam);
    for image in &mut report.images {
        let InstanceOutcome::Scored(finding) = &mut image.outcome else { continue };
        let probability = finding.score / 4.0;
        finding.calibrated_probability = Some(probability);
        let points = [(Target::Sensitivity(0.9), 0.1), (Target::Specificity(0.9), 0.19)];
        let call = |(target, value)| {
            let threshold = Threshold::new(value).ok()?;
            Some(Call { target, threshold, called: threshold.calls(probability) })
        };
        finding.operating_points = points.into_iter().filter_map(call).collect();
    }
    if let InstanceOutcome::Scored(finding) = &mut report.images[3].outcome {
        finding.cam.values.fill(0.5);
    }
    report
}

fn negative() -> StudyReport {
    report("negative", 1, ModelLabel::Research, EXAM.map(|(side, view, score)| (side, view, score / 8.0)))
}

/// A view less and other outcomes, of an untrained model, of a patient whose name is not ASCII.
fn second_revision() -> StudyReport {
    let mut report = report("second", 2, ModelLabel::Untrained, EXAM);
    report.trigger = Trigger::QuietTime;
    report.patient_study.patient_name = Some("Müller^Jürgen=山田^太郎".into());
    report.images.truncate(3);
    report.breasts[1] = breast(Laterality::Left, &[(View::CranioCaudal, 0.0391)]);
    report.missing_views = vec![(Laterality::Left, View::MedioLateralOblique)];
    report.images[0].spool_name = "gone".into();
    report.images[1].spool_name = "damaged".into();
    report.images.push(image(4, broken()));
    report.images.push(excluded(5, ExclusionReason::ViewModifier));
    let kinds = [(ResultKind::CadSr, "88.50"), (ResultKind::ComprehensiveSr, "88.34")];
    report.predecessors = kinds
        .into_iter()
        .filter_map(|(kind, class)| {
            let class = Uid::parse(&format!("1.2.840.10008.5.1.4.1.1.{class}")).ok()?;
            Some(Document { kind, sop: Sop { class, instance: Uid::derived(&["first", kind.name()]) } })
        })
        .collect();
    report
}

fn failed() -> StudyReport {
    let mut report = nothing_scored();
    report.study = StudyKey(Uid::derived(&["example", "failed"]));
    report.images = (1..=4).map(|number| image(number, broken())).collect();
    report
}

fn nothing_scored() -> StudyReport {
    let mut report = report("nothing", 1, ModelLabel::Untrained, EXAM);
    report.images = vec![excluded(1, ExclusionReason::Implant), excluded(2, ExclusionReason::SopClassNotScored)];
    report.missing_views = EXAM.map(|(side, view, _)| (side, view)).to_vec();
    report.breasts.clear();
    report.patient_study = PatientStudy::default();
    (report.model, report.engine, report.trigger) = (None, None, Trigger::HardCap);
    report
}

/// More images than the summary has lines.
fn crowded() -> StudyReport {
    let mut report = report("crowded", 3, ModelLabel::Research, EXAM);
    report.images.extend((10..60).map(|number| excluded(number, ExclusionReason::NotMammography)));
    report
}

fn in_latin_1() -> StudyReport {
    in_character_set("latin-1", "ISO_IR 100", b"M\xFCller^J\xFCrgen")
}

/// The name is the example of PS3.5 section H.3.1.
fn in_japanese() -> StudyReport {
    let name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    in_character_set("japanese", "\\ISO 2022 IR 87", name)
}

fn in_character_set(study: &str, character_set: &str, name: &[u8]) -> StudyReport {
    let mut report = report(study, 1, ModelLabel::Research, EXAM);
    let texts = [
        ((0x0010, 0x0010), name),
        ((0x0010, 0x0020), b"EXAMPLE-1"),
        ((0x0020, 0x0010), b"1"),
        ((0x0008, 0x1030), b"Made-up screening"),
        ((0x0008, 0x0050), b"A-1"),
    ];
    let source = SourceText { character_set: character_set.into(), ..SourceText::default() };
    report.patient_study.source = Some(texts.into_iter().fold(source, |source, (tag, value)| source.with(tag, value)));
    report
}

fn report(study: &str, revision: u32, label: ModelLabel, exam: [(Laterality, View, f64); 4]) -> StudyReport {
    let model = ModelId {
        name: "efficientnet-b4-made-up".into(),
        version: "2026.1".into(),
        label,
        network: Digest::of(b"network"),
        preprocess: Digest::of(b"preprocess"),
    };
    let scored = (1..).zip(exam).map(|(number, exam)| image(number, scored(exam, &model)));
    let of_side = |side| exam.iter().filter(|exam| exam.0 == side).map(|exam| (exam.1, exam.2)).collect::<Vec<_>>();
    StudyReport {
        study: StudyKey(Uid::derived(&["example", study])),
        revision,
        trigger: Trigger::AllViews,
        state: if revision > 1 { StudyState::Revised } else { StudyState::Final },
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
        predecessors: Vec::new(),
        synthetic: false,
        self_test_failed: false,
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

/// As a mammography station describes its images; one of them is inverse.
fn image(number: u32, outcome: InstanceOutcome) -> ReportedImage {
    let is_inverse = number == 2;
    let attributes = InstanceAttributes {
        image_laterality: Some(if number <= 2 { "R" } else { "L" }.into()),
        view_position: Some(if number % 2 == 1 { "CC" } else { "MLO" }.into()),
        patient_orientation: vec![if number <= 2 { "P" } else { "A" }.into(), "FR".into()],
        photometric: Some(if is_inverse { "MONOCHROME1" } else { "MONOCHROME2" }.into()),
        rescale: Some([1.0, 0.0]),
        window: (number != 3).then_some([2_047.5, 3_000.0]),
        voi_function: Some("SIGMOID".into()),
        voi_lut: Some([0.0, 4_096.0]),
        has_pixel_data: true,
        ..InstanceAttributes::default()
    };
    ReportedImage {
        key: InstanceKey(Uid::derived(&["example image", &number.to_string()])),
        sop_class: Uid::parse("1.2.840.10008.5.1.4.1.1.1.2").unwrap_or_else(|_| Uid::derived(&["no class"])),
        series: Some(Uid::derived(&["example series", if number <= 2 { "right" } else { "left" }])),
        spool_name: format!("image-{number}"),
        outcome,
        attributes: Some(Box::new(attributes)),
        notes: Vec::new(),
    }
}

fn broken() -> InstanceOutcome {
    let reason = FailureReason { code: "decode_damaged".into(), text: "pixel data is damaged: cut short".into() };
    InstanceOutcome::Failed { reason }
}

fn excluded(number: u32, reason: ExclusionReason) -> ReportedImage {
    image(number, InstanceOutcome::Excluded { reason })
}

fn scored((laterality, view, score): (Laterality, View, f64), model: &ModelId) -> InstanceOutcome {
    let size = Extent { rows: 1024, columns: 834 };
    // A round spot and a small one beside it.
    let strength = |row: f64, column: f64| {
        let spot = |y: f64, x: f64, radius: f64| (-((row - y).powi(2) + (column - x).powi(2)) / radius).exp();
        spot(15.0, 7.0, 6.0) + 0.8 * spot(24.0, 3.0, 1.0)
    };
    let values = (0..480).map(|cell| strength(f64::from(cell / 16), f64::from(cell % 16)) as f32).collect();
    InstanceOutcome::Scored(Box::new(ImageFinding {
        laterality,
        view,
        score,
        logit: (score / (1.0 - score)).ln(),
        calibrated_probability: None,
        operating_points: Vec::new(),
        peak: Some(Point { x: 390.9375, y: 529.066_666_666_666_7 }),
        cam: Cam { extent: Extent { rows: 30, columns: 16 }, values },
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
