//! What lies in the quarantine, by the names of the files alone: when it came and with which status it was refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Files that are looked at: more than the receiver keeps.
const FILES_MAX: usize = 2_000;

/// A refused data set. Part of the support bundle; fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// When it came, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// The DICOM status that the sender was given, four hexadecimal digits.
    pub status: String,
    /// What the status means.
    pub reason: &'static str,
    /// In bytes.
    pub bytes: u64,
}

/// What is in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Refusals {
    /// Oldest first.
    pub refused: Vec<Refused>,
    /// Files that the device did not put there; their names are not told, since nobody knows what they say.
    pub other_files: usize,
}

/// Where the quarantine is.
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("quarantine")
}

/// Reads the folder's names; nothing where there is none. No file is opened.
pub fn list(state_dir: &Path) -> Refusals {
    let mut found = Refusals::default();
    for entry in fs::read_dir(folder(state_dir)).into_iter().flatten().flatten().take(FILES_MAX) {
        let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        match entry.file_name().to_str().and_then(|name| parse(name, bytes)) {
            Some(refused) => found.refused.push(refused),
            None => found.other_files += 1,
        }
    }
    found.refused.sort_by_key(|refused| refused.received_at_ms);
    found
}

/// The receiver's names are `TIME-NUMBER.STATUS.dcm`: 13 digits, 16 and 4 hexadecimal digits.
fn parse(name: &str, bytes: u64) -> Option<Refused> {
    let (time, rest) = name.split_once('-')?;
    let (number, rest) = rest.split_once('.')?;
    let status = rest.strip_suffix(".dcm")?;
    let is_hex = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = time.len() == 13 && time.bytes().all(|byte| byte.is_ascii_digit());
    if !is_time || !is_hex(number, 16) || !is_hex(status, 4) {
        return None;
    }
    Some(Refused { received_at_ms: time.parse().ok()?, status: status.into(), reason: reason(status), bytes })
}

/// What the receiver means by a status of C-STORE.
fn reason(status: &str) -> &'static str {
    match status {
        "A900" => "the data set is another object than was announced, or its pixels do not fit its header",
        "C000" => "the data set is damaged or cannot be understood",
        "A700" => "a limit was reached: the disk, the size of an object, or the queue",
        "0111" => "another object has the same SOP Instance UID",
        _ => "see the status in DICOM PS3.4 annex B and PS3.7 annex C",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_device_gives_are_told() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(list(state.path()), Refusals::default());
        fs::create_dir(folder(state.path())).unwrap();
        for name in [
            "1790000000002-0000abcd00000001.C000.dcm",
            "1790000000001-0000abcd00000000.A900.dcm",
            "ZZMARKER^ANNA.dcm",
            "1790000000001-0000abcd00000000.ZZMA.dcm",
            "1790000000001-ZZMARKER.C000.dcm",
        ] {
            fs::write(folder(state.path()).join(name), [0; 7]).unwrap();
        }
        let found = list(state.path());
        let told: Vec<_> = found.refused.iter().map(|refused| (refused.status.as_str(), refused.bytes)).collect();
        assert_eq!((told, found.other_files), (vec![("A900", 7), ("C000", 7)], 3));
        assert!(!format!("{found:?}").contains("ZZMA"));
    }
}
