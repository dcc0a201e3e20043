use tch::Tensor;

use super::*;

fn state(epoch: u32) -> State {
    State {
        epoch,
        batch: 3,
        loss_sum: 1.5,
        images: 20,
        steps: 7,
        epoch_s: 0.5,
        plateau: Plateau::new(1e-3),
        loss_scale: LossScale::NONE,
        early_stop: EarlyStop::default(),
        best: Some((1, 0.5, 0.75)),
        finished: None,
        tensors: String::new(),
    }
}

fn tensors(value: f32) -> Tensors {
    [("weights.x".to_owned(), Tensor::from_slice(&[value]))].into()
}

#[test]
fn a_checkpoint_that_fails_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::create(folder.path(), &Config::default()).unwrap();
    assert!(run.checkpoint().unwrap().is_none());
    let mut first = state(1);
    run.write_checkpoint(&mut first, &tensors(1.0)).unwrap();
    // A folder where the next tensors should go: they cannot be renamed into place.
    std::fs::create_dir_all(folder.path().join("tensors-2-3.safetensors/x")).unwrap();
    let mut second = State { epoch: 2, ..first.clone() };
    assert!(run.write_checkpoint(&mut second, &tensors(2.0)).is_err());
    assert_eq!(second.tensors, first.tensors);
    let (read, stored) = run.checkpoint().unwrap().unwrap();
    assert_eq!(read, first);
    assert_eq!(stored["weights.x"], tensors(1.0)["weights.x"]);
}

#[test]
fn only_the_last_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::create(folder.path(), &Config::default()).unwrap();
    let mut state = state(1);
    for (epoch, value) in [(1, 1.0), (2, 2.0), (2, 3.0), (3, 4.0)] {
        state.epoch = epoch;
        run.write_checkpoint(&mut state, &tensors(value)).unwrap();
        let (read, stored) = run.checkpoint().unwrap().unwrap();
        assert_eq!(read, state);
        assert_eq!(stored["weights.x"], tensors(value)["weights.x"]);
    }
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("tensors-")).count(), 1);
}

#[test]
fn a_second_run_does_not_go_over_the_first() {
    let folder = tempfile::tempdir().unwrap();
    Run::create(folder.path(), &Config::default()).unwrap();
    let error = Run::create(folder.path(), &Config::default()).unwrap_err().to_string();
    assert!(error.contains("already holds a run"), "{error}");
    assert_eq!(Run::open(folder.path()).unwrap().1, Config::default());
    assert!(Run::open(&folder.path().join("none")).is_err());
}

#[test]
fn metrics_of_an_epoch_that_is_trained_again_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::create(folder.path(), &Config::default()).unwrap();
    let line = |epoch, train_loss| Metrics {
        epoch,
        train_loss,
        validation_loss: 0.1,
        image_auc: Some(0.6),
        breast_auc: None,
        rate: 1e-3,
        images: 4,
        train_s: 1.0,
        validation_s: 1.0,
        waited_s: 0.0,
    };
    for metrics in [line(1, 0.1), line(2, 0.2), line(3, 0.3), line(2, 0.4)] {
        run.add_metrics(metrics).unwrap();
    }
    assert_eq!(run.metrics().unwrap(), [line(1, 0.1), line(2, 0.4)]);
}

#[test]
fn left_out_files_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::create(folder.path(), &Config::default()).unwrap();
    let left = LeftOut { file: "a,b.jpg".into(), line: 7, reason: "a \"bad\" file".into() };
    run.list_left_out(&[left]).unwrap();
    let text = std::fs::read_to_string(folder.path().join("left-out.csv")).unwrap();
    assert_eq!(text, "file,line,reason\n\"a,b.jpg\",7,\"a \"\"bad\"\" file\"\n");
}
