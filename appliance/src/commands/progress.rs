//! Progress on standard error: a line that is written over, where somebody looks at it.

use std::io::{IsTerminal as _, Write as _};

/// The progress of a long command.
pub struct Progress {
    is_terminal: bool,
    shown: String,
}

impl Progress {
    /// Progress that is shown only on a terminal.
    pub fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), shown: String::new() }
    }

    /// Shows `text` in the place of what was shown before.
    pub fn show(&mut self, text: &str) {
        if self.is_terminal && text != self.shown {
            let padding = " ".repeat(self.shown.chars().count().saturating_sub(text.chars().count()));
            // A closed terminal is no reason to stop.
            let _ = write!(std::io::stderr(), "\r{text}{padding}");
            let _ = std::io::stderr().flush();
            text.clone_into(&mut self.shown);
        }
    }

    /// Shows a bar of `done` of `all`.
    pub fn bar(&mut self, done: usize, all: usize) {
        const WIDTH: usize = 30;
        let filled = done * WIDTH / all.max(1);
        self.show(&format!("[{}{}] {done} of {all}", "#".repeat(filled), ".".repeat(WIDTH - filled)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.shown.is_empty() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
