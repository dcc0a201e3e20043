//! One result object on its way to one destination.

use contract::{Digest, Uid};
use serde::{Deserialize, Serialize};

use crate::{StoredFile, StudyKey, UnixMillis};

/// Names a delivery: a digest of study, revision, destination and object, so that a repeat after a crash is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub Digest);

impl DeliveryId {
    /// The id of `object` (its kind and, where there are several of a kind, which one) for `destination`.
    #[must_use]
    pub fn new(study: &StudyKey, revision: u32, destination: &str, object: &str) -> Self {
        let parts = [study.0.as_str(), &revision.to_string(), destination, object].join("\0");
        Self(Digest::of(parts.as_bytes()))
    }
}

/// Which object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// DICOM Secondary Capture of one image: the heat map beside it.
    SecondaryCaptureImage,
    /// DICOM Secondary Capture of the whole study: breasts, and every instance with its outcome.
    SecondaryCaptureSummary,
    /// The JSON report.
    JsonReport,
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its time.
    Due {
        /// Not before.
        next_attempt_at: UnixMillis,
    },
    /// The destination has it.
    Done {
        /// Since when.
        at: UnixMillis,
    },
    /// Given up after the limit of attempts, or refused for good; a technician may retry it.
    Parked {
        /// Since when.
        at: UnixMillis,
    },
}

/// One result object for one destination. Small: the object itself is a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// Place in the order of all deliveries, given by the queue.
    pub sequence: u64,
    /// Which study.
    pub study: StudyKey,
    /// Which revision of its report.
    pub revision: u32,
    /// Name of the destination in the configuration.
    pub destination: String,
    /// Which object.
    pub kind: ObjectKind,
    /// SOP Class and SOP Instance UID of a DICOM object.
    pub sop: Option<(Uid, Uid)>,
    /// The file in the results folder.
    pub file: StoredFile,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the last attempt failed, without patient data.
    pub last_error: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
}
