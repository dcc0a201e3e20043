//! Progress on standard error: a live line on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::run::{Metrics, State};

/// How often a line is written when nobody looks at a terminal.
const QUIET: Duration = Duration::from_secs(60);

/// How often the live line changes.
const LIVE: Duration = Duration::from_millis(200);

/// Writes progress.
#[derive(Debug)]
pub(super) struct Progress {
    epochs: u32,
    /// Of several processes one writes.
    silent: bool,
    live: bool,
    written: Option<Instant>,
    /// Start of this process's share of the run, and the steps since then.
    start: Instant,
    steps: u64,
}

impl Progress {
    pub(super) fn new(epochs: u32, writes: bool) -> Self {
        let live = std::io::stderr().is_terminal();
        Self { epochs, silent: !writes, live, written: None, start: Instant::now(), steps: 0 }
    }

    /// After a step. `batches` in the epoch, `waited` for images in this epoch.
    pub(super) fn step(&mut self, state: &State, batches: usize, waited: Duration) {
        self.steps += 1;
        let pause = if self.live { LIVE } else { QUIET };
        if self.written.is_some_and(|written| written.elapsed() < pause) {
            return;
        }
        self.written = Some(Instant::now());
        let elapsed = self.start.elapsed().as_secs_f64();
        let per_step = elapsed / self.steps as f64;
        let left = (batches - state.batch) as f64 + f64::from(self.epochs.saturating_sub(state.epoch)) * batches as f64;
        let line = format!(
            "epoch {}/{} step {}/{batches} loss {:.4} {per_step:.2} s/step waited {:.1} s, at most {} left",
            state.epoch,
            self.epochs,
            state.batch,
            state.loss_sum / state.images.max(1) as f64,
            waited.as_secs_f64(),
            duration(left * per_step),
        );
        self.write(&line, self.live);
    }

    /// After a validation.
    pub(super) fn epoch_done(&self, metrics: &Metrics) {
        let auc = |auc: Option<f64>| auc.map_or_else(|| "-".into(), |auc| format!("{auc:.4}"));
        let line = format!(
            "epoch {} done: train loss {:.4}, validation loss {:.4}, AUC {} per image, {} per breast, rate {:.1e}, {:.0} s, \
             {:.1} images/s, waited {:.1} s for images",
            metrics.epoch,
            metrics.train_loss,
            metrics.validation_loss,
            auc(metrics.image_auc),
            auc(metrics.breast_auc),
            metrics.rate,
            metrics.train_s + metrics.validation_s,
            metrics.images as f64 / metrics.train_s.max(1e-9),
            metrics.waited_s,
        );
        self.write(&line, false);
    }

    fn write(&self, line: &str, stays: bool) {
        if self.silent {
            return;
        }
        write_line(line, self.live, stays);
    }
}

/// Counts what takes long before the first epoch, from any thread.
#[derive(Debug)]
pub(crate) struct Count {
    what: &'static str,
    all: usize,
    start: Instant,
    /// How many are done, and when a line was written.
    done: Mutex<(usize, Instant)>,
}

impl Count {
    pub(crate) fn new(what: &'static str, all: usize) -> Self {
        let now = Instant::now();
        Self { what, all, start: now, done: Mutex::new((0, now)) }
    }

    /// `count` more are done.
    pub(crate) fn add(&self, count: usize) {
        let mut state = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += count;
        let live = std::io::stderr().is_terminal();
        let is_due = state.1.elapsed() >= if live { LIVE } else { QUIET };
        if !is_due && state.0 < self.all {
            return;
        }
        state.1 = Instant::now();
        let per_s = state.0 as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        let left = duration((self.all - state.0.min(self.all)) as f64 / per_s);
        let line = format!("{} {} of {}, {per_s:.1} images/s, {left} left", self.what, state.0, self.all);
        write_line(&line, live, live && state.0 < self.all);
    }
}

fn write_line(line: &str, live: bool, stays: bool) {
    let (start, end) = if live { ("\r\x1b[K", if stays { "" } else { "\n" }) } else { ("", "\n") };
    // Nobody is there to be told that nobody is there.
    let _ = write!(std::io::stderr().lock(), "{start}{line}{end}");
}

/// Hours and minutes, or seconds when there are few.
fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    if minutes < 2 { format!("{seconds:.0} s") } else { format!("{} h {:02} min", minutes / 60, minutes % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!([12.4, 300.0, 7_260.0].map(duration), ["12 s", "0 h 05 min", "2 h 01 min"]);
    }
}
