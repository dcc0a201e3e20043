use contract::preprocess::InputShape;

use super::*;
use crate::weights::untrained;

fn network() -> Network {
    let topology = Topology::efficientnet_b0();
    let tensors = untrained(&topology).unwrap();
    Network::new(topology, tensors, Path::new("test")).unwrap()
}

fn image(images: i64) -> Tensor {
    tch::manual_seed(3);
    Tensor::rand([images, 3, 64, 40], (Kind::Float, Device::Cpu))
}

#[test]
fn missing_unknown_and_broken_tensors_are_refused_by_name() {
    let check = |change: fn(&mut Tensors)| {
        let topology = Topology::efficientnet_b0();
        let mut tensors = untrained(&topology).unwrap();
        change(&mut tensors);
        Network::new(topology, tensors, Path::new("a.npz")).unwrap_err().to_string()
    };
    let missing = check(|tensors| drop(tensors.remove("features.0.0.weight")));
    assert_eq!(missing, "weights a.npz: tensor features.0.0.weight: is missing");
    let unknown = check(|tensors| drop(tensors.insert("x".into(), Tensor::from(1_f32))));
    assert!(unknown.ends_with("tensor x: is not part of efficientnet_b0"), "{unknown}");
    let shape = check(|tensors| drop(tensors.insert("classifier.1.bias".into(), Tensor::from_slice(&[1_f32, 2.0]))));
    assert!(shape.contains("has shape [2], the topology has [1]"), "{shape}");
    let broken = check(|tensors| drop(tensors.insert("classifier.1.bias".into(), Tensor::from_slice(&[f32::NAN]))));
    assert!(broken.contains("not finite"), "{broken}");
}

#[test]
fn cam_has_the_contracts_extent_and_its_mean_is_the_logit() {
    let network = network();
    let output = network.evaluate(&image(2));
    let extent = network.topology().cam_extent(InputShape { rows: 64, columns: 40 });
    assert_eq!(output.cam.size(), [2, 1, i64::from(extent.rows), i64::from(extent.columns)]);
    let from_training = tch::no_grad(|| network.training_logit(&image(2), 0, &Training::plain(BatchNorm::Running)));
    let difference = f64::try_from((from_training - &output.logit).abs().max()).unwrap();
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn parts_run_one_by_one_are_the_whole() {
    let network = network();
    let input = image(1);
    let whole = network.evaluate(&input).logit;
    let cut = network.part_of_stage(6);
    let part = tch::no_grad(|| {
        let frozen = network.run_parts(&input, 0..cut, &Pass::evaluation());
        network.outputs(&network.run_parts(&frozen, cut..network.parts(), &Pass::evaluation())).logit
    });
    assert_eq!(f64::try_from(whole).unwrap(), f64::try_from(part).unwrap());
}

#[test]
fn every_tensor_belongs_to_one_part() {
    let network = network();
    assert_eq!(network.parts(), 18);
    assert_eq!(network.part_of("features.0.1.bias"), 0);
    assert_eq!(network.part_of("features.1.0.block.0.0.weight"), 1);
    assert_eq!(network.part_of("features.8.0.weight"), 17);
    assert_eq!(network.part_of("classifier.1.bias"), 17);
    assert_eq!(network.part_of_stage(6), 16);
}

#[test]
fn folded_batch_norms_are_batch_norms() {
    let network = network();
    let observer = Observer::default();
    let input = image(2);
    // Who observes sees what comes into each batch norm, which is then not folded.
    let apart = tch::no_grad(|| {
        let pass = Pass { observer: Some(&observer), ..Pass::evaluation() };
        network.outputs(&network.run_parts(&input, 0..network.parts(), &pass)).logit
    });
    let folded = network.evaluate(&input).logit;
    let difference = f64::try_from((folded - &apart).abs().max() / apart.abs().max()).unwrap();
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn what_is_dropped_follows_from_the_generator() {
    let network = network();
    let input = image(2);
    let logit = |seed: u64, share: f64| {
        let generator = std::cell::RefCell::new(fastrand::Rng::with_seed(seed));
        let training =
            Training { dropout: share, stochastic_depth: share, generator, ..Training::plain(BatchNorm::Running) };
        tch::no_grad(|| Vec::<f32>::try_from(network.training_logit(&input, 0, &training).view([-1])).unwrap())
    };
    assert_eq!(logit(1, 0.4), logit(1, 0.4));
    assert_ne!(logit(1, 0.4), logit(2, 0.4));
    assert_eq!(logit(1, 0.0), logit(2, 0.0));
}

#[test]
fn a_peak_is_the_mean_of_the_maps_highest_cells() {
    let network = network();
    let features = tch::no_grad(|| network.run_parts(&image(2), 0..network.parts(), &Pass::evaluation()));
    let cam = network.outputs(&features).cam.flatten(1, -1);
    let cells = cam.size()[1];
    let peak = |share| Vec::<f64>::try_from(network.peak(&features, share).view([-1]).to_kind(Kind::Double)).unwrap();
    let (sorted, _) = cam.sort(1, true);
    for (share, count) in [(0.0, 1), (0.5, cells / 2), (1.0, cells)] {
        let mean = sorted.narrow(1, 0, count).mean_dim([1_i64].as_slice(), false, Kind::Double);
        for (peak, mean) in peak(share).into_iter().zip(Vec::<f64>::try_from(mean).unwrap()) {
            assert!((peak - mean).abs() < 1e-6 * mean.abs().max(1.0), "{share}: {peak} {mean}");
        }
    }
}
