//! Requests that got no answer, in words for a technician.

use std::io;

use rustls::CertificateError;
use ureq::{Error, Timeout};

use crate::WebTimeouts;

/// What happened, without anything that a peer sent.
pub(crate) fn words(error: &Error, timeouts: &WebTimeouts) -> String {
    match error {
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            format!("no connection within {} ms", timeouts.connect_ms)
        }
        Error::Timeout(_) => format!("not done within {} ms", timeouts.total_ms),
        Error::HostNotFound => UNKNOWN_NAME.into(),
        Error::Rustls(error) => of_tls(error),
        Error::Io(error) => of_io(error),
        Error::Protocol(_) => "the answer is no HTTP/1.1".into(),
        Error::LargeResponseHeader(..) => "the answer's header is too large".into(),
        Error::Other(_) => "the destination answered before it had everything, and closed".into(),
        Error::Tls(_) | Error::TlsRequired => "TLS failed".into(),
        _ => "the request failed".into(),
    }
}

const UNKNOWN_NAME: &str = "the host's name is not known";

fn of_io(error: &io::Error) -> String {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(tls);
    }
    // The standard library gives failed lookups no kind of their own; the text is its own too.
    if error.to_string().starts_with("failed to lookup address information") {
        return UNKNOWN_NAME.into();
    }
    format!("connection failed: {}", error.kind())
}

fn of_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error).into(),
        rustls::Error::AlertReceived(alert) => {
            format!("the destination ended TLS with alert {}: it may want a client certificate", u8::from(*alert))
        }
        rustls::Error::InvalidMessage(_) => "the destination does not speak TLS on this port".into(),
        rustls::Error::PeerIncompatible(_) => {
            "the destination speaks no version or cipher suite of TLS that is safe".into()
        }
        _ => "TLS failed".into(),
    }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the destination's certificate is not trusted: nobody whom `ca_file` or this machine trusts has signed it"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the destination's certificate has expired, or this machine's clock is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the destination's certificate is not valid yet, or this machine's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the destination's certificate is for another name than the one in `url`"
        }
        CertificateError::Revoked => "the destination's certificate was revoked",
        _ => "the destination's certificate is not in order",
    }
}
