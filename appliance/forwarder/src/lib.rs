//! Delivers result objects to their destinations until they are there.
//!
//! One task per destination asks the queue what is due, tries it, and records how each try ended. A destination that
//! cannot be reached is left alone for a growing while, so that a long queue does not hammer it; an object that it
//! refuses for good is parked; one of a kind that it does not accept makes way for the kind that stands by for it. The order
//! of a study's objects is the queue's business ([`queue::Queue::due`]).
//!
//! Where the destination's profile says so, an object is done only when the destination committed itself to keep it: it is
//! asked, its answer is taken from wherever it comes, and what it turns out not to have is sent again.
//!
//! At-least-once: after a crash between success and its record, the same object with the same UID goes out again.
//!
//! Never here: what the objects are, and patient data in a log.

mod carrier;
mod commitment;
mod config;
mod dicom;
mod folder;
mod forward;
mod profile;

pub use carrier::{Carrier, Outcome, Parcel};
pub use commitment::{Asked, CommitmentReports, ask, judge as judge_commitment};
pub use config::{CommitmentMode, DestinationConfig, DestinationKind, default_commitment_wait_ms};
pub use dicom::judge as judge_store;
pub use forward::{Forwarder, Nudge};
pub use profile::Profile;
