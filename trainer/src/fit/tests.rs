use std::path::Path;

use super::*;
use crate::error::TrainerError;
use crate::group::Group;

/// Eight patients, two images each, half of them with a bright spot and cancer; every fourth patient is for validation.
fn data(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let mut labels = "file,patient_id,laterality,cancer,split\n".to_owned();
    for patient in 0..8_u8 {
        for image in 0..2_u8 {
            let mut bytes = b"P5\n48 64\n255\n".to_vec();
            for row in 0..64_u8 {
                let pixel = |column: u8| {
                    let spot = patient % 2 == 1 && row.abs_diff(20 + image) < 6 && column.abs_diff(10) < 6;
                    let breast = if column < 24 { 90 + row / 2 + patient + column % 7 } else { 0 };
                    if spot { 250 } else { breast }
                };
                bytes.extend((0..48).map(pixel));
            }
            std::fs::write(folder.join(format!("{patient}-{image}.pgm")), bytes).unwrap();
            let split = if patient % 4 > 1 { "validation" } else { "train" };
            labels += &format!("{patient}-{image}.pgm,{patient},L,{},{split}\n", patient % 2);
        }
    }
    std::fs::write(folder.join("labels.csv"), labels).unwrap();
}

fn config(folder: &Path, overrides: &[&str]) -> Config {
    let data_folder = folder.join("data");
    data(&data_folder);
    let mut all: Vec<String> = [
        "threads=1",
        "preprocess.input={rows=64, columns=32}",
        "network.topology=efficientnet_b0",
        "network.trained_from=features.0",
        "batch.breasts=2",
        "training.epochs=2",
        "optimiser.average_decay=0.9",
    ]
    .map(str::to_owned)
    .into();
    all.push(format!("data.folder={}", data_folder.display()));
    all.extend(overrides.iter().map(|&text| text.to_owned()));
    Config::resolve(None, &all).unwrap()
}

fn run_through(folder: &Path, name: &str, config: &Config) -> Run {
    let run = Run::create(&folder.join(name), config).unwrap();
    let ending = fit(&run, config, &AtomicBool::new(false), &Group::alone()).unwrap();
    assert!(matches!(ending, Ending::Finished(_)));
    run
}

/// Everything that a run decides, without times.
fn result(run: &Run) -> (crate::network::Tensors, Vec<(f64, f64)>) {
    let (_, tensors) = run.checkpoint().unwrap().unwrap();
    let metrics = run.metrics().unwrap();
    (tensors, metrics.iter().map(|line| (line.train_loss, line.validation_loss)).collect())
}

#[test]
fn a_run_that_is_stopped_after_every_step_ends_as_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = ["network.trained_from=features.7", "data.cache_features=2", "optimiser.schedule=cosine"];
    let workers = ["batch.images_per_pass=1", "batch.workers=2", "network.batch_norm=running"];
    let statistics = ["batch.images_per_pass=2", "batch.workers=2", "optimiser.peak_weight=0.5"];
    let all = [&["batch.images_per_pass=2"][..], &frozen, &workers, &statistics];
    for (number, overrides) in all.into_iter().enumerate() {
        let config = config(folder.path(), overrides);
        let whole = run_through(folder.path(), &format!("whole{number}"), &config);
        let run = Run::create(&folder.path().join(format!("cut{number}")), &config).unwrap();
        let mut stops = 0;
        while fit(&run, &config, &AtomicBool::new(true), &Group::alone()).unwrap() == Ending::Stopped {
            stops += 1;
            assert!(stops < 20, "the run does not end");
        }
        assert!(stops >= 4);
        assert_eq!(result(&run), result(&whole));
        let (one, other) = (std::fs::read(run.best_file()).unwrap(), std::fs::read(whole.best_file()).unwrap());
        assert!(one == other, "the best weights differ");
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = |seed: &str| config(folder.path(), &["training.epochs=1", seed]);
    let one = run_through(folder.path(), "one", &config("seed=1"));
    assert_eq!(result(&one), result(&run_through(folder.path(), "again", &config("seed=1"))));
    assert_ne!(result(&one).1, result(&run_through(folder.path(), "two", &config("seed=2"))).1);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_leaves_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &["optimiser.rate=1e30"]);
    let run = Run::create(&folder.path().join("run"), &config).unwrap();
    assert_eq!(fit(&run, &config, &AtomicBool::new(true), &Group::alone()).unwrap(), Ending::Stopped);
    let before = run.checkpoint().unwrap().unwrap().0;
    let error = fit(&run, &config, &AtomicBool::new(false), &Group::alone()).unwrap_err();
    assert!(matches!(error, TrainerError::LossNotFinite { epoch: 1, .. }), "{error}");
    assert_eq!(run.checkpoint().unwrap().unwrap().0, before);
}

#[test]
fn images_that_cannot_be_used_are_named_or_listed() {
    let folder = tempfile::tempdir().unwrap();
    let strict = config(folder.path(), &["training.epochs=1"]);
    std::fs::write(folder.path().join("data/0-1.pgm"), b"broken").unwrap();
    let run = Run::create(&folder.path().join("strict"), &strict).unwrap();
    let error = fit(&run, &strict, &AtomicBool::new(false), &Group::alone()).unwrap_err().to_string();
    assert!(error.contains("0-1.pgm") && error.contains("line 3") && error.contains("1 images"), "{error}");
    let mut lenient = strict.clone();
    lenient.data.leave_out = true;
    let run = run_through(folder.path(), "lenient", &lenient);
    let list = std::fs::read_to_string(run.folder().join("left-out.csv")).unwrap();
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains("0-1.pgm\",3,"), "{list}");
}

#[test]
fn the_run_keeps_its_best_weights_and_what_they_scored() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let run = run_through(folder.path(), "run", &config);
    let (state, _) = run.checkpoint().unwrap().unwrap();
    let (epoch, loss, _) = state.best.unwrap();
    let metrics = run.metrics().unwrap();
    let least = metrics.iter().min_by(|one, other| one.validation_loss.total_cmp(&other.validation_loss)).unwrap();
    assert_eq!((least.epoch, least.validation_loss), (epoch, loss));
    let out = folder.path().join("predictions.csv");
    let count = crate::predict::predict(&run, &config, crate::data::Split::Validation, &out).unwrap();
    assert_eq!(count, 8);
    let text = std::fs::read_to_string(out).unwrap();
    assert_eq!(text.lines().next().unwrap(), "image,patient,breast,label,logit,probability");
    let mut scores: Vec<(f64, bool)> = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        scores.push((fields[4].parse().unwrap(), fields[3] == "1"));
    }
    let (logits, labels): (Vec<f64>, Vec<bool>) = scores.into_iter().unzip();
    assert!((validation::balanced_loss(&logits, &labels) - loss).abs() < 1e-5, "the best weights score what was said");
}
