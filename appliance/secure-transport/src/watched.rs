//! Files whose content is in use, looked at again while it is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::files::{FileFault, Stamp};

/// How often files are looked at again, at most, and only when somebody needs what is in them.
pub const CHECK_EVERY: Duration = Duration::from_secs(2);
/// How often a certificate that is about to expire is warned about.
const WARN_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What files hold.
pub(crate) trait Content: Sized {
    /// What a technician should be told of it, if anything.
    fn warning(&self, at: SystemTime) -> Option<String>;
}

/// The content of files, in use.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    paths: Vec<PathBuf>,
    every: Duration,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    content: Option<Arc<T>>,
    stamps: Vec<Stamp>,
    looked_at: Option<Instant>,
    warned_at: Option<Instant>,
}

impl<T: Content> Watched<T> {
    pub(crate) fn new(paths: Vec<PathBuf>, every: Duration) -> Self {
        let state = State { content: None, stamps: Vec::new(), looked_at: None, warned_at: None };
        Self { paths, every, state: Mutex::new(state) }
    }

    /// The content, read with `load` when the files changed since the last look. Blocks.
    ///
    /// # Errors
    /// What is wrong with the files, when they were never right. Once they were, new ones that are not are warned about, once
    /// per change, and the old content stays in use.
    pub(crate) fn content(&self, load: impl FnOnce() -> Result<T, FileFault>) -> Result<Arc<T>, FileFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_fresh = state.looked_at.is_some_and(|looked_at| now < looked_at + self.every);
        let content = match &state.content {
            Some(content) if is_fresh => Arc::clone(content),
            _ => {
                let content = self.look(&mut state, load)?;
                state.looked_at = Some(now);
                content
            }
        };
        if state.warned_at.is_none_or(|warned_at| now >= warned_at + WARN_EVERY)
            && let Some(warning) = content.warning(SystemTime::now())
        {
            state.warned_at = Some(now);
            tracing::warn!(file = %self.label(), "our certificate {warning}");
        }
        Ok(content)
    }

    fn look(&self, state: &mut State<T>, load: impl FnOnce() -> Result<T, FileFault>) -> Result<Arc<T>, FileFault> {
        // Before they are read: what changes meanwhile differs from its stamp at the next look.
        let stamps: Vec<_> = self.paths.iter().map(|path| Stamp::of(path)).collect();
        if let Some(content) = &state.content
            && stamps == state.stamps
        {
            return Ok(Arc::clone(content));
        }
        match (load(), &state.content) {
            (Ok(loaded), before) => {
                if before.is_some() {
                    tracing::info!(file = %self.label(), "certificates were read anew");
                }
                let content = Arc::new(loaded);
                (state.content, state.stamps, state.warned_at) = (Some(Arc::clone(&content)), stamps, None);
                Ok(content)
            }
            (Err(fault), Some(before)) => {
                tracing::warn!(%fault, "new certificates cannot be used: those from before stay in use");
                let before = Arc::clone(before);
                state.stamps = stamps;
                Ok(before)
            }
            (Err(fault), None) => Err(fault),
        }
    }

    fn label(&self) -> String {
        self.paths.first().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[derive(Debug)]
    struct Text(String);

    impl Content for Text {
        fn warning(&self, _: SystemTime) -> Option<String> {
            None
        }
    }

    fn load(path: &std::path::Path) -> Result<Text, FileFault> {
        let text = fs::read_to_string(path).map_err(|error| FileFault::Unreadable(path.into(), error))?;
        if text == "broken" { Err(FileFault::NoCertificate(path.into())) } else { Ok(Text(text)) }
    }

    #[test]
    fn changes_are_seen_and_broken_ones_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        let watched = Watched::new(vec![path.clone()], Duration::ZERO);
        let content = || watched.content(|| load(&path)).map(|text| text.0.clone()).map_err(|fault| fault.to_string());
        assert!(content().unwrap_err().contains("entity not found"), "it was never there");
        fs::write(&path, "broken").unwrap();
        assert!(content().unwrap_err().contains("no certificate"), "it was never right");
        for (written, used) in [("one", "one"), ("broken", "one"), ("second", "second")] {
            fs::write(&path, written).unwrap();
            assert_eq!(content().unwrap(), used, "{written}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(content().unwrap(), "second", "gone");
        fs::write(folder.path().join("b.pem"), "third!").unwrap();
        fs::rename(folder.path().join("b.pem"), &path).unwrap();
        assert_eq!(content().unwrap(), "third!", "renamed over it");
    }

    #[test]
    fn files_are_read_when_they_change_and_looked_at_only_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        fs::write(&path, "one").unwrap();
        let often = Watched::new(vec![path.clone()], Duration::ZERO);
        let seldom = Watched::new(vec![path.clone()], Duration::from_secs(3600));
        assert_eq!(often.content(|| load(&path)).unwrap().0, "one");
        assert_eq!(seldom.content(|| load(&path)).unwrap().0, "one");
        assert_eq!(often.content(|| panic!("nothing has changed")).unwrap().0, "one");
        fs::write(&path, "second").unwrap();
        assert_eq!(often.content(|| load(&path)).unwrap().0, "second");
        assert_eq!(seldom.content(|| panic!("it is too early to look")).unwrap().0, "one");
    }
}
