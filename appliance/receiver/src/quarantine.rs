//! Data sets that were refused, kept for whoever looks into it.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use queue::StateDir;

/// Files that are kept at most, however small they are.
const FILES_MAX: usize = 1000;

/// A folder of bounded size; the oldest files leave first. Nothing is synced: no promise hangs on it. Methods block.
#[derive(Debug)]
pub(crate) struct Quarantine {
    folder: PathBuf,
    bytes_max: u64,
    kept: Mutex<Kept>,
}

/// What is in the folder, oldest first. Names begin with the time of arrival, so their order is that of age.
#[derive(Debug, Default)]
struct Kept {
    files: VecDeque<(String, u64)>,
    bytes: u64,
}

impl Quarantine {
    /// Opens the folder below `state`, makes it if `bytes_max` is not 0, and removes what is over the bound.
    pub(crate) fn open(state: &StateDir, bytes_max: u64) -> io::Result<Self> {
        let folder = state.spool().with_file_name("quarantine");
        if bytes_max > 0 {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        }
        let mut found = Vec::new();
        if folder.exists() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let (metadata, name) = (entry.metadata()?, entry.file_name());
                if let Some(name) = name.to_str().filter(|_| metadata.is_file()) {
                    found.push((name.to_owned(), metadata.len()));
                }
            }
        }
        found.sort();
        let bytes = found.iter().map(|(_, bytes)| bytes).sum();
        let mut kept = Kept { files: found.into(), bytes };
        kept.shrink(&folder, bytes_max, FILES_MAX)?;
        Ok(Self { folder, bytes_max, kept: Mutex::new(kept) })
    }

    /// Moves the file at `path` here under `name`. False when it is larger than the bound; then it stays where it is.
    pub(crate) fn keep(&self, path: &Path, name: String, bytes: u64) -> io::Result<bool> {
        if bytes > self.bytes_max {
            return Ok(false);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.shrink(&self.folder, self.bytes_max - bytes, FILES_MAX - 1)?;
        fs::rename(path, self.folder.join(&name))?;
        kept.files.push_back((name, bytes));
        kept.bytes += bytes;
        Ok(true)
    }
}

impl Kept {
    /// Removes the oldest files until `bytes_max` and `files_max` hold.
    fn shrink(&mut self, folder: &Path, bytes_max: u64, files_max: usize) -> io::Result<()> {
        while self.bytes > bytes_max || self.files.len() > files_max {
            let Some((name, bytes)) = self.files.front() else { break };
            match fs::remove_file(folder.join(name)) {
                // Somebody else took it away: so much the better.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.bytes -= bytes,
            }
            self.files.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(quarantine: &Quarantine) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&quarantine.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn keep(quarantine: &Quarantine, folder: &Path, number: usize, bytes: u64) -> bool {
        let path = folder.join("part");
        fs::write(&path, vec![0; bytes as usize]).unwrap();
        quarantine.keep(&path, format!("{number:04}"), bytes).unwrap()
    }

    #[test]
    fn the_oldest_leave_first_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let quarantine = Quarantine::open(&state, 100).unwrap();
        for number in 1..=4 {
            assert!(keep(&quarantine, folder.path(), number, 30));
        }
        assert_eq!(names(&quarantine), ["0002", "0003", "0004"]);
        assert!(!keep(&quarantine, folder.path(), 5, 101), "larger than the bound");
        assert!(folder.path().join("part").exists());
        fs::remove_file(quarantine.folder.join("0002")).unwrap();
        assert!(keep(&quarantine, folder.path(), 6, 70), "what somebody took away is no obstacle");
        assert_eq!(names(&quarantine), ["0004", "0006"]);
        assert_eq!(names(&Quarantine::open(&state, 99).unwrap()), ["0006"], "a smaller bound holds at once");
        assert!(names(&Quarantine::open(&state, 0).unwrap()).is_empty());
    }

    #[test]
    fn there_are_never_too_many_files() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let quarantine = Quarantine::open(&state, 1 << 20).unwrap();
        for number in 0..FILES_MAX + 5 {
            assert!(keep(&quarantine, folder.path(), number, 0));
        }
        assert_eq!(names(&quarantine).len(), FILES_MAX);
        assert_eq!(names(&quarantine)[0], "0005");
    }
}
