//! Locks of files that nobody else should hold, but that a process which is going, or a child of this one between fork and
//! exec, may hold for a moment longer: a child has all open files of its parent until it runs its own program.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How long and how often it is looked whether a lock is free: 2 seconds in all.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 400;

/// Takes the exclusive lock of a file (`flock`), which is held until the file is dropped. False when another holds it for
/// longer than 2 seconds.
pub(crate) fn take(file: &File) -> io::Result<bool> {
    for _ in 0..LOOKS_MAX {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(LOOK),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
