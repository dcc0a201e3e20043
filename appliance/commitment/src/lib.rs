//! Storage commitment (PS3.4 annex J): what one asks for and what the other answers, as types.
//!
//! A [`Request`] (the data set of N-ACTION, table J.3-1) names instances that the other side shall take responsibility for;
//! a [`Report`] (the data set of N-EVENT-REPORT, table J.3-2) says of each whether it does. Bytes of a whole data set come
//! in and go out. Parsing is one iterative walk, bounded by its input, by [`INSTANCES_MAX`] and by a depth; it never panics,
//! and no error repeats what a peer sent. No network here, and no decision.

mod encoding;
mod report;
mod request;
mod walk;

use contract::Uid;
use dimse::Status;
use thiserror::Error;

pub use encoding::Encoding;
pub use report::{Failed, Report, reason};
pub use request::Request;

/// The longest data set that is read, in bytes.
pub const BYTES_MAX: usize = 1 << 20;
/// Instances in one data set.
pub const INSTANCES_MAX: usize = 10_000;

/// The action "Request Storage Commitment".
pub const ACTION_REQUEST: u16 = 1;
/// The event "Storage Commitment Request Successful".
pub const EVENT_SUCCESSFUL: u16 = 1;
/// The event "Storage Commitment Request Complete - Failures Exist".
pub const EVENT_FAILURES_EXIST: u16 = 2;

/// Why a data set is no request or report. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommitmentError {
    /// The transfer syntax is not one of [`Encoding`].
    #[error("transfer syntax is not supported")]
    Syntax,
    /// It breaks the encoding rules of its transfer syntax, or ends early.
    #[error("data set is damaged at byte {0}")]
    Damaged(usize),
    /// It is larger than a limit.
    #[error("data set exceeds the limit of {limit} {what}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// An attribute that it must have is missing or not valid.
    #[error("data set has no valid {0}")]
    Missing(&'static str),
    /// It contradicts itself, or the event type that it came with.
    #[error("data set contradicts itself: {0}")]
    Contradiction(&'static str),
    /// There is no such event type.
    #[error("event type is not known")]
    EventType,
}

impl CommitmentError {
    /// What its sender is told (PS3.7 annex C).
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Syntax | Self::Damaged(_) => Status::PROCESSING_FAILURE,
            Self::TooLarge { .. } => Status::RESOURCE_LIMITATION,
            Self::Missing(_) | Self::Contradiction(_) => Status::INVALID_ARGUMENT,
            Self::EventType => Status::NO_SUCH_EVENT_TYPE,
        }
    }
}

/// SOP Class and SOP Instance UID of the service itself.
#[must_use]
pub fn service() -> domain::Sop {
    let uid = |text| Uid::parse(text).unwrap_or_else(|_| Uid::derived(&[text]));
    domain::Sop {
        class: uid(dimse::sop_class::STORAGE_COMMITMENT),
        instance: uid(dimse::sop_class::STORAGE_COMMITMENT_INSTANCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_has_its_well_known_names() {
        assert_eq!(service().class.as_str(), "1.2.840.10008.1.20.1");
        assert_eq!(service().instance.as_str(), "1.2.840.10008.1.20.1.1");
    }
}
