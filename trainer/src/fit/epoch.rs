//! One epoch of training: load, change, forward, backward, step.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::batch::{Batch, Item, Range, plan};
use super::progress::Progress;
use super::scale::LossScale;
use super::session::Session;
use super::workers::Replicas;
use crate::augment::{augment, grey_images};
use crate::config::{Config, Precision};
use crate::data::loader::Loader;
use crate::data::picture::normalise;
use crate::error::{Result, TrainerError};
use crate::group::Group;
use crate::loss::{Objective, pairs};
use crate::network::{BatchNorm, Network, Pass, Training};
use crate::optimiser::Optimiser;
use crate::schedule::{Schedule, cosine};
use crate::seed::{Purpose, generator};

/// Trains from the state's batch to the end of the epoch, or until `stop` is set, here or in another process. Gives the
/// time for which the network waited for images.
pub(super) fn train(session: &mut Session<'_>, stop: &AtomicBool, progress: &mut Progress) -> Result<Ended> {
    let plan = plan(session);
    let items: Vec<Vec<Item>> = plan.iter().skip(session.state.batch).map(|batch| batch.items.clone()).collect();
    let (store, features, train) = (&session.store, session.features.as_ref(), &session.train);
    let load = |item: &Item, bytes: &mut Vec<u8>| match features {
        Some(features) => features.load(&train[item.sample], item.variant, bytes),
        None => store.load(&train[item.sample], bytes),
    };
    let network = &mut session.network;
    let mut replicas = Replicas::of(network, session.config.batch.workers)?;
    let step = Step {
        config: &session.config,
        device: session.config.device()?,
        first: session.first,
        labels: train.iter().map(|usable| usable.sample.label).collect(),
        feature_shape: features.map(|features| features.shape()),
        batches: plan.len(),
    };
    let group = session.group;
    let (state, optimiser) = (&mut session.state, &mut session.optimiser);
    std::thread::scope(|scope| {
        let mut loader = Loader::start(scope, session.config.data.loader_threads, &items, &load);
        let mut stopped = false;
        // Of the step that is not over: batches whose losses are not summed over all processes yet.
        let mut loss_sum = 0.0;
        while state.batch < plan.len() && !stopped {
            let start = Instant::now();
            let Some(bytes) = loader.next() else { break };
            let batch = &plan[state.batch];
            let place = Place { epoch: state.epoch, batch: state.batch, scale: state.loss_scale.factor };
            loss_sum += step.accumulate(network, &mut replicas, &bytes?, batch, place)?;
            state.images += batch.images as u64;
            if step.ends_with(state.batch) {
                let mut together = [loss_sum, f64::from(u8::from(stop.load(Ordering::Relaxed)))];
                group.sum_f64(&mut together);
                state.loss_sum += together[0];
                loss_sum = 0.0;
                stopped = together[1] > 0.0;
                step.share_statistics(network, group)?;
                optimiser.sum_gradients(group, state.loss_scale.factor)?;
                session.rate = step.rate(state.epoch, state.batch, state.plateau.rate);
                step.apply(optimiser, &mut state.loss_scale, session.rate, place)?;
                average(session.average.as_ref(), network, session.config.optimiser.average_decay);
            }
            state.epoch_s += start.elapsed().as_secs_f64();
            state.batch += 1;
            progress.step(state, plan.len(), loader.waited());
        }
        Ok(Ended { waited: loader.waited(), stopped })
    })
}

/// How an epoch, or what was left of it, went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// For how long the network waited for images.
    pub(super) waited: Duration,
    /// Some process was asked to stop.
    pub(super) stopped: bool,
}

/// Which batch of the run.
#[derive(Debug, Clone, Copy)]
struct Place {
    epoch: u32,
    batch: usize,
    /// By how much the loss is multiplied, see [`LossScale`].
    scale: f64,
}

/// Some images of a batch that go through the network at once.
struct Share {
    /// The first image's number in the batch.
    start: u64,
    input: Tensor,
    targets: Tensor,
}

/// What all steps of an epoch share.
struct Step<'a> {
    config: &'a Config,
    device: Device,
    first: usize,
    labels: Vec<bool>,
    /// Of kept features `[channels, rows, columns]`; `None` when images are loaded.
    feature_shape: Option<[i64; 3]>,
    batches: usize,
}

impl Step<'_> {
    /// Adds this process's share of a batch's gradients to the network's. Gives the sum of its images' losses.
    fn accumulate(
        &self,
        network: &mut Network,
        replicas: &mut Replicas,
        bytes: &[u8],
        batch: &Batch,
        place: Place,
    ) -> Result<f64> {
        if batch.items.is_empty() {
            return Ok(0.0);
        }
        let input = self.input(bytes, &batch.items, place)?;
        let smoothing = self.config.optimiser.label_smoothing;
        let target = |item: &Item| f32::from(u8::from(self.labels[item.sample]));
        let targets: Vec<f32> = batch.items.iter().map(target).collect();
        let targets = Tensor::from_slice(&targets).unsqueeze(1) * (1.0 - smoothing) + smoothing / 2.0;
        let targets = targets.to_device(self.device);
        let scale = place.scale / (batch.images as f64 * self.config.batch.accumulation as f64);
        let mut taken = 0;
        let share = |&Range { number, images }: &Range| {
            let share = Share {
                start: number,
                input: input.narrow(0, taken, images),
                targets: targets.narrow(0, taken, images),
            };
            taken += images;
            share
        };
        let shares = batch.passes.iter().map(share).collect();
        let run = |network: &Network, share: Share| self.backward(network, &share, scale, place);
        Ok(replicas.accumulate(network, shares, &run)?.into_iter().sum())
    }

    /// One pass there and back. Gives the sum of its images' losses, without that of the peaks.
    fn backward(&self, network: &Network, share: &Share, scale: f64, place: Place) -> Result<f64> {
        let Place { epoch, batch, .. } = place;
        let settings = &self.config.network;
        let drawn_at = [u64::from(epoch), batch as u64, share.start];
        let training = Training {
            batch_norm: settings.batch_norm,
            dropout: settings.dropout,
            stochastic_depth: settings.stochastic_depth,
            generator: RefCell::new(generator(self.config.seed, Purpose::Dropout, &drawn_at)),
        };
        let frozen = if self.feature_shape.is_some() { self.first } else { 0 };
        let optimiser = &self.config.optimiser;
        let (logit, peak) = tch::autocast(self.config.precision == Precision::Mixed, || {
            let input = tch::no_grad(|| network.run_parts(&share.input, frozen..self.first, &Pass::evaluation()));
            let features = network.training_features(&input, self.first, &training);
            let peak = (optimiser.peak_weight > 0.0).then(|| network.peak(&features, optimiser.peak_share));
            (network.pooled_logit(&features, &training), peak)
        });
        let objective = Objective {
            loss: optimiser.loss,
            focal_gamma: optimiser.focal_gamma,
            pairwise_share: optimiser.pairwise_share,
        };
        let loss = objective.sum(&logit.to_kind(Kind::Float), &share.targets)?;
        let value = loss.double_value(&[]);
        if !value.is_finite() {
            return Err(TrainerError::LossNotFinite { epoch, step: batch });
        }
        let peaks = peak.and_then(|peak| pairs(&peak.to_kind(Kind::Float), &share.targets));
        let total = match peaks {
            Some(peaks) => loss + peaks * optimiser.peak_weight,
            None => loss,
        };
        (total * scale).f_backward()?;
        Ok(value)
    }

    /// Clips the gradients, moves the weights and forgets the gradients.
    fn apply(&self, optimiser: &mut Optimiser, scale: &mut LossScale, rate: f64, place: Place) -> Result<()> {
        let limit = Some(self.config.optimiser.clip_norm).filter(|&limit| limit > 0.0);
        if optimiser.clip_gradients(limit).is_finite() {
            optimiser.step(rate);
            scale.clean();
        } else if !scale.overflowed() {
            return Err(TrainerError::LossNotFinite { epoch: place.epoch, step: place.batch });
        }
        optimiser.zero_gradients();
        Ok(())
    }

    /// Averages the running statistics that the processes' own batches moved.
    fn share_statistics(&self, network: &Network, group: &Group) -> Result<()> {
        if group.size() == 1 || self.config.network.batch_norm == BatchNorm::Running {
            return Ok(());
        }
        let moved = |name: &str| name.contains(".running_") && network.part_of(name) >= self.first;
        let statistics: Vec<Tensor> = network
            .tensors()
            .iter()
            .filter(|(name, _)| moved(name))
            .map(|(_, tensor)| tensor.shallow_clone())
            .collect();
        group.sum(&statistics, 1.0 / group.size() as f64)
    }

    /// Does the optimiser step after this batch?
    fn ends_with(&self, batch: usize) -> bool {
        (batch + 1).is_multiple_of(self.config.batch.accumulation) || batch + 1 == self.batches
    }

    /// Images, changed and normalised, or features.
    fn input(&self, bytes: &[u8], items: &[Item], place: Place) -> Result<Tensor> {
        if let Some([channels, rows, columns]) = self.feature_shape {
            let shape = [-1, channels, rows, columns];
            let values = Tensor::f_from_data_size(bytes, &[bytes.len() as i64 / 2], Kind::Half)?;
            return Ok(values.view(shape).to_device(self.device).to_kind(Kind::Float));
        }
        let spec = &self.config.preprocess;
        let grey = grey_images(bytes, spec.input.rows, spec.input.columns)?.to_device(self.device);
        let drawn_at = |item: &Item| [u64::from(place.epoch), place.batch as u64, item.number];
        let generators = items.iter().map(|item| generator(self.config.seed, Purpose::Augmentation, &drawn_at(item)));
        let changed = augment(&grey, &self.config.augmentation, &mut generators.collect::<Vec<_>>());
        Ok(normalise(&changed, spec.normalisation))
    }

    fn rate(&self, epoch: u32, batch: usize, plateau: f64) -> f64 {
        let settings = &self.config.optimiser;
        let steps_per_epoch = self.batches.div_ceil(self.config.batch.accumulation) as u64;
        let step = u64::from(epoch - 1) * steps_per_epoch + (batch / self.config.batch.accumulation) as u64;
        match settings.schedule {
            Schedule::Plateau => plateau,
            Schedule::Constant => settings.rate,
            Schedule::Cosine => {
                let warm_up = (settings.warm_up_epochs * steps_per_epoch as f64).round() as u64;
                cosine(settings.rate, step, warm_up, u64::from(self.config.training.epochs) * steps_per_epoch)
            }
        }
    }
}

/// Moves the average towards the network, buffers of the batch norms included.
fn average(average: Option<&Network>, network: &Network, decay: f64) {
    let Some(average) = average else { return };
    tch::no_grad(|| {
        for (name, tensor) in network.tensors() {
            let _ = average.tensor(name).shallow_clone().lerp_(tensor, 1.0 - decay);
        }
    });
}
