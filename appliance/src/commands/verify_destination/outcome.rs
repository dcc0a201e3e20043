//! What a destination answered, for people and for scripts.

use std::io::Write;

use domain::{Attempt, ResultKind, Sop, StudyKey};
use forwarder::Outcome;
use serde::Serialize;

use crate::exit_code::Exit;

/// The whole. The schema of `mamoru results verify-destination --json`; fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// "Research use only, not a medical device."
    pub notice: &'static str,
    /// The destination's name.
    pub destination: String,
    /// Patient's Name (0010,0010) of the synthetic exam.
    pub patient_name: &'static str,
    /// Patient ID (0010,0020) of the synthetic exam.
    pub patient_id: String,
    /// Study Instance UID (0020,000D) of the synthetic exam.
    pub study: String,
    /// Did the destination take something for each entry of its profile, and commit it where that is asked for?
    pub ok: bool,
    /// Each object that was tried.
    pub objects: Vec<VerifiedObject>,
    /// What it said about commitment.
    pub commitment: Committed,
}

/// One object.
#[derive(Debug, Serialize)]
pub struct VerifiedObject {
    /// Its name.
    pub name: String,
    /// Which kind; `None` for an image of the exam.
    pub kind: Option<ResultKind>,
    /// Its DICOM names.
    pub sop: Option<Sop>,
    /// How it ended.
    pub outcome: VerifiedOutcome,
    /// Why, when it was not taken.
    pub why: Option<String>,
}

/// How sending one object ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedOutcome {
    /// The destination took it.
    Taken,
    /// The destination does not accept this kind, and got the next one of the profile instead.
    Replaced,
    /// The destination does not accept this kind.
    NotAccepted,
    /// The destination refused the object.
    Refused,
    /// It did not work this time.
    Failed,
    /// The destination could not be reached; nothing more was tried.
    Unreachable,
}

impl VerifiedOutcome {
    const fn text(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Replaced => "not accepted, the next kind goes instead",
            Self::NotAccepted => "NOT ACCEPTED",
            Self::Refused => "REFUSED",
            Self::Failed => "FAILED",
            Self::Unreachable => "DESTINATION NOT REACHED",
        }
    }
}

/// What a destination said about commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Committed {
    /// The profile does not ask for it, or nothing was taken.
    NotAsked,
    /// It keeps everything that it took.
    All,
    /// It does not keep everything.
    NotAll {
        /// How many objects it does not keep.
        failed: usize,
    },
    /// It will answer later, on an association of its own.
    Later,
    /// It could not be asked.
    Failed {
        /// Why.
        why: String,
    },
}

impl VerifiedObject {
    /// What `outcome` says of an object.
    pub fn new(name: String, kind: Option<ResultKind>, sop: Option<Sop>, outcome: Outcome) -> Self {
        let (outcome, why) = match outcome {
            Outcome::Object(Attempt::Delivered | Attempt::Stored) => (VerifiedOutcome::Taken, None),
            Outcome::Object(Attempt::Failed { why }) => (VerifiedOutcome::Failed, Some(why)),
            Outcome::Object(Attempt::Refused { why }) => (VerifiedOutcome::Refused, Some(why)),
            Outcome::Object(Attempt::NotAccepted { why } | Attempt::Replaced { why }) => {
                (VerifiedOutcome::NotAccepted, Some(why))
            }
            Outcome::Unreachable { why, .. } => (VerifiedOutcome::Unreachable, Some(why)),
        };
        Self { name, kind, sop, outcome, why }
    }

    /// Did the destination take it?
    pub fn is_taken(&self) -> bool {
        self.outcome == VerifiedOutcome::Taken
    }

    /// Does the destination not accept its kind?
    pub fn is_not_accepted(&self) -> bool {
        self.outcome == VerifiedOutcome::NotAccepted
    }

    /// Could the destination not be reached?
    pub fn is_unreachable(&self) -> bool {
        self.outcome == VerifiedOutcome::Unreachable
    }

    /// Notes that the next kind goes instead of one that is not accepted.
    pub fn replace(&mut self) {
        if self.is_not_accepted() {
            self.outcome = VerifiedOutcome::Replaced;
        }
    }
}

impl Verification {
    /// The whole, of an exam with this seed.
    pub fn new(
        destination: &str,
        study: &StudyKey,
        seed: u64,
        objects: Vec<VerifiedObject>,
        commitment: Committed,
    ) -> Self {
        let is_good = |outcome| matches!(outcome, VerifiedOutcome::Taken | VerifiedOutcome::Replaced);
        let is_kept = matches!(commitment, Committed::NotAsked | Committed::All | Committed::Later);
        Self {
            notice: results::NOTICE,
            destination: destination.to_owned(),
            patient_name: phantom::PATIENT_NAME,
            patient_id: phantom::patient_id(seed),
            study: study.0.as_str().to_owned(),
            ok: is_kept && objects.iter().all(|object| is_good(object.outcome)),
            objects,
            commitment,
        }
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self.ok {
            Exit::Success
        } else if self.objects.iter().any(VerifiedObject::is_unreachable) {
            Exit::Unreachable
        } else if self.objects.iter().any(VerifiedObject::is_taken) {
            Exit::Partial
        } else {
            Exit::Failure
        }
    }

    /// Prints it for a technician.
    ///
    /// # Errors
    /// When `output` cannot be written.
    pub fn print(&self, output: &mut impl Write) -> std::io::Result<()> {
        writeln!(output, "{}", self.notice)?;
        writeln!(output, "to {}: the results of a synthetic exam, of no patient", self.destination)?;
        for object in &self.objects {
            let why = object.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            writeln!(output, "  {:<22} {}{why}", object.name, object.outcome.text())?;
        }
        match &self.commitment {
            Committed::NotAsked => {}
            Committed::All => writeln!(output, "  commitment             it keeps everything that it took")?,
            Committed::NotAll { failed } => {
                writeln!(output, "  commitment             IT DOES NOT KEEP {failed} of the objects that it took")?;
            }
            Committed::Later => writeln!(
                output,
                "  commitment             it was asked, and will answer the running device on an association of its own"
            )?,
            Committed::Failed { why } => writeln!(output, "  commitment             COULD NOT BE ASKED: {why}")?,
        }
        if self.objects.iter().any(VerifiedObject::is_taken) {
            writeln!(
                output,
                "Look there for patient {}, Patient ID {}, and remove the study afterwards.",
                self.patient_name, self.patient_id
            )?;
        }
        Ok(())
    }
}
