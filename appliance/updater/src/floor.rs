//! What may never go down: the sequence of bundles and the version of key sets. Kept twice, since a lost floor would let old
//! bundles in.

use std::io;

use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::record::{self, Found};

const PATHS: [&str; 2] = ["floor-a.json", "floor-b.json"];

/// The lowest that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Of bundles.
    pub sequence: u64,
    /// Of key sets.
    pub root_version: u32,
}

impl Floor {
    fn max(self, other: Self) -> Self {
        Self { sequence: self.sequence.max(other.sequence), root_version: self.root_version.max(other.root_version) }
    }
}

/// The highest of the copies that are whole.
pub(crate) fn read(disk: &impl Disk) -> io::Result<Floor> {
    PATHS.into_iter().map(|path| copy(disk, path)).try_fold(Floor::default(), |floor, copy| Ok(floor.max(copy?)))
}

/// Raises what is lower, one copy after the other.
pub(crate) fn raise(disk: &mut impl Disk, floor: Floor) -> io::Result<()> {
    let floor = floor.max(read(disk)?);
    for path in PATHS {
        if copy(disk, path)? != floor {
            record::write(disk, path, &floor)?;
        }
    }
    Ok(())
}

fn copy(disk: &impl Disk, path: &str) -> io::Result<Floor> {
    match record::read(disk, path)? {
        Found::Whole(floor) => Ok(floor),
        // The other copy counts.
        Found::Nothing | Found::Damaged => Ok(Floor::default()),
        Found::Later => Err(io::Error::other("later software wrote the floor")),
    }
}
