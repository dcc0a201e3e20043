//! What Mamoru knows of mammography, as pure data and pure functions: identifiers, eligibility, findings and
//! aggregation per breast.
//!
//! No IO, no clock, no randomness. Everything here has a stable serde form. Patient data lives only in
//! [`contract::PatientStudy`], whose `Debug` is redacted.
//!
//! The promise that this crate serves: every instance ends scored, excluded or failed, with a reason.

pub mod aggregation;
pub mod eligibility;
pub mod findings;
pub mod ids;
pub mod received;
pub mod time;

pub use aggregation::{Aggregation, BreastFinding};
pub use eligibility::{Eligibility, EligibilityPolicy, ExclusionReason};
pub use findings::{FailureReason, ImageFinding, InstanceOutcome, InstanceRecord, Laterality, View};
pub use ids::{AeTitle, InstanceKey, StudyKey};
pub use received::{ReceivedInstance, StoredFile};
pub use time::UnixMillis;
