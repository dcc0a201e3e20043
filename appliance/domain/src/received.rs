//! An instance that was acknowledged to its sender.

use contract::{Digest, Uid};
use serde::{Deserialize, Serialize};

use crate::{AeTitle, InstanceKey, StudyKey, UnixMillis};

/// A file that was written durably into a folder of the state directory. The folder follows from the kind of file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// File name, chosen by us and never from a peer's text.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// SHA-256 of the whole file.
    pub sha256: Digest,
}

/// An instance whose bytes are on disk and which its sender believes to be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedInstance {
    /// SOP Instance UID.
    pub key: InstanceKey,
    /// Study Instance UID.
    pub study: StudyKey,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Who sent it.
    pub calling_ae: AeTitle,
    /// Transfer syntax of the data set on disk.
    pub transfer_syntax: Uid,
    /// The spooled Part 10 file.
    pub spool: StoredFile,
    /// SHA-256 of the data set alone, as it came over the wire: decides whether a second arrival is the same.
    pub dataset_sha256: Digest,
    /// When its last byte arrived.
    pub received_at: UnixMillis,
}
