//! The last lines of the log in memory, for the console: the log goes where the service manager has it, which is not ours to
//! read.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::UnixMillis;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines that are kept.
const LINES_MAX: usize = 2_000;
/// Characters of a line that are kept.
const CHARACTERS_MAX: usize = 500;

static LINES: Mutex<VecDeque<Line>> = Mutex::new(VecDeque::new());

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: UnixMillis,
    /// How loud.
    pub level: Level,
    /// Which module.
    pub target: String,
    /// The message and its fields.
    pub text: String,
}

/// The last lines, the oldest first.
pub fn recent() -> Vec<Line> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Keeps what passes the filters of the log.
pub struct Recent;

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        keep(Line {
            at: UnixMillis::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            text: drawing::clipped(&format!("{}{}", text.message, text.fields), CHARACTERS_MAX),
        });
    }
}

fn keep(line: Line) {
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// An event as text, as the log has it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn lines_are_kept_as_the_log_has_them_and_not_for_ever() {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Recent), || {
            for number in 0..LINES_MAX {
                tracing::info!(target: "recent_test", number, why = "none", "a line");
            }
            tracing::warn!(target: "recent_test", "{}", "x".repeat(2 * CHARACTERS_MAX));
        });
        let lines = recent();
        assert_eq!(lines.len(), LINES_MAX);
        let ours: Vec<&Line> = lines.iter().filter(|line| line.target == "recent_test").collect();
        assert!(ours.iter().any(|line| line.text == "a line number=1999 why=\"none\"" && line.level == Level::INFO));
        assert!(ours.last().unwrap().text.chars().count() <= CHARACTERS_MAX && ours[0].at.0 > 0);
    }
}
