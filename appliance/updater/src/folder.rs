//! A folder of this machine as a [`Disk`], locked for one process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bundle::payload::Hasher;
use contract::Digest;

use crate::disk::Disk;
use crate::error::UpdateError;
use crate::lock;

/// What is read at once for a digest, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// A folder, readable by its owner only, in which one process at a time works.
#[derive(Debug)]
pub struct FolderDisk {
    folder: PathBuf,
    /// Keeps the lock.
    _lock: File,
}

impl FolderDisk {
    /// Makes the folder where it is missing, and takes it for this process.
    ///
    /// # Errors
    /// [`UpdateError::InUse`] when another process has it for longer than 2 seconds, [`UpdateError::Disk`].
    pub fn open(folder: &Path) -> Result<Self, UpdateError> {
        let failed = |source| UpdateError::Disk { what: "the models' folder cannot be opened", source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join("lock"));
        let lock = lock.map_err(failed)?;
        if !lock::take(&lock).map_err(failed)? {
            return Err(UpdateError::InUse);
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Where a path of the disk is on this machine.
    #[must_use]
    pub fn place(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn open_file(&self, path: &str) -> io::Result<Option<File>> {
        // No link is followed: the updater makes none.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        match OpenOptions::new().read(true).custom_flags(flags).open(self.place(path)) {
            Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
            Ok(_) => Err(io::Error::other("not a file")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Disk for FolderDisk {
    fn make_folder(&mut self, path: &str) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(self.place(path)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    fn create(&mut self, path: &str) -> io::Result<()> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.place(path)).map(|_| ())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().append(true).open(self.place(path))?.write_all(bytes)
    }

    fn replace(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.place(from), self.place(to))
    }

    fn remove_file(&mut self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.place(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        let place = self.place(path);
        // Whatever has the name of a slot is removed, a file or link too; a link's target stays.
        if fs::symlink_metadata(&place)?.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) }
    }

    fn sync_file(&mut self, path: &str) -> io::Result<()> {
        File::open(self.place(path))?.sync_all()
    }

    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        File::open(self.place(path))?.sync_all()
    }

    fn read(&self, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max { Err(io::Error::other("file is too large")) } else { Ok(Some(bytes)) }
    }

    fn measure(&self, path: &str) -> io::Result<Option<(u64, Digest)>> {
        let Some(mut file) = self.open_file(path)? else { return Ok(None) };
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut size = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Some((size, hasher.finish()))),
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    size += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.place(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            result => result?,
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<String>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let numbers = rustix::fs::statvfs(&self.folder)?;
        Ok(numbers.f_bavail.saturating_mul(numbers.f_frsize))
    }
}
