//! Seconds of a training step, for `tests/peers/check_training.py`:
//! `step TOPOLOGY TRAINED_FROM ROWS COLUMNS IMAGES THREADS WORKERS IMAGES_PER_PASS STEPS`.
//!
//! Prints the time of each step: forward, backward and Adam on random images, running statistics, nothing dropped.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use tch::{Device, Kind, Tensor};
use trainer::fit::workers::Replicas;
use trainer::loss::{Loss, Objective};
use trainer::network::{BatchNorm, Pass, Training};
use trainer::optimiser::{Method, Optimiser};
use trainer::{Network, config, weights};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [topology, trained_from, numbers @ ..] = arguments.as_slice() else {
        anyhow::bail!("see the source for usage")
    };
    let numbers: Vec<i64> = numbers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let &[rows, columns, images, threads, workers, per_pass, steps] = numbers.as_slice() else {
        anyhow::bail!("see the source for usage")
    };
    tch::set_num_threads(i32::try_from(threads)?);
    tch::manual_seed(1);
    let topology = config::topology(topology)?;
    let mut network = Network::new(topology.clone(), weights::untrained(&topology)?, Path::new("untrained"))?;
    let first = config::part(&network, trained_from).context("no such part")?;
    let mut optimiser = Optimiser::new(Method::Adam, 0.0, &network, first, |_| 1.0);
    let mut replicas = Replicas::of(&network, usize::try_from(workers)?)?;
    let input = Tensor::rand([images, 3, rows, columns], (Kind::Float, Device::Cpu));
    let targets = Tensor::arange(images, (Kind::Float, Device::Cpu)).remainder(2.0).unsqueeze(1);
    let objective = Objective { loss: Loss::CrossEntropy, focal_gamma: 0.0, pairwise_share: 0.0 };
    let run = |network: &Network, (input, targets): (Tensor, Tensor)| {
        let frozen = tch::no_grad(|| network.run_parts(&input, 0..first, &Pass::evaluation()));
        let logit = network.training_logit(&frozen, first, &Training::plain(BatchNorm::Running));
        let loss = objective.sum(&logit, &targets)?;
        (&loss / images as f64).f_backward()?;
        Ok(loss.double_value(&[]))
    };
    for _ in 0..steps {
        let start = Instant::now();
        let share = |start: i64| {
            let length = per_pass.min(images - start);
            (input.narrow(0, start, length), targets.narrow(0, start, length))
        };
        let passes = (0..images).step_by(usize::try_from(per_pass)?).map(share).collect();
        replicas.accumulate(&mut network, passes, &run)?;
        optimiser.step(1e-3);
        optimiser.zero_gradients();
        writeln!(std::io::stdout(), "{:.3}", start.elapsed().as_secs_f64())?;
    }
    Ok(())
}
