//! Storage commitment inside an association.

use std::time::Duration;

use commitment::{Encoding, Report, Request};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{N_EVENT_REPORT_RQ, Response, Status};
use tokio::time::{Instant, timeout};

use super::{Progress, Session};
use crate::association::Fault;
use crate::commitment::{Asked, Exchange, decide};
use crate::transfer::{after, blocking};
use crate::wire::Association;

/// The longest PDU that a report is sent in, whatever more the peer allows.
const SENT_PDU_BYTES_MAX: u32 = 131_072;
/// PDU header, length, context id and message control header of a PDU with one value.
const PDU_OVERHEAD_BYTES: u32 = 12;
/// For a whole report to leave: no longer than a service that stops waits.
const REPORT_TIMEOUT: Duration = crate::STOP_GRACE;

/// A report that was sent on this association and is not answered yet.
pub(super) struct Pending {
    message_id: u16,
    report: Report,
    sent_at: Instant,
}

impl Session {
    /// A request of storage commitment: its data set comes next.
    pub(super) async fn exchange(
        &mut self,
        association: &mut Association,
        context: u8,
        asked: Asked,
    ) -> Result<(), Fault> {
        let has_data_set = asked.has_data_set();
        let class = self.contexts.iter().find(|accepted| accepted.id == context).map(|context| &*context.sop_class);
        let exchange = Box::new(Exchange::new(&self.shared, context, class.unwrap_or_default(), asked));
        if has_data_set {
            self.progress = Progress::Exchange(exchange);
            return Ok(());
        }
        self.exchanged(association, exchange).await
    }

    /// Answers a request whose data set is whole.
    pub(super) async fn exchanged(
        &mut self,
        association: &mut Association,
        exchange: Box<Exchange>,
    ) -> Result<(), Fault> {
        let context = exchange.context;
        let (asked, data) = exchange.finish();
        let syntax = self.contexts.iter().find(|accepted| accepted.id == context).map(|found| &found.transfer_syntax);
        let encoding = syntax
            .map_or(Err(Status::PROCESSING_FAILURE), |syntax| Encoding::of(syntax).map_err(|error| error.status()));
        let sound = data.and_then(|data| encoding.map(|encoding| (data, encoding)));
        let outcome = match (&asked, sound) {
            (_, Err(status)) => Err(status),
            (Asked::Report(request), Ok((data, encoding))) => {
                Err(self.take_report(request.event_type, &data, encoding).await)
            }
            (Asked::Action(_), Ok((data, encoding))) => {
                self.decide(&data, encoding).await.map(|report| (report, encoding))
            }
        };
        match outcome {
            Err(status) => {
                if !status.is_success() {
                    tracing::warn!(%status, "storage commitment message refused");
                }
                self.answer(association, context, asked.response(status)).await
            }
            Ok((report, encoding)) => {
                self.answer(association, context, asked.response(Status::SUCCESS)).await?;
                self.report(association, context, report, encoding).await
            }
        }
    }

    /// Hands a peer's report on, and says what the peer is told.
    async fn take_report(&self, event_type: u16, data: &[u8], encoding: Encoding) -> Status {
        let report = match Report::parse(event_type, data, encoding) {
            Ok(report) => report,
            Err(error) => {
                tracing::warn!(%error, "report of storage commitment is not valid");
                return error.status();
            }
        };
        let Some(sink) = self.shared.sink.clone() else { return Status::UNRECOGNIZED_OPERATION };
        let (committed, failed) = (report.committed.len(), report.failed.len());
        let from = self.calling_ae.clone();
        let status = blocking(&self.shared, move |_| sink.report(&from, &report)).await;
        let status = status.unwrap_or(Status::PROCESSING_FAILURE);
        tracing::info!(committed, failed, %status, "storage commitment was reported to us");
        status
    }

    /// What we can say of a peer's instances.
    async fn decide(&self, data: &[u8], encoding: Encoding) -> Result<Report, Status> {
        let request = Request::parse(data, encoding).map_err(|error| {
            tracing::warn!(%error, "request for storage commitment is not valid");
            error.status()
        })?;
        let decided = blocking(&self.shared, move |shared| decide(shared, request)).await;
        let report = decided.ok_or(Status::PROCESSING_FAILURE)?.map_err(|error| {
            tracing::error!(%error, "storage commitment cannot be decided");
            Status::PROCESSING_FAILURE
        })?;
        let (committed, failed) = (report.committed.len(), report.failed.len());
        tracing::info!(committed, failed, "storage commitment was asked of us");
        Ok(report)
    }

    /// Sends a report; from now on it is either answered here or sent elsewhere.
    async fn report(
        &mut self,
        association: &mut Association,
        context: u8,
        report: Report,
        encoding: Encoding,
    ) -> Result<(), Fault> {
        self.report_elsewhere();
        let message_id = self.next_message_id;
        self.next_message_id = message_id.checked_add(1).unwrap_or(1);
        let (command, data) = (report.command(message_id).to_bytes(), report.to_bytes(encoding));
        self.pending = Some(Pending { message_id, report, sent_at: Instant::now() });
        let sending = async {
            self.answer(association, context, command).await?;
            let longest = association.requestor_max_pdu_length().min(SENT_PDU_BYTES_MAX);
            let mut chunks = data.chunks((longest - PDU_OVERHEAD_BYTES) as usize).peekable();
            while let Some(chunk) = chunks.next() {
                let value = PDataValue {
                    presentation_context_id: context,
                    value_type: PDataValueType::Data,
                    is_last: chunks.peek().is_none(),
                    data: chunk.to_vec(),
                };
                self.send(association, &Pdu::PData { data: vec![value] }).await?;
            }
            Ok(())
        };
        timeout(REPORT_TIMEOUT, sending).await.unwrap_or(Err(Fault::Idle))
    }

    /// The answer to our report. Anything else that is a response answers nothing.
    pub(super) fn reported(&mut self, response: &Response) -> Result<(), Fault> {
        let is_ours = |pending: &Pending| {
            response.command_field == N_EVENT_REPORT_RQ && response.message_id == pending.message_id
        };
        if response.has_data_set || !self.pending.as_ref().is_some_and(is_ours) {
            return Err(Fault::Invalid("response to nothing"));
        }
        if response.status.is_success() {
            self.pending = None;
        } else {
            tracing::warn!(status = %response.status, "report of storage commitment refused");
            self.report_elsewhere();
        }
        Ok(())
    }

    /// Leaves a report that a peer should have answered by now to be sent on an association of our own.
    pub(super) fn give_up_late_report(&mut self) {
        let idle_ms = self.shared.config.idle_timeout_ms;
        if self.pending.as_ref().is_some_and(|pending| Instant::now() >= after(pending.sent_at, idle_ms)) {
            self.report_elsewhere();
        }
    }

    /// Leaves a report that was not answered here to be sent on an association of our own.
    pub(crate) fn report_elsewhere(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.shared.outbox.leave(&self.shared.config, &self.calling_ae, pending.report);
        }
    }
}
