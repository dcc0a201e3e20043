//! A result object on its way to a destination, as a pure state machine.

use std::fmt;

use contract::{Digest, Uid};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{StoredFile, StudyKey, UnixMillis};

/// The name that the configuration gives to a destination: 1 to 32 lower-case letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DestinationName(String);

/// A text that names no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a destination's name has 1 to 32 lower-case letters, digits, - and _")]
pub struct DestinationNameError;

impl DestinationName {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`DestinationNameError`].
    pub fn parse(text: &str) -> Result<Self, DestinationNameError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if text.is_empty() || text.len() > 32 || !text.bytes().all(allowed) {
            return Err(DestinationNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DestinationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for DestinationName {
    type Error = DestinationNameError;

    fn try_from(text: String) -> Result<Self, DestinationNameError> {
        Self::parse(&text)
    }
}

impl From<DestinationName> for String {
    fn from(name: DestinationName) -> Self {
        name.0
    }
}

/// Which kind of result object. Only ever appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultKind {
    /// The study's report as JSON.
    Json,
    /// A page with the study's scores, as DICOM Secondary Capture.
    Summary,
    /// An image with its heat map, as DICOM Secondary Capture.
    Heatmap,
    /// Marks and scores as Mammography CAD SR.
    CadSr,
    /// Regions and scores as Comprehensive 3D SR with a measurement report.
    ComprehensiveSr,
    /// The outline and the score over an image, as Grayscale Softcopy Presentation State.
    PresentationState,
    /// Scores as FHIR R4 bundle, in JSON.
    Fhir,
}

impl ResultKind {
    /// All kinds, in the order in which objects are made.
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Summary,
        Self::Heatmap,
        Self::CadSr,
        Self::ComprehensiveSr,
        Self::PresentationState,
        Self::Fhir,
    ];

    /// Is it a DICOM object? Others cannot be sent to a DICOM destination.
    #[must_use]
    pub const fn is_dicom(self) -> bool {
        !matches!(self, Self::Json | Self::Fhir)
    }

    /// The name in configurations and stored rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Summary => "summary",
            Self::Heatmap => "heatmap",
            Self::CadSr => "cad_sr",
            Self::ComprehensiveSr => "comprehensive_sr",
            Self::PresentationState => "presentation_state",
            Self::Fhir => "fhir",
        }
    }
}

/// A structured report that was handed over: the next revision's names it as its predecessor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Which kind.
    pub kind: ResultKind,
    /// Its DICOM names.
    pub sop: Sop,
}

/// The DICOM names of a result object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sop {
    /// SOP Class UID.
    pub class: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
}

/// Names one delivery: the same for the same object, study, revision and destination, whenever it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id of object `name` of a study's revision on its way to `destination`.
    #[must_use]
    pub fn of(study: &StudyKey, revision: u32, destination: &DestinationName, name: &str) -> Self {
        let parts = [study.0.as_str(), &revision.to_string(), destination.as_str(), name];
        // UIDs, numbers and names hold no line feed, so that the joined text is unambiguous.
        Self(Digest::of(parts.join("\n").as_bytes()).short(32))
    }

    /// Hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried at this time or later.
    Due {
        /// When.
        at: UnixMillis,
    },
    /// The destination has it.
    Delivered {
        /// Since when.
        at: UnixMillis,
    },
    /// It needs a person: the destination refused it for good, or too often.
    Parked {
        /// Since when.
        at: UnixMillis,
    },
}

/// One object for one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// Where to.
    pub destination: DestinationName,
    /// Of which study.
    pub study: StudyKey,
    /// Of which revision.
    pub revision: u32,
    /// What.
    pub kind: ResultKind,
    /// Its DICOM names, when it is a DICOM object.
    pub sop: Option<Sop>,
    /// The object's file in the results folder.
    pub file: StoredFile,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last try failed, without patient data.
    pub last_error: Option<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: DeliveryState,
}

/// How one try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The destination has the object.
    Delivered,
    /// It may work another time.
    Failed {
        /// Why, without patient data.
        why: String,
    },
    /// It never will.
    Refused {
        /// Why, without patient data.
        why: String,
    },
}

/// How often and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// The wait after the first failure, in milliseconds; it doubles with each further one.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub longest_ms: u64,
    /// Tries before the delivery is parked.
    pub attempts_max: u32,
}

impl Default for RetryPolicy {
    /// From two seconds to ten minutes; parked after about a week of failures.
    fn default() -> Self {
        Self { first_ms: 2_000, longest_ms: 600_000, attempts_max: 1_000 }
    }
}

impl RetryPolicy {
    /// The wait after `attempts` failures: doubling, with the last half drawn by `jitter` in 0 to 1, so that deliveries
    /// that failed together do not come back together.
    #[must_use]
    pub fn wait_ms(&self, attempts: u32, jitter: f64) -> u64 {
        let factor = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let whole = self.first_ms.saturating_mul(factor).min(self.longest_ms);
        whole / 2 + ((whole - whole / 2) as f64 * jitter.clamp(0.0, 1.0)) as u64
    }
}

impl Delivery {
    /// What this delivery becomes by a try that ended at `now`. Only a due delivery is tried; any other stays as it is.
    #[must_use]
    pub fn after(&self, attempt: Attempt, policy: &RetryPolicy, jitter: f64, now: UnixMillis) -> Self {
        if !matches!(self.state, DeliveryState::Due { .. }) {
            return self.clone();
        }
        let attempts = self.attempts.saturating_add(1);
        let (state, last_error) = match attempt {
            Attempt::Delivered => (DeliveryState::Delivered { at: now }, None),
            Attempt::Refused { why } => (DeliveryState::Parked { at: now }, Some(why)),
            Attempt::Failed { why } if attempts >= policy.attempts_max => {
                (DeliveryState::Parked { at: now }, Some(why))
            }
            Attempt::Failed { why } => {
                let at = UnixMillis(now.0.saturating_add(policy.wait_ms(attempts, jitter)));
                (DeliveryState::Due { at }, Some(why))
            }
        };
        Self { attempts, last_error, state, ..self.clone() }
    }

    /// This delivery, to be tried at once with all tries before it; one that was delivered stays delivered.
    #[must_use]
    pub fn retried(&self, now: UnixMillis) -> Self {
        match self.state {
            DeliveryState::Delivered { .. } => self.clone(),
            _ => Self { attempts: 0, state: DeliveryState::Due { at: now }, ..self.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        let study = StudyKey(Uid::derived(&["study"]));
        let destination = DestinationName::parse("pacs").unwrap();
        Delivery {
            id: DeliveryId::of(&study, 1, &destination, "summary"),
            destination,
            study,
            revision: 1,
            kind: ResultKind::Summary,
            sop: None,
            file: StoredFile { name: "a.dcm".into(), len: 1, sha256: Digest::of(b"a") },
            attempts: 0,
            last_error: None,
            state: DeliveryState::Due { at: UnixMillis(0) },
        }
    }

    const POLICY: RetryPolicy = RetryPolicy { first_ms: 100, longest_ms: 1_000, attempts_max: 3 };

    #[test]
    fn a_failing_delivery_waits_longer_and_longer_and_is_parked() {
        let failed =
            |delivery: &Delivery| delivery.after(Attempt::Failed { why: "no".into() }, &POLICY, 1.0, UnixMillis(0));
        let first = failed(&delivery());
        assert_eq!(first.state, DeliveryState::Due { at: UnixMillis(100) });
        let second = failed(&first);
        assert_eq!((second.state, second.attempts), (DeliveryState::Due { at: UnixMillis(200) }, 2));
        let third = failed(&second);
        assert_eq!(
            (third.state, third.last_error.as_deref()),
            (DeliveryState::Parked { at: UnixMillis(0) }, Some("no"))
        );
        assert_eq!(failed(&third), third, "a parked delivery is not tried");
        let again = third.retried(UnixMillis(7));
        assert_eq!((again.attempts, again.state), (0, DeliveryState::Due { at: UnixMillis(7) }));
    }

    #[test]
    fn refused_is_parked_at_once_and_delivered_is_for_ever() {
        let refused = delivery().after(Attempt::Refused { why: "never".into() }, &POLICY, 0.0, UnixMillis(1));
        assert_eq!(refused.state, DeliveryState::Parked { at: UnixMillis(1) });
        let delivered = delivery().after(Attempt::Delivered, &POLICY, 0.0, UnixMillis(2));
        assert_eq!(delivered.state, DeliveryState::Delivered { at: UnixMillis(2) });
        assert_eq!(delivered.retried(UnixMillis(3)), delivered);
        assert_eq!(delivered.after(Attempt::Refused { why: "late".into() }, &POLICY, 0.0, UnixMillis(3)), delivered);
    }

    #[test]
    fn waits_are_bounded_for_any_number_of_attempts() {
        for attempts in [1, 2, 10, 63, 64, 65, 1000, u32::MAX] {
            for jitter in [-1.0, 0.0, 0.5, 1.0, f64::NAN] {
                let wait = RetryPolicy::default().wait_ms(attempts, jitter);
                assert!((1_000..=600_000).contains(&wait), "{attempts} {jitter}: {wait}");
            }
        }
    }

    #[test]
    fn ids_tell_objects_apart_and_are_the_same_again() {
        let id = |revision, name| DeliveryId::of(&delivery().study, revision, &delivery().destination, name);
        assert_eq!(id(1, "summary"), delivery().id);
        assert_ne!(id(2, "summary"), delivery().id);
        assert_ne!(id(1, "heatmap"), delivery().id);
        for name in ["", "PACS", "a/b", "..", &"a".repeat(33)] {
            assert_eq!(DestinationName::parse(name), Err(DestinationNameError), "{name:?}");
        }
    }

    #[test]
    fn kinds_keep_their_names() {
        let names = ["json", "summary", "heatmap", "cad_sr", "comprehensive_sr", "presentation_state", "fhir"];
        assert_eq!(ResultKind::ALL.map(ResultKind::name), names);
        for kind in ResultKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.name()));
        }
        let not_dicom = ResultKind::ALL.into_iter().filter(|kind| !kind.is_dicom());
        assert_eq!(not_dicom.collect::<Vec<_>>(), [ResultKind::Json, ResultKind::Fhir]);
    }

    #[test]
    fn deliveries_keep_their_stored_form() {
        let text = serde_json::to_string(&delivery()).unwrap();
        assert!(text.contains(r#""kind":"summary""#) && text.contains(r#""state":"due","at":0"#), "{text}");
        assert_eq!(serde_json::from_str::<Delivery>(&text).unwrap(), delivery());
    }
}
