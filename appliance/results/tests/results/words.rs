//! What objects say of their scores is true of calibrated and of other models, and says what decided.

use contract::{Target, Threshold};
use dicom_dictionary_std::tags;
use domain::findings::Call;
use domain::{ResultKind, StudyReport};
use results::{OperatingPointChoice, ResultError, ResultObject, Settings, for_each_object};

use crate::made_up::{findings, objects_with, png, positive};
use crate::tree::{read, text};

const PROBABILITY_OF_CANCER: &str = "111047";
/// True only of models without a calibration.
const DENIALS: [&str; 2] = ["Scores are not calibrated probabilities", "The score is not a calibrated probability"];

fn every(report: &StudyReport) -> Vec<ResultObject> {
    objects_with(report, &ResultKind::ALL, &|_| Some(png()))
}

fn with_choice(report: &StudyReport, choice: &str) -> Vec<ResultObject> {
    let operating_point = OperatingPointChoice::parse(choice).unwrap();
    let settings = Settings { operating_point, ..Settings::default() };
    let mut objects = Vec::new();
    for_each_object::<ResultError>(report, &ResultKind::ALL, settings, &|_| Some(png()), &mut |object| {
        objects.push(object);
        Ok(())
    })
    .unwrap();
    objects
}

fn contains(object: &ResultObject, words: &str) -> bool {
    object.bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

/// Calibrated probabilities 0.4, 0.3, 0.05 and 0.025; called from 0.1 on, by the second point from 0.35 on.
fn calibrated() -> StudyReport {
    let mut report = positive();
    for finding in findings(&mut report) {
        let probability = finding.score / 2.0;
        let call = |target, threshold| {
            let threshold = Threshold::new(threshold).unwrap();
            Call { target, threshold, called: threshold.calls(probability) }
        };
        finding.calibrated_probability = Some(probability);
        finding.operating_points = vec![call(Target::Sensitivity(0.9), 0.1), call(Target::Specificity(0.8), 0.35)];
    }
    report
}

#[test]
fn without_a_calibration_no_object_speaks_of_a_probability() {
    for object in every(&positive()) {
        assert!(!contains(&object, PROBABILITY_OF_CANCER), "{}", object.name);
        assert!(!contains(&object, "alibrated probability 0."), "{}", object.name);
        let denies = DENIALS.iter().any(|words| contains(&object, words));
        assert!(denies || object.kind == ResultKind::Json, "{}: the JSON report's fields are documented", object.name);
    }
}

#[test]
fn with_a_calibration_no_object_denies_it() {
    for object in every(&calibrated()) {
        assert!(!DENIALS.iter().any(|words| contains(&object, words)), "{}", object.name);
        let says = contains(&object, "the set that the model was calibrated on");
        assert!(says || object.kind == ResultKind::Json, "{}: for whom the probability holds", object.name);
    }
}

#[test]
fn scores_of_which_only_some_are_calibrated_are_said_to_be_mixed() {
    let mut mixed = calibrated();
    findings(&mut mixed).next().unwrap().calibrated_probability = None;
    for object in every(&mixed) {
        if matches!(object.kind, ResultKind::Summary | ResultKind::CadSr | ResultKind::ComprehensiveSr) {
            assert!(contains(&object, "Only some images have a calibrated probability."), "{}", object.name);
        }
    }
}

#[test]
fn every_object_says_which_threshold_of_which_operating_point_decided() {
    for object in every(&calibrated()) {
        let rule = "Called from a calibrated probability of 0.1000 on (operating point: sensitivity 0.9).";
        assert!(contains(&object, rule), "{}", object.name);
    }
    for object in every(&positive()) {
        assert!(
            contains(&object, "Called from a score of 0.5 on: the model has no operating point."),
            "{}",
            object.name
        );
    }
}

#[test]
fn a_sites_choice_of_the_operating_point_decides_in_every_object_and_makes_others_of_them() {
    let (first, second) = (every(&calibrated()), with_choice(&calibrated(), "specificity 0.8"));
    assert!(first == with_choice(&calibrated(), "first") && first == with_choice(&calibrated(), "sensitivity 0.9"));
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(&second) {
        let rule = "Called from a calibrated probability of 0.3500 on (operating point: specificity 0.8).";
        assert!(contains(second, rule), "{}", second.name);
        assert!(first.sop.is_none() || first.sop != second.sop, "{}: another content, another UID", second.name);
    }
    let called = |objects: &[ResultObject]| {
        let document: serde_json::Value = serde_json::from_slice(&objects[0].bytes).unwrap();
        let images = document["studies"][0]["images"].as_array().unwrap().clone();
        images.iter().map(|image| image["called"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(called(&first), [true, true, false, false]);
    assert_eq!(called(&second), [true, false, false, false]);
    // A point that the model does not have decides nothing: its first one does, and is named.
    assert!(first == with_choice(&calibrated(), "sensitivity 0.5"));
}

#[test]
fn pages_say_verdict_and_orientation() {
    let comments = |report: &StudyReport| {
        let objects = objects_with(report, &[ResultKind::Heatmap], &|_| Some(png()));
        objects.iter().map(|object| text(&read(object), tags::IMAGE_COMMENTS)).collect::<Vec<_>>()
    };
    let said = comments(&calibrated());
    assert!(said[0].contains("This image is called.") && said[0].contains("Calibrated probability 0.4000"), "{said:?}");
    assert!(said[2].contains("This image is not called."));
    let rows = |report: &StudyReport| {
        let object = objects_with(report, &[ResultKind::Heatmap], &|_| Some(png())).remove(0);
        read(&object).element(tags::ROWS).unwrap().to_int::<u32>().unwrap()
    };
    let plain = rows(&calibrated());
    let oriented = |orientation: [&str; 2]| {
        let mut report = calibrated();
        report.images[0].attributes.as_mut().unwrap().patient_orientation = orientation.map(str::to_owned).to_vec();
        rows(&report)
    };
    assert_eq!(oriented(["P", "FR"]), plain + 26, "a line more");
    for odd in [["", "FR"], ["P", "Doe^Jane"], ["<b>", "F"]] {
        assert_eq!(oriented(odd), plain, "{odd:?}");
    }
}

#[test]
fn every_object_of_a_synthetic_exam_says_that_it_is_of_no_patient() {
    let real = calibrated();
    let synthetic = StudyReport { synthetic: true, ..real.clone() };
    for (object, of_real) in every(&synthetic).iter().zip(every(&real)) {
        assert!(contains(object, domain::SYNTHETIC_NOTICE), "{object:?}");
        assert!(!contains(&of_real, "ynthetic"), "{of_real:?}");
        let uids = (object.sop.as_ref().map(|sop| &sop.instance), of_real.sop.as_ref().map(|sop| &sop.instance));
        assert!(uids == (None, None) || uids.0 != uids.1, "{object:?}");
    }
    // On the page itself too: its banner has other pixels.
    let banner = |report: &StudyReport| {
        let page = read(&crate::made_up::one(report, ResultKind::Summary));
        let pixels = page.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
        // 64 rows of 1000 pixels.
        pixels[..64 * 1000 * 3].to_vec()
    };
    assert_ne!(banner(&synthetic), banner(&real));
}

#[test]
fn every_object_of_a_device_that_failed_its_self_test_says_so() {
    let real = calibrated();
    let doubtful = StudyReport { self_test_failed: true, ..real.clone() };
    for (object, of_real) in every(&doubtful).iter().zip(every(&real)) {
        assert!(contains(object, domain::DOUBT_NOTICE), "{object:?}");
        assert!(!contains(&of_real, "self-test"), "{of_real:?}");
    }
}
