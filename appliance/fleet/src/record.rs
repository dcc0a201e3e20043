//! What must survive a power cut: one small record, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use contract::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest record, in bytes.
const BYTES_MAX: u64 = 256 * 1024;

/// Where one record is kept.
pub trait Store: Send {
    /// The record; `None` where there is none.
    ///
    /// # Errors
    /// The disk's, also for a record of more than 256 KiB.
    fn read(&self) -> io::Result<Option<Vec<u8>>>;

    /// Puts `bytes` in its place, in one step that a power cut leaves done or not done, and durable when this returns.
    ///
    /// # Errors
    /// The disk's.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A record in a file, for its owner alone.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// In the file at `path`, in a folder that is there; `path` with `.new` is used beside it.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Store for FileStore {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX { Err(ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut part = self.path.clone().into_os_string();
        part.push(".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| ".".as_ref()))?.sync_all()
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    /// SHA-256 of the canonical JSON of `content`.
    sha256: Digest,
    content: Value,
}

/// What a store holds: nothing, a whole record, or one that is damaged or of other software.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    Nothing,
    Whole(T),
    Unusable,
}

pub(crate) fn read<T: DeserializeOwned>(store: &impl Store) -> io::Result<Found<T>> {
    let Some(bytes) = store.read()? else { return Ok(Found::Nothing) };
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes) else { return Ok(Found::Unusable) };
    match Digest::of_canonical(&envelope.content) {
        Ok(digest) if digest == envelope.sha256 => {}
        _ => return Ok(Found::Unusable),
    }
    Ok(serde_json::from_value(envelope.content).map_or(Found::Unusable, Found::Whole))
}

pub(crate) fn write<T: Serialize>(store: &mut impl Store, content: &T) -> io::Result<()> {
    let content = serde_json::to_value(content)?;
    let sha256 = Digest::of_canonical(&content)?;
    store.replace(&serde_json::to_vec(&Envelope { sha256, content })?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_was_written_is_found_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.json");
        let mut store = FileStore::new(path.clone());
        assert_eq!(read::<Vec<u32>>(&store).unwrap(), Found::Nothing);
        write(&mut store, &vec![1, 2]).unwrap();
        write(&mut store, &vec![3, 4]).unwrap();
        assert_eq!(read(&store).unwrap(), Found::Whole(vec![3, 4]));
        assert_eq!(read::<Vec<String>>(&store).unwrap(), Found::Unusable, "of other software");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(read::<Vec<u32>>(&store).unwrap(), Found::Unusable, "byte {index}");
            fs::write(&path, &whole[..index]).unwrap();
            assert_eq!(read::<Vec<u32>>(&store).unwrap(), Found::Unusable, "cut at {index}");
        }
        File::create(&path).unwrap().set_len(BYTES_MAX + 1).unwrap();
        assert!(read::<Vec<u32>>(&store).is_err());
    }
}
