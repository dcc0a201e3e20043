//! A packed model: used when its files are sound and the engine computes what the trainer computed, refused otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use contract::calibration::{Calibration, OperatingPoint, Target, Temperature, Threshold, sigmoid};
use contract::{Aggregation, Golden, GoldenVector, Manifest};
use engine_tract::{Layout, TractEngine};
use inference::{Engine as _, ModelFiles, conformance, golden};
use phantom::{Exam, Size};
use serde_json::{Value, json};

const TEMPERATURE: f64 = 2.0;

/// A packed model of a small network, with golden vectors of the natural layout, which the device does not use.
struct Bundle(tempfile::TempDir);

impl Bundle {
    fn new() -> Self {
        let (topology, spec) = conformance::small_model();
        let (mut manifest, network) = export::untrained_model(&topology, spec).unwrap();
        let point = |target, threshold| OperatingPoint {
            target,
            threshold: Threshold::new(threshold).unwrap(),
            sensitivity: 0.5,
            specificity: 0.5,
        };
        manifest.name = "packed".into();
        manifest.aggregation = Aggregation::Max;
        manifest.calibration = Some(Calibration::Temperature(Temperature::new(TEMPERATURE).unwrap()));
        manifest.operating_points = vec![point(Target::Sensitivity(0.9), 0.0), point(Target::Specificity(0.9), 1.5)];
        let files = ModelFiles::new(manifest.clone(), network.clone()).unwrap();
        let mut loaded = TractEngine::new(1, Layout::Natural).load(&files).unwrap();
        let vector = |seed| {
            let outputs = loaded.run(&golden::input(&manifest, seed)).unwrap();
            let (logit, probability) = (outputs.logit, outputs.probability);
            GoldenVector { seed, logit, probability, cam: outputs.cam.values }
        };
        let golden = Golden { tolerance: 1e-3, vectors: [1, 2].map(vector).to_vec() };
        let bundle = Self(tempfile::tempdir().unwrap());
        fs::write(bundle.file("network.onnx"), network).unwrap();
        bundle.write("manifest.json", &serde_json::to_value(&manifest).unwrap());
        bundle.write("golden.json", &serde_json::to_value(&golden).unwrap());
        bundle
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.file(name), value.to_string()).unwrap();
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap();
        change(&mut value);
        self.write(name, &value);
    }

    fn manifest(&self) -> Manifest {
        serde_json::from_slice(&fs::read(self.file("manifest.json")).unwrap()).unwrap()
    }
}

fn mamoru(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamoru")).args(arguments).output().unwrap()
}

fn analyze(exam: &Path, bundle: &Bundle) -> Output {
    mamoru(&["analyze", "--json", "--model", bundle.0.path().to_str().unwrap(), exam.to_str().unwrap()])
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_packed_model_scores_calibrated_and_says_what_it_is() {
    let (folder, bundle) = (tempfile::tempdir().unwrap(), Bundle::new());
    Exam::new(1, Size::Small).write_into(folder.path()).unwrap();
    let output = analyze(folder.path(), &bundle);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let study = &report["studies"][0];
    assert_eq!(study["model"]["name"], "packed");
    for breast in study["breasts"].as_array().unwrap() {
        let calibrated = |image: &Value| image["calibrated_probability"].as_f64().unwrap();
        let of_side =
            study["images"].as_array().unwrap().iter().filter(|image| image["laterality"] == breast["laterality"]);
        let greatest = of_side.map(calibrated).fold(0.0, f64::max);
        assert_eq!(breast["aggregation"], "max", "as the manifest says");
        assert!((breast["score"].as_f64().unwrap() - greatest).abs() < 1e-12, "of what is calibrated");
    }
    assert_eq!(study["model"]["network"], bundle.manifest().network.to_string());
    let images = study["images"].as_array().unwrap();
    assert_eq!(images.len(), 4);
    for image in images {
        let logit = image["logit"].as_f64().unwrap();
        let calibrated = image["calibrated_probability"].as_f64().unwrap();
        assert!((calibrated - sigmoid(logit / TEMPERATURE)).abs() < 1e-12, "{calibrated} {logit}");
        let expected = json!([
            {"target": {"sensitivity": 0.9}, "threshold": 0.0, "called": true},
            {"target": {"specificity": 0.9}, "threshold": 1.5, "called": false},
        ]);
        assert_eq!(image["operating_points"], expected);
        assert_eq!(image["called"], false, "an untrained network calls nothing, whatever its threshold");
    }
}

#[test]
fn a_model_that_is_not_sound_is_refused_with_its_reason() {
    let exam = tempfile::tempdir().unwrap();
    Exam::new(1, Size::Small).write_into(exam.path()).unwrap();
    let refused = |change: &dyn Fn(&Bundle), reason: &str| {
        let bundle = Bundle::new();
        change(&bundle);
        let output = analyze(exam.path(), &bundle);
        assert_eq!(output.status.code(), Some(1), "{reason}: {output:?}");
        assert!(errors(&output).contains(reason), "{reason:?} is not in {}", errors(&output));
    };
    for name in ["manifest.json", "network.onnx", "golden.json"] {
        refused(&|bundle| fs::remove_file(bundle.file(name)).unwrap(), &format!("{name} cannot be read"));
    }
    refused(&|bundle| fs::write(bundle.file("manifest.json"), " ".repeat(1 << 21)).unwrap(), "larger than 1048576");
    refused(&|bundle| fs::write(bundle.file("manifest.json"), "{").unwrap(), "manifest.json is not of the form");
    refused(&|bundle| bundle.change("manifest.json", |m| m["colour"] = 1.into()), "unknown field `colour`");
    refused(&|bundle| bundle.change("manifest.json", |m| m["contract"]["major"] = 9.into()), "needs contract 9");
    refused(&|bundle| bundle.change("manifest.json", |m| m["preprocess"]["input"]["rows"] = 0.into()), "side of 0");
    refused(&|bundle| fs::write(bundle.file("network.onnx"), "no network").unwrap(), "network file has digest");
    refused(&|bundle| bundle.change("golden.json", |g| g["vectors"] = json!([])), "there are 0 golden vectors");
    refused(&|bundle| bundle.change("golden.json", |g| g["tolerance"] = 1.0.into()), "golden vectors have tolerance 1");
    refused(
        &|bundle| bundle.change("golden.json", |g| g["vectors"][1]["logit"] = 9.5.into()),
        "does not compute here what it computed where it was trained: golden vector 2: logit differs",
    );
    // Preprocessing that is not the one the vectors were made with.
    refused(
        &|bundle| bundle.change("manifest.json", |m| m["preprocess"]["normalisation"] = "image_net".into()),
        "does not compute here",
    );
}

#[test]
fn an_operating_point_that_the_model_does_not_have_is_refused_with_those_that_it_has() {
    let (folder, bundle) = (tempfile::tempdir().unwrap(), Bundle::new());
    let config = |choice: &str| {
        let file = folder.path().join("mamoru.toml");
        let model = bundle.0.path();
        fs::write(&file, format!("model = {model:?}\n[results]\noperating_point = \"{choice}\"\n")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    for choice in ["first", "sensitivity 0.9", "specificity 0.9"] {
        let checked = mamoru(&["config", "check", &config(choice)]);
        assert_eq!(checked.status.code(), Some(0), "{choice}: {}", errors(&checked));
    }
    for command in [&["config", "check"][..], &["serve", "--config"]] {
        let refused = mamoru(&[command, &[&config("sensitivity 0.95")]].concat());
        assert_eq!(refused.status.code(), Some(3), "{command:?}: {refused:?}");
        let known = "no operating point \"sensitivity 0.95\"; it has: sensitivity 0.9, specificity 0.9";
        assert!(errors(&refused).contains(known), "{}", errors(&refused));
    }
}

#[test]
fn a_device_does_not_start_with_a_model_that_is_not_sound() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, bundle) = (Bundle::new(), Bundle::new());
    bundle.change("golden.json", |golden| golden["vectors"][0]["cam"][0] = 99.into());
    let config = |model: &Path| {
        let file = folder.path().join("mamoru.toml");
        let state = folder.path().join("state");
        fs::write(&file, format!("state_dir = {state:?}\nmodel = {model:?}\n[receiver]\nlisten = \"127.0.0.1:0\"\n"))
            .unwrap();
        file.to_str().unwrap().to_owned()
    };
    let served = mamoru(&["serve", "--config", &config(bundle.0.path())]);
    assert_eq!(served.status.code(), Some(3), "{served:?}");
    assert!(errors(&served).contains("model: the model does not compute here"), "{}", errors(&served));
    // The files alone are sound.
    assert_eq!(mamoru(&["config", "check", &config(bundle.0.path())]).status.code(), Some(0));
    assert_eq!(mamoru(&["config", "check", &config(sound.0.path())]).status.code(), Some(0));
    fs::write(sound.file("network.onnx"), "no network").unwrap();
    let checked = mamoru(&["config", "check", &config(sound.0.path())]);
    assert_eq!(checked.status.code(), Some(3));
    assert!(errors(&checked).contains("model: manifest.json: network file has digest"), "{}", errors(&checked));
    assert!(!folder.path().join("state").exists(), "nothing was begun");
}
