//! Private keys as files: canonical JSON, for their owner's eyes only.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, NotCanonical};
use crate::keys::{KeyError, PrivateKey};

/// The `format` of a private key's file.
pub const PRIVATE_KEY_FORMAT: &str = "mamoru-private-key/1";

/// Largest file of a key, in bytes.
const BYTES_MAX: u64 = 4 << 10;

/// Why a key's file is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written, or is there already.
    #[error("the key file cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// A link, folder or device.
    #[error("the key file is not a regular file")]
    NotAFile,
    /// Others may read or change it.
    #[error("others may read or change the key file (mode {mode:04o}): let its owner alone have it, chmod 600")]
    Open {
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else's.
    #[error("the key file belongs to another user")]
    Owner,
    /// Not of the form.
    #[error("the key file is not of the form that this software writes: {0}")]
    Form(#[from] NotCanonical),
    /// Holds no key.
    #[error("the key file: {0}")]
    Key(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    private: String,
    public: String,
}

/// Writes `key` into a new file that its owner alone may read, durably.
///
/// # Errors
/// [`KeyFileError::Io`], also when `path` is there already.
pub fn write_new(path: &Path, key: &PrivateKey) -> Result<(), KeyFileError> {
    let (private, public) = (key.secret(), key.public().to_string());
    let content = Content { format: PRIVATE_KEY_FORMAT.into(), private, public };
    let bytes = canonical::to_bytes(&content).map_err(NotCanonical::Form)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    Ok(file.sync_all()?)
}

/// Reads a key from a file that belongs to this user and to nobody else.
///
/// # Errors
/// [`KeyFileError`].
pub fn read(path: &Path) -> Result<PrivateKey, KeyFileError> {
    // Neither follows a link nor waits for a pipe's writer; all questions are asked of the open file.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(KeyFileError::NotAFile);
        }
        result => result?,
    };
    check(&file)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    let content: Content = canonical::from_bytes(&bytes)?;
    if content.format != PRIVATE_KEY_FORMAT {
        return Err(KeyFileError::Key(KeyError::Form));
    }
    Ok(PrivateKey::from_texts(&content.private, &content.public)?)
}

fn check(file: &File) -> Result<(), KeyFileError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile);
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyFileError::Owner);
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyFileError::Open { mode }) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_key_comes_back_from_a_file_of_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        let key = PrivateKey::generate().unwrap();
        write_new(&path, &key).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(read(&path).unwrap().public(), key.public());
        assert!(matches!(write_new(&path, &key), Err(KeyFileError::Io(_))), "a key was overwritten");
        for mode in [0o640, 0o604, 0o620, 0o610, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Open { mode: found }) if found == mode));
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        write_new(&path, &PrivateKey::generate().unwrap()).unwrap();
        symlink(&path, folder.path().join("link")).unwrap();
        assert!(matches!(read(&folder.path().join("link")), Err(KeyFileError::NotAFile)));
        assert!(matches!(read(folder.path()), Err(KeyFileError::NotAFile)));
        assert!(matches!(read(&folder.path().join("none")), Err(KeyFileError::Io(_))));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.key");
        write_new(&path, &PrivateKey::generate().unwrap()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for other in [String::new(), text.replace("key/1", "key/2"), format!("{text}\n"), text.replace("0", "1")] {
            fs::write(&path, &other).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Form(_) | KeyFileError::Key(_))), "{other}");
        }
    }
}
