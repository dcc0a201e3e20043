//! When to try again.

use serde::{Deserialize, Serialize};

/// How often and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// The wait after the first failure, in milliseconds; it doubles with each further one.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub longest_ms: u64,
    /// Tries before the delivery is parked.
    pub attempts_max: u32,
}

impl Default for RetryPolicy {
    /// From two seconds to ten minutes; parked after about a week of failures.
    fn default() -> Self {
        Self { first_ms: 2_000, longest_ms: 600_000, attempts_max: 1_000 }
    }
}

impl RetryPolicy {
    /// The wait after `attempts` failures: doubling, with the last half drawn by `jitter` in 0 to 1, so that deliveries
    /// that failed together do not come back together.
    #[must_use]
    pub fn wait_ms(&self, attempts: u32, jitter: f64) -> u64 {
        let factor = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let whole = self.first_ms.saturating_mul(factor).min(self.longest_ms);
        whole / 2 + ((whole - whole / 2) as f64 * jitter.clamp(0.0, 1.0)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_for_any_number_of_attempts() {
        for attempts in [1, 2, 10, 63, 64, 65, 1000, u32::MAX] {
            for jitter in [-1.0, 0.0, 0.5, 1.0, f64::NAN] {
                let wait = RetryPolicy::default().wait_ms(attempts, jitter);
                assert!((1_000..=600_000).contains(&wait), "{attempts} {jitter}: {wait}");
            }
        }
    }
}
