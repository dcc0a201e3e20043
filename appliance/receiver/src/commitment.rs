//! Storage commitment as the receiver serves it (PS3.4 annex J): what others report to us, and what others ask of us.
//!
//! Reports go to a [`CommitmentSink`]. Requests are answered by what the queue holds when they come, and only where the
//! configuration says so: we are no archive.

mod address;
mod reporter;

use std::fmt;

use commitment::{BYTES_MAX, Failed, Report, Request, reason, service};
use dimse::{ActionRequest, EventReportRequest, Status};
use domain::{AeTitle, InstanceKey};
use queue::QueueError;
use tokio::time::Instant;

use crate::Shared;

pub use address::{ReportAddress, ReportAddressError};
pub(crate) use reporter::{Outbox, Outgoing, run as run_reporter};

/// Takes what peers report of instances that were sent to them.
pub trait CommitmentSink: Send + Sync + fmt::Debug {
    /// Takes a report that `from` sent; the status is the answer to it: success once nothing more is wanted of the peer. It
    /// may block, and is called from several threads.
    fn report(&self, from: &AeTitle, report: &Report) -> Status;
}

/// What a data set that is coming in is for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A peer asks us to take responsibility.
    Action(ActionRequest),
    /// A peer reports to us.
    Report(EventReportRequest),
}

/// A request whose data set is coming in.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) context: u8,
    pub(crate) asked: Asked,
    pub(crate) begun: Instant,
    /// What is kept of the data set, or the answer that is certain already.
    data: Result<Vec<u8>, Status>,
}

impl Asked {
    pub(crate) const fn has_data_set(&self) -> bool {
        match self {
            Self::Action(request) => request.has_data_set,
            Self::Report(request) => request.has_data_set,
        }
    }

    pub(crate) fn response(&self, status: Status) -> Vec<u8> {
        match self {
            Self::Action(request) => request.response(status),
            Self::Report(request) => request.response(status),
        }
    }

    /// Why it is refused, whatever its data set is.
    fn refusal(&self, shared: &Shared, context_class: &str) -> Option<Status> {
        let service = service();
        let (is_served, class, instance) = match self {
            Self::Action(request) => (shared.config.commitment_answered, &request.sop_class, &request.sop_instance),
            Self::Report(request) => (shared.sink.is_some(), &request.sop_class, &request.sop_instance),
        };
        if !is_served || context_class != service.class.as_str() {
            Some(Status::UNRECOGNIZED_OPERATION)
        } else if *class != service.class {
            Some(Status::NO_SUCH_CLASS)
        } else if *instance != service.instance {
            Some(Status::NO_SUCH_INSTANCE)
        } else {
            match self {
                Self::Action(request) if request.action_type != commitment::ACTION_REQUEST => {
                    Some(Status::NO_SUCH_ACTION)
                }
                _ => None,
            }
        }
    }
}

impl Exchange {
    pub(crate) fn new(shared: &Shared, context: u8, context_class: &str, asked: Asked) -> Self {
        let data = asked.refusal(shared, context_class).map_or_else(|| Ok(Vec::new()), Err);
        Self { context, asked, begun: Instant::now(), data }
    }

    /// Takes bytes; what is refused or too long is read and thrown away.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let Ok(data) = &mut self.data else { return };
        if data.len() + bytes.len() > BYTES_MAX {
            self.data = Err(Status::RESOURCE_LIMITATION);
        } else {
            data.extend_from_slice(bytes);
        }
    }

    /// What was asked, and the whole data set or why it is not looked at.
    pub(crate) fn finish(self) -> (Asked, Result<Vec<u8>, Status>) {
        (self.asked, self.data)
    }
}

/// What is true of each instance now. Blocks.
///
/// # Errors
/// [`QueueError`]: nothing can be said.
pub(crate) fn decide(shared: &Shared, request: Request) -> Result<Report, QueueError> {
    let Request { transaction, instances } = request;
    let keys: Vec<InstanceKey> = instances.iter().map(|sop| InstanceKey(sop.instance.clone())).collect();
    let held = shared.queue.held(&shared.state, &keys)?;
    let mut report = Report { transaction, committed: Vec::new(), failed: Vec::new() };
    for (sop, held) in instances.into_iter().zip(held) {
        match held {
            Some(class) if class == sop.class => report.committed.push(sop),
            Some(_) => report.failed.push(Failed { sop, reason: reason::CLASS_INSTANCE_CONFLICT }),
            None => report.failed.push(Failed { sop, reason: reason::NO_SUCH_INSTANCE }),
        }
    }
    // One name under two classes: a report may not call it both.
    let failed: std::collections::BTreeSet<_> =
        report.failed.iter().map(|failed| failed.sop.instance.clone()).collect();
    report.committed.retain(|sop| !failed.contains(&sop.instance));
    Ok(report)
}
