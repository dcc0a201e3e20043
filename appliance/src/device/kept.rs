//! Small JSON files in the state folder that the device itself keeps, each replaced as a whole.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use queue::StateDir;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest file that is read, in bytes.
pub const BYTES_MAX: u64 = 1 << 20;

/// What `file` in the state folder `folder` holds; `None` where there is none.
///
/// # Errors
/// Why it cannot be read.
pub fn read<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<Option<T>, String> {
    let opened = match File::open(folder.join(file)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| error.kind().to_string())?,
    };
    let mut bytes = Vec::new();
    opened.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.kind().to_string())?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err("it is too large".into());
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|_| "it is damaged".into())
}

/// Puts `content` into `file` of the state folder, durably.
///
/// # Errors
/// Why it cannot be written.
pub fn write(state: &StateDir, file: &str, content: &impl Serialize) -> Result<(), String> {
    let bytes = serde_json::to_vec(content).map_err(|error| error.to_string())?;
    state.write(state.root(), file, &bytes).map(drop).map_err(|error| error.to_string())
}
