//! The maker's side: keys, key sets, packing, and looking into a bundle.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bundle::root::{ROOT_BYTES_MAX, ROOT_FORMAT, RoleKeys, Roles};
use bundle::signatures::SIGNATURES_BYTES_MAX;
use bundle::{
    BundleManifest, Discard, KeyId, Packing, PrivateKey, Root, Signatures, SignedRoot, SoftwareVersion, key_file,
};
use contract::Digest;
use serde_json::json;

use super::arguments::{KeygenArgs, PackArgs, RoleChoice, RotateArgs};
use super::device::open_bundle;
use crate::commands::print_json;
use crate::installed::care::{engines, read_bounded, read_keys, software};
use crate::installed::told::Told;

/// Makes keys, and their first key set.
pub fn keygen(arguments: &KeygenArgs, is_json: bool) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| folder.display().to_string())?;
    let new = |name: &str| -> anyhow::Result<PrivateKey> {
        let key = PrivateKey::generate()?;
        let path = folder.join(format!("{name}.key"));
        key_file::write_new(&path, &key).with_context(|| path.display().to_string())?;
        Ok(key)
    };
    let keys = match arguments.role {
        Some(RoleChoice::Root) => vec![("root", new("root")?)],
        Some(RoleChoice::Release) => vec![("release", new("release")?)],
        Some(RoleChoice::Emergency) => vec![("emergency", new("emergency")?)],
        None => vec![("root", new("root")?), ("release", new("release")?), ("emergency", new("emergency")?)],
    };
    if let [(_, root), (_, release), (_, emergency)] = &keys[..] {
        let of = |key: &PrivateKey| RoleKeys { keys: vec![key.public().id()], threshold: 1 };
        let roles = Roles { root: of(root), release: of(release), emergency: of(emergency) };
        let known = keys.iter().map(|(_, key)| (key.public().id(), key.public())).collect();
        let set = Root { format: ROOT_FORMAT.into(), version: 1, keys: known, roles, revoked: vec![] };
        write_new(&folder.join("keys.json"), &set.to_bytes()?)?;
    }
    let ids: BTreeMap<&str, String> = keys.iter().map(|(role, key)| (*role, key.public().id().to_string())).collect();
    if is_json {
        return print_json(&json!({ "folder": folder, "keys": ids }));
    }
    let mut output = std::io::stdout().lock();
    for (role, id) in &ids {
        writeln!(output, "{:<14} {id}", format!("{role}.key"))?;
    }
    if ids.len() == 3 {
        writeln!(output, "keys.json      what devices are set up with: copy it into their state folders")?;
    }
    writeln!(output, "The .key files are secret: keep them offline, root.key apart from the others.")?;
    Ok(())
}

/// Makes the key set that follows.
pub fn rotate(arguments: &RotateArgs, is_json: bool) -> anyhow::Result<()> {
    let old = read_keys(&arguments.keys)?;
    let revoked = arguments.revoke.iter().map(|id| key_id(&old, id)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut new = Root { version: old.version + 1, ..old.clone() };
    new.revoked.extend(revoked);
    new.revoked.sort_unstable();
    new.revoked.dedup();
    let Roles { root, release, emergency } = &mut new.roles;
    let added = [(root, &arguments.root), (release, &arguments.release), (emergency, &arguments.emergency)];
    for (role, paths) in added {
        for key in read_private(paths)? {
            new.keys.insert(key.public().id(), key.public());
            role.keys.push(key.public().id());
        }
        role.keys.sort_unstable();
        role.keys.dedup();
        role.keys.retain(|key| !new.revoked.contains(key));
    }
    new.roles.root.threshold = arguments.root_threshold.unwrap_or(new.roles.root.threshold);
    new.roles.release.threshold = arguments.release_threshold.unwrap_or(new.roles.release.threshold);
    let bytes = new.to_bytes()?;
    let signatures = Signatures::of(&bytes, &read_private(&arguments.sign)?).to_bytes()?;
    let signed = SignedRoot { version: new.version, root: bytes, signatures };
    old.follow(&signed).context("devices would not follow this key set")?;
    fs::create_dir_all(&arguments.out)?;
    write_new(&arguments.out.join(format!("{}.json", new.version)), &signed.root)?;
    write_new(&arguments.out.join(format!("{}.signatures.json", new.version)), &signed.signatures)?;
    if is_json {
        return print_json(&json!({ "version": new.version, "folder": arguments.out }));
    }
    writeln!(std::io::stdout(), "key set {} is in {}", new.version, arguments.out.display())?;
    Ok(())
}

/// Makes a bundle.
pub fn pack(arguments: &PackArgs, is_json: bool) -> anyhow::Result<()> {
    let packing = Packing {
        sequence: arguments.sequence,
        engines: arguments.engine.clone(),
        software_min: arguments.software_min.map_or_else(software, Ok::<SoftwareVersion, anyhow::Error>)?,
        software_max: arguments.software_max,
        licence: arguments.licence.clone(),
        roots: arguments.key_sets.as_deref().map(read_key_sets).transpose()?.unwrap_or_default(),
    };
    let keys = read_private(&arguments.key)?;
    let mut bytes = Vec::new();
    let manifest = bundle::pack(&arguments.folder, &packing, &keys, &mut bytes)
        .with_context(|| arguments.folder.display().to_string())?;
    write_new(&arguments.out, &bytes)?;
    let inspected = bundle::inspect(&bytes[..]).map_err(Told::from)?;
    let facts = facts(&manifest, inspected.digest);
    if is_json { print_json(&facts) } else { show(&facts) }
}

/// Shows what a bundle says of itself.
pub fn inspect(file: &Path, is_json: bool) -> anyhow::Result<()> {
    let inspected = bundle::inspect(open_bundle(file)?.0).map_err(Told::from)?;
    let mut facts = facts(&inspected.manifest, inspected.digest);
    facts["signed_by"] = json!(inspected.signed_by);
    facts["key_sets"] = json!(inspected.roots);
    facts["trusted"] = json!("not checked");
    if is_json { print_json(&facts) } else { show(&facts) }
}

/// Checks a bundle as this software on a device without history would.
pub fn verify(file: &Path, keys: &Path, is_json: bool) -> anyhow::Result<()> {
    let root = read_keys(keys)?;
    let inspected = bundle::inspect(open_bundle(file)?.0).map_err(Told::from)?;
    let device = bundle::Device {
        contract: contract::CONTRACT_VERSION,
        engines: engines(),
        software: software()?,
        sequence_floor: inspected.manifest.sequence,
        denied: std::collections::BTreeSet::new(),
    };
    let opened = bundle::open(open_bundle(file)?.0, &root, &device).map_err(Told::from)?;
    let mut facts = facts(&opened.manifest, opened.digest);
    facts["key_set"] = json!(opened.root.version);
    opened.unpack(&mut Discard).map_err(Told::from)?;
    facts["trusted"] = json!(true);
    if is_json { print_json(&facts) } else { show(&facts) }
}

fn read_key_sets(folder: &Path) -> anyhow::Result<Vec<SignedRoot>> {
    let shown = || folder.display().to_string();
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder).with_context(shown)? {
        let name = entry.with_context(shown)?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
        versions.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
    }
    versions.sort_unstable();
    if versions.is_empty() {
        bail!("{} holds no key set", folder.display());
    }
    let read = |version: u32| {
        let root = read_bounded(&folder.join(format!("{version}.json")), ROOT_BYTES_MAX)?;
        let signatures = folder.join(format!("{version}.signatures.json"));
        Ok(SignedRoot { version, root, signatures: read_bounded(&signatures, SIGNATURES_BYTES_MAX)? })
    };
    versions.into_iter().map(read).collect()
}

fn read_private(paths: &[PathBuf]) -> anyhow::Result<Vec<PrivateKey>> {
    paths.iter().map(|path| key_file::read(path).with_context(|| path.display().to_string())).collect()
}

/// A new file, whole or not at all.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let mut file = File::create_new(path)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            // The error that matters is the first one.
            let _ = fs::remove_file(path);
        }
        written
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

fn key_id(root: &Root, text: &str) -> anyhow::Result<KeyId> {
    let mut found = root.keys.keys().filter(|id| text.len() >= 8 && id.to_string().starts_with(text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(*id),
        _ => bail!("{text} is not the ID of one key of the set, nor 8 or more of its first digits"),
    }
}

/// What people want to know of a bundle.
fn facts(manifest: &BundleManifest, digest: Digest) -> serde_json::Value {
    json!({
        "bundle": digest,
        "name": manifest.name,
        "version": manifest.version,
        "label": manifest.label,
        "sequence": manifest.sequence,
        "created": manifest.created,
        "contract": format!("{}.{}", manifest.contract.major, manifest.contract.minor),
        "network": manifest.network,
        "preprocess": manifest.preprocess,
        "engines": manifest.engines,
        "software_min": manifest.software_min,
        "software_max": manifest.software_max,
        "licence": manifest.licence,
        "files": manifest.files.len(),
        "bytes": manifest.payload_bytes(),
    })
}

fn show(facts: &serde_json::Value) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for (name, value) in facts.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(output, "{name:<14} {value}")?;
    }
    Ok(())
}
