//! The folders below the state directory.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use contract::Digest;
use domain::StoredFile;

use crate::{QueueError, lock};

/// The state directory: readable by its owner only, because everything in it is patient data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// Makes the folders that are missing, and syncs them.
    ///
    /// # Errors
    /// [`QueueError::Disk`].
    pub fn create(path: &Path) -> Result<Self, QueueError> {
        let state = Self(path.to_owned());
        for folder in [state.0.clone(), state.spool(), state.incoming(), state.heatmaps(), state.results()] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .and_then(|()| fs::File::open(&folder)?.sync_all())
                .map_err(|source| QueueError::Disk { what: "state folder cannot be made", source })?;
        }
        Ok(state)
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Acknowledged instances.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Instances that are being received.
    #[must_use]
    pub fn incoming(&self) -> PathBuf {
        self.spool().join("incoming")
    }

    /// Heat maps of scored instances.
    #[must_use]
    pub fn heatmaps(&self) -> PathBuf {
        self.0.join("heatmaps")
    }

    /// The heat map of the instance whose spooled file is `spool_name`.
    #[must_use]
    pub fn heatmap_of(&self, spool_name: &str) -> PathBuf {
        self.heatmaps().join(format!("{spool_name}.png"))
    }

    /// Result objects.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.0.join("results")
    }

    /// The socket on which the running daemon answers.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        Self::control_socket_of(&self.0)
    }

    /// The same for a state directory that need not be there.
    #[must_use]
    pub fn control_socket_of(path: &Path) -> PathBuf {
        path.join("control.sock")
    }

    /// Writes `bytes` durably as `name` into `folder`, one of the folders of this state directory: first among the files
    /// that are being received, which the next start removes, then synced, renamed, and the folder synced.
    ///
    /// # Errors
    /// [`QueueError::Disk`].
    pub fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<StoredFile, QueueError> {
        let failed = |source| QueueError::Disk { what: "file cannot be written to the state folder", source };
        let part = self.incoming().join(format!("{name}.part"));
        let write = || {
            let mut file = fs::File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, folder.join(name))?;
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(|error| {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&part);
            failed(error)
        })?;
        Ok(StoredFile { name: name.to_owned(), len: bytes.len() as u64, sha256: Digest::of(bytes) })
    }

    pub(crate) fn remove_instance_files(&self, spool_name: &str) -> Result<(), QueueError> {
        remove_if_there(&self.spool().join(spool_name))?;
        remove_if_there(&self.heatmap_of(spool_name))
    }

    pub(crate) fn remove_result(&self, name: &str) -> Result<(), QueueError> {
        remove_if_there(&self.results().join(name))
    }

    /// Makes removals durable.
    pub(crate) fn sync_folders(&self) -> Result<(), QueueError> {
        let sync = |folder: PathBuf| fs::File::open(folder)?.sync_all();
        [self.spool(), self.heatmaps(), self.results()]
            .into_iter()
            .try_for_each(sync)
            .map_err(|source| QueueError::Disk { what: "state folder cannot be synced", source })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("queue")
    }

    /// Takes the state directory for this process until the file is dropped.
    pub(crate) fn lock(&self) -> Result<fs::File, QueueError> {
        let failed = |source| QueueError::Disk { what: "state folder cannot be locked", source };
        let file = fs::File::create(self.0.join("lock")).map_err(failed)?;
        if lock::take(&file).map_err(failed)? { Ok(file) } else { Err(QueueError::InUse) }
    }

    /// Where a database that cannot be opened is put.
    pub(crate) fn corrupt_database(&self, now: domain::UnixMillis) -> PathBuf {
        self.0.join(format!("queue.corrupt-{}", now.0))
    }
}

fn remove_if_there(path: &Path) -> Result<(), QueueError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(QueueError::Disk { what: "file of a finished study cannot be removed", source })
        }
        _ => Ok(()),
    }
}
