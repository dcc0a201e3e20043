//! The one piece of long work on models that is under way, or was the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use crate::device::{Fault, Progress};

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Another one for each job, from 1.
    pub number: u64,
    /// What is done: `Install a bundle`.
    pub title: String,
    /// Who wanted it.
    pub who: String,
    /// How far it is.
    pub progress: Progress,
    /// `None` while it is under way.
    pub outcome: Option<Outcome>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Whether it went well.
    pub good: bool,
    /// In plain words.
    pub sentence: String,
}

/// The place for one job.
#[derive(Clone)]
pub struct Jobs(Arc<Shared>);

struct Shared {
    last: Mutex<Option<Work>>,
    changes: watch::Sender<u64>,
}

/// A job under way. When it goes without an end, it ended by a fault.
pub struct Job {
    jobs: Jobs,
    is_open: bool,
}

impl Default for Jobs {
    fn default() -> Self {
        Self(Arc::new(Shared { last: Mutex::default(), changes: watch::channel(0).0 }))
    }
}

impl Jobs {
    /// Begins a job.
    ///
    /// # Errors
    /// [`Fault::Busy`] while there is another one.
    pub fn begin(&self, title: &str, who: &str) -> Result<Job, Fault> {
        let mut last = self.lock();
        if let Some(work) = last.as_ref().filter(|work| work.outcome.is_none()) {
            let said = format!("{} is under way. Wait until it ends, then try again.", work.title);
            return Err(Fault::Busy(said));
        }
        let number = last.as_ref().map_or(1, |work| work.number + 1);
        let progress = Progress { step: "Begun".into(), done: 0, total: 0 };
        *last = Some(Work { number, title: title.into(), who: who.into(), progress, outcome: None });
        drop(last);
        self.changed();
        Ok(Job { jobs: self.clone(), is_open: true })
    }

    /// The job under way, or the last one.
    pub fn last(&self) -> Option<Work> {
        self.lock().clone()
    }

    /// Another number after each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn changed(&self) {
        self.0.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    fn change(&self, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.lock().as_mut() {
            change(work);
        }
        self.changed();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// How far it is.
    pub fn progress(&mut self, progress: Progress) {
        self.jobs.change(|work| work.progress = progress);
    }

    /// It has ended.
    pub fn end(mut self, outcome: Outcome) {
        self.is_open = false;
        self.jobs.change(|work| work.outcome = Some(outcome));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_open {
            let sentence = "It ended by a fault of the software. Look at the log, then try again.".into();
            self.jobs.change(|work| work.outcome = Some(Outcome { good: false, sentence }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_job_at_a_time_and_each_one_ends() {
        let jobs = Jobs::default();
        assert!(jobs.last().is_none());
        let mut job = jobs.begin("Install a bundle", "ann").unwrap();
        assert!(
            matches!(jobs.begin("Activate", "bob"), Err(Fault::Busy(said)) if said.starts_with("Install a bundle"))
        );
        let progress = Progress { step: "Checking".into(), done: 1, total: 2 };
        job.progress(progress.clone());
        assert_eq!(jobs.last().unwrap().progress, progress);
        job.end(Outcome { good: true, sentence: "Done.".into() });
        assert!(jobs.last().unwrap().outcome.unwrap().good);
        drop(jobs.begin("Activate", "bob").unwrap());
        let last = jobs.last().unwrap();
        assert_eq!((last.number, last.outcome.unwrap().good), (2, false), "what panics ends as well");
        assert!(jobs.begin("Activate", "bob").is_ok());
    }
}
