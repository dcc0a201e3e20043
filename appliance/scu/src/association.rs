//! One association as its requestor.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::io::SeekFrom;
use std::time::Duration;

use commitment::Report;
use contract::transfer_syntax::IMPLICIT_LE;
use dicom_ul::association::client::ClientAssociationOptions;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{Status, StoreRequest, sop_class};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::time::timeout;

use crate::wire::{Broken, Wire};
use crate::{Object, Peer, ScuError, Timeouts};

/// Contexts in one A-ASSOCIATE-RQ (PS3.8 section 9.3.2.2: odd ids from 1 to 255).
const CONTEXTS_MAX: usize = 128;
/// The longest PDU that we ask for: responses are short.
const PDU_BYTES_MAX: u32 = 65_536;
/// The longest PDU that we send, whatever more the peer allows.
const SENT_PDU_BYTES_MAX: u32 = 131_072;
/// PDU header, length, context id and message control header of a PDU with one value.
const PDU_OVERHEAD_BYTES: u32 = 12;

/// An association. After an error it must be dropped; it is never used again.
#[derive(Debug)]
pub struct Association {
    pub(crate) inner: Wire,
    pub(crate) timeouts: Timeouts,
    next_message_id: u16,
    /// Reports that came while something else was waited for.
    pub(crate) early: VecDeque<Report>,
    /// Values that came in one PDU with the end of a message before them.
    pub(crate) values: VecDeque<PDataValue>,
    /// Did the peer release it?
    pub(crate) is_released: bool,
}

/// What is asked for beside C-ECHO and storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Sender,
    /// To ask for storage commitment.
    CommitmentScu,
    /// To report it.
    CommitmentScp,
}

impl Association {
    /// Asks `peer` for an association to send `objects` and C-ECHO.
    ///
    /// # Errors
    /// [`ScuError`].
    pub async fn request(peer: &Peer, objects: &[Object], timeouts: Timeouts) -> Result<Self, ScuError> {
        Self::request_as(Role::Sender, peer, objects, timeouts).await
    }

    pub(crate) async fn request_as(
        role: Role,
        peer: &Peer,
        objects: &[Object],
        timeouts: Timeouts,
    ) -> Result<Self, ScuError> {
        let pairs: BTreeSet<(&str, &str)> = objects
            .iter()
            .flat_map(|object| object.syntaxes().into_iter().map(|syntax| (object.sop_class.as_str(), syntax)))
            .collect();
        // Verification and storage commitment have one each.
        if pairs.len() + 1 + usize::from(role != Role::Sender) > CONTEXTS_MAX {
            return Err(ScuError::TooManyContexts);
        }
        let mut options = ClientAssociationOptions::new()
            .calling_ae_title(peer.calling_ae.as_str())
            .called_ae_title(peer.called_ae.as_str())
            .max_pdu_length(PDU_BYTES_MAX)
            .strict(true)
            .with_presentation_context(sop_class::VERIFICATION, vec![IMPLICIT_LE]);
        if role != Role::Sender {
            options = options.with_presentation_context(sop_class::STORAGE_COMMITMENT, vec![IMPLICIT_LE]);
        }
        if role == Role::CommitmentScp {
            options = options.with_role_selection(sop_class::STORAGE_COMMITMENT, false, true);
        }
        for (class, syntax) in pairs {
            options = options.with_presentation_context(class, vec![syntax]);
        }
        let established = timeout(timeouts.connect(), Wire::establish(peer, options)).await;
        let inner = established.map_err(|_| ScuError::Timeout("asking for an association"))??;
        Ok(Self {
            inner,
            timeouts,
            next_message_id: 1,
            early: VecDeque::new(),
            values: VecDeque::new(),
            is_released: false,
        })
    }

    /// C-ECHO.
    ///
    /// # Errors
    /// [`ScuError`].
    pub async fn echo(&mut self) -> Result<Status, ScuError> {
        let context = self.context(sop_class::VERIFICATION, IMPLICIT_LE).ok_or(ScuError::NotAccepted)?;
        let message_id = self.message_id();
        self.send(context, PDataValueType::Command, true, dimse::echo_request(message_id)).await?;
        self.response(message_id).await
    }

    /// C-STORE of one of the objects that the association was asked for.
    ///
    /// # Errors
    /// [`ScuError`]; a failure status of the peer is none. After [`ScuError::NotAccepted`] and [`ScuError::File`] before
    /// the first byte the association is as good as before.
    pub async fn store(&mut self, object: &Object) -> Result<Status, ScuError> {
        let accepted = |syntax: &str| Some((self.context(object.sop_class.as_str(), syntax)?, syntax.to_owned()));
        let (context, syntax) = object.syntaxes().into_iter().find_map(accepted).ok_or(ScuError::NotAccepted)?;
        let converted = if syntax == object.transfer_syntax.as_str() {
            None
        } else {
            let object = object.clone();
            let convert = tokio::task::spawn_blocking(move || object.converted(&syntax));
            Some(convert.await.map_err(|_| ScuError::File("could not be converted".into()))??)
        };
        let mut file = open(object).await?;
        let message_id = self.message_id();
        let request =
            StoreRequest { message_id, sop_class: object.sop_class.clone(), sop_instance: object.sop_instance.clone() };
        self.send(context, PDataValueType::Command, true, request.to_bytes()).await?;
        match converted {
            Some(bytes) => self.data(context, &bytes[..], bytes.len() as u64).await?,
            None => self.data(context, &mut file, object.dataset_bytes).await?,
        }
        self.response(message_id).await
    }

    /// Releases the association, unless the peer has.
    ///
    /// # Errors
    /// [`ScuError`]; what was answered before stands.
    pub async fn release(self) -> Result<(), ScuError> {
        if self.is_released {
            return Ok(());
        }
        within(self.timeouts.response(), "releasing", self.inner.release()).await
    }

    /// Aborts the association; whether the peer hears of it is not waited for long.
    pub async fn abort(self) {
        let _ = timeout(Duration::from_secs(1), self.inner.abort()).await;
    }

    pub(crate) fn context(&self, class: &str, syntax: &str) -> Option<u8> {
        let mut contexts = self.inner.presentation_contexts().iter();
        contexts.find(|found| found.abstract_syntax == class && found.transfer_syntax == syntax).map(|found| found.id)
    }

    pub(crate) fn message_id(&mut self) -> u16 {
        let id = self.next_message_id;
        self.next_message_id = id.checked_add(1).unwrap_or(1);
        id
    }

    /// Streams `length` bytes of `source` as data values. When the source ends early, the message is left unfinished.
    pub(crate) async fn data<R: tokio::io::AsyncRead + Unpin>(
        &mut self,
        context: u8,
        mut source: R,
        length: u64,
    ) -> Result<(), ScuError> {
        let longest = self.inner.acceptor_max_pdu_length().min(SENT_PDU_BYTES_MAX);
        let most = longest.checked_sub(PDU_OVERHEAD_BYTES).filter(|most| *most > 0);
        let most = u64::from(most.ok_or(ScuError::Protocol("its maximum PDU length is too small"))?);
        let mut rest = length;
        loop {
            let count = rest.min(most);
            let mut bytes = vec![0; count as usize];
            source.read_exact(&mut bytes).await.map_err(|error| ScuError::File(error.kind().to_string()))?;
            rest -= count;
            self.send(context, PDataValueType::Data, rest == 0, bytes).await?;
            if rest == 0 {
                return Ok(());
            }
        }
    }

    pub(crate) async fn send(
        &mut self,
        context: u8,
        value_type: PDataValueType,
        is_last: bool,
        data: Vec<u8>,
    ) -> Result<(), ScuError> {
        let value = PDataValue { presentation_context_id: context, value_type, is_last, data };
        let pdu = Pdu::PData { data: vec![value] };
        within(self.timeouts.send(), "sending", self.inner.send(&pdu)).await
    }
}

async fn open(object: &Object) -> Result<tokio::fs::File, ScuError> {
    let open = async {
        let mut file = tokio::fs::File::open(&object.path).await?;
        file.seek(SeekFrom::Start(object.dataset_offset)).await?;
        Ok(file)
    };
    open.await.map_err(|error: std::io::Error| ScuError::File(error.kind().to_string()))
}

pub(crate) async fn within<T>(
    limit: Duration,
    doing: &'static str,
    work: impl Future<Output = Result<T, Broken>>,
) -> Result<T, ScuError> {
    match timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(ScuError::Ended(doing)),
        Err(_) => Err(ScuError::Timeout(doing)),
    }
}
