//! What Mamoru knows of mammography, as pure data and pure functions: identifiers, eligibility, findings,
//! aggregation per breast, study assembly, and the life of a delivery.
//!
//! No IO, no clock, no randomness. Everything here has a stable serde form. Patient data lives only in
//! [`contract::PatientStudy`], whose `Debug` is redacted.
//!
//! The promise that this crate serves: every instance ends scored, excluded or failed, with a reason.

pub mod aggregation;
pub mod arrivals;
pub mod assembly;
pub mod delivery;
pub mod eligibility;
pub mod expected_views;
pub mod findings;
pub mod ids;
pub mod received;
pub mod report;
pub mod result_kind;
pub mod senders;
pub mod study_rules;
pub mod time;

pub use aggregation::{Aggregation, BreastFinding};
pub use arrivals::{Arrivals, ClockReading};
pub use assembly::{Assembly, AssemblyPolicy, Reported, StudyPolicy, StudySoFar, assemble, report_at_once};
pub use delivery::{Attempt, Choice, Commitment, Delivery, DeliveryId, DeliveryState, DestinationName, RetryPolicy};
pub use eligibility::{Eligibility, EligibilityPolicy, ExclusionReason, ImageNote};
pub use expected_views::ExpectedViews;
pub use findings::{FailureReason, ImageFinding, InstanceOutcome, InstanceRecord, Laterality, View};
pub use ids::{AeTitle, InstanceKey, StudyKey};
pub use received::{ReceivedInstance, StoredFile};
pub use report::{DOUBT_NOTICE, NOTICE, ReportedImage, SYNTHETIC_NOTICE, StudyReport, StudyState, Tally, Trigger};
pub use result_kind::{Document, ResultKind, Sop};
pub use senders::Senders;
pub use time::UnixMillis;
