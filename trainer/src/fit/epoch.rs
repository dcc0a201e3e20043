//! One epoch of training: load, change, forward, backward, step.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tch::{Kind, Reduction, Tensor};

use super::progress::Progress;
use super::session::Session;
use super::workers::Replicas;
use crate::augment::{augment, grey_images};
use crate::config::Config;
use crate::data::loader::Loader;
use crate::data::picture::normalise;
use crate::error::{Result, TrainerError};
use crate::network::{Network, Pass, Training};
use crate::sampler;
use crate::schedule::{Schedule, cosine};
use crate::seed::{Purpose, generator};

/// One image of a batch.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// Its place among the training samples.
    sample: usize,
    /// Which augmented variant of its kept features, counted from 1; without features of no meaning.
    variant: u32,
}

/// Trains from the state's batch to the end of the epoch, or until `stop` is set. Gives the time for which the network
/// waited for images.
pub(super) fn train(session: &mut Session, stop: &AtomicBool, progress: &mut Progress) -> Result<Duration> {
    let plan = plan(session);
    let first_batch = session.state.batch;
    let (store, features, train) = (&session.store, session.features.as_ref(), &session.train);
    let load = |item: &Item, bytes: &mut Vec<u8>| match features {
        Some(features) => features.load(&train[item.sample], item.variant, bytes),
        None => store.load(&train[item.sample], bytes),
    };
    let network = &mut session.network;
    let mut replicas = Replicas::of(network, session.config.batch.workers)?;
    let step = Step {
        config: &session.config,
        first: session.first,
        labels: train.iter().map(|usable| usable.sample.label).collect(),
        feature_shape: features.map(|features| features.shape()),
        batches: plan.len(),
    };
    let (state, optimiser) = (&mut session.state, &mut session.optimiser);
    std::thread::scope(|scope| {
        let threads = session.config.data.loader_threads;
        let mut loader = Loader::start(scope, threads, plan.get(first_batch..).unwrap_or_default(), &load);
        while state.batch < plan.len() {
            let start = Instant::now();
            let Some(bytes) = loader.next() else { break };
            let items = &plan[state.batch];
            let place = Place { epoch: state.epoch, batch: state.batch };
            let loss_sum = step.accumulate(network, &mut replicas, &bytes?, items, place)?;
            let ends_step = step.ends_with(state.batch);
            if ends_step {
                let limit = Some(session.config.optimiser.clip_norm).filter(|&limit| limit > 0.0);
                let norm = optimiser.clip_gradients(limit);
                if !norm.is_finite() {
                    return Err(TrainerError::LossNotFinite { epoch: state.epoch, step: state.batch });
                }
                session.rate = step.rate(state.epoch, state.batch, state.plateau.rate);
                optimiser.step(session.rate);
                optimiser.zero_gradients();
                average(session.average.as_ref(), network, session.config.optimiser.average_decay);
            }
            state.loss_sum += loss_sum;
            state.images += items.len() as u64;
            state.epoch_s += start.elapsed().as_secs_f64();
            state.batch += 1;
            progress.step(state, plan.len(), loader.waited());
            if ends_step && stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(loader.waited())
    })
}

/// The epoch's batches.
fn plan(session: &Session) -> Vec<Vec<Item>> {
    let config = &session.config;
    let epoch = session.state.epoch;
    let drawn = sampler::epoch(&session.breasts, config.batch.breasts, config.seed, epoch);
    let batches = drawn.into_iter().enumerate().map(|(number, breasts)| {
        let place = [u64::from(epoch), number as u64];
        let mut variants = generator(config.seed, Purpose::Variant, &place);
        let images = breasts.into_iter().flat_map(|breast| session.breasts[breast].images.iter().copied());
        let variant = |variants: &mut fastrand::Rng| variants.u32(0..config.data.cache_features.max(1)) + 1;
        images.map(|sample| Item { sample, variant: variant(&mut variants) }).collect()
    });
    batches.collect()
}

/// Which batch of the run.
#[derive(Debug, Clone, Copy)]
struct Place {
    epoch: u32,
    batch: usize,
}

/// Some images of a batch that go through the network at once.
struct Share {
    /// The first image's number in the batch.
    start: i64,
    input: Tensor,
    targets: Tensor,
}

/// What all steps of an epoch share.
struct Step<'a> {
    config: &'a Config,
    first: usize,
    labels: Vec<bool>,
    /// Of kept features `[channels, rows, columns]`; `None` when images are loaded.
    feature_shape: Option<[i64; 3]>,
    batches: usize,
}

impl Step<'_> {
    /// Adds a batch's gradients to the network's. Gives the sum of its images' losses.
    fn accumulate(
        &self,
        network: &mut Network,
        replicas: &mut Replicas,
        bytes: &[u8],
        items: &[Item],
        place: Place,
    ) -> Result<f64> {
        let input = self.input(bytes, place)?;
        let smoothing = self.config.optimiser.label_smoothing;
        let target = |item: &Item| f32::from(u8::from(self.labels[item.sample]));
        let targets: Vec<f32> = items.iter().map(target).collect();
        let targets = Tensor::from_slice(&targets).unsqueeze(1) * (1.0 - smoothing) + smoothing / 2.0;
        let images = items.len() as i64;
        let scale = 1.0 / (images as f64 * self.config.batch.accumulation as f64);
        let share = |(start, length): (i64, i64)| Share {
            start,
            input: input.narrow(0, start, length),
            targets: targets.narrow(0, start, length),
        };
        let shares = passes(images, self.config.batch.images_per_pass as i64).into_iter().map(share).collect();
        let run = |network: &Network, share: Share| self.backward(network, &share, scale, place);
        Ok(replicas.accumulate(network, shares, &run)?.into_iter().sum())
    }

    /// One pass there and back. Gives the sum of its images' losses.
    fn backward(&self, network: &Network, share: &Share, scale: f64, place: Place) -> Result<f64> {
        let Place { epoch, batch } = place;
        let settings = &self.config.network;
        let drawn_at = [u64::from(epoch), batch as u64, share.start.cast_unsigned()];
        let training = Training {
            batch_norm: settings.batch_norm,
            dropout: settings.dropout,
            stochastic_depth: settings.stochastic_depth,
            generator: RefCell::new(generator(self.config.seed, Purpose::Dropout, &drawn_at)),
        };
        let frozen = if self.feature_shape.is_some() { self.first } else { 0 };
        let input = tch::no_grad(|| network.run_parts(&share.input, frozen..self.first, &Pass::evaluation()));
        let logit = network.training_logit(&input, self.first, &training);
        let none = None::<&Tensor>;
        let loss = logit.f_binary_cross_entropy_with_logits(&share.targets, none, none, Reduction::Sum)?;
        let value = loss.double_value(&[]);
        if !value.is_finite() {
            return Err(TrainerError::LossNotFinite { epoch, step: batch });
        }
        (loss * scale).f_backward()?;
        Ok(value)
    }

    /// Does the optimiser step after this batch?
    fn ends_with(&self, batch: usize) -> bool {
        (batch + 1).is_multiple_of(self.config.batch.accumulation) || batch + 1 == self.batches
    }

    /// Images, changed and normalised, or features.
    fn input(&self, bytes: &[u8], place: Place) -> Result<Tensor> {
        if let Some([channels, rows, columns]) = self.feature_shape {
            let shape = [-1, channels, rows, columns];
            let values = Tensor::f_from_data_size(bytes, &[bytes.len() as i64 / 2], Kind::Half)?;
            return Ok(values.view(shape).to_kind(Kind::Float));
        }
        let spec = &self.config.preprocess;
        let grey = grey_images(bytes, spec.input.rows, spec.input.columns)?;
        let drawn_at = |image: i64| [u64::from(place.epoch), place.batch as u64, image.cast_unsigned()];
        let images = 0..grey.size()[0];
        let generators = images.map(|image| generator(self.config.seed, Purpose::Augmentation, &drawn_at(image)));
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

/// Start and length of passes of nearly equal length, none above `most` images; 0 is no limit.
fn passes(images: i64, most: i64) -> Vec<(i64, i64)> {
    let count = if most == 0 { 1 } else { (images + most - 1) / most };
    let start = |pass: i64| pass * images / count;
    (0..count).map(|pass| (start(pass), start(pass + 1) - start(pass))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_cover_all_images_evenly() {
        assert_eq!(passes(17, 8), [(0, 5), (5, 6), (11, 6)]);
        assert_eq!(passes(16, 8), [(0, 8), (8, 8)]);
        assert_eq!(passes(5, 0), [(0, 5)]);
    }
}
