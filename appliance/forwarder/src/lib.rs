//! Delivers result objects to their destinations until they are there.
//!
//! One task per destination asks the queue what is due, tries it, and records how each try ended. A destination that
//! cannot be reached is left alone for a growing while, so that a long queue does not hammer it; an object that it
//! refuses for good is parked. The order of a study's objects is the queue's business ([`queue::Queue::due`]).
//!
//! At-least-once: after a crash between success and its record, the same object with the same UID goes out again.
//!
//! Never here: what the objects are, and patient data in a log.

mod config;
mod dicom;
mod folder;
mod forward;

use domain::Attempt;

pub use config::{DestinationConfig, DestinationKind};
pub use forward::{Forwarder, Nudge};

/// How a try ended, and whether the destination as a whole was at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The object's own end.
    Object(Attempt),
    /// The destination could not be reached; trying other objects now is of no use.
    Unreachable {
        /// Why, without patient data.
        why: String,
    },
}
