//! Waiting for a condition, and saying that there is none.

use std::io::Write as _;
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

/// Says that a test cannot run here, and why. Past the test program's capture, which hides what passing tests print;
/// `tests/run` collects these lines.
pub fn not_run(what: &str) {
    // Nobody listening to standard error is no failure of the test.
    let _ = writeln!(std::io::stderr(), "\nnot run: {what}");
}
