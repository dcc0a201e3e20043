//! The connection under an association: TCP, or TLS over it.

use dicom_ul::association::server::{AsyncServerAssociation, AsyncTlsStream};
use dicom_ul::association::{Association as _, Error};
use dicom_ul::pdu::{Pdu, PresentationContextNegotiated};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::association::Fault;
use crate::farewell;

/// An association on its connection.
pub(crate) enum Association {
    Plain(Box<AsyncServerAssociation<TcpStream>>),
    Tls(Box<AsyncServerAssociation<AsyncTlsStream>>),
}

impl Association {
    /// The next PDU. What came of it so far is kept when this is dropped.
    pub(crate) async fn receive(&mut self) -> Result<Pdu, Error> {
        match self {
            Self::Plain(inner) => inner.receive().await,
            Self::Tls(inner) => inner.receive().await,
        }
    }

    pub(crate) async fn send(&mut self, pdu: &Pdu) -> Result<(), Fault> {
        match self {
            Self::Plain(inner) => inner.send(pdu).await.map_err(|_| Fault::Connection),
            Self::Tls(inner) => {
                inner.send(pdu).await.map_err(|_| Fault::Connection)?;
                // What the socket did not take at once waits in the TLS session, and nothing else would push it out.
                inner.inner_stream().flush().await.map_err(|_| Fault::Connection)
            }
        }
    }

    /// After the release: TLS has an end of its own, without which some peers take the connection for broken.
    pub(crate) async fn close(self) {
        if let Self::Tls(mut inner) = self {
            farewell::close(inner.inner_stream()).await;
        }
    }

    /// Tells the peer that its association has ended, with a Reason/Diag of PS3.8 section 9.3.8, and closes.
    pub(crate) async fn abort(self, reason: u8) {
        match self {
            Self::Plain(mut inner) => farewell::abort(inner.inner_stream(), reason).await,
            Self::Tls(mut inner) => farewell::abort(inner.inner_stream(), reason).await,
        }
    }

    pub(crate) fn presentation_contexts(&self) -> &[PresentationContextNegotiated] {
        match self {
            Self::Plain(inner) => inner.presentation_contexts(),
            Self::Tls(inner) => inner.presentation_contexts(),
        }
    }

    pub(crate) fn requestor_max_pdu_length(&self) -> u32 {
        match self {
            Self::Plain(inner) => inner.requestor_max_pdu_length(),
            Self::Tls(inner) => inner.requestor_max_pdu_length(),
        }
    }

    pub(crate) fn peer_ae_title(&self) -> &str {
        match self {
            Self::Plain(inner) => inner.peer_ae_title(),
            Self::Tls(inner) => inner.peer_ae_title(),
        }
    }
}
