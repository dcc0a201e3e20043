//! Batch norms' statistics from images, without changing what the network computes.
//!
//! Weights whose batch norms were folded away (mean 0, variance 1) compute the same function with any statistics, if scale
//! and bias make up for them: with mean m and variance v of what comes in, and y = γ (x − μ) / √(σ² + ε) + β,
//! γ' = γ √(v + ε) / √(σ² + ε) and β' = β + γ (m − μ) / √(σ² + ε). A scale of 0 stays 0. After that training with the
//! batches' own statistics starts from the same function.

use contract::topology::BATCH_NORM_EPSILON;
use tch::{Kind, Tensor};

use crate::augment::grey_images;
use crate::data::picture::normalise;
use crate::data::{Store, Usable};
use crate::error::Result;
use crate::network::{Network, Observer, Pass};
use crate::seed::{Purpose, generator};

/// Images per pass.
const IMAGES_PER_PASS: usize = 8;

/// Draws `count` samples without replacement, in an order that follows from the seed.
#[must_use]
pub fn choose<'a>(samples: impl IntoIterator<Item = &'a Usable>, count: usize, seed: u64) -> Vec<&'a Usable> {
    let mut chosen: Vec<&Usable> = samples.into_iter().collect();
    generator(seed, Purpose::Calibration, &[]).shuffle(&mut chosen);
    chosen.truncate(count);
    chosen
}

/// Takes all batch norms' statistics over prepared images, unchanged by augmentation.
///
/// # Errors
/// When an image cannot be loaded.
pub fn calibrate(network: &Network, store: &Store, images: &[&Usable]) -> Result<()> {
    let observer = Observer::default();
    for chunk in images.chunks(IMAGES_PER_PASS) {
        let mut bytes = Vec::new();
        chunk.iter().try_for_each(|usable| store.load(usable, &mut bytes))?;
        let spec = store.spec();
        let grey = grey_images(&bytes, spec.input.rows, spec.input.columns)?;
        observe(network, &normalise(&grey, spec.normalisation), &observer);
    }
    apply(network, &observer);
    Ok(())
}

/// Adds what comes into the batch norms for a batch `[n, 3, rows, columns]`.
pub fn observe(network: &Network, images: &Tensor, observer: &Observer) {
    let pass = Pass { observer: Some(observer), ..Pass::evaluation() };
    tch::no_grad(|| drop(network.run_parts(images, 0..network.parts(), &pass)));
}

/// Puts the observed statistics in place and makes up for them.
pub fn apply(network: &Network, observer: &Observer) {
    tch::no_grad(|| {
        for (prefix, observed) in observer.borrow().iter() {
            let part = |name: &str| network.tensor(&format!("{prefix}.{name}")).shallow_clone();
            let batches = f64::from(observed.batches);
            let mean = &observed.mean / batches;
            let variance = (&observed.square / batches - mean.square()).clamp_min(0.0);
            let (mut scale, mut bias) = (part("weight"), part("bias"));
            let (mut running_mean, mut running_variance) = (part("running_mean"), part("running_var"));
            let before = (running_variance.to_kind(Kind::Double) + BATCH_NORM_EPSILON).sqrt();
            let slope = scale.to_kind(Kind::Double) / before;
            bias.copy_(&(bias.to_kind(Kind::Double) + &slope * (&mean - running_mean.to_kind(Kind::Double))));
            scale.copy_(&(slope * (&variance + BATCH_NORM_EPSILON).sqrt()));
            running_mean.copy_(&mean);
            running_variance.copy_(&variance);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use contract::Topology;
    use tch::Device;

    use super::*;
    use crate::network::{BatchNorm, Training};
    use crate::weights::untrained;

    #[test]
    fn the_function_stays_and_the_statistics_fit() {
        let topology = Topology::efficientnet_b0();
        let network = Network::new(topology.clone(), untrained(&topology).unwrap(), Path::new("test")).unwrap();
        // A block that adds nothing must go on adding nothing.
        let _ = network.tensor("features.2.1.block.3.1.weight").shallow_clone().zero_();
        tch::manual_seed(5);
        let images = Tensor::rand([6, 3, 64, 48], (Kind::Float, Device::Cpu));
        let before = network.evaluate(&images).logit;
        let observer = Observer::default();
        observe(&network, &images, &observer);
        apply(&network, &observer);
        let after = network.evaluate(&images).logit;
        let difference = f64::try_from((&after - &before).abs().max() / before.abs().max()).unwrap();
        assert!(difference < 1e-4, "{difference}");
        let scale = network.tensor("features.2.1.block.3.1.weight");
        assert_eq!(f64::try_from(scale.abs().max()).unwrap(), 0.0);
        // With the batch's own statistics the same comes out.
        let training = Training::plain(BatchNorm::Batch);
        let own = tch::no_grad(|| network.training_logit(&images, 0, &training));
        let difference = f64::try_from((own - &before).abs().max() / before.abs().max()).unwrap();
        assert!(difference < 1e-2, "{difference}");
    }
}
