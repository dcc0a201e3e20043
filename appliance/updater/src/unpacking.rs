//! A bundle's files on their way into a slot.

use std::io;

use bundle::{FileEntry, Unpack};

use crate::disk::Disk;

/// Writes each file into the slot's folder and syncs it when it is whole.
pub(crate) struct Unpacking<'a, D> {
    disk: &'a mut D,
    /// The model's folder.
    folder: String,
    has_plots: bool,
}

impl<'a, D: Disk> Unpacking<'a, D> {
    /// Makes the folders of the slot `slot`.
    pub(crate) fn begin(disk: &'a mut D, slot: &str) -> io::Result<Self> {
        disk.make_folder("slots")?;
        disk.sync_folder("")?;
        disk.make_folder(slot)?;
        let folder = format!("{slot}/model");
        disk.make_folder(&folder)?;
        Ok(Self { disk, folder, has_plots: false })
    }

    /// Makes durable that the files are there.
    pub(crate) fn finish(self, slot: &str) -> io::Result<()> {
        if self.has_plots {
            self.disk.sync_folder(&format!("{}/plots", self.folder))?;
        }
        self.disk.sync_folder(&self.folder)?;
        self.disk.sync_folder(slot)?;
        self.disk.sync_folder("slots")
    }

    fn path(&self, file: &FileEntry) -> String {
        format!("{}/{}", self.folder, file.path)
    }
}

impl<D: Disk> Unpack for Unpacking<'_, D> {
    fn begin(&mut self, file: &FileEntry) -> io::Result<()> {
        if file.path.starts_with("plots/") && !self.has_plots {
            self.disk.make_folder(&format!("{}/plots", self.folder))?;
            self.has_plots = true;
        }
        self.disk.create(&self.path(file))
    }

    fn write(&mut self, file: &FileEntry, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(&self.path(file), bytes)
    }

    fn end(&mut self, file: &FileEntry) -> io::Result<()> {
        self.disk.sync_file(&self.path(file))
    }
}
