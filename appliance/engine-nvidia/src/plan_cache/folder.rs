//! A folder that only this user can write to, and its files. Everything goes through the folder as it was opened: who moves
//! it afterwards changes nothing.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use thiserror::Error;

/// Between two attempts at the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Ending of a file that is being written.
const PART_ENDING: &str = ".part";

const LOCK: &str = "lock";

/// More files than this are no cache of ours.
const ENTRIES_MAX: usize = 1_000;

/// Why the folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderFault {
    /// It is not safe to load code from.
    #[error("the plans' folder {why}: it must be this user's, and others must not be able to write to it")]
    Unsafe {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The disk.
    #[error("{what}: {source}")]
    Disk {
        /// What was to be done.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// It has far more files than this software makes.
    #[error("the plans' folder has more than {ENTRIES_MAX} files")]
    Crowded,
}

/// What lies under a name.
pub(super) enum Found {
    /// No file.
    Nothing,
    /// A file that is not looked at, and why.
    Unsafe(&'static str),
    /// A whole file.
    Bytes(Vec<u8>),
}

/// The folder, open.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// The lock, held until it is dropped, and no longer than the process lives.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code)] File);

fn disk(what: &'static str) -> impl Fn(Errno) -> FolderFault {
    move |errno| FolderFault::Disk { what, source: errno.into() }
}

/// What is wrong with who owns and may write a file or folder.
fn not_ours_alone(stat: &Stat) -> Option<&'static str> {
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Some("belongs to another user");
    }
    let others = Mode::WGRP | Mode::WOTH;
    Mode::from_raw_mode(stat.st_mode).intersects(others).then_some("can be written by others")
}

impl Folder {
    /// Opens the folder, or makes it with its parents.
    pub(super) fn open(path: &Path) -> Result<Self, FolderFault> {
        let make = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make.map_err(|source| FolderFault::Disk { what: "the plans' folder cannot be made", source })?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR | Errno::LOOP => FolderFault::Unsafe { why: "is a link or a file" },
            errno => disk("the plans' folder cannot be opened")(errno),
        })?;
        let stat = rustix::fs::fstat(&folder).map_err(disk("the plans' folder cannot be looked at"))?;
        not_ours_alone(&stat).map_or(Ok(Self(folder)), |why| Err(FolderFault::Unsafe { why }))
    }

    /// Reads a whole file of at most `bytes_max` bytes, unless it is not ours alone.
    pub(super) fn read(&self, name: &str, bytes_max: u64) -> Result<Found, FolderFault> {
        // Not blocking: somebody may have put a pipe there.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(Errno::LOOP) => return Ok(Found::Unsafe("is a link")),
            Err(errno) => return Err(disk("a plan cannot be opened")(errno)),
        };
        let stat = rustix::fs::fstat(&file).map_err(disk("a plan cannot be looked at"))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Found::Unsafe("is no file"));
        }
        if let Some(why) = not_ours_alone(&stat) {
            return Ok(Found::Unsafe(why));
        }
        if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > bytes_max {
            return Ok(Found::Unsafe("is too large"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stat.st_size).unwrap_or_default());
        let read = file.take(bytes_max).read_to_end(&mut bytes);
        read.map_err(|source| FolderFault::Disk { what: "a plan cannot be read", source })?;
        Ok(Found::Bytes(bytes))
    }

    /// Writes a file whole or not at all, durably: under another name, synced, renamed, and the folder synced.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), FolderFault> {
        let part = format!("{name}{PART_ENDING}");
        let written = self.write_part(&part, parts).and_then(|()| {
            rustix::fs::renameat(&self.0, &part, &self.0, name).map_err(disk("a plan cannot be renamed"))
        });
        if written.is_err() {
            // What is left of it goes with the next one at the latest.
            let _left = rustix::fs::unlinkat(&self.0, &part, AtFlags::empty());
        }
        written?;
        rustix::fs::fsync(&self.0).map_err(disk("the plans' folder cannot be synced"))
    }

    fn write_part(&self, part: &str, parts: &[&[u8]]) -> Result<(), FolderFault> {
        // One that a crash left is not written to: it may be anything.
        self.remove(part)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, part, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(file.map_err(disk("a plan cannot be made"))?);
        let written = parts.iter().try_for_each(|bytes| file.write_all(bytes)).and_then(|()| file.sync_all());
        written.map_err(|source| FolderFault::Disk { what: "a plan cannot be written", source })
    }

    /// Removes a file; none is as good.
    pub(super) fn remove(&self, name: &str) -> Result<(), FolderFault> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(disk("a plan cannot be removed")(errno)),
        }
    }

    /// Removes all files with an ending but the `newest` ones, not counting `but`, and what crashes left half-written.
    /// The lock is held.
    pub(super) fn keep_newest(&self, ending: &str, newest: usize, but: &str) -> Result<(), FolderFault> {
        let mut files = Vec::new();
        for name in self.names()? {
            if name.ends_with(PART_ENDING) {
                self.remove(&name)?;
            } else if name.ends_with(ending) && name != but {
                let stat = rustix::fs::statat(&self.0, name.as_str(), AtFlags::SYMLINK_NOFOLLOW);
                let stat = stat.map_err(disk("a plan cannot be looked at"))?;
                files.push(((stat.st_mtime, stat.st_mtime_nsec), name));
            }
        }
        files.sort_unstable();
        let surplus = files.len().saturating_sub(newest);
        files.iter().take(surplus).try_for_each(|(_, name)| self.remove(name))
    }

    /// Names of all files. Those that are no UTF-8 are none of ours.
    fn names(&self) -> Result<Vec<String>, FolderFault> {
        let cannot = "the plans' folder cannot be listed";
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0).map_err(disk(cannot))? {
            let entry = entry.map_err(disk(cannot))?;
            if names.len() == ENTRIES_MAX {
                return Err(FolderFault::Crowded);
            }
            names.extend(entry.file_name().to_str().map(str::to_owned));
        }
        Ok(names)
    }

    /// Waits for the lock; `None` when another process held it all the time.
    pub(super) fn lock(&self, wait_max: Duration) -> Result<Option<Lock>, FolderFault> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, LOCK, flags, Mode::RUSR | Mode::WUSR);
        let file = File::from(file.map_err(disk("the plans' lock cannot be made"))?);
        let deadline = Instant::now() + wait_max;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Lock(file))),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(disk("the plans' lock cannot be taken")(errno)),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(left.min(LOCK_INTERVAL));
        }
    }
}
