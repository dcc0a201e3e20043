//! Validation: the logits of all images of a split, the class-balanced loss and the area under the ROC curve.

use std::collections::BTreeMap;

use tch::Kind;

use crate::augment::grey_images;
use crate::config::Config;
use crate::data::loader::Loader;
use crate::data::picture::normalise;
use crate::data::{Store, Usable};
use crate::error::Result;
use crate::features::Features;
use crate::group::Group;
use crate::network::{Network, Pass};

/// Images per pass: enough to keep two cores busy, few enough for 1 GiB at full size.
const IMAGES_PER_PASS: usize = 8;

/// What a validation gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Mean of the classes' mean binary cross entropies: what a class-balanced draw gives on average.
    pub loss: f64,
    /// Area under the ROC curve per image; `None` with one class only.
    pub image_auc: Option<f64>,
    /// Per breast, its score the mean of its images' probabilities.
    pub breast_auc: Option<f64>,
}

/// Validates a network on samples.
///
/// # Errors
/// When an image cannot be loaded any more.
pub fn validate(
    network: &Network,
    first: usize,
    config: &Config,
    store: &Store,
    features: Option<&Features>,
    samples: &[Usable],
    group: &Group,
) -> Result<Validation> {
    // Pass by pass in turn, in the passes of one process: the same logits, whoever computes them.
    let is_own = |index: usize| index / IMAGES_PER_PASS % group.size() == group.rank();
    let own: Vec<usize> = (0..samples.len()).filter(|&index| is_own(index)).collect();
    let own_samples: Vec<Usable> = own.iter().map(|&index| samples[index].clone()).collect();
    let computed = logits(network, first, config.data.loader_threads, store, features, &own_samples)?;
    let mut logits = vec![0.0; samples.len()];
    own.into_iter().zip(computed).for_each(|(index, logit)| logits[index] = logit);
    group.sum_f64(&mut logits);
    let labels: Vec<bool> = samples.iter().map(|usable| usable.sample.label).collect();
    let mut breasts: BTreeMap<&str, (f64, f64, bool)> = BTreeMap::new();
    for (usable, logit) in samples.iter().zip(&logits) {
        let entry = breasts.entry(&usable.sample.breast).or_insert((0.0, 0.0, usable.sample.label));
        entry.0 += sigmoid(*logit);
        entry.1 += 1.0;
    }
    let scores: Vec<f64> = breasts.values().map(|(sum, count, _)| sum / count).collect();
    let breast_labels: Vec<bool> = breasts.values().map(|(_, _, label)| *label).collect();
    Ok(Validation {
        loss: balanced_loss(&logits, &labels),
        image_auc: auc(&logits, &labels),
        breast_auc: auc(&scores, &breast_labels),
    })
}

/// The logit of each sample, unchanged by augmentation. With kept features the parts from `first` on are run.
///
/// # Errors
/// When an image cannot be loaded any more.
pub fn logits(
    network: &Network,
    first: usize,
    threads: usize,
    store: &Store,
    features: Option<&Features>,
    samples: &[Usable],
) -> Result<Vec<f64>> {
    let batches: Vec<Vec<&Usable>> = samples.chunks(IMAGES_PER_PASS).map(|chunk| chunk.iter().collect()).collect();
    let load = |usable: &&Usable, bytes: &mut Vec<u8>| match features {
        Some(features) => features.load(usable, 0, bytes),
        None => store.load(usable, bytes),
    };
    let mut logits = Vec::with_capacity(samples.len());
    let device = network.device();
    std::thread::scope(|scope| {
        for bytes in Loader::start(scope, threads, &batches, &load) {
            let bytes = bytes?;
            let output = match features {
                None => {
                    let spec = store.spec();
                    let grey = grey_images(&bytes, spec.input.rows, spec.input.columns)?.to_device(device);
                    network.evaluate(&normalise(&grey, spec.normalisation))
                }
                Some(features) => tch::no_grad(|| {
                    let [channels, rows, columns] = features.shape();
                    let values = tch::Tensor::f_from_data_size(&bytes, &[bytes.len() as i64 / 2], Kind::Half)?;
                    let input = values.view([-1, channels, rows, columns]).to_device(device).to_kind(Kind::Float);
                    let last = network.run_parts(&input, first..network.parts(), &Pass::evaluation());
                    crate::error::Result::Ok(network.outputs(&last))
                })?,
            };
            logits.extend(Vec::<f64>::try_from(output.logit.view([-1]).to_kind(Kind::Double))?);
        }
        Ok(logits)
    })
}

/// `σ(logit)`.
#[must_use]
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Mean of the classes' mean binary cross entropies; a class without images counts for nothing.
#[must_use]
pub fn balanced_loss(logits: &[f64], labels: &[bool]) -> f64 {
    let of_class = |class: bool| {
        // log(1 + e^-x) without overflow.
        let loss = |logit: f64| (-logit.abs()).exp().ln_1p() + (-logit).max(0.0);
        let of_class = logits.iter().zip(labels).filter(|(_, label)| **label == class);
        let losses: Vec<f64> = of_class.map(|(logit, _)| loss(if class { *logit } else { -*logit })).collect();
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    };
    let classes: Vec<f64> = [false, true].into_iter().filter_map(of_class).collect();
    classes.iter().sum::<f64>() / classes.len().max(1) as f64
}

/// Area under the ROC curve: the share of pairs in which the positive scores higher, ties counted half.
#[must_use]
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&one, &other| scores[one].total_cmp(&scores[other]));
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut below, mut pairs) = (0.0, 0.0);
    for ties in order.chunk_by(|&one, &other| scores[one] == scores[other]) {
        let positive = ties.iter().filter(|&&index| labels[index]).count() as f64;
        let negative = ties.len() as f64 - positive;
        pairs += positive * (below + negative / 2.0);
        below += negative;
    }
    Some(pairs / (positives as f64 * negatives as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_counts_pairs_and_halves_ties() {
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
        assert_eq!(auc(&[0.5; 4], &[false, true, false, true]), Some(0.5));
        assert_eq!(auc(&[0.9, 0.1], &[false, true]), Some(0.0));
        assert_eq!(auc(&[0.9], &[true]), None);
    }

    #[test]
    fn loss_weighs_classes_not_images() {
        let known = 2_f64.ln();
        assert!((balanced_loss(&[0.0; 3], &[true, false, false]) - known).abs() < 1e-12);
        // One wrong positive among 99 right negatives is half the loss.
        let mut logits = vec![-50.0; 100];
        let labels: Vec<bool> = (0..100).map(|index| index == 0).collect();
        assert!((balanced_loss(&logits, &labels) - 25.0).abs() < 1e-6);
        logits[0] = 1000.0;
        assert!(balanced_loss(&logits, &labels) < 1e-12);
    }
}
