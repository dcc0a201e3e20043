//! The folders of slots: whether one is complete, and removing those that nothing names.

use std::io;

use bundle::BundleManifest;
use bundle::manifest::MANIFEST_BYTES_MAX;
use contract::Digest;

use crate::disk::Disk;
use crate::state::{Slot, State};

/// Where a slot keeps its bundle's manifest.
pub(crate) fn manifest_path(slot: &Slot) -> String {
    format!("{}/{}", slot.folder(), bundle::verify::MANIFEST_NAME)
}

/// Where a slot keeps its bundle's signatures.
pub(crate) fn signatures_path(slot: &Slot) -> String {
    format!("{}/{}", slot.folder(), bundle::verify::SIGNATURES_NAME)
}

/// Reads every file of the slot and holds it against the bundle's manifest, and that against the state. What is wrong, or
/// `None`.
pub(crate) fn damage(disk: &impl Disk, slot: &Slot) -> Option<String> {
    match manifest(disk, slot) {
        Err(why) => Some(why),
        Ok(manifest) => manifest.files.iter().find_map(|file| {
            let path = format!("{}/{}", slot.model_folder(), file.path);
            match disk.measure(&path) {
                Err(error) => Some(format!("{} cannot be read: {error}", file.path)),
                Ok(None) => Some(format!("{} is missing", file.path)),
                Ok(Some(found)) if found != (file.size, file.sha256) => Some(format!("{} was changed", file.path)),
                Ok(Some(_)) => None,
            }
        }),
    }
}

/// The bundle's manifest as it was installed.
pub(crate) fn manifest(disk: &impl Disk, slot: &Slot) -> Result<BundleManifest, String> {
    let bytes = disk.read(&manifest_path(slot), MANIFEST_BYTES_MAX);
    let bytes = bytes.map_err(|error| format!("bundle.json cannot be read: {error}"))?;
    let bytes = bytes.filter(|bytes| Digest::of(bytes) == slot.bundle);
    let bytes = bytes.ok_or("bundle.json is missing or was changed")?;
    BundleManifest::parse(&bytes).map_err(|refusal| refusal.to_string())
}

/// Removes the folders that the state does not name.
pub(crate) fn sweep(disk: &mut impl Disk, state: &State) -> io::Result<()> {
    let kept: Vec<String> = state.slots().map(|slot| slot.number.to_string()).collect();
    let rubbish: Vec<String> = disk.list("slots")?.into_iter().filter(|name| !kept.contains(name)).collect();
    for name in &rubbish {
        disk.remove_folder(&format!("slots/{name}"))?;
    }
    if rubbish.is_empty() { Ok(()) } else { disk.sync_folder("slots") }
}
