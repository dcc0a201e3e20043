//! What becomes of an instance after its last byte. Everything here blocks.

use std::sync::atomic::Ordering;

use dimse::Status;
use domain::StudyKey;
use queue::{Admission, QueueError};

use crate::Shared;
use crate::spool::{SpoolError, SpoolFile};

/// Makes the instance ours, durably, or refuses it. With success its study is known.
pub(crate) fn admit(shared: &Shared, mut file: SpoolFile) -> (Status, Option<StudyKey>) {
    let received = match file.finish(&shared.state) {
        Ok(received) => received,
        Err(error) => {
            let status = refused(&error);
            // What failed for want of resources may come again as it is; what is wrong in itself is worth a look.
            if status != Status::OUT_OF_RESOURCES {
                keep_refused(shared, file, status);
            }
            return (status, None);
        }
    };
    let status = match shared.queue.admit(&received) {
        Ok(Admission::New) => Status::SUCCESS,
        Ok(Admission::Duplicate) => {
            file.remove();
            Status::SUCCESS
        }
        Ok(Admission::Conflict) => {
            tracing::warn!(instance = %received.key, "instance refused: its UID belongs to other bytes");
            keep_refused(shared, file, Status::DATA_SET_MISMATCH);
            Status::DATA_SET_MISMATCH
        }
        Err(error) => {
            tracing::error!(%error, "instance refused: queue failed");
            // A row whose commit failed may be on disk all the same. Without its file it would make the sender's next
            // attempt a duplicate of nothing.
            let has_row = shared
                .queue
                .instance(&received.key)
                .map_or(true, |record| record.is_some_and(|record| record.received.spool.name == file.name()));
            if !has_row {
                file.remove();
            }
            if matches!(error, QueueError::Row) { Status::PROCESSING_FAILURE } else { Status::OUT_OF_RESOURCES }
        }
    };
    (status, status.is_success().then_some(received.study))
}

/// Logs a refusal and says what the sender is told.
pub(crate) fn refused(error: &SpoolError) -> Status {
    let status = error.status();
    tracing::warn!(%status, %error, "instance refused");
    status
}

fn keep_refused(shared: &Shared, file: SpoolFile, status: Status) {
    match file.keep_refused(&shared.quarantine, status) {
        Ok(true) => {
            shared.counters.instances_quarantined.fetch_add(1, Ordering::Relaxed);
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(kind = %error.kind(), "refused instance cannot be kept in quarantine"),
    }
}
