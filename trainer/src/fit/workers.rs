//! Gradients of one batch on several threads.
//!
//! The first worker has the network itself, each other one a replica. A worker takes every n-th pass, and their gradients
//! are added in the workers' order, so that the sum does not depend on who is faster. Running statistics that the passes
//! moved are averaged over the workers that had passes.

use crate::error::{Result, TrainerError};
use crate::network::Network;

/// A worker's passes end with the sum of their losses.
type Losses = Result<Vec<(usize, f64)>>;

/// The networks of the workers beside the first one.
#[derive(Debug)]
pub struct Replicas(Vec<Network>);

impl Replicas {
    /// Makes the replicas of `workers` workers.
    pub fn of(network: &Network, workers: usize) -> Result<Self> {
        (1..workers).map(|_| network.replica()).collect::<Result<_>>().map(Self)
    }

    /// Runs `passes` and adds their gradients to the network's. `run` is given a network and a pass, and gives its loss
    /// after it went backward. The losses come in the passes' order.
    ///
    /// # Errors
    /// The first worker's that failed.
    pub fn accumulate<Item: Send>(
        &mut self,
        network: &mut Network,
        passes: Vec<Item>,
        run: &(impl Fn(&Network, Item) -> Result<f64> + Sync),
    ) -> Result<Vec<f64>> {
        if self.0.is_empty() {
            return passes.into_iter().map(|pass| run(network, pass)).collect();
        }
        self.0.iter_mut().for_each(|replica| follow(replica, network));
        let count = self.0.len() + 1;
        let at_work = passes.len().clamp(1, count);
        let mut shares: Vec<Vec<(usize, Item)>> = (0..count).map(|_| Vec::new()).collect();
        for (index, pass) in passes.into_iter().enumerate() {
            shares[index % count].push((index, pass));
        }
        let networks = std::iter::once(&mut *network).chain(self.0.iter_mut());
        let mut losses = std::thread::scope(|scope| {
            let work = |network: &mut Network, share: Vec<(usize, Item)>| -> Losses {
                // Of this thread alone: the others are at work beside it.
                tch::set_num_threads(1);
                share.into_iter().map(|(index, pass)| Ok((index, run(network, pass)?))).collect()
            };
            let threads: Vec<_> =
                networks.zip(shares).map(|(network, share)| scope.spawn(move || work(network, share))).collect();
            let mut losses = Vec::new();
            for thread in threads {
                losses.extend(thread.join().map_err(|_| TrainerError::Worker)??);
            }
            Result::Ok(losses)
        })?;
        for replica in &self.0 {
            add_gradients(network, replica)?;
        }
        average_statistics(network, &self.0[..at_work - 1])?;
        losses.sort_unstable_by_key(|(index, _)| *index);
        Ok(losses.into_iter().map(|(_, loss)| loss).collect())
    }
}

/// Takes the network's values and forgets the gradients of the step before.
fn follow(replica: &Network, network: &Network) {
    tch::no_grad(|| {
        for (name, tensor) in network.tensors() {
            let mut own = replica.tensor(name).shallow_clone();
            own.copy_(tensor);
            own.zero_grad();
        }
    });
}

fn add_gradients(network: &Network, replica: &Network) -> Result<()> {
    tch::no_grad(|| {
        for (name, tensor) in network.tensors() {
            let (mut sum, other) = (tensor.grad(), replica.tensor(name).grad());
            if sum.defined() && other.defined() {
                let _ = sum.f_add_(&other)?;
            } else if other.defined() {
                return Err(TrainerError::Worker);
            }
        }
        Ok(())
    })
}

/// Gives the network the mean of its and the replicas' running statistics.
fn average_statistics(network: &Network, replicas: &[Network]) -> Result<()> {
    tch::no_grad(|| {
        for (name, tensor) in network.tensors().iter().filter(|(name, _)| name.contains(".running_")) {
            let mut mean = tensor.shallow_clone();
            for (count, replica) in (2_u32..).zip(replicas) {
                let _ = mean.f_lerp_(replica.tensor(name), 1.0 / f64::from(count))?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use contract::Topology;
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::network::{BatchNorm, Training};
    use crate::optimiser::{Method, Optimiser};
    use crate::weights::untrained;

    fn gradients(workers: usize) -> (Vec<f64>, Vec<Tensor>) {
        let topology = Topology::efficientnet_b0();
        let tensors = untrained(&topology).unwrap();
        let mut network = Network::new(topology, tensors, Path::new("test")).unwrap();
        let _optimiser = Optimiser::new(Method::Adam, 0.0, &network, 0, |_| 1.0);
        let mut replicas = Replicas::of(&network, workers).unwrap();
        tch::manual_seed(2);
        let images = Tensor::rand([5, 3, 64, 32], (Kind::Float, Device::Cpu));
        let passes: Vec<Tensor> = (0..5).map(|image| images.narrow(0, image, 1)).collect();
        let run = |network: &Network, image: Tensor| {
            let loss =
                network.training_logit(&image, 0, &Training::plain(BatchNorm::Running)).square().sum(Kind::Float);
            loss.f_backward()?;
            Ok(loss.double_value(&[]))
        };
        let losses = replicas.accumulate(&mut network, passes, &run).unwrap();
        (losses, network.tensors().values().map(Tensor::grad).filter(Tensor::defined).collect())
    }

    #[test]
    fn two_workers_give_what_one_gives_every_time() {
        let (losses, one) = gradients(1);
        let (losses_of_two, two) = gradients(2);
        assert_eq!(one.len(), two.len());
        assert!(losses.iter().zip(&losses_of_two).all(|(one, two)| (one - two).abs() < 1e-5 * one.abs().max(1.0)));
        for (one, two) in one.iter().zip(&two) {
            let scale = one.abs().max().double_value(&[]).max(1e-3);
            assert!((one - two).abs().max().double_value(&[]) < 1e-4 * scale);
        }
        let (_, again) = gradients(2);
        assert!(two.iter().zip(&again).all(|(two, again)| two == again), "the sum depends on who is faster");
    }

    #[test]
    fn running_statistics_are_the_mean_of_the_workers_that_had_passes() {
        let topology = Topology::efficientnet_b0();
        let network = || Network::new(topology.clone(), untrained(&topology).unwrap(), Path::new("test")).unwrap();
        tch::manual_seed(3);
        let images = Tensor::rand([2, 3, 64, 32], (Kind::Float, Device::Cpu));
        let run = |network: &Network, image: Tensor| {
            let loss = network.training_logit(&image, 0, &Training::plain(BatchNorm::Batch)).sum(Kind::Float);
            loss.f_backward()?;
            Ok(0.0)
        };
        let mean_after = |passes: Vec<i64>, workers: usize| {
            let mut network = network();
            let _optimiser = Optimiser::new(Method::Adam, 0.0, &network, 0, |_| 1.0);
            let mut replicas = Replicas::of(&network, workers).unwrap();
            let passes = passes.into_iter().map(|image| images.narrow(0, image, 1)).collect();
            replicas.accumulate(&mut network, passes, &run).unwrap();
            network.tensor("features.1.0.block.0.1.running_mean").copy()
        };
        let (one, other) = (mean_after(vec![0], 1), mean_after(vec![1], 1));
        assert_ne!(one, other);
        let difference = |got: &Tensor, expected: &Tensor| (got - expected).abs().max().double_value(&[]);
        assert!(difference(&mean_after(vec![0, 1], 2), &((&one + &other) / 2.0)) < 1e-7);
        assert_eq!(mean_after(vec![0], 3), one, "workers without a pass have seen nothing");
    }

    #[test]
    fn a_failing_pass_is_the_batchs_error() {
        let topology = Topology::efficientnet_b0();
        let mut network = Network::new(topology.clone(), untrained(&topology).unwrap(), Path::new("test")).unwrap();
        let mut replicas = Replicas::of(&network, 2).unwrap();
        let run = |_: &Network, pass: usize| if pass == 1 { Err(TrainerError::Worker) } else { Ok(0.0) };
        assert!(replicas.accumulate(&mut network, vec![0, 1, 2], &run).is_err());
    }
}
