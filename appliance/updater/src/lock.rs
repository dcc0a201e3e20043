//! The lock of the models' folder. A process that is going, or a child between fork and exec, may hold it a moment longer.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How long and how often it is looked whether the lock is free: 2 seconds in all.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 400;

/// Takes the exclusive lock of a file, which is held until the file is dropped. False when another one holds it on.
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
