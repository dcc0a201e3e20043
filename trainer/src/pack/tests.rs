use std::path::Path;
use std::sync::atomic::AtomicBool;

use contract::Calibration;
use evaluation::Method;

use super::*;
use crate::bundle::Bundle;
use crate::cams;
use crate::report::card::{INTENDED_USE, LICENCE};

/// Twelve patients, both breasts, half of them with a bright spot and cancer; every third patient is for validation.
fn data(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let mut labels = "file,patient_id,laterality,cancer,split,view,site_id,machine_id,density\n".to_owned();
    for patient in 0..12_u8 {
        for side in ["L", "R"] {
            let cancer = patient % 2 == 1;
            let mut bytes = b"P5\n48 64\n255\n".to_vec();
            for row in 0..64_u8 {
                let pixel = |column: u8| {
                    let spot = cancer && row.abs_diff(20) < 6 && column.abs_diff(10) < 6;
                    let breast = if column < 24 { 90 + row / 2 + patient + column % 7 } else { 0 };
                    if spot { 250 } else { breast }
                };
                bytes.extend((0..48).map(pixel));
            }
            std::fs::write(folder.join(format!("{patient}-{side}.pgm")), bytes).unwrap();
            let split = if patient % 3 == 0 { "train" } else { "validation" };
            let (label, site) = (u8::from(cancer), patient % 2);
            labels += &format!("{patient}-{side}.pgm,{patient},{side},{label},{split},CC,{site},7,B\n");
        }
    }
    std::fs::write(folder.join("labels.csv"), labels).unwrap();
}

fn run(folder: &Path) -> (Run, Config) {
    data(&folder.join("data"));
    let overrides = [
        "threads=1".to_owned(),
        "preprocess.input={rows=64, columns=32}".into(),
        "preprocess.normalisation=image_net".into(),
        "network.topology=efficientnet_b0".into(),
        "network.trained_from=features.7".into(),
        "batch.breasts=4".into(),
        "training.epochs=1".into(),
        format!("data.folder={}", folder.join("data").display()),
    ];
    let config = Config::resolve(None, &overrides).unwrap();
    let run = Run::create(&folder.join("run"), &config).unwrap();
    crate::fit::fit(&run, &config, &AtomicBool::new(false), &crate::group::Group::alone()).unwrap();
    (run, config)
}

fn packing(storage: Storage, choices: Option<Choices>) -> Packing {
    let text = |text: &str| text.to_owned();
    let identity = Identity {
        name: text("test"),
        version: text("1"),
        data: text("made up"),
        data_licence: text("none"),
        licence: text(LICENCE),
        intended_use: text(INTENDED_USE),
        trained: String::new(),
        history: text("grown from `nothing`"),
    };
    Packing { storage, aggregation: contract::Aggregation::Mean, identity, evaluation: choices }
}

fn choices() -> Choices {
    Choices { method: Method::Isotonic, resamples: 50, ..Choices::default() }
}

#[test]
fn a_bundle_says_of_its_data_what_it_was_packed_with() {
    let folder = tempfile::tempdir().unwrap();
    let (run, config) = run(folder.path());
    for (storage, change_max) in [(Storage::Float, 0.0), (Storage::Half, 0.05)] {
        let out = folder.path().join(format!("{storage:?}"));
        let packed = pack(&run, &config, packing(storage, Some(choices())), &out).unwrap();
        let (largest, mean) = packed.change.unwrap();
        assert!(largest <= change_max && mean <= largest, "{largest} {mean}");
        let bundle = Bundle::open(&out).unwrap();
        assert_eq!(bundle.manifest, packed.manifest);
        let report = packed.report.unwrap();
        assert_eq!(bundle.manifest.operating_points.len(), 4);
        assert_eq!(bundle.manifest.aggregation, contract::Aggregation::Mean);
        assert!(matches!(bundle.manifest.calibration, Some(Calibration::Isotonic(_))));
        let provenance = bundle.manifest.provenance.unwrap();
        assert!(provenance.data.contains("validation: 16 images of 8 patients"), "{}", provenance.data);
        // The bundle, evaluated by itself, gives the figures with which it was packed.
        let mut data = Config::resolve(None, &[]).unwrap();
        (data.data.folder, data.threads) = (config.data.folder.clone(), 1);
        let subject = Subject::of_bundle(&out, data).unwrap();
        let (_, predicted) = predict::of_split(&subject, Split::Validation).unwrap();
        let given = Calibrating::Given(subject.calibration.clone());
        let again = report::report("again", &predicted, given, &choices()).unwrap();
        assert_eq!(again.evaluation.images.natural, report.evaluation.images.natural);
        assert_eq!(again.operating_points, report.operating_points);
        let names: std::collections::BTreeSet<String> =
            again.evaluation.images.groups.iter().map(|group| format!("{:?} {}", group.by, group.name)).collect();
        assert!(names.contains("Site 1") && names.contains("View CC") && names.contains("Machine 7"), "{names:?}");
        let card = std::fs::read_to_string(out.join("MODEL_CARD.md")).unwrap();
        for part in [
            "Research use only, not a medical device",
            "Known weaknesses",
            "SHA-256",
            "change of the probability",
            "grown from",
        ] {
            assert!(card.contains(part), "{part}");
        }
        assert!(out.join("plots/roc-per-image.png").is_file() && out.join("plots/loss.svg").is_file());
    }
    let size = |name: &str| std::fs::metadata(folder.path().join(name).join("network.onnx")).unwrap().len();
    assert!(size("Half") * 100 < size("Float") * 52);
    assert!(crate::events::file(&run).is_file());
}

#[test]
fn what_cannot_be_packed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (run, config) = run(folder.path());
    let out = folder.path().join("bundle");
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = entries();
    std::fs::rename(folder.path().join("data/1-L.pgm"), folder.path().join("data/away.pgm")).unwrap();
    let error = pack(&run, &config, packing(Storage::Float, Some(choices())), &out).unwrap_err().to_string();
    assert!(error.contains("1-L.pgm"), "{error}");
    assert!(!out.exists() && entries() == before);
    // Without its data it is packed, and says that nobody knows what it is worth.
    let packed = pack(&run, &config, packing(Storage::Float, None), &out).unwrap();
    assert!(packed.manifest.calibration.is_none() && packed.manifest.operating_points.is_empty());
    assert!(std::fs::read_to_string(out.join("MODEL_CARD.md")).unwrap().contains("not evaluated"));
    let error = pack(&run, &config, packing(Storage::Float, None), &out).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    std::fs::write(run.best_file(), b"torn").unwrap();
    let other = folder.path().join("other");
    assert!(pack(&run, &config, packing(Storage::Float, None), &other).is_err() && !other.exists());
}

#[test]
fn another_network_than_the_trainers_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let (run, config) = run(folder.path());
    let best = run.best_file();
    let network = Network::new(config.topology().unwrap(), weights::read(&best).unwrap(), &best).unwrap();
    let mut vectors = golden(&network, &config).unwrap();
    let onnx = export::to_onnx(network.topology(), &weights::to_export(&network).unwrap(), config.preprocess.input);
    let onnx = onnx.unwrap();
    check::check(&onnx, &vectors, config.preprocess).unwrap();
    vectors.vectors[2].logit += 1.0;
    let error = check::check(&onnx, &vectors, config.preprocess).unwrap_err().to_string();
    assert!(error.contains("logit") && error.contains("vector 3"), "{error}");
    assert!(check::check(&onnx[..1000], &vectors, config.preprocess).is_err());
}

#[test]
fn pages_of_examples_show_each_class() {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = run(folder.path());
    let subject = Subject::of_run(run.folder(), None).unwrap();
    let (_, predicted) = predict::of_split(&subject, Split::Validation).unwrap();
    let out = folder.path().join("cams");
    let written = cams::write(&subject, &predicted, 5, &out).unwrap();
    let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["best-positive.png", "worst-positive.png", "best-negative.png", "worst-negative.png"]);
    let page = image::open(&written[0]).unwrap().to_rgb8();
    // Two lines of at most four cases, each image beside its map; a map of two cells keeps none above its threshold.
    assert!(page.width() > 4 * 2 * 300 && page.height() > 2 * 420, "{} {}", page.width(), page.height());
    let grey = page.pixels().filter(|pixel| pixel[0] == pixel[2] && (60..250).contains(&pixel[0])).count();
    assert!(grey > 5 * 2 * 100 * 300, "{grey}");
}
