//! A result object on its way to a destination, as a pure state machine.
//!
//! ```text
//! standby ─(the kind before it is not accepted)→ due ─→ delivered
//!                                                 │ └──→ stored ─→ committing ─→ delivered
//!                                                 │        ↑ └───────┘ │ no answer, or a failure for now: asked again
//!                                                 ↑────────────────────┘ the destination does not have it: sent again
//!                                                 ├──→ replaced   not accepted, the next kind goes instead
//!                                                 └──→ parked     refused, or too many tries: a person is needed
//! ```

mod destination_name;
mod retry;
#[cfg(test)]
mod tests;

use std::fmt;

use contract::{Digest, Uid};
use serde::{Deserialize, Serialize};

pub use destination_name::{DestinationName, DestinationNameError};
pub use retry::RetryPolicy;

use crate::{ResultKind, Sop, StoredFile, StudyKey, UnixMillis};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried at this time or later.
    Due {
        /// When.
        at: UnixMillis,
    },
    /// The destination took it; that it keeps it is to be asked at this time or later (Storage Commitment).
    Stored {
        /// When.
        at: UnixMillis,
    },
    /// The destination was asked whether it keeps it, and may take until this time to answer.
    Committing {
        /// Transaction UID (0008,1195) of the request.
        transaction: Uid,
        /// When it is asked again.
        until: UnixMillis,
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
    /// It is sent only if the destination does not accept the kind that goes first.
    Standby,
    /// The destination does not accept its kind, and gets the next one instead.
    Replaced {
        /// Since when.
        at: UnixMillis,
    },
}

impl DeliveryState {
    /// Is something still to be done, by the device or by a person?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Delivered { .. } | Self::Standby | Self::Replaced { .. })
    }

    /// Did the destination take it, without having said yet that it keeps it?
    #[must_use]
    pub const fn is_uncommitted(&self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Committing { .. })
    }

    /// When the device does something about it by itself.
    #[must_use]
    pub const fn next_at(&self) -> Option<UnixMillis> {
        match self {
            Self::Due { at } | Self::Stored { at } | Self::Committing { until: at, .. } => Some(*at),
            _ => None,
        }
    }
}

/// One of several kinds, of which a destination gets the first that it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Which entry of the destination's list of objects.
    pub entry: u16,
    /// The place of this kind in the entry, from 0.
    pub rank: u16,
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
    /// Its place among kinds that stand for each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// Its DICOM names, when it is a DICOM object.
    pub sop: Option<Sop>,
    /// The object's file in the results folder.
    pub file: StoredFile,
    /// Tries so far: to send it, and to have it committed.
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
    /// The destination has the object, and nothing more is asked of it.
    Delivered,
    /// The destination took the object, and is to be asked whether it keeps it.
    Stored,
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
    /// The destination does not accept this kind of object.
    NotAccepted {
        /// Why, without patient data.
        why: String,
    },
    /// The destination does not accept this kind of object, and the next kind is sent instead.
    Replaced {
        /// Why, without patient data.
        why: String,
    },
}

/// What a destination says about an object that it took (PS3.4 annex J).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commitment {
    /// It is being asked.
    Asked {
        /// Transaction UID (0008,1195).
        transaction: Uid,
        /// How long it may take to answer.
        wait_ms: u64,
    },
    /// It keeps it.
    Committed,
    /// It could not be asked, or cannot say now.
    Unknown {
        /// Why, without patient data.
        why: String,
    },
    /// It does not have it.
    Missing {
        /// Why, without patient data.
        why: String,
    },
    /// It will not keep it.
    Refused {
        /// Why, without patient data.
        why: String,
    },
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
            // An earlier answer about its commitment stays to be seen until there is a better one.
            Attempt::Stored => (DeliveryState::Stored { at: now }, self.last_error.clone()),
            Attempt::Refused { why } | Attempt::NotAccepted { why } => (DeliveryState::Parked { at: now }, Some(why)),
            Attempt::Replaced { why } => (DeliveryState::Replaced { at: now }, Some(why)),
            Attempt::Failed { why } => return self.again(why, policy, jitter, now, |at| DeliveryState::Due { at }),
        };
        Self { attempts, last_error, state, ..self.clone() }
    }

    /// What this delivery becomes by what is said of its commitment. Only a delivery that the destination took stands to be
    /// committed; any other stays as it is.
    #[must_use]
    pub fn after_commitment(&self, said: Commitment, policy: &RetryPolicy, jitter: f64, now: UnixMillis) -> Self {
        let was_asked = match self.state {
            DeliveryState::Stored { .. } => false,
            DeliveryState::Committing { .. } => true,
            _ => return self.clone(),
        };
        let (state, last_error) = match said {
            Commitment::Asked { .. } if was_asked && self.attempts.saturating_add(1) >= policy.attempts_max => {
                (DeliveryState::Parked { at: now }, Some("no answer about its commitment".to_owned()))
            }
            Commitment::Asked { transaction, wait_ms } => {
                let until = UnixMillis(now.0.saturating_add(wait_ms));
                let unanswered = was_asked.then(|| "no answer about its commitment yet".to_owned());
                let last_error = unanswered.or_else(|| self.last_error.clone());
                let attempts = self.attempts.saturating_add(u32::from(was_asked));
                let state = DeliveryState::Committing { transaction, until };
                return Self { attempts, last_error, state, ..self.clone() };
            }
            Commitment::Committed => (DeliveryState::Delivered { at: now }, None),
            Commitment::Refused { why } => (DeliveryState::Parked { at: now }, Some(why)),
            Commitment::Unknown { why } => {
                return self.again(why, policy, jitter, now, |at| DeliveryState::Stored { at });
            }
            Commitment::Missing { why } => return self.again(why, policy, jitter, now, |at| DeliveryState::Due { at }),
        };
        Self { last_error, state, ..self.clone() }
    }

    /// This delivery after one more failure: `later`, or parked after too many.
    fn again(
        &self,
        why: String,
        policy: &RetryPolicy,
        jitter: f64,
        now: UnixMillis,
        later: impl FnOnce(UnixMillis) -> DeliveryState,
    ) -> Self {
        let attempts = self.attempts.saturating_add(1);
        let state = if attempts >= policy.attempts_max {
            DeliveryState::Parked { at: now }
        } else {
            later(UnixMillis(now.0.saturating_add(policy.wait_ms(attempts, jitter))))
        };
        Self { attempts, last_error: Some(why), state, ..self.clone() }
    }

    /// This delivery, to be tried at once with all tries before it. What the destination took is not sent again, but asked
    /// about again; what is done, or stands by, stays as it is.
    #[must_use]
    pub fn retried(&self, now: UnixMillis) -> Self {
        let state = match self.state {
            DeliveryState::Due { .. } | DeliveryState::Parked { .. } => DeliveryState::Due { at: now },
            DeliveryState::Stored { .. } | DeliveryState::Committing { .. } => DeliveryState::Stored { at: now },
            DeliveryState::Delivered { .. } | DeliveryState::Standby | DeliveryState::Replaced { .. } => {
                return self.clone();
            }
        };
        Self { attempts: 0, state, ..self.clone() }
    }

    /// This delivery, due at once if it stands by.
    #[must_use]
    pub fn called_in(&self, now: UnixMillis) -> Self {
        match self.state {
            DeliveryState::Standby => Self { state: DeliveryState::Due { at: now }, ..self.clone() },
            _ => self.clone(),
        }
    }

    /// Does `other` stand by for this delivery, of any kind further back in the same entry?
    #[must_use]
    pub fn is_backed_by(&self, other: &Self) -> bool {
        let ours = (&self.destination, &self.study, self.revision);
        let is_behind = |(ours, theirs): (Choice, Choice)| ours.entry == theirs.entry && ours.rank < theirs.rank;
        ours == (&other.destination, &other.study, other.revision)
            && self.choice.zip(other.choice).is_some_and(is_behind)
    }
}
