//! Waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The first `Some` that `look` gives.
///
/// # Panics
/// When it gives none within `limit`: `what` did not happen.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(LOOK_INTERVAL);
    }
}
