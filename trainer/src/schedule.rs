//! Learning rate and early stop.

use serde::{Deserialize, Serialize};

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// × 0.1 when the validation loss has not improved after an epoch, floor 1e-6: the reference (`ReduceLROnPlateau`).
    Plateau,
    /// Linear warm-up, then half a cosine down to the floor at the last epoch.
    Cosine,
    /// Always the same.
    Constant,
}

/// The lowest learning rate of every schedule.
pub const RATE_MIN: f64 = 1e-6;

/// Relative improvement of the loss below which an epoch counts as none (`ReduceLROnPlateau`'s threshold).
const PLATEAU_THRESHOLD: f64 = 1e-4;

/// The state of `ReduceLROnPlateau`: mode min, factor 0.1, relative threshold 1e-4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The learning rate now.
    pub rate: f64,
    best: Option<f64>,
    bad_epochs: u32,
}

impl Plateau {
    /// Begins with a learning rate.
    #[must_use]
    pub const fn new(rate: f64) -> Self {
        Self { rate, best: None, bad_epochs: 0 }
    }

    /// Takes the loss of an epoch; more than `patience` bad epochs in a row lower the rate.
    pub fn observe(&mut self, loss: f64, patience: u32) {
        if self.best.is_none_or(|best| loss < best * (1.0 - PLATEAU_THRESHOLD)) {
            (self.best, self.bad_epochs) = (Some(loss), 0);
            return;
        }
        self.bad_epochs += 1;
        if self.bad_epochs > patience {
            // As in PyTorch, a step of less than 1e-8 is not worth it.
            let rate = (self.rate * 0.1).max(RATE_MIN);
            self.rate = if self.rate - rate > 1e-8 { rate } else { self.rate };
            self.bad_epochs = 0;
        }
    }
}

/// The cosine schedule with linear warm-up, at a step counted from 0.
#[must_use]
pub fn cosine(rate: f64, step: u64, warm_up_steps: u64, steps: u64) -> f64 {
    if step < warm_up_steps {
        return rate * (step + 1) as f64 / warm_up_steps as f64;
    }
    let length = steps.saturating_sub(warm_up_steps).max(1) as f64;
    let part = ((step - warm_up_steps) as f64 / length).min(1.0);
    RATE_MIN.min(rate) + (rate - RATE_MIN.min(rate)) * 0.5 * (1.0 + (std::f64::consts::PI * part).cos())
}

/// Stops when the validation loss has not improved enough for some epochs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EarlyStop {
    best: Option<f64>,
    waited: u32,
}

impl EarlyStop {
    /// Takes the loss of an epoch; true after `patience` epochs without an improvement by `improvement_min`.
    pub fn observe(&mut self, loss: f64, patience: u32, improvement_min: f64) -> bool {
        if self.best.is_none_or(|best| loss < best - improvement_min) {
            (self.best, self.waited) = (Some(loss), 0);
        } else {
            self.waited += 1;
        }
        self.waited >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plateau_lowers_after_the_patience_and_has_a_floor() {
        let mut plateau = Plateau::new(1e-3);
        let mut rates = Vec::new();
        for loss in [0.7, 0.6, 0.6, 0.65, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5] {
            plateau.observe(loss, 1);
            rates.push(format!("{:.0e}", plateau.rate));
        }
        let expected = ["1e-3", "1e-3", "1e-3", "1e-4", "1e-4", "1e-4", "1e-5", "1e-5", "1e-6", "1e-6", "1e-6", "1e-6"];
        assert_eq!(rates, expected);
    }

    #[test]
    fn cosine_warms_up_and_ends_at_the_floor() {
        assert!((cosine(1e-3, 0, 10, 110) - 1e-4).abs() < 1e-12);
        assert!((cosine(1e-3, 9, 10, 110) - 1e-3).abs() < 1e-12);
        assert!((cosine(1e-3, 60, 10, 110) - 0.5 * (1e-3 + RATE_MIN)).abs() < 1e-12);
        assert!((cosine(1e-3, 110, 10, 110) - RATE_MIN).abs() < 1e-12);
        assert!((cosine(1e-3, 0, 0, 0) - 1e-3).abs() < 1e-12);
    }

    #[test]
    fn early_stop_counts_epochs_without_enough_improvement() {
        let mut stop = EarlyStop::default();
        let stopped: Vec<bool> = [1.0, 0.995, 0.98, 0.975, 0.974, 0.973].map(|loss| stop.observe(loss, 3, 0.01)).into();
        assert_eq!(stopped, [false, false, false, false, false, true]);
    }
}
