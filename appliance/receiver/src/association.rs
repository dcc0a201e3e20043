//! One association from its negotiation to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use contract::transfer_syntax as syntax;
use secure_transport::{Acceptor, TlsFault};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::Shared;
use crate::negotiation::negotiate;
use crate::session::Session;

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
    #[error("TLS: {0}")]
    Tls(TlsFault),
    #[error("our certificate cannot be used")]
    Certificates,
    /// With what the peer showed.
    #[error("calling AE title belongs to another certificate: peer showed {0}")]
    OtherCertificate(String),
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
            Self::Tls(_) | Self::Certificates | Self::OtherCertificate(_) => None,
            Self::Idle | Self::InstanceTimeout | Self::Slow | Self::Stopping => Some(0),
            Self::UnknownPdu => Some(1),
            Self::Unexpected(_) => Some(2),
            Self::Invalid(_) => Some(6),
        }
    }
}

/// Serves one connection to its end, over TLS where there is an acceptor.
pub(crate) async fn serve(
    stream: TcpStream,
    acceptor: Option<Arc<Acceptor>>,
    shared: &Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> Result<(), Fault> {
    let mut association = negotiate(stream, acceptor.as_ref(), &shared.config).await.inspect_err(|fault| {
        let counter = match fault {
            Fault::Tls(_) => &shared.counters.handshakes_failed,
            Fault::OtherCertificate(_) => &shared.counters.certificates_refused,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    })?;
    shared.counters.associations.fetch_add(1, Ordering::Relaxed);
    let result = match Session::new(&association, Arc::clone(shared)) {
        Ok(mut session) => {
            let result = session.run(&mut association, stop).await;
            session.report_elsewhere();
            result
        }
        Err(fault) => Err(fault),
    };
    match result.as_ref().map_err(Fault::abort_reason) {
        Ok(()) => association.close().await,
        Err(Some(reason)) => association.abort(reason).await,
        Err(None) => {}
    }
    result
}
