//! TensorRT's log, into `tracing` under the target `tensorrt`, and its last errors for our own.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::Said;
use crate::vendor_text;

/// Error lines that are kept for an error of ours.
const LINES_MAX: usize = 4;

/// Hears what TensorRT says, on any thread.
#[derive(Debug, Default)]
pub(super) struct Logger {
    errors: Mutex<VecDeque<String>>,
}

impl Logger {
    /// A message of a severity as `nvinfer1::ILogger` numbers them. What TensorRT calls information is the detail of a
    /// build, and verbose is every layer's every tactic.
    pub(super) fn hear(&self, severity: i32, message: &[u8]) {
        let line = vendor_text::line(message);
        match severity {
            i32::MIN..=1 => {
                tracing::error!(target: "tensorrt", "{line}");
                let mut errors = self.lock();
                if errors.len() == LINES_MAX {
                    errors.pop_front();
                }
                errors.push_back(line);
            }
            2 => tracing::warn!(target: "tensorrt", "{line}"),
            3 => tracing::debug!(target: "tensorrt", "{line}"),
            _ => tracing::trace!(target: "tensorrt", "{line}"),
        }
    }

    /// Forgets the errors so far, before a call.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// The errors since, after a call that failed.
    pub(super) fn said(&self) -> Said {
        Said(self.lock().drain(..).collect())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing::Level;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `say` writes into a log that has everything.
    fn logged(say: impl FnOnce(&Logger)) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(log, || say(&Logger::default()));
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn severities_have_their_levels() {
        for (severity, level) in
            [(-7, "ERROR"), (0, "ERROR"), (1, "ERROR"), (2, "WARN"), (3, "DEBUG"), (4, "TRACE"), (99, "TRACE")]
        {
            let text = logged(|logger| logger.hear(severity, b"words"));
            assert_eq!(text.trim(), format!("{level} tensorrt: words"), "{severity}");
        }
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length_whatever_is_in_it() {
        let mut message = b"first\nERROR forged: line\x1b[2J".to_vec();
        message.resize(100_000, b'x');
        let text = logged(|logger| logger.hear(1, &message));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.len() < 1_100 && !text.trim_end().contains(char::is_control), "{text}");
    }

    #[test]
    fn the_last_errors_since_a_call_are_kept_and_nothing_else() {
        let logger = Logger::default();
        logger.hear(1, b"before");
        logger.forget();
        logger.hear(2, b"a warning");
        for index in 0..LINES_MAX + 3 {
            logger.hear(1, index.to_string().as_bytes());
        }
        assert_eq!(logger.said().0, ["3", "4", "5", "6"]);
        assert_eq!(logger.said(), Said::default(), "taken once");
    }
}
