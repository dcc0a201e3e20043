//! Self-tests of the running device: what is expected and how the last one ended, kept in the state folder.

use std::path::Path;

use queue::StateDir;

use super::{kept, now};
use crate::selftest::{Book, Exam, SelfTest, Subject, Verdict};

/// Its file in the state folder.
const FILE: &str = "selftest.json";

/// The self-tests of a device.
pub struct Tested {
    book: Book,
    state: StateDir,
}

impl Tested {
    /// What `state` holds of earlier ones. A file that cannot be read is said and starts anew.
    pub fn open(state: StateDir) -> Self {
        let book = read(state.root()).unwrap_or_else(|why| {
            tracing::error!("what earlier self-tests gave cannot be read, the next one counts as the first: {why}");
            Book::default()
        });
        Self { book, state }
    }

    /// The last one.
    pub fn last(&self) -> Option<SelfTest> {
        self.book.last.clone()
    }

    /// Judges an exam and keeps how that ended.
    pub fn note(&mut self, subject: Subject, exam: Exam, is_accepted: bool) -> SelfTest {
        let test = self.book.judge(subject, exam, is_accepted, now());
        let why = test.why.as_deref().unwrap_or_default();
        let engine = &test.subject.engine;
        match test.verdict {
            Verdict::Passed => tracing::info!(engine, "self-test passed"),
            Verdict::First => tracing::info!(engine, "self-test: the first of its kind, its scores are expected now"),
            Verdict::NotHeld => tracing::warn!(engine, "self-test could not be held: {why}"),
            Verdict::Failed => tracing::error!(engine, "self-test failed, results say so from now on: {why}"),
        }
        if let Err(why) = kept::write(&self.state, FILE, &self.book) {
            tracing::error!("how the self-test ended cannot be kept: {why}");
        }
        test
    }
}

/// What the state folder `folder` holds of earlier self-tests; nothing where there was none.
///
/// # Errors
/// Why its file cannot be read.
pub fn read(folder: &Path) -> Result<Book, String> {
    Ok(kept::read(folder, FILE)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use contract::Digest;
    use domain::{Laterality, View};

    use super::*;
    use crate::selftest::Answer;

    fn note(tested: &mut Tested, score: f64) -> Verdict {
        let digest = Digest::of(b"x");
        let (model, version, software) = ("m".into(), "1".into(), "0".into());
        let engine = "tract".into();
        let subject = Subject { model, version, network: digest, preprocess: digest, engine, software };
        let (laterality, view) = (Laterality::Right, View::CranioCaudal);
        let exam = Exam::Scored(vec![Answer { laterality, view, score, bits: digest }]);
        tested.note(subject, exam, false).verdict
    }

    #[test]
    fn what_is_expected_outlasts_a_restart_and_a_damaged_file_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Tested::open(StateDir::create(folder.path()).unwrap());
        assert_eq!((open().last(), note(&mut open(), 0.25)), (None, Verdict::First));
        assert_eq!(note(&mut open(), 0.5), Verdict::Failed);
        assert_eq!(open().last().unwrap().verdict, Verdict::Failed);
        assert_eq!(note(&mut open(), 0.25), Verdict::Passed);
        for damaged in ["", "{\"last\":7}", &" ".repeat(kept::BYTES_MAX as usize + 1)] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert!(read(folder.path()).is_err());
            assert_eq!((open().last(), note(&mut open(), 0.5)), (None, Verdict::First));
        }
    }
}
