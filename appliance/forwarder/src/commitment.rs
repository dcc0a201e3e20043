//! Storage Commitment of what a destination took (PS3.4 annex J): asking, and taking the answer, which may come on the same
//! association, later on one that the destination opens to our receiver, or never.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use commitment::{Report, Request, reason};
use contract::Uid;
use dimse::Status;
use domain::{Commitment, Delivery, DestinationName, RetryPolicy, UnixMillis};
use queue::{Queue, QueueError};
use scu::{Association, Peer, ScuError, Timeouts};

/// How long the answer is waited for on the association of the request. Most destinations answer on one of their own.
const SAME_ASSOCIATION_WAIT: Duration = Duration::from_secs(3);
/// Reports that are taken on one association.
const REPORTS_MAX: usize = 16;

/// Statuses of those that accept the SOP class and do not serve it.
const NOT_OFFERED: [Status; 4] =
    [Status::NO_SUCH_CLASS, Status::SOP_CLASS_NOT_SUPPORTED, Status::NO_SUCH_ACTION, Status::UNRECOGNIZED_OPERATION];

/// How asking ended.
#[derive(Debug)]
pub enum Asked {
    /// The destination answered at once; it may have answered earlier requests beside.
    Answered(Vec<Report>),
    /// The answer will come later.
    Later,
    /// The destination does not offer the service.
    NotOffered,
    /// It cannot take the request now.
    Declined {
        /// Why, without patient data.
        why: String,
    },
    /// It could not be reached.
    Unreachable {
        /// Why, without patient data.
        why: String,
    },
}

/// Asks `peer` whether it keeps the instances of `request`.
pub async fn ask(peer: &Peer, timeouts: Timeouts, request: &Request) -> Asked {
    let mut association = match Association::request_with_commitment(peer, &[], timeouts).await {
        Ok(association) => association,
        Err(error) => return failure(&error),
    };
    match association.request_commitment(request).await {
        Ok(status) if status.is_success() => {}
        Ok(status) => {
            // The answer stands, however the association ends.
            let _ = association.release().await;
            return if NOT_OFFERED.contains(&status) {
                Asked::NotOffered
            } else {
                Asked::Declined { why: format!("destination answered the request for commitment with {status}") }
            };
        }
        Err(error) => {
            association.abort().await;
            return failure(&error);
        }
    }
    let reports = answers(&mut association, &request.transaction).await;
    // What was asked and answered stands, however the association ends.
    let _ = association.release().await;
    if reports.is_empty() { Asked::Later } else { Asked::Answered(reports) }
}

/// The reports that come on the association of the request, up to that of `transaction`.
async fn answers(association: &mut Association, transaction: &Uid) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    let deadline = Instant::now() + SAME_ASSOCIATION_WAIT;
    while reports.len() < REPORTS_MAX && reports.last().is_none_or(|report| report.transaction != *transaction) {
        // A fault costs nothing: the request was taken, and its report may come on another association.
        let report = association.wait_for_report(deadline.saturating_duration_since(Instant::now())).await;
        let Ok(Some(report)) = report else { break };
        reports.push(report);
    }
    reports
}

fn failure(error: &ScuError) -> Asked {
    match error {
        ScuError::NotAccepted | ScuError::NoCommitment => Asked::NotOffered,
        error => Asked::Unreachable { why: error.to_string() },
    }
}

/// The request for the commitment of `deliveries`: a new transaction each time.
pub(crate) fn request(deliveries: &[Delivery], now: UnixMillis) -> Request {
    let now = now.0.to_string();
    let ids = deliveries.iter().map(|delivery| delivery.id.as_str());
    let parts: Vec<&str> = ["storage commitment", &now].into_iter().chain(ids).collect();
    let instances = deliveries.iter().filter_map(|delivery| delivery.sop.clone()).collect();
    Request { transaction: Uid::derived(&parts), instances }
}

/// Takes what destinations answer, from wherever it comes.
#[derive(Debug, Clone)]
pub struct CommitmentReports {
    queue: Queue,
    policies: BTreeMap<DestinationName, RetryPolicy>,
}

impl CommitmentReports {
    pub(crate) const fn new(queue: Queue, policies: BTreeMap<DestinationName, RetryPolicy>) -> Self {
        Self { queue, policies }
    }

    /// Records, durably, what `report` says of each delivery that was asked about by its transaction, and returns how
    /// many these were: none when nothing is waited for by that transaction (any more).
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn take(&self, report: &Report, now: UnixMillis) -> Result<usize, QueueError> {
        let asked = self.queue.asked_by(&report.transaction)?;
        for delivery in &asked {
            let policy = self.policies.get(&delivery.destination).copied().unwrap_or_default();
            let said = said_of(delivery, report);
            let settled = self.queue.settle_commitment(&delivery.id, said, &policy, fastrand::f64(), now)?;
            crate::forward::log(&settled);
        }
        Ok(asked.len())
    }
}

/// What `report` says of `delivery`.
fn said_of(delivery: &Delivery, report: &Report) -> Commitment {
    let Some(instance) = delivery.sop.as_ref().map(|sop| &sop.instance) else {
        return Commitment::Refused { why: "not a DICOM object".into() };
    };
    if let Some(failed) = report.failed.iter().find(|failed| failed.sop.instance == *instance) {
        return judge(failed.reason);
    }
    if report.committed.iter().any(|sop| sop.instance == *instance) {
        Commitment::Committed
    } else {
        Commitment::Unknown { why: "destination's answer about commitment does not name it".into() }
    }
}

/// What a Failure Reason (0008,1197) of a commitment report means for the delivery (PS3.4 section J.3.3).
#[must_use]
pub fn judge(failure_reason: u16) -> Commitment {
    let why = format!("destination took it but does not keep it (failure reason {failure_reason:04X})");
    match failure_reason {
        reason::NO_SUCH_INSTANCE => Commitment::Missing { why },
        reason::PROCESSING_FAILURE | reason::RESOURCE_LIMITATION | reason::DUPLICATE_TRANSACTION => {
            Commitment::Unknown { why }
        }
        _ => Commitment::Refused { why },
    }
}
