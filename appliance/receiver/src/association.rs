//! One association: negotiation, then requests one after the other.

use std::collections::BTreeSet;
use std::mem;
use std::sync::atomic::Ordering;
use std::time::Duration;

use contract::{Uid, transfer_syntax as syntax};
use dicom_ul::association::Association as _;
use dicom_ul::association::server::{AccessControl, AsyncServerAssociation, ServerAssociationOptions};
use dicom_ul::pdu::{
    AssociationRJServiceUserReason, PDataValue, PDataValueType, Pdu, PresentationContextResultReason, UserIdentity,
};
use dimse::{COMMAND_BYTES_MAX, Request, Status, StoreRequest, sop_class};
use domain::AeTitle;
use queue::{Admission, QueueError};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::spool::{Incoming, SpoolError, SpoolFile};
use crate::{ReceiverConfig, Shared};

/// Transfer syntaxes that are accepted: all that can be decoded.
const TRANSFER_SYNTAXES: [&str; 16] = [
    syntax::EXPLICIT_LE,
    syntax::IMPLICIT_LE,
    syntax::JPEG_LOSSLESS_SV1,
    syntax::JPEG_LOSSLESS,
    syntax::JPEG_LS_LOSSLESS,
    syntax::JPEG_2000_LOSSLESS,
    syntax::HTJ2K_LOSSLESS,
    syntax::HTJ2K_LOSSLESS_RPCL,
    syntax::RLE_LOSSLESS,
    syntax::DEFLATED_LE,
    syntax::EXPLICIT_BE,
    syntax::JPEG_EXTENDED,
    syntax::JPEG_BASELINE,
    syntax::JPEG_LS_NEAR,
    syntax::JPEG_2000,
    syntax::HTJ2K,
];

/// PS3.8 section 9.3.2.2: odd ids from 1 to 255.
const CONTEXTS_MAX: usize = 128;
/// A peer that takes less could hardly take a response.
const PEER_PDU_BYTES_MIN: u32 = 1024;
/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// Why an association ended other than by release. Holds nothing that the peer sent.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("no association was agreed on")]
    Negotiation,
    #[error("A-ASSOCIATE took too long")]
    Artim,
    #[error("peer was silent for too long")]
    Idle,
    #[error("an instance took too long")]
    InstanceTimeout,
    #[error("peer closed, or sent what is no PDU")]
    Connection,
    #[error("peer aborted")]
    Aborted,
    #[error("protocol: {0}")]
    Protocol(&'static str),
    #[error("service is stopping")]
    Stopping,
}

type Association = AsyncServerAssociation<TcpStream>;

struct Access<'a>(&'a ReceiverConfig);

impl AccessControl for Access<'_> {
    fn check_access(
        &self,
        this_ae_title: &str,
        calling_ae_title: &str,
        called_ae_title: &str,
        _user_identity: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        if self.0.called_ae_checked && called_ae_title.trim() != this_ae_title.trim() {
            return Err(AssociationRJServiceUserReason::CalledAETitleNotRecognized);
        }
        let refused = Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized);
        let Ok(calling) = AeTitle::parse(calling_ae_title) else { return refused };
        let allowed = &self.0.calling_ae_allowed;
        if allowed.is_empty() || allowed.contains(&calling) { Ok(()) } else { refused }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, shared: &Shared, stop: watch::Receiver<bool>) -> Result<(), Fault> {
    let config = &shared.config;
    // Answers are small and awaited: without this each one may wait for the peer's delayed acknowledgement.
    stream.set_nodelay(true).map_err(|_| Fault::Connection)?;
    let mut options = ServerAssociationOptions::new()
        .ae_access_control(Access(config))
        .ae_title(config.ae_title.as_str())
        .strict(true)
        .max_pdu_length(config.pdu_bytes_max)
        .with_abstract_syntax(sop_class::VERIFICATION);
    for class in sop_class::STORAGE {
        options = options.with_abstract_syntax(class);
    }
    for syntax in TRANSFER_SYNTAXES {
        options = options.with_transfer_syntax(syntax);
    }
    let artim = Duration::from_millis(config.artim_timeout_ms);
    let mut association = match timeout(artim, options.establish_async(stream)).await {
        Ok(Ok(association)) => association,
        Ok(Err(_)) => return Err(Fault::Negotiation),
        Err(_) => return Err(Fault::Artim),
    };
    shared.counters.associations.fetch_add(1, Ordering::Relaxed);
    let result = match Session::new(&association, shared) {
        Ok(mut session) => session.run(&mut association, stop).await,
        Err(fault) => Err(fault),
    };
    if matches!(result, Err(Fault::Protocol(_) | Fault::Idle | Fault::InstanceTimeout | Fault::Stopping)) {
        // The peer may be gone; it is told once, and not waited for.
        let _ = timeout(Duration::from_secs(1), association.abort()).await;
    }
    result
}

/// What an association is in the middle of.
enum Progress {
    Idle,
    Command { context: u8, bytes: Vec<u8> },
    Data(Box<Transfer>),
}

/// A data set that is coming in.
struct Transfer {
    context: u8,
    answer: Answer,
    deadline: Instant,
    buffer: Vec<u8>,
}

/// What becomes of the data set, and what is answered after its last byte.
enum Answer {
    Store { request: StoreRequest, sink: Result<Box<SpoolFile>, Status> },
    Other { command_field: u16, message_id: u16 },
}

struct Session<'a> {
    shared: &'a Shared,
    calling_ae: AeTitle,
    /// Accepted contexts with their transfer syntax.
    contexts: Vec<(u8, Uid)>,
    progress: Progress,
}

impl<'a> Session<'a> {
    fn new(association: &Association, shared: &'a Shared) -> Result<Self, Fault> {
        let contexts = association.presentation_contexts();
        let ids: BTreeSet<u8> = contexts.iter().map(|context| context.id).collect();
        if contexts.len() > CONTEXTS_MAX || ids.len() != contexts.len() || ids.iter().any(|id| id % 2 == 0) {
            return Err(Fault::Protocol("presentation contexts are too many, repeated or even"));
        }
        if (1..PEER_PDU_BYTES_MIN).contains(&association.requestor_max_pdu_length()) {
            return Err(Fault::Protocol("peer's maximum PDU length is too small"));
        }
        let calling_ae = AeTitle::parse(association.peer_ae_title()).map_err(|_| Fault::Negotiation)?;
        let accepted = contexts.iter().filter(|context| context.reason == PresentationContextResultReason::Acceptance);
        let contexts = accepted.filter_map(|context| Some((context.id, Uid::parse(&context.transfer_syntax).ok()?)));
        Ok(Self { shared, calling_ae, contexts: contexts.collect(), progress: Progress::Idle })
    }

    async fn run(&mut self, association: &mut Association, mut stop: watch::Receiver<bool>) -> Result<(), Fault> {
        let idle = Duration::from_millis(self.shared.config.idle_timeout_ms);
        loop {
            let pdu = match &self.progress {
                Progress::Data(transfer) => {
                    timeout_at(transfer.deadline.min(Instant::now() + idle), association.receive())
                        .await
                        .map_err(|_| Fault::InstanceTimeout)?
                }
                Progress::Command { .. } => timeout(idle, association.receive()).await.map_err(|_| Fault::Idle)?,
                Progress::Idle => tokio::select! {
                    received = timeout(idle, association.receive()) => received.map_err(|_| Fault::Idle)?,
                    _ = stop.wait_for(|stop| *stop) => return Err(Fault::Stopping),
                },
            };
            match pdu.map_err(|_| Fault::Connection)? {
                Pdu::PData { data } => {
                    for value in data {
                        self.take(association, value).await?;
                    }
                }
                Pdu::ReleaseRQ if matches!(self.progress, Progress::Idle) => {
                    let _ = timeout(idle, association.send(&Pdu::ReleaseRP)).await;
                    return Ok(());
                }
                Pdu::AbortRQ { .. } => return Err(Fault::Aborted),
                _ => return Err(Fault::Protocol("unexpected PDU")),
            }
        }
    }

    /// One presentation data value.
    async fn take(&mut self, association: &mut Association, value: PDataValue) -> Result<(), Fault> {
        let context = value.presentation_context_id;
        if !self.contexts.iter().any(|(accepted, _)| *accepted == context) {
            return Err(Fault::Protocol("data on a context that was not accepted"));
        }
        match (mem::replace(&mut self.progress, Progress::Idle), value.value_type) {
            (Progress::Idle, PDataValueType::Command) => {
                self.command(association, context, value.data, value.is_last).await
            }
            (Progress::Command { context: begun, mut bytes }, PDataValueType::Command) if begun == context => {
                bytes.extend(value.data);
                self.command(association, context, bytes, value.is_last).await
            }
            (Progress::Data(transfer), PDataValueType::Data) if transfer.context == context => {
                self.data(association, transfer, value.data, value.is_last).await
            }
            _ => Err(Fault::Protocol("command and data are interleaved")),
        }
    }

    async fn command(
        &mut self,
        association: &mut Association,
        context: u8,
        bytes: Vec<u8>,
        is_last: bool,
    ) -> Result<(), Fault> {
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(Fault::Protocol("command set is too long"));
        }
        if !is_last {
            self.progress = Progress::Command { context, bytes };
            return Ok(());
        }
        let answer = match Request::parse(&bytes).map_err(|_| Fault::Protocol("command set is not valid"))? {
            Request::Echo { message_id } => {
                return self.answer(association, context, dimse::echo_response(message_id, Status::SUCCESS)).await;
            }
            Request::Cancel => return Ok(()),
            Request::Other { command_field, message_id, has_data_set: false } => {
                let response = dimse::response(command_field, message_id, Status::UNRECOGNIZED_OPERATION);
                return self.answer(association, context, response).await;
            }
            Request::Other { command_field, message_id, .. } => Answer::Other { command_field, message_id },
            Request::Store(request) => Answer::Store { sink: self.open(context, &request).await, request },
        };
        let deadline = Instant::now() + Duration::from_millis(self.shared.config.instance_timeout_ms);
        self.progress = Progress::Data(Box::new(Transfer { context, answer, deadline, buffer: Vec::new() }));
        Ok(())
    }

    /// Opens a spool file; a refusal is answered after the data set, as PS3.7 has it.
    async fn open(&self, context: u8, request: &StoreRequest) -> Result<Box<SpoolFile>, Status> {
        let syntax = self.contexts.iter().find(|(id, _)| *id == context).map(|(_, syntax)| syntax.clone());
        let incoming = Incoming {
            request: request.clone(),
            transfer_syntax: syntax.ok_or(Status::PROCESSING_FAILURE)?,
            calling_ae: self.calling_ae.clone(),
        };
        let (state, config) = (self.shared.state.clone(), &self.shared.config);
        let (bytes_max, free_min) = (config.instance_bytes_max, config.disk_free_bytes_min);
        blocking(move || {
            if !has_space(&state, free_min) {
                tracing::error!("instance refused: disk is nearly full");
                return Err(Status::OUT_OF_RESOURCES);
            }
            SpoolFile::create(&state, incoming, bytes_max).map(Box::new).map_err(|error| refused(&error))
        })
        .await
    }

    async fn data(
        &mut self,
        association: &mut Association,
        mut transfer: Box<Transfer>,
        bytes: Vec<u8>,
        is_last: bool,
    ) -> Result<(), Fault> {
        let context = transfer.context;
        transfer.buffer.extend(bytes);
        if is_last || transfer.buffer.len() >= WRITE_BYTES {
            transfer = write(transfer).await?;
        }
        if !is_last {
            self.progress = Progress::Data(transfer);
            return Ok(());
        }
        let response = match transfer.answer {
            Answer::Other { command_field, message_id } => {
                dimse::response(command_field, message_id, Status::UNRECOGNIZED_OPERATION)
            }
            Answer::Store { request, sink } => {
                let status = match sink {
                    Ok(file) => self.admit(file).await,
                    Err(status) => status,
                };
                let counters = &self.shared.counters;
                let counter =
                    if status.is_success() { &counters.instances_acknowledged } else { &counters.instances_refused };
                counter.fetch_add(1, Ordering::Relaxed);
                request.response(status)
            }
        };
        self.answer(association, context, response).await
    }

    /// Makes the instance ours.
    async fn admit(&self, file: Box<SpoolFile>) -> Status {
        let (state, queue) = (self.shared.state.clone(), self.shared.queue.clone());
        let admitted = blocking(move || {
            let received = file.finish(&state).map_err(|error| refused(&error))?;
            let admission = queue.admit(&received);
            if !matches!(admission, Ok(Admission::New)) {
                // The one that is ours already stays; this one is not kept. What cannot be removed is a duplicate later.
                let _ = std::fs::remove_file(state.spool().join(&received.spool.name));
            }
            match admission {
                Ok(Admission::New | Admission::Duplicate) => Ok(()),
                Ok(Admission::Conflict) => {
                    tracing::warn!(instance = %received.key, "instance refused: its UID belongs to other bytes");
                    Err(Status::DATA_SET_MISMATCH)
                }
                Err(error) => {
                    tracing::error!(%error, "instance refused: queue failed");
                    Err(if matches!(error, QueueError::Row) {
                        Status::PROCESSING_FAILURE
                    } else {
                        Status::OUT_OF_RESOURCES
                    })
                }
            }
        });
        admitted.await.map_or_else(|status| status, |()| Status::SUCCESS)
    }

    async fn answer(&self, association: &mut Association, context: u8, bytes: Vec<u8>) -> Result<(), Fault> {
        let data = vec![PDataValue {
            presentation_context_id: context,
            value_type: PDataValueType::Command,
            is_last: true,
            data: bytes,
        }];
        let idle = Duration::from_millis(self.shared.config.idle_timeout_ms);
        match timeout(idle, association.send(&Pdu::PData { data })).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Fault::Connection),
            Err(_) => Err(Fault::Idle),
        }
    }
}

/// Writes what was collected; after a failure the rest of the data set is read and thrown away.
async fn write(mut transfer: Box<Transfer>) -> Result<Box<Transfer>, Fault> {
    if !matches!(transfer.answer, Answer::Store { sink: Ok(_), .. }) {
        transfer.buffer.clear();
        return Ok(transfer);
    }
    let written = tokio::task::spawn_blocking(move || {
        if let Answer::Store { sink, .. } = &mut transfer.answer
            && let Ok(file) = sink
            && let Err(error) = file.write(&transfer.buffer)
        {
            *sink = Err(refused(&error));
        }
        transfer.buffer.clear();
        transfer
    });
    written.await.map_err(|_| Fault::Stopping)
}

fn refused(error: &SpoolError) -> Status {
    let status = error.status();
    tracing::warn!(%status, %error, "instance refused");
    status
}

fn has_space(state: &queue::StateDir, free_min: u64) -> bool {
    // A disk that cannot even be asked is not one to promise anything on.
    rustix::fs::statvfs(state.spool()).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= free_min)
}

/// Runs what blocks off the network's threads. A panic there is this instance's failure.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Status> + Send + 'static) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Status::PROCESSING_FAILURE))
}
