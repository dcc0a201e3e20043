//! The model that is compiled in: it is the one of `models/bundles/default`, and it meets what it was trained on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

use contract::Manifest;
use dataset::testing::DataSetWriter;
use phantom::{Exam, PhantomImage, Size};
use serde_json::Value;

/// Side of the pictures that the model was trained on, whatever the mammogram's aspect.
const PICTURE: usize = 640;

/// How far the probabilities of one mammogram and its picture may be apart.
const APART_MAX: f64 = 0.05;

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/bundles/default")
}

fn analyze(folder: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_mamoru")).args(["analyze", "--json"]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `[laterality, view]` and probability of each image.
fn probabilities(report: &Value) -> Vec<(String, f64)> {
    let images = report["studies"][0]["images"].as_array().unwrap().iter();
    let mut all: Vec<_> = images
        .map(|image| (format!("{} {}", image["laterality"], image["view"]), image["score"].as_f64().unwrap()))
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// The mammogram as a training picture: squeezed to a square, 8 bits, with one grey value of noise as of lossy
/// compression.
fn picture(image: &PhantomImage) -> DataSetWriter {
    let mut file = Vec::new();
    image.write_to(&mut file).unwrap();
    let extent = Size::Full.extent();
    let (rows, columns) = (extent.rows as usize, extent.columns as usize);
    let pixels = &file[file.len() - 2 * rows * columns..];
    let grey = |row: usize, column: usize| {
        let at = 2 * (row * columns + column);
        u64::from(u16::from_le_bytes([pixels[at], pixels[at + 1]]))
    };
    let covered = |index: usize, whole: usize| index * whole / PICTURE..(index + 1) * whole / PICTURE;
    let samples = (0..PICTURE * PICTURE).map(|index| {
        let (down, across) = (covered(index / PICTURE, rows), covered(index % PICTURE, columns));
        let count = (down.len() * across.len()) as u64;
        let sum: u64 = down.flat_map(|row| across.clone().map(move |column| grey(row, column))).sum();
        let noise = (index * 2_654_435_761 % 3) as i64 - 1;
        ((sum * 255 / (count * 4095)) as i64 + noise).clamp(0, 255) as u16
    });
    let side = PICTURE as u16;
    DataSetWriter::part_10()
        .text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.2")
        .text(8, 0x18, "UI", image.instance.as_str())
        .text(8, 0x60, "CS", "MG")
        .text(8, 0x68, "CS", "FOR PRESENTATION")
        .text(0x18, 0x5101, "CS", image.view.term())
        .text(0x20, 0x0D, "UI", "1.2.3.4")
        .text(0x20, 0x0E, "UI", "1.2.3.5")
        .text(0x20, 0x62, "CS", image.laterality.letter())
        .grey(side, side, 16, 8)
        .samples(&samples.collect::<Vec<_>>())
}

#[test]
fn a_mammogram_and_its_training_picture_score_alike_with_the_shipped_model() {
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(bundle().join("manifest.json")).unwrap()).unwrap();
    let (served, pictures) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let exam = Exam::new(1, Size::Full);
    exam.write_into(served.path()).unwrap();
    for image in &exam.images {
        std::fs::write(pictures.path().join(image.file_name()), picture(image).bytes).unwrap();
    }
    let report = analyze(served.path());
    let model = &report["studies"][0]["model"];
    assert_eq!((&model["name"], &model["version"]), (&manifest.name.into(), &manifest.version.into()));
    assert_eq!((&model["label"], &model["network"]), (&"research".into(), &manifest.network.to_string().into()));
    let (served, trained) = (probabilities(&report), probabilities(&analyze(pictures.path())));
    assert_eq!(served.len(), 4);
    for (served, trained) in served.iter().zip(&trained) {
        assert_eq!(served.0, trained.0);
        assert!((served.1 - trained.1).abs() < APART_MAX, "{served:?} {trained:?}");
    }
    let least = served.iter().map(|(_, score)| *score).fold(1.0, f64::min);
    let greatest = served.iter().map(|(_, score)| *score).fold(0.0, f64::max);
    assert!(greatest - least > APART_MAX, "a model that says the same of everything would pass: {served:?}");
}

#[test]
fn the_shipped_model_is_small_and_says_what_it_is_for() {
    let network = std::fs::metadata(bundle().join("network.onnx")).unwrap();
    assert!(network.len() < 40_000_000, "{} bytes", network.len());
    let card = std::fs::read_to_string(bundle().join("MODEL_CARD.md")).unwrap();
    for said in ["Research use only, not a medical device.", "non-commercial", "Known weaknesses", "site", "machine"] {
        assert!(card.contains(said), "the card does not say {said}");
    }
}
