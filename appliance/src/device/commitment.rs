//! What destinations answer about storage commitment on associations of their own.

use commitment::Report;
use dimse::Status;
use domain::AeTitle;
use forwarder::CommitmentReports;
use receiver::CommitmentSink;

use super::now;

/// Hands what the receiver was told to the forwarder's record.
#[derive(Debug)]
pub struct CommitmentDesk(pub CommitmentReports);

impl CommitmentSink for CommitmentDesk {
    fn report(&self, from: &AeTitle, report: &Report) -> Status {
        match self.0.take(report, now()) {
            // Of a request that was given up, answered before, or never made: the peer needs to do nothing more about it.
            Ok(0) => {
                tracing::warn!(%from, "commitment report of a transaction that nobody waits for");
                Status::SUCCESS
            }
            Ok(_) => Status::SUCCESS,
            Err(error) => {
                tracing::error!(%from, %error, "commitment report could not be recorded");
                Status::PROCESSING_FAILURE
            }
        }
    }
}
