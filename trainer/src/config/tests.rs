use super::*;

fn resolve(overrides: &[&str]) -> Result<Config> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.into()).collect();
    Config::resolve(None, &overrides)
}

#[test]
fn defaults_are_the_references_and_survive_the_file() {
    let config = resolve(&[]).unwrap();
    assert_eq!((config.optimiser.rate, config.training.epochs, config.batch.breasts), (1e-3, 50, 8));
    assert_eq!((config.training.stop_patience, config.training.stop_improvement), (8, 0.01));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, config.to_toml().unwrap()).unwrap();
    assert_eq!(Config::resolve(Some(&file), &[]).unwrap(), config);
}

#[test]
fn overrides_are_set_and_wrong_ones_are_named() {
    let config = resolve(&["optimiser.rate=3e-4", "data.folder=/a b/c", "preprocess.crop=none"]).unwrap();
    assert_eq!(config.preprocess.crop, contract::preprocess::CropRule::None);
    assert_eq!((config.optimiser.rate, config.data.folder), (3e-4, PathBuf::from("/a b/c")));
    for wrong in ["optimiser.rat=1", "optimiser.rate=0", "no", "seed.x.y=1=2", "network.topology=b4"] {
        assert!(resolve(&["seed=1", wrong]).is_err(), "{wrong}");
    }
    assert!(resolve(&["network.trained_from=features.0", "data.cache_features=1"]).is_err());
    assert!(resolve(&["batch.workers=0"]).is_err() && resolve(&["batch.workers=65"]).is_err());
    assert!(resolve(&["batch.workers=2"]).is_ok());
}

#[test]
fn what_cannot_be_computed_here_is_refused() {
    assert!(resolve(&["precision=mixed"]).unwrap_err().to_string().contains("cuda"));
    assert!(resolve(&["device=tpu"]).is_err());
    assert!(resolve(&["device=cuda", "network.batch_norm=running", "batch.workers=2"]).is_err());
    let config = resolve(&["device=cuda", "precision=mixed"]).unwrap();
    if tch::Cuda::is_available() {
        assert!(config.device().is_ok());
    } else {
        let error = config.device().unwrap_err().to_string();
        assert!(error.contains("setting device") && error.contains("setup-libtorch"), "{error}");
    }
}

#[test]
fn losses_are_chosen_and_their_settings_bounded() {
    assert_eq!(resolve(&["optimiser.loss=focal"]).unwrap().optimiser.loss, Loss::Focal);
    assert!(resolve(&["optimiser.loss=pairwise"]).is_ok());
    for wrong in ["focal_gamma=-1", "pairwise_share=1.5", "peak_weight=-1", "peak_share=2"] {
        assert!(resolve(&[&format!("optimiser.{wrong}")]).is_err(), "{wrong}");
    }
    assert!(resolve(&["optimiser.loss=pairwise", "batch.images_per_pass=2"]).is_err());
}
