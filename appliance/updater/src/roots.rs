//! The key sets that the device followed. They are not believed but followed anew, from the one that it was set up with.

use std::io;

use bundle::root::ROOT_BYTES_MAX;
use bundle::signatures::SIGNATURES_BYTES_MAX;
use bundle::{Root, SignedRoot};

use crate::disk::Disk;
use crate::record;

const FOLDER: &str = "roots";

fn path(version: u32) -> String {
    format!("{FOLDER}/{version}.json")
}

fn signatures_path(version: u32) -> String {
    format!("{FOLDER}/{version}.signatures.json")
}

/// The newest key set that can be followed from `first`.
pub(crate) fn newest(disk: &impl Disk, first: &Root) -> io::Result<Root> {
    let mut newest = first.clone();
    while let Some(version) = newest.version.checked_add(1) {
        let root = disk.read(&path(version), ROOT_BYTES_MAX)?;
        let signatures = disk.read(&signatures_path(version), SIGNATURES_BYTES_MAX)?;
        let (Some(root), Some(signatures)) = (root, signatures) else { break };
        // What is damaged or cut off ends the chain: the floor tells that there was more.
        let Ok(next) = newest.follow(&SignedRoot { version, root, signatures }) else { break };
        newest = next;
    }
    Ok(newest)
}

/// Keeps key sets that were followed, durably.
pub(crate) fn keep(disk: &mut impl Disk, roots: &[SignedRoot]) -> io::Result<()> {
    if roots.is_empty() {
        return Ok(());
    }
    disk.make_folder(FOLDER)?;
    disk.sync_folder("")?;
    for root in roots {
        record::replace(disk, FOLDER, &signatures_path(root.version), &root.signatures)?;
        record::replace(disk, FOLDER, &path(root.version), &root.root)?;
    }
    Ok(())
}
