//! Requests of one association, one after the other.

mod commitment;

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use contract::Uid;
use dicom_ul::association::Error;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu, PresentationContextResultReason, ReadError};
use dimse::{COMMAND_BYTES_MAX, Message, Request, Status, StoreRequest};
use domain::AeTitle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::association::Fault;
use crate::commitment::{Asked, Exchange};
use crate::spool::Incoming;
use crate::traffic::{Visit, now};
use crate::transfer::{Transfer, after};
use crate::wire::Association;
use crate::{STOP_GRACE, Shared};

/// PS3.8 section 9.3.2.2: odd ids from 1 to 255.
const CONTEXTS_MAX: usize = 128;
/// A peer that takes less could hardly take a response.
const PEER_PDU_BYTES_MIN: u32 = 1024;

/// What an association is in the middle of.
enum Progress {
    Idle,
    Command { context: u8, bytes: Vec<u8>, begun: Instant },
    Data(Box<Transfer>),
    Exchange(Box<Exchange>),
}

/// An accepted presentation context.
struct Context {
    id: u8,
    sop_class: String,
    transfer_syntax: Uid,
}

pub(crate) struct Session {
    shared: Arc<Shared>,
    calling_ae: AeTitle,
    contexts: Vec<Context>,
    progress: Progress,
    /// A report of storage commitment without its answer.
    pending: Option<commitment::Pending>,
    next_message_id: u16,
    /// Others see by it that the association is open.
    visit: Visit,
}

impl Session {
    /// # Errors
    /// What dicom-ul lets pass and may not: it has answered A-ASSOCIATE-AC already, so the peer is aborted.
    pub(crate) fn new(association: &Association, shared: Arc<Shared>) -> Result<Self, Fault> {
        let contexts = association.presentation_contexts();
        let ids: BTreeSet<u8> = contexts.iter().map(|context| context.id).collect();
        if contexts.is_empty() || contexts.len() > CONTEXTS_MAX {
            return Err(Fault::Invalid("there are no presentation contexts, or more than 128"));
        }
        if ids.len() != contexts.len() || ids.iter().any(|id| id % 2 == 0) {
            return Err(Fault::Invalid("presentation context ids are even or repeated"));
        }
        if association.requestor_max_pdu_length() < PEER_PDU_BYTES_MIN {
            return Err(Fault::Invalid("peer's maximum PDU length is too small"));
        }
        let calling_ae = AeTitle::parse(association.peer_ae_title()).map_err(|_| Fault::Negotiation)?;
        let accepted = contexts.iter().filter(|context| context.reason == PresentationContextResultReason::Acceptance);
        let contexts = accepted.filter_map(|context| {
            let transfer_syntax = Uid::parse(&context.transfer_syntax).ok()?;
            Some(Context { id: context.id, sop_class: context.abstract_syntax.clone(), transfer_syntax })
        });
        let contexts = contexts.collect();
        let visit = shared.traffic.open(calling_ae.clone(), now());
        let (progress, pending) = (Progress::Idle, None);
        Ok(Self { shared, calling_ae, contexts, progress, pending, next_message_id: 1, visit })
    }

    /// Serves requests until the peer releases the association.
    ///
    /// # Errors
    /// [`Fault`]: whatever else ends it.
    pub(crate) async fn run(
        &mut self,
        association: &mut Association,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), Fault> {
        let mut stopped_at = None;
        loop {
            let (deadline, late) = self.deadline(stopped_at);
            // A peer that always has something to say would never be timed out otherwise.
            if Instant::now() >= deadline {
                return Err(late);
            }
            let received = tokio::select! {
                received = timeout_at(deadline, association.receive()) => received.map_err(|_| late)?,
                _ = stop.wait_for(|stop| *stop), if stopped_at.is_none() => {
                    stopped_at = Some(Instant::now());
                    continue;
                }
            };
            match received.map_err(broken)? {
                Pdu::PData { data } if data.is_empty() => return Err(Fault::Invalid("P-DATA without a value")),
                Pdu::PData { data } => {
                    for value in data {
                        self.take(association, value).await?;
                    }
                }
                Pdu::ReleaseRQ if matches!(self.progress, Progress::Idle) => {
                    return self.send(association, &Pdu::ReleaseRP).await;
                }
                Pdu::AbortRQ { .. } => return Err(Fault::Aborted),
                Pdu::Unknown { .. } => return Err(Fault::UnknownPdu),
                _ => return Err(Fault::Unexpected("PDU out of turn")),
            }
        }
    }

    /// Until when the next PDU must be here, and what is wrong otherwise. Once the service stops, only what is in the
    /// middle may still come, and only for a while.
    fn deadline(&self, stopped_at: Option<Instant>) -> (Instant, Fault) {
        let config = &self.shared.config;
        if let Some(stopped_at) = stopped_at {
            let grace = if matches!(self.progress, Progress::Idle) { Duration::ZERO } else { STOP_GRACE };
            return (stopped_at + grace, Fault::Stopping);
        }
        let idle = (after(Instant::now(), config.idle_timeout_ms), Fault::Idle);
        match &self.progress {
            Progress::Idle => idle,
            // Counted from its beginning: it may come in thousands of pieces, or in empty ones.
            Progress::Command { begun, .. } => (after(*begun, config.idle_timeout_ms), Fault::Idle),
            Progress::Exchange(exchange) => (after(exchange.begun, config.idle_timeout_ms), Fault::Idle),
            Progress::Data(transfer) => {
                let transfer = transfer.deadline(config);
                if transfer.0 < idle.0 { transfer } else { idle }
            }
        }
    }

    /// One presentation data value.
    async fn take(&mut self, association: &mut Association, value: PDataValue) -> Result<(), Fault> {
        let PDataValue { presentation_context_id: context, value_type, is_last, data } = value;
        if !self.contexts.iter().any(|accepted| accepted.id == context) {
            return Err(Fault::Unexpected("data on a context that was not accepted"));
        }
        match (mem::replace(&mut self.progress, Progress::Idle), value_type) {
            (Progress::Idle, PDataValueType::Command) => {
                self.command(association, context, data, is_last, Instant::now()).await
            }
            (Progress::Command { context: ours, mut bytes, begun }, PDataValueType::Command) if ours == context => {
                bytes.extend(data);
                self.command(association, context, bytes, is_last, begun).await
            }
            (Progress::Data(transfer), PDataValueType::Data) if transfer.context() == context => {
                let transfer = transfer.take(&self.shared, &data, is_last).await;
                if !is_last {
                    self.progress = Progress::Data(transfer);
                    return Ok(());
                }
                let (response, study) = transfer.finish(&self.shared).await;
                self.visit.end(study);
                self.answer(association, context, response).await
            }
            (Progress::Exchange(mut exchange), PDataValueType::Data) if exchange.context == context => {
                exchange.take(&data);
                if is_last {
                    return self.exchanged(association, exchange).await;
                }
                self.progress = Progress::Exchange(exchange);
                Ok(())
            }
            _ => Err(Fault::Unexpected("command and data are interleaved")),
        }
    }

    async fn command(
        &mut self,
        association: &mut Association,
        context: u8,
        bytes: Vec<u8>,
        is_last: bool,
        begun: Instant,
    ) -> Result<(), Fault> {
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(Fault::Invalid("command set is too long"));
        }
        if !is_last {
            self.progress = Progress::Command { context, bytes, begun };
            return Ok(());
        }
        self.give_up_late_report();
        let request = match Message::parse(&bytes).map_err(|_| Fault::Invalid("command set is not valid"))? {
            Message::Request(request) => request,
            Message::Response(response) => return self.reported(&response),
        };
        let transfer = match request {
            Request::Echo { message_id } => {
                return self.answer(association, context, dimse::echo_response(message_id, Status::SUCCESS)).await;
            }
            Request::Cancel => return Ok(()),
            Request::Action(request) => return self.exchange(association, context, Asked::Action(request)).await,
            Request::EventReport(request) => return self.exchange(association, context, Asked::Report(request)).await,
            Request::Other { command_field, message_id, has_data_set: false } => {
                let response = dimse::response(command_field, message_id, Status::UNRECOGNIZED_OPERATION);
                return self.answer(association, context, response).await;
            }
            Request::Other { command_field, message_id, .. } => Transfer::other(context, command_field, message_id),
            Request::Store(request) => {
                self.visit.begin(now());
                Transfer::store(&self.shared, context, self.incoming(context, request)).await
            }
        };
        self.progress = Progress::Data(Box::new(transfer));
        Ok(())
    }

    /// What is known of an instance before its first byte, or why it cannot come on this context.
    fn incoming(&self, context: u8, request: StoreRequest) -> Result<Incoming, (StoreRequest, Status)> {
        match self.contexts.iter().find(|accepted| accepted.id == context) {
            Some(context) if context.sop_class == request.sop_class.as_str() => Ok(Incoming {
                request,
                transfer_syntax: context.transfer_syntax.clone(),
                calling_ae: self.calling_ae.clone(),
            }),
            _ => Err((request, Status::SOP_CLASS_NOT_SUPPORTED)),
        }
    }

    async fn answer(&self, association: &mut Association, context: u8, bytes: Vec<u8>) -> Result<(), Fault> {
        let value = PDataValue {
            presentation_context_id: context,
            value_type: PDataValueType::Command,
            is_last: true,
            data: bytes,
        };
        self.send(association, &Pdu::PData { data: vec![value] }).await
    }

    async fn send(&self, association: &mut Association, pdu: &Pdu) -> Result<(), Fault> {
        let deadline = after(Instant::now(), self.shared.config.idle_timeout_ms);
        match timeout_at(deadline, association.send(pdu)).await {
            Ok(sent) => sent,
            Err(_) => Err(Fault::Idle),
        }
    }
}

/// Tells bytes that are no PDU from a connection that is gone.
fn broken(error: Error) -> Fault {
    match error {
        Error::ReceivePdu { source: ReadError::ReadPdu { .. }, .. } => Fault::Connection,
        Error::ReceivePdu { .. } => Fault::Invalid("PDU is damaged, or longer than agreed"),
        _ => Fault::Connection,
    }
}
