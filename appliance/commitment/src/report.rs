//! "I keep these, and these not."

use std::collections::BTreeSet;

use contract::Uid;
use dimse::EventReportRequest;
use domain::Sop;

use crate::encoding::{Encoding, Writer};
use crate::request::sop;
use crate::walk::{self, FAILED_SEQUENCE, REFERENCED_SEQUENCE, TRANSACTION_UID, uid};
use crate::{CommitmentError, EVENT_FAILURES_EXIST, EVENT_SUCCESSFUL, service};

/// Failure Reason (0008,1197) (PS3.3 section C.14.1.1).
pub mod reason {
    /// Processing failure.
    pub const PROCESSING_FAILURE: u16 = 0x0110;
    /// No such object instance.
    pub const NO_SUCH_INSTANCE: u16 = 0x0112;
    /// Class-instance conflict: the instance is of another SOP class.
    pub const CLASS_INSTANCE_CONFLICT: u16 = 0x0119;
    /// Referenced SOP class not supported.
    pub const CLASS_NOT_SUPPORTED: u16 = 0x0122;
    /// Duplicate transaction UID.
    pub const DUPLICATE_TRANSACTION: u16 = 0x0131;
    /// Resource limitation.
    pub const RESOURCE_LIMITATION: u16 = 0x0213;
}

/// An instance that is not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its names.
    pub sop: Sop,
    /// Why, one of [`reason`] or a number of the peer's own.
    pub reason: u16,
}

/// The data set of N-EVENT-REPORT (PS3.4 table J.3-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Transaction UID of the request.
    pub transaction: Uid,
    /// Instances that are committed.
    pub committed: Vec<Sop>,
    /// Instances that are not.
    pub failed: Vec<Failed>,
}

impl Report {
    /// Event Type ID: 1 when all are committed, 2 when failures exist.
    #[must_use]
    pub const fn event_type(&self) -> u16 {
        if self.failed.is_empty() { EVENT_SUCCESSFUL } else { EVENT_FAILURES_EXIST }
    }

    /// The command that the data set goes with.
    #[must_use]
    pub fn command(&self, message_id: u16) -> EventReportRequest {
        let Sop { class: sop_class, instance: sop_instance } = service();
        let event_type = self.event_type();
        EventReportRequest { message_id, sop_class, sop_instance, event_type, has_data_set: true }
    }

    /// The data set's bytes. A sequence without an item is left out, as table J.3-2 asks.
    #[must_use]
    pub fn to_bytes(&self, encoding: Encoding) -> Vec<u8> {
        let mut writer = Writer::new(encoding);
        writer.uid(TRANSACTION_UID, &self.transaction);
        if !self.failed.is_empty() {
            let failed = self.failed.iter().map(|failed| (&failed.sop, Some(failed.reason)));
            writer.references(FAILED_SEQUENCE, failed);
        }
        if !self.committed.is_empty() {
            writer.references(REFERENCED_SEQUENCE, self.committed.iter().map(|sop| (sop, None)));
        }
        writer.bytes
    }

    /// Parses a data set of at most [`crate::BYTES_MAX`] bytes that came with `event_type`. Its sequences may have
    /// [`crate::INSTANCES_MAX`] items each. A failed instance without a reason has "processing failure".
    ///
    /// # Errors
    /// [`CommitmentError`]. A report that contradicts its event type, or calls an instance both committed and failed, is
    /// none: nothing may count as committed that the peer is not sure of.
    pub fn parse(event_type: u16, bytes: &[u8], encoding: Encoding) -> Result<Self, CommitmentError> {
        if !matches!(event_type, EVENT_SUCCESSFUL | EVENT_FAILURES_EXIST) {
            return Err(CommitmentError::EventType);
        }
        let found = walk::walk(bytes, encoding)?;
        let transaction = uid(found.transaction, "Transaction UID")?;
        let committed: Vec<Sop> = found.referenced.iter().map(sop).collect::<Result<_, _>>()?;
        let failed = found.failed.iter().map(|reference| {
            Ok(Failed { sop: sop(reference)?, reason: reference.reason.unwrap_or(reason::PROCESSING_FAILURE) })
        });
        let failed: Vec<Failed> = failed.collect::<Result<_, CommitmentError>>()?;
        match event_type {
            EVENT_SUCCESSFUL if !failed.is_empty() => {
                return Err(CommitmentError::Contradiction("failures in a report of success"));
            }
            EVENT_SUCCESSFUL if committed.is_empty() => {
                return Err(CommitmentError::Missing("Referenced SOP Sequence"));
            }
            EVENT_FAILURES_EXIST if failed.is_empty() => {
                return Err(CommitmentError::Missing("Failed SOP Sequence"));
            }
            _ => {}
        }
        let failures: BTreeSet<&Uid> = failed.iter().map(|failed| &failed.sop.instance).collect();
        if committed.iter().any(|sop| failures.contains(&sop.instance)) {
            return Err(CommitmentError::Contradiction("an instance is committed and failed"));
        }
        Ok(Self { transaction, committed, failed })
    }
}
