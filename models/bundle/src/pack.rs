//! Makes a bundle of the folder that `mamoru-train pack` wrote. The same folder, settings and keys give the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write};
use std::path::Path;

use contract::manifest::{Manifest, ManifestError};
use contract::{Digest, Golden};

use crate::archive::Writer;
use crate::canonical;
use crate::keys::PrivateKey;
use crate::manifest::{BUNDLE_FORMAT, BundleManifest, FileEntry, Role};
use crate::payload::PAYLOAD_PREFIX;
use crate::refusal::Refusal;
use crate::root::SignedRoot;
use crate::signatures::Signatures;
use crate::verify::{MANIFEST_NAME, SIGNATURES_NAME, root_name, root_signatures_name};
use crate::version::SoftwareVersion;

/// What the folder does not say.
#[derive(Debug, Clone)]
pub struct Packing {
    /// One more than the last bundle's.
    pub sequence: u64,
    /// Names of the engines that the model may run on.
    pub engines: Vec<String>,
    /// The first software that it runs on.
    pub software_min: SoftwareVersion,
    /// The last software that it runs on.
    pub software_max: Option<SoftwareVersion>,
    /// The licence in a sentence; without it the one of the model's provenance.
    pub licence: Option<String>,
    /// Key sets that devices in the field may lack, oldest first.
    pub roots: Vec<SignedRoot>,
}

/// Why no bundle is made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Within the folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Something that no model's folder has.
    #[error("{0} is no file of a model: move it elsewhere")]
    Foreign(String),
    /// Larger than any of its kind.
    #[error("{path} is larger than {bytes_max} bytes")]
    TooLarge {
        /// Within the folder.
        path: String,
        /// The limit.
        bytes_max: u64,
    },
    /// A file that every model has is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The model names no licence.
    #[error("the model names no licence: give one")]
    NoLicence,
    /// The model's files do not belong together.
    #[error("manifest.json: {0}")]
    Model(#[from] ManifestError),
    /// A file is not of its form.
    #[error("{path} is not of the form that this software knows: {source}")]
    Form {
        /// Within the folder.
        path: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A device would refuse the bundle.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The bundle cannot be written.
    #[error("the bundle cannot be written: {0}")]
    Unwritable(#[from] std::io::Error),
}

/// Writes the bundle of the model in `folder`, signed by `keys`.
///
/// # Errors
/// [`PackError`].
pub fn pack(
    folder: &Path,
    packing: &Packing,
    keys: &[PrivateKey],
    output: &mut impl Write,
) -> Result<BundleManifest, PackError> {
    let mut files = read_folder(folder)?;
    let manifest = describe(&mut files, packing)?;
    let bytes = canonical::to_bytes(&manifest).map_err(|source| PackError::Form { path: "manifest.json", source })?;
    let signatures = Signatures::of(&bytes, keys).to_bytes();
    let signatures = signatures.map_err(|source| PackError::Form { path: "signatures.json", source })?;
    write(&bytes, &signatures, &packing.roots, &files, output)?;
    Ok(manifest)
}

/// Writes the members in their order.
///
/// # Errors
/// When `output` cannot be written.
pub fn write(
    manifest: &[u8],
    signatures: &[u8],
    roots: &[SignedRoot],
    files: &BTreeMap<String, Vec<u8>>,
    output: &mut impl Write,
) -> std::io::Result<()> {
    let mut archive = Writer::new(output);
    archive.add(MANIFEST_NAME, manifest)?;
    archive.add(SIGNATURES_NAME, signatures)?;
    for root in roots {
        archive.add(&root_name(root.version), &root.root)?;
        archive.add(&root_signatures_name(root.version), &root.signatures)?;
    }
    for (path, content) in files {
        archive.add(&format!("{PAYLOAD_PREFIX}{path}"), content)?;
    }
    archive.finish().map(|_| ())
}

/// The manifest of `files`, to which the licence's file is added where there is none.
///
/// # Errors
/// [`PackError`], for files that a device would refuse.
pub fn describe(files: &mut BTreeMap<String, Vec<u8>>, packing: &Packing) -> Result<BundleManifest, PackError> {
    let content = |path: &'static str| files.get(path).ok_or(PackError::Missing(path));
    let form = |path| move |source| PackError::Form { path, source };
    let model: Manifest = serde_json::from_slice(content("manifest.json")?).map_err(form("manifest.json"))?;
    model.check(content("network.onnx")?)?;
    let golden: Golden = serde_json::from_slice(content("golden.json")?).map_err(form("golden.json"))?;
    golden.check().map_err(Refusal::Golden)?;
    let stated = model.provenance.as_ref().map(|provenance| provenance.licence.clone());
    let licence = packing.licence.clone().or(stated).ok_or(PackError::NoLicence)?;
    files.entry("LICENCE.txt".into()).or_insert_with(|| format!("{licence}\n").into_bytes());
    let mut engines = packing.engines.clone();
    engines.sort_unstable();
    engines.dedup();
    let manifest = BundleManifest {
        format: BUNDLE_FORMAT.into(),
        created: model.provenance.as_ref().map_or_else(|| "unknown".into(), |provenance| provenance.trained.clone()),
        name: model.name,
        version: model.version,
        label: model.label,
        sequence: packing.sequence,
        contract: model.contract,
        network: model.network,
        preprocess: Digest::of_canonical(&model.preprocess).map_err(form("manifest.json"))?,
        engines,
        software_min: packing.software_min,
        software_max: packing.software_max,
        licence,
        files: files.iter().map(|(path, content)| entry(path, content)).collect::<Result<_, _>>()?,
        extensions: BTreeMap::new(),
    };
    manifest.check()?;
    Ok(manifest)
}

fn entry(path: &str, content: &[u8]) -> Result<FileEntry, PackError> {
    let role = Role::of_path(path).ok_or_else(|| PackError::Foreign(path.into()))?;
    Ok(FileEntry { path: path.into(), role, size: content.len() as u64, sha256: Digest::of(content) })
}

/// The files of a model's folder by their paths. What no model has is refused rather than left out.
///
/// # Errors
/// [`PackError::Unreadable`], [`PackError::Foreign`], [`PackError::TooLarge`].
pub fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, PackError> {
    let mut files = BTreeMap::new();
    for (path, is_folder) in list(folder, "")? {
        if is_folder && path == "plots" {
            for (path, _) in list(&folder.join("plots"), "plots/")? {
                read(folder, path, &mut files)?;
            }
        } else {
            read(folder, path, &mut files)?;
        }
    }
    Ok(files)
}

fn list(folder: &Path, prefix: &str) -> Result<Vec<(String, bool)>, PackError> {
    let unreadable = |source| PackError::Unreadable { path: format!("{prefix}."), source };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let path = |entry: fs::DirEntry| {
        let is_folder = entry.file_type()?.is_dir();
        Ok((format!("{prefix}{}", entry.file_name().to_string_lossy()), is_folder))
    };
    entries.map(|entry| entry.and_then(path)).collect::<Result<_, _>>().map_err(unreadable)
}

fn read(folder: &Path, path: String, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), PackError> {
    let bytes_max = Role::of_path(&path).ok_or_else(|| PackError::Foreign(path.clone()))?.bytes_max();
    let place = folder.join(&path);
    let read = || {
        if !fs::symlink_metadata(&place)?.is_file() {
            return Err(std::io::Error::other("not a file"));
        }
        let mut content = Vec::new();
        File::open(&place)?.take(bytes_max + 1).read_to_end(&mut content)?;
        Ok(content)
    };
    let content = read().map_err(|source| PackError::Unreadable { path: path.clone(), source })?;
    if content.len() as u64 > bytes_max {
        return Err(PackError::TooLarge { path, bytes_max });
    }
    files.insert(path, content);
    Ok(())
}
