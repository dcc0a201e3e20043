//! The folders below the state directory.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::QueueError;

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
        for folder in [state.0.clone(), state.spool(), state.incoming()] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .and_then(|()| fs::File::open(&folder)?.sync_all())
                .map_err(|source| QueueError::Disk { what: "state folder cannot be made", source })?;
        }
        Ok(state)
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

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("queue")
    }

    /// Where a database that cannot be opened is put.
    pub(crate) fn corrupt_database(&self, now: domain::UnixMillis) -> PathBuf {
        self.0.join(format!("queue.corrupt-{}", now.0))
    }
}
