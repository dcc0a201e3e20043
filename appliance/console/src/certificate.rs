//! The certificate of the console: made at the first start, then kept, so that a browser's exception stays good.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::ConsoleError;
use crate::files::{read_secret, write_secret};

/// Certificate and key stand in one file, so that a power cut cannot part them.
const FILE: &str = "console.pem";
const BYTES_MAX: u64 = 64 * 1024;

/// TLS 1.2 and 1.3 with the certificate in `folder`, which is made for `names` (DNS names or addresses) and this
/// device's loopback when there is none. An own certificate and key can be put there as one PEM file, mode 0600.
///
/// # Errors
/// [`ConsoleError`] `Exposed`, `Certificate`, `Names`, `File`, `TooLarge`.
pub fn tls(folder: &Path, names: &[String]) -> Result<Arc<ServerConfig>, ConsoleError> {
    let path = folder.join(FILE);
    let pem = match read_secret(&path, BYTES_MAX)? {
        Some(pem) => pem,
        None => {
            let pem = generate(names)?;
            write_secret(&path, pem.as_bytes())?;
            pem.into_bytes()
        }
    };
    let fault = || ConsoleError::Certificate(path.clone());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| fault())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| fault())?
        .with_no_client_auth()
        .with_single_cert(certificates.map_err(|_| fault())?, key)
        .map_err(|_| fault())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn generate(names: &[String]) -> Result<String, ConsoleError> {
    let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    all.extend(names.iter().cloned());
    let made = rcgen::generate_simple_self_signed(all).map_err(|_| ConsoleError::Names)?;
    Ok(made.cert.pem() + &made.signing_key.serialize_pem())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        tls(folder.path(), &["mamoru.example".into()]).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = fs::read(&path).unwrap();
        tls(folder.path(), &[]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(tls(folder.path(), &[]), Err(ConsoleError::Exposed(_))));
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let other = generate(&[]).unwrap();
        let key = &other[other.find("-----BEGIN PRIVATE").unwrap()..];
        let mixed = generate(&[]).unwrap();
        let certificate = &mixed[..mixed.find("-----BEGIN PRIVATE").unwrap()];
        for damaged in ["", "nothing", key, certificate, &format!("{certificate}{key}")] {
            write_secret(&folder.path().join(FILE), damaged.as_bytes()).unwrap();
            assert!(matches!(tls(folder.path(), &[]), Err(ConsoleError::Certificate(_))), "{damaged}");
            assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), damaged.as_bytes());
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(tls(folder.path(), &["ä".into()]), Err(ConsoleError::Names)));
        assert!(!folder.path().join(FILE).exists());
    }
}
