//! PEM files, read within limits.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, RootCertStore};
use thiserror::Error;

use crate::ConfigError;

/// The longest PEM file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// Anybody's reading, writing and executing, and the group's writing. The group may read: a service's keys are often kept so.
const MODE_FORBIDDEN: u32 = 0o027;

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileFault {
    /// The files are not those that are needed.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// It is not there, or not for us to read.
    #[error("{}: {}", .0.display(), .1.kind())]
    Unreadable(PathBuf, io::Error),
    /// It is a folder, a device or the like.
    #[error("{}: is no plain file", .0.display())]
    NoFile(PathBuf),
    /// It is longer than [`FILE_BYTES_MAX`].
    #[error("{}: is longer than 1 MiB", .0.display())]
    TooLong(PathBuf),
    /// The key is no secret.
    #[error("{}: others may read or change this private key (its mode must be 0600, 0400 or 0640)", .0.display())]
    OpenKey(PathBuf),
    /// There is no certificate, or a damaged one.
    #[error("{}: holds no certificate in PEM, or a damaged one", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key, or a damaged one.
    #[error("{}: holds no private key in PEM that can be used (an encrypted one cannot)", .0.display())]
    NoKey(PathBuf),
    /// Each file is sound, and they are not each other's.
    #[error("{}: is not the private key of the certificate", .0.display())]
    OtherKey(PathBuf),
    /// The certificates cannot be used for trust.
    #[error("{}: holds a certificate that cannot be an authority", .0.display())]
    NoAuthority(PathBuf),
}

impl FileFault {
    /// What `error` of rustls says about the pair whose key is at `key`.
    pub(crate) fn of_pair(key: &Path, certificate: &Path, error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Self::OtherKey(key.to_owned()),
            rustls::Error::InvalidCertificate(_) => Self::NoCertificate(certificate.to_owned()),
            _ => Self::NoKey(key.to_owned()),
        }
    }
}

/// All certificates of a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let bytes = read(path, false)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(FileFault::NoCertificate(path.to_owned())),
    }
}

/// The private key of a file.
pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, FileFault> {
    let bytes = read(path, true)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| FileFault::NoKey(path.to_owned()))
}

/// The authorities of a file, at least one.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, FileFault> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|_| FileFault::NoAuthority(path.to_owned()))?;
    }
    Ok(store)
}

fn read(path: &Path, is_secret: bool) -> Result<Vec<u8>, FileFault> {
    let unreadable = |error| FileFault::Unreadable(path.to_owned(), error);
    // Before it is opened: opening a named pipe would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(FileFault::NoFile(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    if is_secret && file.metadata().map_err(unreadable)?.mode() & MODE_FORBIDDEN != 0 {
        return Err(FileFault::OpenKey(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(FileFault::TooLong(path.to_owned())) } else { Ok(bytes) }
}

/// What tells one state of a file from another without reading it; `None` when it cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(Option<[i128; 5]>);

impl Stamp {
    pub(crate) fn of(path: &Path) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self(fs::metadata(path).ok().map(|found| {
            [
                i128::from(found.dev()),
                i128::from(found.ino()),
                i128::from(found.size()),
                nanoseconds(found.mtime(), found.mtime_nsec()),
                // Also the mode: a key that was closed to others is tried again.
                nanoseconds(found.ctime(), found.ctime_nsec()),
            ]
        }))
    }
}
