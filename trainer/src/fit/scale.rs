//! The loss scale of mixed precision: gradients that 16-bit floats would round to nothing are computed larger than they
//! are. The rules are those of `torch.amp.GradScaler`.

use serde::{Deserialize, Serialize};

/// Clean steps after which a larger scale is tried.
const GROWTH_STEPS: u32 = 2000;

/// A state of the scale; part of the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// By how much the loss is multiplied.
    pub factor: f64,
    clean_steps: u32,
}

impl LossScale {
    /// For 32-bit floats, which need none: stays at 1.
    pub const NONE: Self = Self { factor: 1.0, clean_steps: 0 };

    /// Where mixed precision begins.
    pub const START: Self = Self { factor: 65_536.0, clean_steps: 0 };

    /// After a step whose gradients were all finite.
    pub(super) fn clean(&mut self) {
        if *self == Self::NONE {
            return;
        }
        self.clean_steps += 1;
        if self.clean_steps == GROWTH_STEPS {
            *self = Self { factor: self.factor * 2.0, clean_steps: 0 };
        }
    }

    /// After a step whose gradients were not finite. True: the step is left out, and the next one has half the scale.
    /// False: there is no scale left to lower, the loss itself is wrong.
    pub(super) fn overflowed(&mut self) -> bool {
        if self.factor <= 1.0 {
            return false;
        }
        *self = Self { factor: self.factor / 2.0, clean_steps: 0 };
        true
    }
}

impl Default for LossScale {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_falls_with_overflow_and_grows_with_clean_steps() {
        let mut scale = LossScale::START;
        assert!(scale.overflowed());
        (0..GROWTH_STEPS - 1).for_each(|_| scale.clean());
        assert_eq!(scale.factor, 32_768.0);
        scale.clean();
        assert_eq!(scale.factor, 65_536.0);
        assert_eq!((0..100).filter(|_| scale.overflowed()).count(), 16, "a loss that is not finite is not hidden");
    }

    #[test]
    fn without_mixed_precision_nothing_is_scaled() {
        let mut scale = LossScale::NONE;
        (0..2 * GROWTH_STEPS).for_each(|_| scale.clean());
        assert_eq!(scale, LossScale::NONE);
        assert!(!scale.overflowed());
    }
}
