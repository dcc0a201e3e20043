//! Prepared images and features on disk, keyed by digests, with a limit on their bytes.
//!
//! A full cache takes nothing more: epochs go through all images in random order, so that throwing out old entries for
//! new ones would only make every read a miss. Entries are written beside and renamed; one that is not whole is not read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use contract::Digest;

use crate::error::{Result, TrainerError};

/// A folder of entries.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    bytes: AtomicU64,
    writes: AtomicU64,
}

impl Cache {
    /// Opens or creates the cache in `folder`.
    pub(crate) fn open(folder: &Path, bytes_max: u64) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(TrainerError::file("create", folder))?;
        let entries = std::fs::read_dir(folder).map_err(TrainerError::file("read", folder))?;
        let mut bytes = 0;
        for entry in entries {
            let metadata = entry.and_then(|entry| entry.metadata()).map_err(TrainerError::file("read", folder))?;
            bytes += metadata.len();
        }
        Ok(Self { folder: folder.into(), bytes_max, bytes: AtomicU64::new(bytes), writes: AtomicU64::new(0) })
    }

    /// The entry of `key` when it is there and has `length` bytes.
    pub(crate) fn get(&self, key: &Digest, length: usize) -> Option<Vec<u8>> {
        std::fs::read(self.path(key)).ok().filter(|bytes| bytes.len() == length)
    }

    /// Does the entry of `key` have `length` bytes?
    pub(crate) fn contains(&self, key: &Digest, length: usize) -> bool {
        std::fs::metadata(self.path(key)).is_ok_and(|metadata| metadata.len() == length as u64)
    }

    /// Keeps an entry if there is room; false when there is none.
    pub(crate) fn put(&self, key: &Digest, bytes: &[u8]) -> Result<bool> {
        let length = bytes.len() as u64;
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length > self.bytes_max {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
            return Ok(false);
        }
        let path = self.path(key);
        // Two processes, or two threads with two files of the same content, may make the same entry.
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!(".part-{}-{number}", std::process::id()));
        std::fs::write(&part, bytes).map_err(TrainerError::file("write", &path))?;
        std::fs::rename(&part, &path).map_err(TrainerError::file("write", &path))?;
        Ok(true)
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cache_takes_nothing_more_and_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 10).unwrap();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        assert!(cache.put(&one, b"12345678").unwrap());
        assert!(!cache.put(&two, b"12345678").unwrap());
        assert!(cache.put(&two, b"12").unwrap());
        let again = Cache::open(folder.path(), 10).unwrap();
        assert!(!again.put(&Digest::of(b"3"), b"1").unwrap(), "what is on disk counts");
        assert_eq!(again.get(&one, 8).unwrap(), b"12345678");
        assert_eq!(again.get(&one, 9), None, "an entry of another length is not the one");
        assert!(again.contains(&two, 2) && !again.contains(&two, 3));
    }
}
