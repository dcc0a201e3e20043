//! The self-test: a synthetic exam whose scores and maps must be, bit for bit, what they were the first time.
//!
//! What a network computes depends on the model, on the engine with its versions, and on this software: the first exam for
//! these together sets what is expected. The engine gave the model's golden vectors before, so that also the first is not far
//! off.

use contract::Digest;
use domain::findings::ModelId;
use domain::{ImageFinding, Laterality, UnixMillis, View};
use serde::{Deserialize, Serialize};

/// The exam of self-tests and of models on trial.
pub const EXAM_SEED: u64 = 3;
/// Expectations that are kept; the oldest are forgotten first.
const EXPECTED_MAX: usize = 16;

/// What computes the scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its network.
    pub network: Digest,
    /// Digest of its preprocessing.
    pub preprocess: Digest,
    /// The engine, its device and its versions.
    pub engine: String,
    /// Version of this software.
    pub software: String,
}

impl Subject {
    /// `model` on `engine`, by this software.
    pub fn of(model: &ModelId, engine: String) -> Self {
        Self {
            model: model.name.clone(),
            version: model.version.clone(),
            network: model.network,
            preprocess: model.preprocess,
            engine,
            software: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// What was computed of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which breast.
    pub laterality: Laterality,
    /// Which view.
    pub view: View,
    /// The network's probability, 0 to 1.
    pub score: f64,
    /// SHA-256 of everything that was computed, to the last of 32 bits: logit, score, calibrated probability, map, its place and
    /// its peak, calls.
    pub bits: Digest,
}

impl Answer {
    /// What `finding` says.
    ///
    /// # Errors
    /// When a value cannot be written down.
    pub fn of(finding: &ImageFinding) -> serde_json::Result<Self> {
        // The network computes in 32 bits; and what comes back from the queue may be off by the last of 64.
        let bits_of = |value: f64| (value as f32).to_bits();
        let map: Vec<u32> = finding.cam.values.iter().map(|value| value.to_bits()).collect();
        let peak = finding.peak.map(|peak| (bits_of(peak.x), bits_of(peak.y)));
        let calls: Vec<bool> = finding.operating_points.iter().map(|call| call.called).collect();
        let computed = (
            (bits_of(finding.logit), bits_of(finding.score), finding.calibrated_probability.map(bits_of)),
            (map, finding.cam.extent, &finding.geometry),
            (peak, calls),
        );
        let bits = Digest::of_canonical(&computed)?;
        Ok(Self { laterality: finding.laterality, view: finding.view, score: finding.score, bits })
    }

    fn place(&self) -> String {
        format!("{} {}", self.laterality.letter(), self.view.term())
    }
}

/// What an exam came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Exam {
    /// All its images were scored.
    Scored(Vec<Answer>),
    /// The model or its engine failed on one of them.
    Failed(String),
    /// It could not be held, which is neither's fault.
    NotHeld(String),
}

/// How a self-test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The exam gave what it gave before.
    Passed,
    /// It was scored for the first time by this model, engine and software: from now on this is expected.
    First,
    /// It gave something else, or no score. Results say so until a self-test passes.
    Failed,
    /// It could not be held.
    NotHeld,
}

/// One self-test. Part of the schema of `mamoru status --json`; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    /// Counts the self-tests of a device.
    pub number: u64,
    /// When it ended.
    pub at: UnixMillis,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub why: Option<String>,
    /// What was tested.
    pub subject: Subject,
    /// What each image gave.
    pub images: Vec<Answer>,
}

/// What is expected, and the last self-test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    /// Oldest first.
    expected: Vec<(Subject, Vec<Answer>)>,
    /// The last self-test.
    pub last: Option<SelfTest>,
}

impl Book {
    /// Judges an exam and notes it as the last self-test. With `is_accepted` what it gave is expected from now on.
    pub fn judge(&mut self, subject: Subject, exam: Exam, is_accepted: bool, at: UnixMillis) -> SelfTest {
        let number = self.last.as_ref().map_or(0, |last| last.number) + 1;
        if is_accepted && matches!(exam, Exam::Scored(_)) {
            self.expected.retain(|(known, _)| *known != subject);
        }
        let (verdict, why, images) = self.compare(&subject, exam);
        let test = SelfTest { number, at, verdict, why, subject, images };
        self.last = Some(test.clone());
        test
    }

    /// What is expected of `subject`.
    pub fn expected(&self, subject: &Subject) -> Option<&[Answer]> {
        self.expected.iter().find(|(known, _)| known == subject).map(|(_, answers)| answers.as_slice())
    }

    fn compare(&mut self, subject: &Subject, exam: Exam) -> (Verdict, Option<String>, Vec<Answer>) {
        let answers = match exam {
            Exam::Scored(answers) => answers,
            Exam::Failed(why) => return (Verdict::Failed, Some(why), Vec::new()),
            Exam::NotHeld(why) => return (Verdict::NotHeld, Some(why), Vec::new()),
        };
        match self.expected(subject) {
            Some(expected) => match difference(expected, &answers) {
                None => (Verdict::Passed, None, answers),
                Some(why) => (Verdict::Failed, Some(why), answers),
            },
            None => {
                self.expected.push((subject.clone(), answers.clone()));
                self.expected.drain(..self.expected.len().saturating_sub(EXPECTED_MAX));
                let why = "there was none before with this model, engine and software to compare with";
                (Verdict::First, Some(why.into()), answers)
            }
        }
    }
}

/// The first difference between what is `expected` and what was `given`, in words.
pub fn difference(expected: &[Answer], given: &[Answer]) -> Option<String> {
    if expected.len() != given.len() {
        return Some(format!("{} images instead of {}", given.len(), expected.len()));
    }
    let (expected, given) = expected.iter().zip(given).find(|(expected, given)| expected != given)?;
    Some(if expected.place() != given.place() {
        format!("{} in the place of {}", given.place(), expected.place())
    } else if expected.score.to_bits() == given.score.to_bits() {
        format!("{}: the score is the same, but not the map or a value beside it", given.place())
    } else {
        format!("{}: score {:?} instead of {:?}", given.place(), given.score, expected.score)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(engine: &str) -> Subject {
        let (network, preprocess) = (Digest::of(b"network"), Digest::of(b"preprocess"));
        let (model, version, software) = ("m".into(), "1".into(), "0".into());
        Subject { model, version, network, preprocess, engine: engine.into(), software }
    }

    fn answers(score: f64, bits: &[u8]) -> Vec<Answer> {
        let of = |laterality| Answer { laterality, view: View::CranioCaudal, score: 0.5, bits: Digest::of(b"x") };
        let last = Answer { score, bits: Digest::of(bits), ..of(Laterality::Left) };
        vec![of(Laterality::Right), last]
    }

    fn judge(book: &mut Book, engine: &str, exam: Exam, is_accepted: bool) -> (Verdict, Option<String>) {
        let test = book.judge(subject(engine), exam, is_accepted, UnixMillis(7));
        assert_eq!(book.last.as_ref(), Some(&test));
        (test.verdict, test.why)
    }

    #[test]
    fn the_first_exam_sets_what_is_expected_to_the_last_bit() {
        let mut book = Book::default();
        let scored = |score, bits: &[u8]| Exam::Scored(answers(score, bits));
        assert_eq!(judge(&mut book, "tract", scored(0.25, b"a"), false).0, Verdict::First);
        assert_eq!(judge(&mut book, "tract", scored(0.25, b"a"), false), (Verdict::Passed, None));
        let next = f64::from_bits(0.25_f64.to_bits() + 1);
        let (verdict, why) = judge(&mut book, "tract", scored(next, b"b"), false);
        assert_eq!(
            (verdict, why.as_deref()),
            (Verdict::Failed, Some("L CC: score 0.25000000000000006 instead of 0.25"))
        );
        let (verdict, why) = judge(&mut book, "tract", scored(0.25, b"b"), false);
        assert!(verdict == Verdict::Failed && why.unwrap().contains("not the map"));
        // Another engine has another expectation, and a failure sets none.
        assert_eq!(judge(&mut book, "nvidia", Exam::Failed("lost".into()), false).0, Verdict::Failed);
        assert_eq!(judge(&mut book, "nvidia", scored(0.26, b"c"), false).0, Verdict::First);
        assert_eq!(judge(&mut book, "tract", scored(0.25, b"a"), false).0, Verdict::Passed);
        assert_eq!(book.last.as_ref().unwrap().number, 7);
    }

    #[test]
    fn only_a_person_accepts_other_scores_and_only_of_an_exam_that_was_scored() {
        let mut book = Book::default();
        let scored = |score| Exam::Scored(answers(score, b"a"));
        judge(&mut book, "tract", scored(0.25), false);
        assert_eq!(judge(&mut book, "tract", Exam::NotHeld("no disk".into()), true).0, Verdict::NotHeld);
        assert_eq!(judge(&mut book, "tract", Exam::Failed("no number".into()), true).0, Verdict::Failed);
        assert_eq!(judge(&mut book, "tract", scored(0.25), false).0, Verdict::Passed);
        assert_eq!(judge(&mut book, "tract", scored(0.5), true).0, Verdict::First);
        assert_eq!(judge(&mut book, "tract", scored(0.5), false).0, Verdict::Passed);
        assert_eq!(judge(&mut book, "tract", scored(0.25), false).0, Verdict::Failed);
    }

    #[test]
    fn an_image_too_few_or_in_another_place_is_a_difference() {
        let all = answers(0.25, b"a");
        assert_eq!(difference(&all, &all), None);
        assert_eq!(difference(&all, &all[..1]).as_deref(), Some("1 images instead of 2"));
        let turned: Vec<Answer> = all.iter().rev().cloned().collect();
        assert_eq!(difference(&all, &turned).as_deref(), Some("L CC in the place of R CC"));
    }

    #[test]
    fn expectations_are_few_and_survive_being_written_down() {
        let mut book = Book::default();
        for engine in 0..EXPECTED_MAX + 3 {
            judge(&mut book, &engine.to_string(), Exam::Scored(answers(0.1 + 0.2, b"a")), false);
        }
        assert_eq!(book.expected.len(), EXPECTED_MAX);
        let read: Book = serde_json::from_slice(&serde_json::to_vec(&book).unwrap()).unwrap();
        assert_eq!(read, book);
        assert!(book.expected(&subject("0")).is_none() && book.expected(&subject("18")).is_some());
    }
}
