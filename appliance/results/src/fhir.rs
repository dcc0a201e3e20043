//! The scores as FHIR R4 bundle: a DiagnosticReport, an Observation per breast and per image, and the Device that made them.
//!
//! Names no patient: the report is found by Study Instance UID and Accession Number, as the DICOM objects carry them, and
//! what receives it joins it to its patient.

use contract::{Digest, Uid};
use domain::{BreastFinding, InstanceOutcome, Laterality, ReportedImage, ResultKind, StudyReport, StudyState};
use serde_json::{Value, json};

use crate::civil::Civil;
use crate::codes::{self, Code};
use crate::marks::{self, Mark};
use crate::{ResultError, ResultObject, file_name, wording};

/// To be raised with every change of the bundle.
const LAYOUT: &str = "2";
const SNOMED: &str = "http://snomed.info/sct";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// The bundle as document.
pub(crate) fn object(report: &StudyReport) -> Result<ResultObject, ResultError> {
    let names = Names::of(report);
    let marks = marks::of(report);
    let mut observations: Vec<(String, Value)> = Vec::new();
    for breast in &report.breasts {
        let name = format!("breast-{}", breast.laterality.letter());
        observations.push((names.of_part(&name), of_breast(report, breast)));
    }
    for (number, image) in (1_u32..).zip(&report.images) {
        let mark = marks.iter().find(|mark| mark.number == number);
        observations.push((names.of_part(&format!("image-{number}")), of_image(report, image, mark)));
    }
    let device = names.of_part("device");
    let results = observations.iter().map(|(name, _)| json!({"reference": urn(name)})).collect::<Vec<_>>();
    let mut entries = vec![entry(&names.of_part("report"), diagnostic_report(report, &marks, &results))];
    for (name, mut observation) in observations {
        observation["device"] = json!({"reference": urn(&device)});
        entries.push(entry(&name, observation));
    }
    entries.push(entry(&device, of_device(report)));
    let bundle = json!({
        "resourceType": "Bundle",
        "id": names.of_part("bundle"),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": urn(&names.of_part("bundle"))},
        "type": "collection",
        "timestamp": Civil::of(report.last_received_at).instant(),
        "entry": entries,
    });
    let mut bytes = serde_json::to_vec_pretty(&bundle).map_err(ResultError::Json)?;
    bytes.push(b'\n');
    let name = ResultKind::Fhir.name().to_owned();
    Ok(ResultObject { kind: ResultKind::Fhir, file_name: file_name(report, &name, "json"), name, sop: None, bytes })
}

/// UUIDs of the resources: the same for the same report and version of this crate.
struct Names {
    fingerprint: String,
}

impl Names {
    fn of(report: &StudyReport) -> Self {
        Self { fingerprint: report.fingerprint().to_string() }
    }

    /// Of version 8 (RFC 9562 section 5.8): the bits are ours.
    fn of_part(&self, name: &str) -> String {
        let parts = ["mamoru fhir", LAYOUT, env!("CARGO_PKG_VERSION"), &self.fingerprint, name];
        let mut digits: Vec<char> = Digest::of(parts.join("\n").as_bytes()).short(32).chars().collect();
        digits[12] = '8';
        digits[16] = 'a';
        let text: String = digits.into_iter().collect();
        [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
    }
}

fn urn(name: &str) -> String {
    format!("urn:uuid:{name}")
}

fn entry(name: &str, mut resource: Value) -> Value {
    resource["id"] = json!(name);
    json!({"fullUrl": urn(name), "resource": resource})
}

fn diagnostic_report(report: &StudyReport, marks: &[Mark<'_>], results: &[Value]) -> Value {
    let is_whole = report.missing_views.is_empty() && report.tally().failed == 0;
    let status = match (report.state, is_whole) {
        (StudyState::Provisional, _) => "preliminary",
        (_, false) => "partial",
        (state, true) => observation_status(state),
    };
    let mut resource = json!({
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:dicom:uid", "value": oid(&report.study.0)}],
        "status": status,
        "category": [{"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD", "display": "Radiology"}
        ]}],
        "code": concept(codes::MAMMOGRAPHY),
        "issued": Civil::of(report.last_received_at).instant(),
        "imagingStudy": [study(report)],
        "result": results,
        "conclusion": marks::summary(report, marks),
    });
    if let Some(accession) = &report.patient_study.accession_number {
        let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]});
        resource["basedOn"] = json!([{"type": "ServiceRequest", "identifier": {"type": kind, "value": accession}}]);
    }
    resource
}

fn of_breast(report: &StudyReport, breast: &BreastFinding) -> Value {
    let meaning = wording::meaning(report);
    let mut resource = observation(report, codes::CERTAINTY_OF_FEATURE, Some(breast.laterality), Some(meaning));
    resource["valueQuantity"] = quantity(breast.score);
    resource["method"] = json!({"text": wording::aggregation(report, breast)});
    resource["component"] = json!([component("Images", json!({"valueString": wording::basis(breast)}))]);
    resource
}

fn of_image(report: &StudyReport, image: &ReportedImage, mark: Option<&Mark<'_>>) -> Value {
    let side = mark.map(|mark| mark.finding.laterality);
    let meaning = mark.map(|mark| wording::meaning_of(mark.finding));
    let mut resource = observation(report, codes::CERTAINTY_OF_FINDING, side, meaning.as_deref());
    let mut components = vec![component("SOP Instance UID", json!({"valueString": image.key.0.as_str()}))];
    match &image.outcome {
        InstanceOutcome::Scored(finding) => {
            resource["valueQuantity"] = quantity(finding.score);
            components.push(component("View", json!({"valueString": wording::view(finding)})));
            let called = mark.is_some_and(Mark::is_marked);
            components.push(component("Called", json!({"valueBoolean": called})));
            components.push(component("Rule", json!({"valueString": marks::rule(finding)})));
            if let Some(probability) = finding.calibrated_probability {
                let mut item = component("", json!({"valueQuantity": quantity(probability)}));
                item["code"] = concept(codes::PROBABILITY_OF_CANCER);
                components.push(item);
            }
        }
        InstanceOutcome::Excluded { .. } => resource["dataAbsentReason"] = absent("not-performed", &image.outcome),
        InstanceOutcome::Failed { .. } => resource["dataAbsentReason"] = absent("error", &image.outcome),
    }
    resource["component"] = json!(components);
    resource
}

const fn observation_status(state: StudyState) -> &'static str {
    match state {
        StudyState::Collecting | StudyState::Provisional => "preliminary",
        StudyState::Final => "final",
        StudyState::Revised => "amended",
    }
}

fn observation(report: &StudyReport, code: Code, side: Option<Laterality>, meaning: Option<&str>) -> Value {
    let note: Vec<&str> = [report.notice()].into_iter().chain(meaning).collect();
    let mut resource = json!({
        "resourceType": "Observation",
        "status": observation_status(report.state),
        "category": [{"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}
        ]}],
        "code": concept(code),
        "issued": Civil::of(report.last_received_at).instant(),
        "derivedFrom": [study(report)],
        "note": [{"text": note.join(" ")}],
    });
    if let Some(side) = side {
        resource["bodySite"] = concept(codes::breast(side));
    }
    resource
}

fn of_device(report: &StudyReport) -> Value {
    let (name, version) = marks::algorithm(report.model.as_ref());
    let properties = marks::provenance(report);
    let properties = properties.iter().filter_map(|line| line.split_once(": "));
    let properties = properties.map(|(name, value)| json!({"type": {"text": name}, "valueCode": [{"text": value}]}));
    json!({
        "resourceType": "Device",
        "manufacturer": "Mamoru",
        "deviceName": [{"name": name, "type": "model-name"}],
        "version": [
            {"type": {"text": "model"}, "value": version},
            {"type": {"text": "software"}, "value": env!("CARGO_PKG_VERSION")},
        ],
        "property": properties.collect::<Vec<_>>(),
        "note": [{"text": report.notice()}],
    })
}

fn study(report: &StudyReport) -> Value {
    json!({"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": oid(&report.study.0)}})
}

fn oid(uid: &Uid) -> String {
    format!("urn:oid:{}", uid.as_str())
}

fn concept(code: Code) -> Value {
    let system = if code.1 == "SCT" { SNOMED } else { DCM };
    json!({"coding": [{"system": system, "code": code.0, "display": code.2}]})
}

fn quantity(value: f64) -> Value {
    json!({"value": value, "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"})
}

fn component(name: &str, value: Value) -> Value {
    let mut component = value;
    component["code"] = json!({"text": name});
    component
}

fn absent(code: &str, outcome: &InstanceOutcome) -> Value {
    json!({"coding": [{"system": ABSENT, "code": code}], "text": wording::outcome(outcome)})
}
