//! Telling a thread to end, also while it waits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells the work of this crate to end. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Asks for the end, for good.
    pub fn stop(&self) {
        *self.0.is_stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }

    /// Was the end asked for?
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.is_stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits this long, or until the end is asked for; says whether it is.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut is_stopped = self.0.is_stopped.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_stopped {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            is_stopped = self.0.changed.wait_timeout(is_stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_woken() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::ZERO) && !stop.is_stopped());
        let other = stop.clone();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_secs(3600)));
        stop.stop();
        assert!(waiting.join().unwrap());
        assert!(stop.is_stopped() && stop.wait(Duration::from_secs(3600)));
    }
}
