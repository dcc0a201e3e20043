//! Small files that are whole or not there: a checksum within, and replaced in one step.

use std::io;

use bundle::canonical;
use contract::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::disk::Disk;

/// Largest record, in bytes.
const BYTES_MAX: u64 = 256 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    /// SHA-256 of the canonical JSON of `content`.
    sha256: Digest,
    content: Value,
}

/// What a record holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// Nothing is there.
    Nothing,
    /// It is whole.
    Whole(T),
    /// It is whole and says what this software does not know: later software wrote it.
    Later,
    /// It is not what was written.
    Damaged,
}

/// Reads a record.
pub(crate) fn read<T: DeserializeOwned>(disk: &impl Disk, path: &str) -> io::Result<Found<T>> {
    let Some(bytes) = disk.read(path, BYTES_MAX)? else { return Ok(Found::Nothing) };
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes) else { return Ok(Found::Damaged) };
    match Digest::of_canonical(&envelope.content) {
        Ok(digest) if digest == envelope.sha256 => {}
        _ => return Ok(Found::Damaged),
    }
    Ok(serde_json::from_value(envelope.content).map_or(Found::Later, Found::Whole))
}

/// Replaces a record in the updater's own folder, durably.
pub(crate) fn write<T: Serialize>(disk: &mut impl Disk, path: &str, content: &T) -> io::Result<()> {
    let content = serde_json::to_value(content)?;
    let bytes = canonical::to_bytes(&Envelope { sha256: Digest::of_canonical(&content)?, content })?;
    replace(disk, "", path, &bytes)
}

/// Puts a file with these bytes into `folder`, durably, in place of the one that has its name.
pub(crate) fn replace(disk: &mut impl Disk, folder: &str, path: &str, bytes: &[u8]) -> io::Result<()> {
    let part = format!("{path}.new");
    // Of a write that was cut off.
    disk.remove_file(&part)?;
    disk.create(&part)?;
    disk.append(&part, bytes)?;
    disk.sync_file(&part)?;
    disk.replace(&part, path)?;
    disk.sync_folder(folder)
}
