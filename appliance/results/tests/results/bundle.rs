//! The FHIR bundle.

use std::collections::BTreeSet;

use domain::{NOTICE, ResultKind, StudyReport, StudyState};
use serde_json::{Value, json};

use crate::made_up::{MARKER, findings, negative, one, positive, report};

fn bundle(report: &StudyReport) -> Value {
    serde_json::from_slice(&one(report, ResultKind::Fhir).bytes).unwrap()
}

fn resources(bundle: &Value, kind: &str) -> Vec<Value> {
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

#[test]
fn no_person_is_named() {
    let mut bundle = bundle(&report());
    let diagnostic = &mut bundle["entry"][0]["resource"];
    assert_eq!(diagnostic["basedOn"][0]["identifier"]["value"], format!("{MARKER}-A"), "the accession number");
    diagnostic["basedOn"] = Value::Null;
    let text = bundle.to_string();
    for marker in [MARKER, "19700102", "rgen", "山田", "spool-", "subject"] {
        assert!(!text.contains(marker), "{marker}");
    }
    let mut without = report();
    without.patient_study.accession_number = None;
    assert!(resources(&self::bundle(&without), "DiagnosticReport")[0].get("basedOn").is_none());
}

#[test]
fn every_image_and_breast_is_an_observation() {
    let bundle = bundle(&report());
    let observations = resources(&bundle, "Observation");
    assert_eq!(observations.len(), 1 + 4);
    assert_eq!(observations[0]["valueQuantity"]["value"], report().breasts[0].score);
    assert_eq!(observations[0]["bodySite"]["coding"][0]["code"], "73056007");
    assert_eq!(observations[1]["valueQuantity"]["value"], 0.8);
    let absent = |index: usize| &observations[index]["dataAbsentReason"]["coding"][0]["code"];
    assert_eq!((absent(2), absent(3)), (&json!("error"), &json!("not-performed")));
    assert!(observations[2].get("valueQuantity").is_none());
    let [report_resource] = &resources(&bundle, "DiagnosticReport")[..] else { panic!("one report") };
    assert_eq!(report_resource["result"].as_array().unwrap().len(), 5);
    assert_eq!(
        report_resource["imagingStudy"][0]["identifier"]["value"],
        format!("urn:oid:{}", report().study.0.as_str())
    );
}

#[test]
fn references_lead_to_entries_with_names_of_their_own() {
    let bundle = bundle(&positive());
    let entries = bundle["entry"].as_array().unwrap();
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(names.len(), entries.len());
    for entry in entries {
        assert_eq!(entry["fullUrl"], format!("urn:uuid:{}", entry["resource"]["id"].as_str().unwrap()));
        assert_eq!(entry["resource"]["id"].as_str().unwrap().len(), 36);
    }
    let mut referred = 0;
    for resource in resources(&bundle, "Observation") {
        assert!(names.contains(resource["device"]["reference"].as_str().unwrap()));
        referred += 1;
    }
    for result in resources(&bundle, "DiagnosticReport")[0]["result"].as_array().unwrap() {
        assert!(names.contains(result["reference"].as_str().unwrap()));
        referred += 1;
    }
    assert_eq!(referred, 12);
    let other = self::bundle(&negative());
    assert_ne!(other["id"], bundle["id"], "another result, another name");
}

#[test]
fn the_status_follows_completeness_and_state() {
    let status = |report: &StudyReport| resources(&bundle(report), "DiagnosticReport")[0]["status"].clone();
    assert_eq!((status(&positive()), status(&report())), (json!("final"), json!("partial")));
    let mut second = positive();
    let parts = |report: &StudyReport| resources(&bundle(report), "Observation")[0]["status"].clone();
    for (state, expected) in
        [(StudyState::Provisional, "preliminary"), (StudyState::Final, "final"), (StudyState::Revised, "amended")]
    {
        (second.revision, second.state) = (2, state);
        assert_eq!((status(&second), parts(&second)), (json!(expected), json!(expected)));
    }
    let mut early = report();
    early.state = StudyState::Provisional;
    assert_eq!(status(&early), "preliminary", "also with views missing");
}

#[test]
fn a_probability_is_there_only_when_calibrated() {
    let probability = |report: &StudyReport| bundle(report).to_string().matches(r#""code":"111047""#).count();
    assert_eq!(probability(&positive()), 0);
    let mut calibrated = positive();
    findings(&mut calibrated).for_each(|finding| finding.calibrated_probability = Some(0.25));
    assert_eq!(probability(&calibrated), 4);
    assert!(resources(&bundle(&positive()), "DiagnosticReport")[0]["conclusion"].as_str().unwrap().starts_with(NOTICE));
}
