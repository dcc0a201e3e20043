//! "Will you keep these?"

use contract::Uid;
use dimse::ActionRequest;
use domain::Sop;

use crate::encoding::{Encoding, Writer};
use crate::walk::{self, REFERENCED_SEQUENCE, Reference, TRANSACTION_UID, uid};
use crate::{ACTION_REQUEST, CommitmentError, service};

/// The data set of N-ACTION, action type 1 (PS3.4 table J.3-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Transaction UID: the report names it again.
    pub transaction: Uid,
    /// The instances in question: at least one, at most [`crate::INSTANCES_MAX`].
    pub instances: Vec<Sop>,
}

impl Request {
    /// The command that the data set goes with.
    #[must_use]
    pub fn command(&self, message_id: u16) -> ActionRequest {
        let Sop { class: sop_class, instance: sop_instance } = service();
        ActionRequest { message_id, sop_class, sop_instance, action_type: ACTION_REQUEST, has_data_set: true }
    }

    /// The data set's bytes.
    #[must_use]
    pub fn to_bytes(&self, encoding: Encoding) -> Vec<u8> {
        let mut writer = Writer::new(encoding);
        writer.uid(TRANSACTION_UID, &self.transaction);
        writer.references(REFERENCED_SEQUENCE, self.instances.iter().map(|sop| (sop, None)));
        writer.bytes
    }

    /// Parses a data set of at most [`crate::BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`CommitmentError`]: one reference that is not valid refuses the whole request.
    pub fn parse(bytes: &[u8], encoding: Encoding) -> Result<Self, CommitmentError> {
        let found = walk::walk(bytes, encoding)?;
        let transaction = uid(found.transaction, "Transaction UID")?;
        if found.referenced.is_empty() {
            return Err(CommitmentError::Missing("Referenced SOP Sequence"));
        }
        let instances = found.referenced.iter().map(sop).collect::<Result<_, _>>()?;
        Ok(Self { transaction, instances })
    }
}

/// The names in one reference.
pub(crate) fn sop(reference: &Reference<'_>) -> Result<Sop, CommitmentError> {
    Ok(Sop {
        class: uid(reference.class, "Referenced SOP Class UID")?,
        instance: uid(reference.instance, "Referenced SOP Instance UID")?,
    })
}
