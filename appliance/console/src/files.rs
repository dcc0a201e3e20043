//! Small secret files: read within limits, written whole or not at all, their owner's alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::ConsoleError;

/// What stands in a secret file; `None` when there is none.
///
/// # Errors
/// [`ConsoleError::Exposed`] when others may read or write it or it is a link, `TooLarge` above `bytes_max`, `File`.
pub fn read_secret(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, ConsoleError> {
    let fault = |error| ConsoleError::File(path.to_owned(), error);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
        return Err(ConsoleError::Exposed(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(fault)?;
    if bytes.len() as u64 > bytes_max {
        return Err(ConsoleError::TooLarge(path.to_owned(), bytes_max));
    }
    Ok(Some(bytes))
}

/// Puts `bytes` in the place of the file, mode 0600, synced; after a power cut the old or the new file is there.
///
/// # Errors
/// [`ConsoleError::File`].
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), ConsoleError> {
    let fault = |error| ConsoleError::File(path.to_owned(), error);
    let part = path.with_extension(format!("part-{}", &crate::random_token()?[..16]));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    })();
    written.map_err(|error| {
        // The part is of no use to anybody; that it could not be removed says nothing new.
        let _ = fs::remove_file(&part);
        fault(error)
    })
}

/// Makes the console's folder, mode 0700, when it is not there.
///
/// # Errors
/// [`ConsoleError::File`].
pub fn make_folder(path: &Path) -> Result<(), ConsoleError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| ConsoleError::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_owners_alone_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(read_secret(&path, 4).unwrap().is_none());
        write_secret(&path, b"old").unwrap();
        write_secret(&path, b"new").unwrap();
        assert_eq!(read_secret(&path, 3).unwrap().unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left");
        assert!(matches!(read_secret(&path, 2), Err(ConsoleError::TooLarge(_, 2))));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read_secret(&link, 9), Err(ConsoleError::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_secret(&path, 9), Err(ConsoleError::Exposed(_))));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(matches!(write_secret(&folder.path().join("taken"), b"a"), Err(ConsoleError::File(..))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
