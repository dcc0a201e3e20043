//! Why there is no TLS with a peer, in words of a technician. Repeats nothing that a peer sent.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

/// Why there is no TLS with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TlsFault {
    /// The right port for something else.
    #[error("peer speaks DICOM without TLS on the port for TLS")]
    PlainDicom,
    /// The reverse.
    #[error("peer speaks TLS on the port for DICOM without TLS")]
    TlsOnPlainPort,
    /// Neither TLS nor DICOM.
    #[error("peer does not speak TLS")]
    NotTls,
    /// It went away.
    #[error("peer ended the connection in the TLS handshake")]
    Ended,
    /// Nothing in common.
    #[error("peer and we have no TLS version or cipher suite in common (here: 1.2 and 1.3, forward secrecy, AEAD)")]
    NothingInCommon,
    /// It was asked for one.
    #[error("peer sent no certificate")]
    NoCertificate,
    /// Another CA, or a self-signed certificate.
    #[error(
        "peer's certificate is signed by nobody who is trusted here (wrong CA file, or an intermediate is missing)"
    )]
    UnknownAuthority,
    /// Somebody uses the authority's own certificate.
    #[error("peer uses an authority's own certificate; it needs one that is signed by the authority")]
    AuthorityAsPeer,
    /// Too late.
    #[error("peer's certificate has expired, or this machine's clock is wrong")]
    Expired,
    /// Too early.
    #[error("peer's certificate is not valid yet, or this machine's clock is wrong")]
    NotYetValid,
    /// Another name than the one that was called.
    #[error("peer's certificate is for another name than it was called by")]
    OtherName,
    /// For servers only, or for clients only.
    #[error("peer's certificate is not for this use (extended key usage: server or client authentication)")]
    OtherUse,
    /// Anything else about it.
    #[error("peer's certificate is damaged, revoked or of a kind that is not supported")]
    BadCertificate,
    /// Its word about ours.
    #[error("peer does not trust the authority of our certificate")]
    OursNotTrusted,
    /// Its word about ours.
    #[error("peer says that our certificate has expired or is not valid yet")]
    OursExpired,
    /// Its word about ours.
    #[error("peer wants a certificate of ours, and there is none")]
    OursMissing,
    /// Its word about ours.
    #[error("peer does not accept our certificate")]
    OursRefused,
    /// Anything else that it said.
    #[error("peer refused TLS with alert {0}")]
    Alert(u8),
    /// It does not keep to the protocol.
    #[error("peer breaks the TLS protocol")]
    Protocol,
}

impl TlsFault {
    /// The fault of TLS in `error` or in what caused it, if there is one.
    #[must_use]
    pub fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<rustls::Error>() {
                return Some(Self::of(found));
            }
            // An IO error's source is that of the error that it wraps, not the error itself.
            if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
                && let Some(found) = wrapped.downcast_ref::<rustls::Error>()
            {
                return Some(Self::of(found));
            }
            next = error.source();
        }
        None
    }

    fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::PeerIncompatible(_) => Self::NothingInCommon,
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Protocol,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Self::OtherUse,
            // The library has no variant for it; the text is its own.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Self::AuthorityAsPeer
            }
            _ => Self::BadCertificate,
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA => Self::OursNotTrusted,
            AlertDescription::CertificateExpired => Self::OursExpired,
            AlertDescription::CertificateRequired => Self::OursMissing,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied => Self::OursRefused,
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => Self::NothingInCommon,
            alert => Self::Alert(u8::from(alert)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_fault_is_found_however_deep_it_is() {
        let tls = || rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        let wrapped = || io::Error::new(io::ErrorKind::InvalidData, tls());
        assert_eq!(TlsFault::find(&tls()), Some(TlsFault::OursNotTrusted));
        assert_eq!(TlsFault::find(&wrapped()), Some(TlsFault::OursNotTrusted));
        assert_eq!(TlsFault::find(&Outer(wrapped())), Some(TlsFault::OursNotTrusted));
        assert_eq!(TlsFault::find(&Outer(io::ErrorKind::ConnectionReset.into())), None);
        assert_eq!(TlsFault::find(&Outer(io::Error::other("text"))), None);
    }

    #[test]
    fn a_peers_text_is_not_repeated() {
        let hostile = CertificateError::NotValidForNameContext {
            expected: "pacs.example".try_into().unwrap(),
            presented: vec!["EVIL\u{1b}[31m".into()],
        };
        let fault = TlsFault::of(&rustls::Error::InvalidCertificate(hostile));
        assert_eq!(fault, TlsFault::OtherName);
        assert!(!fault.to_string().contains("EVIL"));
    }
}
