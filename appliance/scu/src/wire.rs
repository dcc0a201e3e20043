//! The connection under an association: TCP, or TLS over it.

use dicom_ul::association::client::{AsyncClientAssociation, AsyncTlsStream, ClientAssociationOptions};
use dicom_ul::association::{Association as _, Error as UlError};
use dicom_ul::pdu::{Pdu, PresentationContextNegotiated, RequestorRoles};
use secure_transport::Requestor;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::{Peer, ScuError};

/// An association on its connection.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(Box<AsyncClientAssociation<TcpStream>>),
    Tls(Box<AsyncClientAssociation<AsyncTlsStream>>),
}

/// The connection broke, or the peer said what it may not.
#[derive(Debug)]
pub(crate) struct Broken;

impl Wire {
    /// Connects to `peer` and asks for an association with these options.
    pub(crate) async fn establish(peer: &Peer, options: ClientAssociationOptions<'_>) -> Result<Self, ScuError> {
        let address = peer.address.as_str();
        let mut wire = match &peer.tls {
            None => {
                let established = options.establish_async(address).await;
                Self::Plain(Box::new(established.map_err(|error| ScuError::establishing(error, false))?))
            }
            Some(tls) => {
                let options = with_tls(options, tls, address).await?;
                let established = options.establish_tls_async(address).await;
                Self::Tls(Box::new(established.map_err(|error| ScuError::establishing(error, true))?))
            }
        };
        wire.tcp().set_nodelay(true).map_err(ScuError::Connect)?;
        Ok(wire)
    }

    fn tcp(&mut self) -> &TcpStream {
        match self {
            Self::Plain(inner) => inner.inner_stream(),
            Self::Tls(inner) => inner.inner_stream().get_ref().0,
        }
    }

    pub(crate) async fn send(&mut self, pdu: &Pdu) -> Result<(), Broken> {
        match self {
            Self::Plain(inner) => inner.send(pdu).await.map_err(|_| Broken),
            Self::Tls(inner) => {
                inner.send(pdu).await.map_err(|_| Broken)?;
                // What the socket did not take at once waits in the TLS session, and nothing else would push it out.
                inner.inner_stream().flush().await.map_err(|_| Broken)
            }
        }
    }

    pub(crate) async fn receive(&mut self) -> Result<Pdu, UlError> {
        match self {
            Self::Plain(inner) => inner.receive().await,
            Self::Tls(inner) => inner.receive().await,
        }
    }

    /// Releases the association and closes the connection.
    pub(crate) async fn release(mut self) -> Result<(), Broken> {
        self.send(&Pdu::ReleaseRQ).await?;
        if !matches!(self.receive().await, Ok(Pdu::ReleaseRP)) {
            return Err(Broken);
        }
        // It is over; that the peer may be gone already changes nothing.
        let _ = match &mut self {
            Self::Plain(inner) => inner.inner_stream().shutdown().await,
            Self::Tls(inner) => inner.inner_stream().shutdown().await,
        };
        Ok(())
    }

    /// Aborts the association and closes the connection.
    pub(crate) async fn abort(self) {
        // A peer that is gone already misses nothing.
        let _ = match self {
            Self::Plain(inner) => inner.abort().await,
            Self::Tls(inner) => inner.abort().await,
        };
    }

    pub(crate) fn presentation_contexts(&self) -> &[PresentationContextNegotiated] {
        match self {
            Self::Plain(inner) => inner.presentation_contexts(),
            Self::Tls(inner) => inner.presentation_contexts(),
        }
    }

    pub(crate) fn acceptor_max_pdu_length(&self) -> u32 {
        match self {
            Self::Plain(inner) => inner.acceptor_max_pdu_length(),
            Self::Tls(inner) => inner.acceptor_max_pdu_length(),
        }
    }

    pub(crate) fn requestor_roles_for(&self, sop_class: &str) -> RequestorRoles {
        match self {
            Self::Plain(inner) => inner.requestor_roles_for(sop_class),
            Self::Tls(inner) => inner.requestor_roles_for(sop_class),
        }
    }
}

async fn with_tls<'a>(
    options: ClientAssociationOptions<'a>,
    tls: &Requestor,
    address: &str,
) -> Result<ClientAssociationOptions<'a>, ScuError> {
    let requestor = tls.clone();
    let read = tokio::task::spawn_blocking(move || requestor.config().map_err(|fault| fault.to_string())).await;
    let config = read.unwrap_or_else(|_| Err("could not be read".into())).map_err(ScuError::Certificates)?;
    Ok(options.tls_config(config).server_name(&tls.files().name_of(address)))
}
