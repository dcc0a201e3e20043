//! What takes long says so: on standard error for commands, in the log for a device.

use std::io::Write as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::health::HealthBoard;

/// Between two lines.
pub const INTERVAL: Duration = Duration::from_secs(30);
/// What takes less is not worth a line.
const FIRST: Duration = Duration::from_secs(2);

/// Does `work`, and says on standard error what `board` says of an engine that may take minutes: after 2 s, then every 30 s.
pub fn with_progress<T>(board: &HealthBoard, work: impl FnOnce() -> T) -> T {
    let (done, ended) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut wait = FIRST;
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = INTERVAL;
                if board.is_building() {
                    // Nobody is left to tell when standard error is closed.
                    let _ = writeln!(std::io::stderr(), "engine: {}", board.status().text());
                }
            }
        });
        // Dropped at the end, whichever it is: the other thread then ends.
        let _done = done;
        work()
    })
}
