//! Which servers are trusted: with a file of authorities those and no others, without one those of the operating system.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// The largest file of authorities, in bytes: a whole public collection has a quarter of it.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why there is nobody to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TrustFault {
    /// The file cannot be read.
    #[error("`ca_file` cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// The file holds something else.
    #[error("`ca_file` must hold certificates of authorities in PEM and nothing else")]
    NoCertificates,
    /// The operating system has none.
    #[error("this machine has no trusted certificates: install them, or give `ca_file`")]
    NoRoots,
}

/// TLS with the authorities of `ca_file`, or of the operating system.
pub(crate) fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, TrustFault> {
    let roots = match ca_file {
        Some(path) => from_pem(&read(path).map_err(|error| TrustFault::Unreadable(error.kind()))?)?,
        // A root that is damaged there is left out: its owner is not at hand.
        None => rustls_native_certs::load_native_certs().certs,
    };
    if roots.is_empty() {
        return Err(TrustFault::NoRoots);
    }
    let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .build())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(CA_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CA_FILE_BYTES_MAX { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Every certificate of a PEM file: one that cannot be an authority is an error rather than an authority less.
fn from_pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustFault> {
    let roots = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let roots = roots.map_err(|_| TrustFault::NoCertificates)?;
    let is_sound = |root: &CertificateDer<'static>| RootCertStore::empty().add(root.clone()).is_ok();
    if roots.is_empty() || !roots.iter().all(is_sound) { Err(TrustFault::NoCertificates) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_certificates_are_trusted() {
        let root = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem();
        assert_eq!(from_pem(format!("# mine\n{root}\n{root}").as_bytes()).unwrap().len(), 2);
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "text", nonsense, &format!("{root}{nonsense}"), &root.replace("-----END", "-----")] {
            assert_eq!(from_pem(text.as_bytes()), Err(TrustFault::NoCertificates), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(CA_FILE_BYTES_MAX + 1).unwrap();
        for path in [large, folder.path().join("missing"), folder.path().to_owned()] {
            assert!(matches!(tls(Some(&path)), Err(TrustFault::Unreadable(_))));
        }
    }
}
