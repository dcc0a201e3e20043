//! What a step lowers.

use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

use crate::error::Result;

/// Which loss. All of them take logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Binary cross entropy: the reference.
    CrossEntropy,
    /// Focal: cross entropy × (1 − p)^gamma, p the probability of the right class (Lin et al., arXiv:1708.02002,
    /// without their α: the sampler has balanced the classes). Looks away from what is already right.
    Focal,
    /// Cross entropy and, for each pair of a positive and a negative image of the batch, log(1 + exp(negative −
    /// positive)): a smooth bound of what the area under the ROC curve counts (Burges et al., RankNet, ICML 2005).
    Pairwise,
}

/// A loss with its settings.
#[derive(Debug, Clone, Copy)]
pub struct Objective {
    /// Which one.
    pub loss: Loss,
    /// Exponent of [`Loss::Focal`].
    pub focal_gamma: f64,
    /// Share of the pairs in [`Loss::Pairwise`], 0 to 1.
    pub pairwise_share: f64,
}

impl Objective {
    /// The sum of the images' losses: `logit` and `targets` are `[n, 1]`, targets 0 to 1, those above 1/2 positive.
    ///
    /// The pairs' mean counts once per image, so that all losses are of one size. With one class only there are no pairs
    /// and cross entropy is all.
    ///
    /// # Errors
    /// When the shapes differ or libtorch has no memory.
    pub fn sum(&self, logit: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let none = None::<&Tensor>;
        let cross = |reduction| logit.f_binary_cross_entropy_with_logits(targets, none, none, reduction);
        match self.loss {
            Loss::CrossEntropy => Ok(cross(Reduction::Sum)?),
            Loss::Focal => {
                let probability = logit.sigmoid();
                // 1 − p of the right class; for a target between 0 and 1 in proportion.
                let wrong = &probability + targets - (&probability * targets) * 2.0;
                Ok((cross(Reduction::None)? * wrong.pow_tensor_scalar(self.focal_gamma)).sum(logit.kind()))
            }
            Loss::Pairwise => {
                let cross = cross(Reduction::Sum)?;
                let Some(pairs) = pairs(logit, targets) else { return Ok(cross) };
                Ok(cross * (1.0 - self.pairwise_share) + pairs * self.pairwise_share)
            }
        }
    }
}

/// For each pair of a positive and a negative image log(1 + exp(negative − positive)), their mean counted once per image.
/// `None` without a pair. `scores` and `targets` are `[n, 1]`.
pub fn pairs(scores: &Tensor, targets: &Tensor) -> Option<Tensor> {
    let is_positive = targets.gt(0.5);
    let (positive, negative) = (scores.masked_select(&is_positive), scores.masked_select(&is_positive.logical_not()));
    if positive.numel() == 0 || negative.numel() == 0 {
        return None;
    }
    let mean = (negative.unsqueeze(0) - positive.unsqueeze(1)).softplus().mean(scores.kind());
    Some(mean * scores.numel() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(loss: Loss, logits: &[f32], targets: &[f32]) -> f64 {
        let column = |values| Tensor::from_slice(values).unsqueeze(1);
        let objective = Objective { loss, focal_gamma: 2.0, pairwise_share: 0.5 };
        objective.sum(&column(logits), &column(targets)).unwrap().double_value(&[])
    }

    #[test]
    fn known_values() {
        let half = 2_f64.ln();
        assert!((sum(Loss::CrossEntropy, &[0.0, 0.0], &[0.0, 1.0]) - 2.0 * half).abs() < 1e-6);
        assert!((sum(Loss::Focal, &[0.0, 0.0], &[0.0, 1.0]) - 2.0 * half / 4.0).abs() < 1e-6);
        // A pair that is not told apart costs ln 2, as a coin does.
        assert!((sum(Loss::Pairwise, &[0.0, 0.0], &[0.0, 1.0]) - 2.0 * half).abs() < 1e-6);
        let (right, wrong) =
            (sum(Loss::Pairwise, &[-3.0, 3.0], &[0.0, 1.0]), sum(Loss::Pairwise, &[3.0, -3.0], &[0.0, 1.0]));
        assert!(right < 0.1 && wrong > 5.0, "{right} {wrong}");
    }

    #[test]
    fn pairs_are_of_both_classes_and_count_once_per_image() {
        let column = |values: &[f32]| Tensor::from_slice(values).unsqueeze(1);
        assert!(pairs(&column(&[1.0, 2.0]), &column(&[0.0, 0.0])).is_none());
        let sum = pairs(&column(&[0.0, 1.0, 3.0]), &column(&[0.0, 0.0, 1.0])).unwrap().double_value(&[]);
        let pair = |difference: f64| difference.exp().ln_1p();
        assert!((sum - 3.0 * (pair(-3.0) + pair(-2.0)) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn one_class_alone_and_great_logits_stay_finite() {
        let cross = sum(Loss::CrossEntropy, &[1.0, 2.0], &[1.0, 1.0]);
        assert!((sum(Loss::Pairwise, &[1.0, 2.0], &[1.0, 1.0]) - cross).abs() < 1e-6);
        for loss in [Loss::CrossEntropy, Loss::Focal, Loss::Pairwise] {
            assert!(sum(loss, &[1e4, -1e4], &[0.0, 1.0]).is_finite());
            assert!(sum(loss, &[1e4, -1e4], &[1.0, 0.0]) < 1e-3);
        }
    }
}
