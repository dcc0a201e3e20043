//! Storage commitment (PS3.4 annex J), from both sides.

use std::time::Duration;

use commitment::{CommitmentError, Encoding, INSTANCES_MAX, Report, Request, service};
use contract::transfer_syntax::IMPLICIT_LE;
use dicom_ul::pdu::PDataValueType;
use dimse::{EventReportRequest, Message, Status, sop_class};
use tokio::time::{Instant, timeout_at};

use crate::association::Role;
use crate::message::{Arrival, Received, later};
use crate::{Association, Object, Peer, ScuError, Timeouts};

/// Reports that are kept while a response is waited for; the peer keeps what is more.
const EARLY_REPORTS_MAX: usize = 8;
/// The only encoding that is proposed: everybody must take it (PS3.5 section 10.1).
const ENCODING: Encoding = Encoding::ImplicitLittle;

impl Association {
    /// As [`Association::request`], and proposes storage commitment beside. The peer may take the one and not the other:
    /// then [`Association::request_commitment`] is the one that fails.
    ///
    /// # Errors
    /// [`ScuError`].
    pub async fn request_with_commitment(
        peer: &Peer,
        objects: &[Object],
        timeouts: Timeouts,
    ) -> Result<Self, ScuError> {
        Self::request_as(Role::CommitmentScu, peer, objects, timeouts).await
    }

    /// Did the peer accept storage commitment on this association?
    #[must_use]
    pub fn accepts_commitment(&self) -> bool {
        self.context(sop_class::STORAGE_COMMITMENT, IMPLICIT_LE).is_some()
    }

    /// Asks the peer to take responsibility for instances (N-ACTION). With success it will report, now or later, on this
    /// association or on one of its own.
    ///
    /// # Errors
    /// [`ScuError`]; a failure status of the peer is none. After [`ScuError::NoCommitment`] and
    /// [`ScuError::TooManyInstances`] the association is as good as before.
    pub async fn request_commitment(&mut self, request: &Request) -> Result<Status, ScuError> {
        if request.instances.is_empty() || request.instances.len() > INSTANCES_MAX {
            return Err(ScuError::TooManyInstances);
        }
        let context = self.context(sop_class::STORAGE_COMMITMENT, IMPLICIT_LE).ok_or(ScuError::NoCommitment)?;
        let message_id = self.message_id();
        let command = request.command(message_id);
        self.send(context, PDataValueType::Command, true, command.to_bytes()).await?;
        let data = request.to_bytes(ENCODING);
        self.data(context, &data[..], data.len() as u64).await?;
        self.response(message_id).await
    }

    /// A report that has come, or that comes within `wait`: of any transaction, the caller compares. It was answered with
    /// success when this returns. `None` when the time passes or the peer releases the association first: the report may
    /// still come on another one. What is no sound report is answered with its status and passed over.
    ///
    /// After `None` the association is of no use but to be released, and that may fail where a report crosses it.
    ///
    /// # Errors
    /// [`ScuError`] when the peer aborts, or breaks the protocol.
    pub async fn wait_for_report(&mut self, wait: Duration) -> Result<Option<Report>, ScuError> {
        if let Some(report) = self.early.pop_front() {
            return Ok(Some(report));
        }
        if self.is_released {
            return Ok(None);
        }
        let deadline = later(wait);
        loop {
            match self.next(deadline, "waiting for its report").await? {
                Arrival::Late | Arrival::Release => return Ok(None),
                Arrival::Message(Received { message: Message::Response(_), .. }) => {
                    return Err(ScuError::Protocol("response to nothing"));
                }
                Arrival::Message(received) => {
                    if let Some(report) = self.take_request(received, deadline).await? {
                        return Ok(Some(report));
                    }
                }
            }
        }
    }

    /// Answers a request of the peer's: a report, or what is none and what nobody serves here.
    pub(crate) async fn take_request(
        &mut self,
        received: Received,
        deadline: Instant,
    ) -> Result<Option<Report>, ScuError> {
        let Received { context, message, data } = received;
        let (response, report) = match message {
            Message::Request(dimse::Request::EventReport(request)) => {
                let is_ours = self.context(sop_class::STORAGE_COMMITMENT, IMPLICIT_LE) == Some(context);
                let parsed = if !is_ours {
                    Err(Status::UNRECOGNIZED_OPERATION)
                } else if self.early.len() >= EARLY_REPORTS_MAX {
                    Err(Status::RESOURCE_LIMITATION)
                } else {
                    report_of(&request, data.as_deref())
                };
                (request.response(parsed.as_ref().err().copied().unwrap_or(Status::SUCCESS)), parsed.ok())
            }
            Message::Request(dimse::Request::Action(request)) => {
                (request.response(Status::UNRECOGNIZED_OPERATION), None)
            }
            Message::Request(dimse::Request::Other { command_field, message_id, .. }) => {
                (dimse::response(command_field, message_id, Status::UNRECOGNIZED_OPERATION), None)
            }
            Message::Request(dimse::Request::Cancel) => return Ok(None),
            Message::Request(dimse::Request::Echo { .. } | dimse::Request::Store(_)) | Message::Response(_) => {
                return Err(ScuError::Protocol("request of a role that it does not have"));
            }
        };
        // A peer that hurries us may not hold us: one deadline is for all that it says.
        let sent = timeout_at(deadline, self.send(context, PDataValueType::Command, true, response)).await;
        match sent {
            Ok(Ok(())) => Ok(report),
            // The peer will tell it again if it did not hear that we know.
            Ok(Err(_)) | Err(_) if report.is_some() => Ok(report),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ScuError::Timeout("answering its request")),
        }
    }
}

/// The report in a request's data set, or what its sender is told instead.
fn report_of(request: &EventReportRequest, data: Option<&[u8]>) -> Result<Report, Status> {
    let service = service();
    if request.sop_class != service.class {
        return Err(Status::NO_SUCH_CLASS);
    }
    if request.sop_instance != service.instance {
        return Err(Status::NO_SUCH_INSTANCE);
    }
    let data = data.ok_or(Status::RESOURCE_LIMITATION)?;
    Report::parse(request.event_type, data, ENCODING).map_err(|error: CommitmentError| error.status())
}

/// Reports to `peer` what it asked us to take responsibility for: on an association of its own, in which we are the service's
/// SCP (PS3.4 section J.3.3). Returns the peer's status.
///
/// # Errors
/// [`ScuError`]; [`ScuError::NoCommitment`] when the peer does not accept the role. A failure status of the peer is none.
pub async fn report_commitment(peer: &Peer, report: &Report, timeouts: Timeouts) -> Result<Status, ScuError> {
    let mut association = match Association::request_as(Role::CommitmentScp, peer, &[], timeouts).await {
        Err(ScuError::NotAccepted) => return Err(ScuError::NoCommitment),
        asked => asked?,
    };
    let status = association.report(report).await;
    match status {
        // What was answered stands, whatever becomes of the release.
        Ok(_) | Err(ScuError::NoCommitment) => {
            let _ = association.release().await;
        }
        Err(_) => association.abort().await,
    }
    status
}

impl Association {
    async fn report(&mut self, report: &Report) -> Result<Status, ScuError> {
        let context = self.context(sop_class::STORAGE_COMMITMENT, IMPLICIT_LE).ok_or(ScuError::NoCommitment)?;
        if !self.inner.requestor_roles_for(sop_class::STORAGE_COMMITMENT).scp {
            return Err(ScuError::NoCommitment);
        }
        let message_id = self.message_id();
        let command = report.command(message_id);
        self.send(context, PDataValueType::Command, true, command.to_bytes()).await?;
        let data = report.to_bytes(ENCODING);
        self.data(context, &data[..], data.len() as u64).await?;
        self.response(message_id).await
    }
}
