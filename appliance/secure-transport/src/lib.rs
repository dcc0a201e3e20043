//! DICOM over TLS: certificates, keys and trusted authorities from files, for both ends of an association.
//!
//! The profile is that of PS3.15 annex B.12 (BCP 195: RFC 8996 and RFC 9325): TLS 1.3 and 1.2 and nothing older, suites with
//! forward secrecy and authenticated encryption alone, mutual authentication where the acceptor wants it. Sessions are never
//! resumed: every association shows its certificates anew, so that a certificate that was exchanged counts from the next
//! association on.
//!
//! Files are looked at again while the device runs ([`CHECK_EVERY`]): certificates are renewed without a restart. New files
//! that are damaged, or do not belong together, change nothing but the log.
//!
//! Never here: sockets, and a peer's text in an error or a log.

mod acceptor;
mod certificate;
mod config;
mod fault;
mod files;
mod identity;
mod inspection;
mod requestor;
mod watched;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite as suite, default_provider};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

pub use acceptor::{Acceptor, Handshake};
pub use certificate::{CertificateFacts, Identity, WARN_DAYS};
pub use config::{AcceptorFiles, ClientCertificate, ConfigError, RequestorFiles};
pub use fault::TlsFault;
pub use files::{FILE_BYTES_MAX, FileFault};
pub use identity::{ExpectedCertificate, ExpectedCertificateError};
pub use inspection::{inspect_authorities, inspect_pair};
pub use requestor::Requestor;
pub use watched::CHECK_EVERY;

/// The port of DICOM over TLS (PS3.15 annex B.12, registered as `dicom-tls`).
pub const PORT: u16 = 2762;

/// The first byte of a TLS connection: a record with a handshake message (RFC 8446 section 5.1).
pub const TLS_FIRST_BYTE: u8 = 0x16;

/// A TLS record with the fatal alert `handshake_failure`: for a peer that asks for TLS where there is none.
pub const NO_TLS_HERE: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];

/// The versions, best first.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// Those of RFC 9325 section 4.2 and RFC 8446 section 9.1, best first.
const SUITES: [SupportedCipherSuite; 7] = [
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// The versions and cipher suites that are spoken, best first and as IANA names them, for the conformance statement.
#[must_use]
pub fn spoken() -> (Vec<String>, Vec<String>) {
    let version = |name: &str| name.replace("TLSv", "TLS ").replace('_', ".");
    // The library marks those of TLS 1.3; IANA does not.
    let suite = |name: &str| name.replacen("TLS13_", "TLS_", 1);
    let versions = VERSIONS.iter().filter_map(|found| found.version.as_str()).map(version);
    (versions.collect(), SUITES.iter().filter_map(|found| found.suite().as_str()).map(suite).collect())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { cipher_suites: SUITES.to_vec(), ..default_provider() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_spoken_that_the_profile_does_not_name() {
        let (versions, suites) = spoken();
        assert_eq!(versions, ["TLS 1.3", "TLS 1.2"]);
        assert_eq!(suites.len(), SUITES.len());
        for suite in suites {
            let is_of_12 = suite.starts_with("TLS_ECDHE_");
            assert!(is_of_12 || !suite.contains("_WITH_"), "{suite}: forward secrecy");
            assert!(suite.contains("_GCM_") || (suite.contains("POLY1305") && !is_of_12), "{suite}: authenticated");
        }
    }
}
