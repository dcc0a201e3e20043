use contract::Threshold;

use super::*;
use crate::bootstrap::Bootstrap;
use crate::prediction::{Laterality, Prediction, Predictions};
use crate::report::{Settings, evaluate};

fn evaluation(positive: impl Fn(usize) -> bool) -> Evaluation {
    let row = |index: usize| Prediction {
        patient_id: index.to_string(),
        laterality: Laterality::Right,
        view: "CC".into(),
        image_id: "1".into(),
        site: "north | south".into(),
        machine: String::new(),
        density: "B".into(),
        label: positive(index),
        logit: (index as f64 * 0.7).sin() + f64::from(u8::from(positive(index))),
    };
    let predictions = Predictions::new((0..60).map(row).collect()).unwrap();
    let bootstrap = Bootstrap { resamples: 50, ..Bootstrap::default() };
    evaluate(&predictions, &Settings { bootstrap, ..Settings::reference().unwrap() }).unwrap()
}

fn card(evaluation: Evaluation) -> ModelCard {
    let point = OperatingPoint {
        target: Target::Sensitivity(0.9),
        threshold: Threshold::new(0.25).unwrap(),
        sensitivity: 0.91,
        specificity: 0.5,
    };
    ModelCard {
        name: "test".into(),
        version: "1".into(),
        date: "2026-11-24".into(),
        summary: "A model.".into(),
        intended_use: vec!["research".into()],
        not_for: vec!["diagnosis".into()],
        licence: "CC BY-NC 4.0".into(),
        training: vec![("seed".into(), "1".into())],
        data: vec![],
        split: "By patient.".into(),
        calibration: Calibration::Identity,
        operating_points: vec![LevelPoint { level: Level::Image, point }],
        evaluated_on: "the validation part".into(),
        evaluation,
        weaknesses: vec!["implants were never seen".into()],
        figures: vec![Figure { title: "ROC".into(), path: "roc image.svg".into() }],
    }
}

#[test]
fn the_card_says_what_it_must() {
    let text = card(evaluation(|index| index % 3 == 0)).to_markdown();
    for part in [
        "**Research use only, not a medical device.**",
        "CC BY-NC 4.0",
        "implants were never seen",
        "### Per breast (reference)",
        "sensitivity at least 0.9 | 0.250 | 0.910 | 0.500",
        "site north \\| south",
        "machine unknown",
        "95 % percentile intervals of 50 bootstrap resamples",
        "![ROC](<roc image.svg>)",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn one_class_has_a_card_with_dashes() {
    let text = card(evaluation(|_| false)).to_markdown();
    assert!(text.contains("| AUC | – | – |"), "{text}");
}

#[test]
fn a_card_survives_json() {
    let card = card(evaluation(|index| index % 3 == 0));
    let text = serde_json::to_string(&card).unwrap();
    assert_eq!(serde_json::from_str::<ModelCard>(&text).unwrap().to_markdown(), card.to_markdown());
}
