//! What Mamoru knows of mammography, as pure data and pure functions: identifiers, eligibility, findings, study
//! assembly and aggregation per breast.
//!
//! No IO, no clock, no randomness: a caller gives `now`. Values come in from the queue and from inference and go out to
//! results and to the queue again, so everything here has a stable serde form. Patient data lives only in
//! [`contract::PatientStudy`], whose `Debug` is redacted.
//!
//! The promise that this crate serves: every received instance ends scored, excluded or failed, with a reason, in
//! exactly one place of every later report of its study.

pub mod aggregation;
pub mod assembly;
pub mod delivery;
pub mod eligibility;
pub mod findings;
pub mod ids;
pub mod received;
pub mod report;
pub mod time;

pub use aggregation::{Aggregation, BreastFinding};
pub use delivery::{Delivery, DeliveryId, DeliveryState, ObjectKind};
pub use eligibility::{Eligibility, ExclusionReason};
pub use findings::{FailureReason, ImageFinding, InstanceOutcome, InstanceRecord, Laterality, View};
pub use ids::{AeTitle, InstanceKey, StudyKey};
pub use received::{ReceivedInstance, StoredFile};
pub use report::StudyReport;
pub use time::UnixMillis;
