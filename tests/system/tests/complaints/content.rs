//! Grey scale, patients and studies.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use contract::Uid;
use dataset::testing::DataSetWriter;
use domain::{InstanceKey, StudyKey};
use serde_json::Value;
use system_tests::{Answer, Device, Instance, Settings, program, send};

use crate::SETTLED_WITHIN;

const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";
const ROWS: u16 = 80;
const COLUMNS: u16 = 60;
const SAMPLE_MAX: u16 = 4_095;

/// A breast with a bright spot at the left edge, in 12 bits.
fn picture() -> Vec<u16> {
    let value = |row: u16, column: u16| {
        let (y, x) = (f64::from(row) / f64::from(ROWS) - 0.5, f64::from(column) / f64::from(COLUMNS));
        let inside = 1.0 - x * x * 1.6 - y * y * 5.0;
        let spot = 900.0 * (-((x - 0.3).powi(2) + (y - 0.1).powi(2)) / 0.004).exp();
        if inside > 0.0 { (700.0 + 1_800.0 * inside + spot) as u16 } else { 100 + (row * 7 + column * 3) % 5 }
    };
    (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| value(row, column))).collect()
}

/// What differs between images.
struct Shown<'a> {
    photometric: &'a str,
    window: Option<(u16, &'a str)>,
    samples: Vec<u16>,
}

impl Default for Shown<'_> {
    fn default() -> Self {
        Self { photometric: "MONOCHROME2", window: None, samples: picture() }
    }
}

/// Writes an R CC named `name`; a patient's name and accession number stand in it byte by byte.
fn image(folder: &Path, name: &str, (character_set, patient): (&str, &[u8]), shown: &Shown<'_>) -> Instance {
    let [instance, series, study] = ["image", "series", "study"].map(|what| Uid::derived(&["complaint", name, what]));
    let mut patient = patient.to_vec();
    patient.resize(patient.len().next_multiple_of(2), b' ');
    let grey = DataSetWriter::explicit().grey(ROWS, COLUMNS, 16, 12).bytes;
    let at = grey.windows(11).position(|window| window == b"MONOCHROME2").unwrap();
    let mut grey = grey;
    grey[at..at + 11].copy_from_slice(shown.photometric.as_bytes());
    let mut writer = DataSetWriter::part_10()
        .text(8, 0x05, "CS", character_set)
        .text(8, 0x16, "UI", MAMMOGRAM)
        .text(8, 0x18, "UI", instance.as_str())
        .text(8, 0x50, "SH", &format!("ACC-{}", name.len()))
        .text(8, 0x60, "CS", "MG")
        .text(8, 0x68, "CS", "FOR PRESENTATION")
        .element(0x10, 0x10, "PN", &patient)
        .text(0x10, 0x20, "LO", "ID-1")
        .text(0x18, 0x5101, "CS", "CC")
        .text(0x20, 0x0D, "UI", study.as_str())
        .text(0x20, 0x0E, "UI", series.as_str())
        .text(0x20, 0x62, "CS", "R");
    writer.bytes.extend(grey);
    if let Some((center, function)) = shown.window {
        writer = writer
            .text(0x28, 0x1050, "DS", &center.to_string())
            .text(0x28, 0x1051, "DS", "1200")
            .text(0x28, 0x1056, "CS", function);
    }
    let file = folder.join(format!("{name}.dcm"));
    fs::write(&file, writer.samples(&shown.samples).bytes).unwrap();
    Instance { key: InstanceKey(instance), study: StudyKey(study), file }
}

#[test]
fn complaint_09_an_inverse_image_has_the_score_of_its_upright_twin_with_and_without_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let inverse: Vec<u16> = picture().into_iter().map(|sample| SAMPLE_MAX - sample).collect();
    let center = 1_900;
    let windows = [None, Some((center, "LINEAR_EXACT")), Some((center, "SIGMOID"))];
    for (number, window) in windows.into_iter().enumerate() {
        let mirrored = window.map(|(center, function)| (SAMPLE_MAX - center, function));
        let twins = [
            ("upright", Shown { window, ..Shown::default() }),
            ("inverse", Shown { photometric: "MONOCHROME1", window: mirrored, samples: inverse.clone() }),
            ("negative", Shown { photometric: "MONOCHROME1", window, ..Shown::default() }),
        ];
        for (name, shown) in twins {
            let _ = image(folder.path(), &format!("{number}-{name}"), ("ISO_IR 6", b"A^B"), &shown);
        }
    }
    let output = Command::new(program()).args(["analyze", "--json"]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let images =
        || document["studies"].as_array().unwrap().iter().flat_map(|study| study["images"].as_array().unwrap());
    let score = |name: String| {
        let mut found = images().filter(|image| image["file"].as_str().unwrap().ends_with(&format!("{name}.dcm")));
        found.next().unwrap()["score"].as_f64().unwrap_or_else(|| panic!("{name} has no score"))
    };
    for number in 0..3 {
        let [upright, inverse, negative] =
            ["upright", "inverse", "negative"].map(|name| score(format!("{number}-{name}")));
        assert!((upright - inverse).abs() < 1e-3, "window {number}: {upright} and {inverse}");
        assert!((upright - negative).abs() > 1e-3, "window {number}: a negative has the same score, {negative}");
    }
}

#[test]
fn complaint_11_every_object_is_in_its_images_study_and_names_the_patient_byte_by_byte() {
    let japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    let patients: [(&str, &str, &[u8]); 3] = [
        ("utf-8", "ISO_IR 192", "Wang^XiaoDong=王^小東".as_bytes()),
        ("latin-one", "ISO_IR 100", b"M\xFCller^J\xFCrgen"),
        ("japanese", "\\ISO 2022 IR 87", japanese),
    ];
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let settings = Settings { objects: Some(objects.clone()), ..Settings::new(folder.path()) };
    let device = Device::started(folder.path(), settings);
    let images: Vec<Instance> = patients
        .iter()
        .map(|(name, character_set, patient)| image(folder.path(), name, (character_set, patient), &Shown::default()))
        .collect();
    assert!(Answer::are_all_success(&send(device.address(), &images)));
    device.settle(SETTLED_WITHIN);
    let read = |path: &Path| dataset::inspect(BufReader::new(File::open(path).unwrap())).unwrap();
    let made: Vec<_> = fs::read_dir(&objects).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(made.len(), 3 * 5, "summary, heat map, two reports and a presentation state of each");
    for (image, (name, character_set, patient)) in images.iter().zip(patients) {
        let source = read(&image.file).patient_study;
        assert!(source.accession_number.is_some() || source.source.is_some());
        let of_study: Vec<_> = made.iter().filter(|path| read(path).study == image.study.0).collect();
        assert_eq!(of_study.len(), 5, "{name}");
        for path in of_study {
            assert!(read(path).patient_study == source, "{name}: {}", path.display());
            let bytes = fs::read(path).unwrap();
            let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
            assert!(contains(patient) && contains(character_set.as_bytes()), "{name}: {}", path.display());
            assert!(contains(image.key.0.as_str().as_bytes()), "{}: the image is referred to", path.display());
        }
    }
}
