//! Secrets out of files that are their owner's alone.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use thiserror::Error;

/// The longest secret, in bytes.
const BYTES_MAX: u64 = 8 * 1024;

/// A secret. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a file gives no secret. Nothing of its content is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CredentialFault {
    /// It is not there, a link, or not for us to read.
    #[error("the credential file cannot be read ({0}): give the path of a plain file that this service may read")]
    Unreadable(io::ErrorKind),
    /// It is a folder, a pipe or the like.
    #[error("the credential file is no plain file")]
    NoFile,
    /// Others may read or change it.
    #[error("others may read or change the credential file (mode {0:04o}): its mode must be 0600 or 0400")]
    Open(u32),
    /// It is longer than 8 KiB.
    #[error("the credential file is longer than 8 KiB: it must hold one line with the secret")]
    TooLong,
    /// Nothing is in it.
    #[error("the credential file is empty: it must hold one line with the secret")]
    Empty,
    /// It is not one line of visible ASCII.
    #[error("the credential file holds more than one line, or characters other than visible ASCII and spaces")]
    Characters,
}

impl Secret {
    /// Reads the secret at `path`: one line of visible ASCII and spaces, at most 8 KiB, in a file of mode 0600 or 0400.
    ///
    /// # Errors
    /// [`CredentialFault`].
    pub fn read(path: &Path) -> Result<Self, CredentialFault> {
        let unreadable = |error: io::Error| CredentialFault::Unreadable(error.kind());
        // No link is followed, and a pipe without a writer is not waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(CredentialFault::NoFile);
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o177 != 0 {
            return Err(CredentialFault::Open(mode));
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(CredentialFault::TooLong);
        }
        let line = bytes.trim_ascii();
        if line.is_empty() {
            return Err(CredentialFault::Empty);
        }
        if !line.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(CredentialFault::Characters);
        }
        Ok(Self(String::from_utf8_lossy(line).into_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_line_is_read_and_does_not_print() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "  hush hush\r\n").unwrap();
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let secret = Secret::read(&path).unwrap();
            assert_eq!(secret.expose(), "hush hush");
            assert!(!format!("{secret:?}").contains("hush"));
        }
    }

    #[test]
    fn what_others_may_read_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "hush").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o700, 0o610] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(Secret::read(&path), Err(CredentialFault::Open(mode)));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Secret::read(&link), Err(CredentialFault::Unreadable(_))));
    }

    #[test]
    fn everything_else_is_an_error_without_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let long = "h".repeat(BYTES_MAX as usize + 1);
        for (text, fault) in [
            ("", CredentialFault::Empty),
            (" \n", CredentialFault::Empty),
            ("hush\nhush", CredentialFault::Characters),
            ("h\u{fc}sh", CredentialFault::Characters),
            ("hu\tsh", CredentialFault::Characters),
            (&long, CredentialFault::TooLong),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert_eq!(Secret::read(&path), Err(fault));
            assert!(!fault.to_string().contains("hush"));
        }
        let missing = Secret::read(&folder.path().join("missing"));
        assert_eq!(missing, Err(CredentialFault::Unreadable(io::ErrorKind::NotFound)));
        assert_eq!(Secret::read(folder.path()), Err(CredentialFault::NoFile));
    }
}
