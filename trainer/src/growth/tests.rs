use super::*;
use crate::network::Network;
use crate::weights::untrained;

fn b0() -> (Topology, Tensors) {
    let topology = Topology::efficientnet_b0();
    let mut tensors = untrained(&topology).unwrap();
    // Batch norms as after training: each channel another one.
    tch::manual_seed(2);
    for (name, tensor) in &mut tensors {
        let noise = tensor.rand_like() * 0.2;
        if name.ends_with("running_var") || name.ends_with("running_mean") || name.ends_with(".1.bias") {
            *tensor = &*tensor + noise;
        }
    }
    (topology, tensors)
}

fn logit(topology: &Topology, tensors: Tensors) -> Tensor {
    tch::manual_seed(4);
    let images = Tensor::rand([2, 3, 96, 64], (Kind::Float, Device::Cpu));
    Network::new(topology.clone(), tensors, Path::new("test")).unwrap().evaluate(&images).logit
}

fn difference(one: &Tensor, other: &Tensor) -> f64 {
    f64::try_from(((one - other).abs() / one.abs()).max()).unwrap()
}

#[test]
fn the_grown_network_computes_the_same_until_noise_breaks_the_copies_up() {
    let (from, tensors) = b0();
    let to = Topology::efficientnet_b4();
    let mut grown = grow(&tensors, &from, &to, 1, Path::new("test")).unwrap();
    let copy = |tensors: &Tensors| -> Tensors { tensors.iter().map(|(k, v)| (k.clone(), v.copy())).collect() };
    let before = logit(&from, copy(&tensors));
    assert!(difference(&before, &logit(&to, copy(&grown))) < 1e-4);
    add_noise(&mut grown, 0.02, 1);
    let noisy = logit(&to, copy(&grown));
    assert_ne!(difference(&before, &noisy), 0.0);
    assert!(difference(&before, &noisy) < 0.5);
    let again = grow(&tensors, &from, &to, 1, Path::new("test")).unwrap();
    assert_eq!(logit(&to, again), logit(&to, grow(&tensors, &from, &to, 1, Path::new("test")).unwrap()));
}

#[test]
fn a_network_grows_into_itself_unchanged() {
    let (from, tensors) = b0();
    let same = grow(&tensors, &from, &from, 1, Path::new("test")).unwrap();
    assert!(tensors.iter().all(|(name, tensor)| same[name] == *tensor));
}

#[test]
fn what_cannot_be_grown_is_refused() {
    let (from, tensors) = b0();
    let to = Topology::efficientnet_b4();
    let smaller = grow(&tensors, &to, &from, 1, Path::new("a.npz")).unwrap_err().to_string();
    assert!(smaller.contains("a.npz") && smaller.contains("smaller"), "{smaller}");
    let mut other = to.clone();
    other.stages[0].kernel = 5;
    assert!(grow(&tensors, &from, &other, 1, Path::new("test")).is_err());
    let missing = grow(&Tensors::new(), &from, &to, 1, Path::new("test")).unwrap_err().to_string();
    assert!(missing.ends_with("tensor features.0.0.weight: is missing"), "{missing}");
}

#[test]
fn folded_weights_become_convolutions_with_their_biases() {
    let (topology, tensors) = b0();
    // Fold as TensorFlow's converter did, from a network with unit batch norms.
    let mut folded = Tensors::new();
    let mut add = |name: &str, place: &str, order: [i64; 4]| {
        folded.insert(format!("{name}.w"), tensors[&format!("{place}.0.weight")].permute(order));
        folded.insert(format!("{name}.b"), tensors[&format!("{place}.1.bias")].shallow_clone());
    };
    add("stem", "features.0", [2, 3, 1, 0]);
    assert!(folded::is_folded(&folded) && !folded::is_folded(&tensors));
    let missing = folded::unfold(&folded, &topology, Path::new("b0.npz")).unwrap_err().to_string();
    assert!(missing.ends_with("tensor stack_0.block_0.depthwise.w: is missing"), "{missing}");
}
