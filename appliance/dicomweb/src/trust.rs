//! Which certificates are trusted.
//!
//! With `ca_file`, its roots and no others: a hospital's own authority should not share its trust with a hundred public
//! ones. Without it those of the operating system rather than a list that is compiled in: the hospital's IT keeps them up
//! to date, may have added its own authority, and takes back what is no longer trusted, all without a new version of this
//! program, which a machine without internet may wait for long.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::WebError;

/// The largest file of roots: a whole public collection has a quarter of it.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// TLS with the roots of `ca_file`, or of the operating system.
pub(crate) fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, WebError> {
    let roots = match ca_file {
        Some(path) => from_pem(&read(path).map_err(|error| WebError::CaFile(unreadable(&error)))?)?,
        None => of_the_system()?,
    };
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
    if bytes.len() as u64 > CA_FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {}", error.kind())
}

/// Every certificate of a PEM file: one that cannot be a root is an error rather than a root less.
fn from_pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, WebError> {
    let wrong = |why: &str| WebError::CaFile(why.to_owned());
    let roots = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let roots = roots.map_err(|_| wrong("is no PEM file"))?;
    if roots.is_empty() {
        return Err(wrong("holds no certificate in PEM"));
    }
    for (index, root) in roots.iter().enumerate() {
        let added = RootCertStore::empty().add(root.clone());
        added.map_err(|_| wrong(&format!("holds something else than an X.509 certificate as number {}", index + 1)))?;
    }
    Ok(roots)
}

/// What the operating system trusts. A root that is damaged there is left out: its owner is not at hand.
fn of_the_system() -> Result<Vec<CertificateDer<'static>>, WebError> {
    let roots = rustls_native_certs::load_native_certs().certs;
    if roots.is_empty() { Err(WebError::NoRoots) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> String {
        rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn all_roots_of_a_file_count() {
        assert_eq!(from_pem(root().as_bytes()).unwrap().len(), 1);
        assert_eq!(from_pem(format!("# mine\n{}\n{}", root(), root()).as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn files_that_are_no_roots_are_refused() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = root().replace("-----END", "-----");
        let mixed = format!("{}{nonsense}", root());
        for (text, words) in [
            ("", "no certificate"),
            ("text", "no certificate"),
            (key, "no certificate"),
            (nonsense, "number 1"),
            (&mixed, "number 2"),
            (&cut, "no PEM"),
        ] {
            let error = from_pem(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_named_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(CA_FILE_BYTES_MAX + 1).unwrap();
        for path in [large, folder.path().join("missing"), folder.path().to_owned()] {
            let error = tls(Some(&path)).unwrap_err().to_string();
            assert!(error.starts_with("`ca_file` cannot be read: "), "{error}");
        }
    }
}
