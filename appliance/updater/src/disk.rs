//! What the updater asks of a disk: little enough that a disk which loses power at any step can stand in for it.

use std::io;

use contract::Digest;

/// A folder that belongs to the updater. Paths are its own, with `/` between names, and never come from a bundle unchecked.
///
/// Nothing is durable before it was synced: a file's content by [`Disk::sync_file`], that it is there, is called so or is gone
/// by [`Disk::sync_folder`] of the folder that it is in.
pub trait Disk {
    /// Makes a folder that may be there already.
    ///
    /// # Errors
    /// The disk's.
    fn make_folder(&mut self, path: &str) -> io::Result<()>;

    /// Makes an empty file that must not be there.
    ///
    /// # Errors
    /// The disk's.
    fn create(&mut self, path: &str) -> io::Result<()>;

    /// Adds to a file's end.
    ///
    /// # Errors
    /// The disk's.
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Gives the file `from` the name `to` in the same folder, in place of the file that has it, in one step.
    ///
    /// # Errors
    /// The disk's.
    fn replace(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file that need not be there.
    ///
    /// # Errors
    /// The disk's.
    fn remove_file(&mut self, path: &str) -> io::Result<()>;

    /// Removes a folder with all that is in it, in many steps.
    ///
    /// # Errors
    /// The disk's.
    fn remove_folder(&mut self, path: &str) -> io::Result<()>;

    /// Makes a file's content durable.
    ///
    /// # Errors
    /// The disk's.
    fn sync_file(&mut self, path: &str) -> io::Result<()>;

    /// Makes durable which names are in a folder. `""` is the updater's own.
    ///
    /// # Errors
    /// The disk's.
    fn sync_folder(&mut self, path: &str) -> io::Result<()>;

    /// A file's content, or `None` where it is not there.
    ///
    /// # Errors
    /// The disk's, also for a file larger than `bytes_max`.
    fn read(&self, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>>;

    /// A file's size in bytes and digest, or `None` where it is not there.
    ///
    /// # Errors
    /// The disk's.
    fn measure(&self, path: &str) -> io::Result<Option<(u64, Digest)>>;

    /// The names in a folder; none where it is not there.
    ///
    /// # Errors
    /// The disk's.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// The disk's.
    fn free_bytes(&self) -> io::Result<u64>;
}
