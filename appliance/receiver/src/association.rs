//! One association from its negotiation to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use contract::transfer_syntax as syntax;
use dicom_ul::association::server::{AccessControl, AsyncServerAssociation, Negotiation, ServerAssociationOptions};
use dicom_ul::pdu::{AssociationRJServiceUserReason, RequestorRoles, UserIdentity};
use dimse::sop_class;
use domain::AeTitle;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::session::Session;
use crate::transfer::after;
use crate::{ReceiverConfig, Shared, farewell};

/// Transfer syntaxes that are accepted: all that can be decoded.
pub const TRANSFER_SYNTAXES: [&str; 16] = [
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
    #[error("an instance came too slowly")]
    Slow,
    #[error("connection is gone")]
    Connection,
    #[error("peer aborted")]
    Aborted,
    #[error("peer sent a PDU of an unknown type")]
    UnknownPdu,
    #[error("not expected: {0}")]
    Unexpected(&'static str),
    #[error("not valid: {0}")]
    Invalid(&'static str),
    #[error("service is stopping")]
    Stopping,
}

impl Fault {
    /// The Reason/Diag (PS3.8 table 9-26) that the peer is told, if it is to be told anything.
    const fn abort_reason(&self) -> Option<u8> {
        match self {
            Self::Negotiation | Self::Artim | Self::Connection | Self::Aborted => None,
            Self::Idle | Self::InstanceTimeout | Self::Slow | Self::Stopping => Some(0),
            Self::UnknownPdu => Some(1),
            Self::Unexpected(_) => Some(2),
            Self::Invalid(_) => Some(6),
        }
    }
}

pub(crate) type Association = AsyncServerAssociation<TcpStream>;

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

/// Which roles a requestor may have in storage commitment: it may always report to us, and ask us only where we answer.
struct Roles {
    commitment_answered: bool,
}

impl Negotiation for Roles {
    fn negotiate_roles(&self, sop_class_uid: &str, scu_role: bool, scp_role: bool) -> Option<RequestorRoles> {
        let roles = RequestorRoles { scu: scu_role && self.commitment_answered, scp: scp_role };
        (sop_class_uid.trim_end_matches('\0') == sop_class::STORAGE_COMMITMENT).then_some(roles)
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, shared: &Arc<Shared>, stop: watch::Receiver<bool>) -> Result<(), Fault> {
    let mut association = negotiate(stream, &shared.config).await?;
    shared.counters.associations.fetch_add(1, Ordering::Relaxed);
    let result = match Session::new(&association, Arc::clone(shared)) {
        Ok(mut session) => {
            let result = session.run(&mut association, stop).await;
            session.report_elsewhere();
            result
        }
        Err(fault) => Err(fault),
    };
    if let Some(reason) = result.as_ref().err().and_then(Fault::abort_reason) {
        farewell::abort(association.inner_stream(), reason).await;
    }
    result
}

async fn negotiate(stream: TcpStream, config: &ReceiverConfig) -> Result<Association, Fault> {
    // Answers are small and awaited: without this each one may wait for the peer's delayed acknowledgement.
    stream.set_nodelay(true).map_err(|_| Fault::Connection)?;
    let mut options = ServerAssociationOptions::new()
        .ae_access_control(Access(config))
        .ae_title(config.ae_title.as_str())
        .with_negotiation(Roles { commitment_answered: config.commitment_answered })
        .strict(true)
        .max_pdu_length(config.pdu_bytes_max)
        .with_abstract_syntax(sop_class::VERIFICATION)
        .with_abstract_syntax(sop_class::STORAGE_COMMITMENT);
    for class in sop_class::STORAGE {
        options = options.with_abstract_syntax(class);
    }
    for syntax in TRANSFER_SYNTAXES {
        options = options.with_transfer_syntax(syntax);
    }
    let deadline = after(Instant::now(), config.artim_timeout_ms);
    match timeout_at(deadline, options.establish_async(stream)).await {
        Ok(Ok(association)) => Ok(association),
        Ok(Err(_)) => Err(Fault::Negotiation),
        Err(_) => Err(Fault::Artim),
    }
}
