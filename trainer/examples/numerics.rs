//! The trainer's arithmetic on given numbers, for the check against PyTorch (`tests/peers/check_training.py`):
//! `numerics REQUEST OUT.npz` reads a JSON request and writes what it asks for as tensors.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use contract::Topology;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};
use trainer::augment::{self, Change};
use trainer::loss::{Loss, Objective};
use trainer::network::Tensors;
use trainer::optimiser::{Method, Optimiser};
use trainer::sampler::{self, Breast};
use trainer::schedule::{self, Plateau};
use trainer::{Network, weights};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// Steps on head and classifier of an untrained B0, with gradients that both sides compute.
    Optimiser {
        method: Method,
        rate: f64,
        decay: f64,
        clip: f64,
        steps: u32,
    },
    Plateau {
        rate: f64,
        patience: u32,
        losses: Vec<f64>,
    },
    Cosine {
        rate: f64,
        warm_up: u64,
        steps: u64,
    },
    /// IMAGES holds `image` `[n, 1, rows, columns]`, one change for each.
    Augment {
        images: String,
        changes: Vec<Change>,
    },
    Loss {
        loss: Loss,
        gamma: f64,
        share: f64,
        logits: Vec<f32>,
        targets: Vec<f32>,
    },
    /// How often each of `breasts` is drawn in `epochs` epochs, the first `positive` with cancer.
    Sampler {
        breasts: usize,
        positive: usize,
        epochs: u32,
    },
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [request, out] = arguments.as_slice() else { anyhow::bail!("usage: numerics REQUEST OUT") };
    let tensors = match serde_json::from_slice(&std::fs::read(request)?)? {
        Request::Optimiser { method, rate, decay, clip, steps } => optimise(method, rate, decay, clip, steps)?,
        Request::Plateau { rate, patience, losses } => {
            let mut plateau = Plateau::new(rate);
            let rates = losses.into_iter().map(|loss| {
                plateau.observe(loss, patience);
                plateau.rate
            });
            named("rates", &rates.collect::<Vec<f64>>())
        }
        Request::Cosine { rate, warm_up, steps } => {
            named("rates", &(0..steps).map(|step| schedule::cosine(rate, step, warm_up, steps)).collect::<Vec<f64>>())
        }
        Request::Augment { images, changes } => {
            let image = weights::read(Path::new(&images))?.remove("image").context("no tensor image")?;
            [("image".to_owned(), augment::apply(&image, &changes))].into()
        }
        Request::Loss { loss, gamma, share, logits, targets } => {
            let logit = Tensor::from_slice(&logits).unsqueeze(1).set_requires_grad(true);
            let objective = Objective { loss, focal_gamma: gamma, pairwise_share: share };
            let sum = objective.sum(&logit, &Tensor::from_slice(&targets).unsqueeze(1))?;
            sum.f_backward()?;
            [("loss".to_owned(), sum.detach().view(1)), ("gradient".to_owned(), logit.grad())].into()
        }
        Request::Sampler { breasts, positive, epochs } => named("counts", &draw(breasts, positive, epochs)),
    };
    write(&tensors, Path::new(out))
}

fn optimise(method: Method, rate: f64, decay: f64, clip: f64, steps: u32) -> Result<Tensors> {
    let topology = Topology::efficientnet_b0();
    let network = Network::new(topology.clone(), weights::untrained(&topology)?, Path::new("untrained"))?;
    let head = network.parts() - 1;
    let trained: BTreeMap<&String, &Tensor> =
        network.tensors().iter().filter(|(name, _)| network.part_of(name) == head).collect();
    let mut tensors: Tensors =
        trained.iter().map(|(name, tensor)| (format!("before.{name}"), tensor.detach().copy())).collect();
    let mut optimiser = Optimiser::new(method, decay, &network, head, |_| 1.0);
    for step in 0..steps {
        for tensor in trained.values().filter(|tensor| tensor.requires_grad()) {
            let number = Tensor::arange(tensor.numel() as i64, (Kind::Double, Device::Cpu));
            let gradient = (number * 0.37 + f64::from(step) * 1.7).sin() * 0.01;
            let gradient = gradient.to_kind(Kind::Float).view(tensor.size().as_slice());
            (*tensor * gradient).sum(Kind::Float).f_backward()?;
        }
        optimiser.clip_gradients(Some(clip).filter(|&clip| clip > 0.0));
        optimiser.step(rate);
        optimiser.zero_gradients();
    }
    tensors.extend(trained.iter().map(|(name, tensor)| (format!("after.{name}"), tensor.detach().copy())));
    Ok(tensors)
}

fn draw(count: usize, positive: usize, epochs: u32) -> Vec<f64> {
    let breast = |index: usize| Breast { name: index.to_string(), label: index < positive, images: vec![index] };
    let breasts: Vec<Breast> = (0..count).map(breast).collect();
    let mut counts = vec![0.0; count];
    for epoch in 1..=epochs {
        sampler::epoch(&breasts, 8, 1, epoch).into_iter().flatten().for_each(|drawn| counts[drawn] += 1.0);
    }
    counts
}

fn named(name: &str, values: &[f64]) -> Tensors {
    [(name.to_owned(), Tensor::from_slice(values))].into()
}

/// In the numbers' own precision, unlike `weights::write`.
fn write(tensors: &Tensors, out: &Path) -> Result<()> {
    let list: Vec<(&String, &Tensor)> = tensors.iter().collect();
    Ok(Tensor::write_npz(&list, out)?)
}
