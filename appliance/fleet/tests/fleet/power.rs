//! A power switch that is thrown at a given step. From then on nothing happens any more.

use std::sync::atomic::{AtomicU32, Ordering};

/// Steps are counted from 0.
#[derive(Debug)]
pub struct Power {
    step: AtomicU32,
    cut_at: AtomicU32,
}

impl Default for Power {
    fn default() -> Self {
        Self { step: AtomicU32::new(0), cut_at: AtomicU32::new(u32::MAX) }
    }
}

impl Power {
    /// Cuts the power at this step, counted from now on.
    pub fn cut_at(&self, step: u32) {
        self.step.store(0, Ordering::SeqCst);
        self.cut_at.store(step, Ordering::SeqCst);
    }

    /// One step; true as long as there is power.
    pub fn step(&self) -> bool {
        self.step.fetch_add(1, Ordering::SeqCst) < self.cut_at.load(Ordering::SeqCst)
    }

    pub fn is_off(&self) -> bool {
        self.step.load(Ordering::SeqCst) > self.cut_at.load(Ordering::SeqCst)
    }
}
