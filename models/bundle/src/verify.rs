//! The checks of a bundle, in order. Nothing of the model's files is read before the first five held.
//!
//! 1. The archive begins with `bundle.json`, `signatures.json` and key sets, each within its size.
//! 2. Key sets that are newer than the device's follow it, one after the other.
//! 3. Enough of the newest set's keys for releases, none of them revoked, signed the manifest's bytes.
//! 4. The manifest is canonical JSON of a known format, and its values are in bounds.
//! 5. This device may take it: not denied, not older than what it had, of its contract, engine and software.
//! 6. There is room for it (the `updater` crate, between [`open`] and [`Opened::unpack`]).
//! 7. The members that follow are the manifest's files, in its order, of its sizes, and nothing else.
//! 8. Each file has the manifest's digest.
//! 9. The model's own manifest and golden vectors are of this software's contract and agree with the bundle's.
//!
//! Whether the network computes what it should comes after: golden vectors on the device's own engine.

use std::collections::BTreeSet;
use std::io::Read;

use contract::{ContractVersion, Digest};

use crate::archive::{Member, Reader};
use crate::manifest::{BundleManifest, MANIFEST_BYTES_MAX};
use crate::payload::{self, Unpack};
use crate::refusal::Refusal;
use crate::root::{KeyRole, ROOT_BYTES_MAX, Root, SignedRoot};
use crate::signatures::{SIGNATURES_BYTES_MAX, Signatures};
use crate::version::SoftwareVersion;

/// The first member.
pub const MANIFEST_NAME: &str = "bundle.json";

/// The second member.
pub const SIGNATURES_NAME: &str = "signatures.json";

/// Key sets at most, in a bundle.
pub const ROOTS_MAX: usize = 32;

/// What a bundle is held against.
#[derive(Debug, Clone)]
pub struct Device {
    /// The contract that its software knows.
    pub contract: ContractVersion,
    /// The engines that it may run a model on.
    pub engines: Vec<String>,
    /// Its software.
    pub software: SoftwareVersion,
    /// The lowest sequence that it takes.
    pub sequence_floor: u64,
    /// Bundles that it does not take again, by the digest of their manifests.
    pub denied: BTreeSet<Digest>,
}

/// The members before the model's files.
struct Head {
    manifest: Vec<u8>,
    signatures: Vec<u8>,
    roots: Vec<SignedRoot>,
    /// The member after them.
    next: Option<Member>,
}

/// A bundle whose manifest is trusted and fits the device. Its files are still to be read.
pub struct Opened<R> {
    archive: Reader<R>,
    next: Option<Member>,
    /// What it says.
    pub manifest: BundleManifest,
    /// SHA-256 of the manifest's bytes: the bundle's name among all bundles.
    pub digest: Digest,
    /// The manifest's bytes, which are signed.
    pub manifest_bytes: Vec<u8>,
    /// The signatures' bytes.
    pub signatures_bytes: Vec<u8>,
    /// The newest key set, which the signatures were held against.
    pub root: Root,
    /// Key sets of the bundle that are newer than the device's, oldest first: to be kept, for the next bundle.
    pub new_roots: Vec<SignedRoot>,
}

/// Steps 1 to 5.
///
/// # Errors
/// [`Refusal`].
pub fn open<R: Read>(input: R, trusted: &Root, device: &Device) -> Result<Opened<R>, Refusal> {
    // 1. What comes before the files.
    let mut archive = Reader::new(input);
    let head = read_head(&mut archive)?;
    // 2. The chain of key sets.
    let (root, new_roots) = follow(trusted, head.roots)?;
    // 3. The signatures, over the bytes as they are.
    let signatures = Signatures::parse(&head.signatures).ok_or(Refusal::Signatures)?;
    let count = root.count(KeyRole::Release, &head.manifest, &signatures);
    if !count.is_enough() {
        let (valid, needed) = (count.valid, count.threshold);
        return Err(if count.revoked > 0 { Refusal::Revoked } else { Refusal::Threshold { valid, needed } });
    }
    // 4. Only now what they say.
    let manifest = BundleManifest::parse(&head.manifest)?;
    // 5. Whether it is for this device.
    let digest = Digest::of(&head.manifest);
    manifest.check_device(digest, device)?;
    let Head { manifest: manifest_bytes, signatures: signatures_bytes, next, .. } = head;
    Ok(Opened { archive, next, manifest, digest, manifest_bytes, signatures_bytes, root, new_roots })
}

impl<R: Read> Opened<R> {
    /// Steps 7 to 9: hands the model's files to `sink`, in the manifest's order. Only when this is well, all of it is.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn unpack(mut self, sink: &mut dyn Unpack) -> Result<(), Refusal> {
        payload::unpack(&mut self.archive, self.next.take(), &self.manifest, sink)
    }
}

/// A bundle of which nothing was checked but its form.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// What it claims to be.
    pub manifest: BundleManifest,
    /// SHA-256 of the manifest's bytes.
    pub digest: Digest,
    /// Names of the keys that are said to have signed.
    pub signed_by: Vec<crate::KeyId>,
    /// Versions of the key sets that it brings.
    pub roots: Vec<u32>,
}

/// Reads what a bundle claims to be, for people, without the model's files and without trust.
///
/// # Errors
/// [`Refusal`], none about keys.
pub fn inspect<R: Read>(input: R) -> Result<Inspected, Refusal> {
    let head = read_head(&mut Reader::new(input))?;
    let signatures = Signatures::parse(&head.signatures).ok_or(Refusal::Signatures)?;
    Ok(Inspected {
        manifest: BundleManifest::parse(&head.manifest)?,
        digest: Digest::of(&head.manifest),
        signed_by: signatures.iter().map(|(key, _)| key).collect(),
        roots: head.roots.iter().map(|root| root.version).collect(),
    })
}

fn read_head<R: Read>(archive: &mut Reader<R>) -> Result<Head, Refusal> {
    let first = match archive.advance() {
        Ok(member) => member,
        // Whatever it is, it does not begin as a bundle.
        Err(Refusal::Header { .. } | Refusal::Truncated { .. } | Refusal::Trailing) => None,
        Err(refusal) => return Err(refusal),
    };
    if first.is_none_or(|member| member.name != MANIFEST_NAME) {
        return Err(Refusal::NotABundle);
    }
    let manifest = archive.read_all(MANIFEST_BYTES_MAX)?;
    expect(archive, SIGNATURES_NAME)?;
    let signatures = archive.read_all(SIGNATURES_BYTES_MAX)?;
    let mut roots: Vec<SignedRoot> = Vec::new();
    loop {
        let next = archive.advance()?;
        let Some(version) = next.as_ref().and_then(|member| root_version(&member.name)) else {
            return Ok(Head { manifest, signatures, roots, next });
        };
        let follows = roots.last().is_none_or(|last| last.version.checked_add(1) == Some(version));
        if !follows || roots.len() == ROOTS_MAX {
            return Err(Refusal::Roots(ROOTS_MAX));
        }
        let root = archive.read_all(ROOT_BYTES_MAX)?;
        expect(archive, &root_signatures_name(version))?;
        roots.push(SignedRoot { version, root, signatures: archive.read_all(SIGNATURES_BYTES_MAX)? });
    }
}

fn expect<R: Read>(archive: &mut Reader<R>, name: &str) -> Result<(), Refusal> {
    let found = archive.advance()?.map_or_else(|| "the end".to_owned(), |member| member.name);
    if found == name { Ok(()) } else { Err(Refusal::Order { found, expected: name.to_owned() }) }
}

/// The member of a key set.
#[must_use]
pub fn root_name(version: u32) -> String {
    format!("root/{version}.json")
}

/// The member of a key set's signatures.
#[must_use]
pub fn root_signatures_name(version: u32) -> String {
    format!("root/{version}.signatures.json")
}

fn root_version(name: &str) -> Option<u32> {
    let version = name.strip_prefix("root/")?.strip_suffix(".json")?.parse().ok()?;
    (root_name(version) == name).then_some(version)
}

/// Follows `trusted` as far as `roots` lead; those that the device had already are passed over.
///
/// # Errors
/// [`Refusal::Root`].
pub fn follow(trusted: &Root, roots: Vec<SignedRoot>) -> Result<(Root, Vec<SignedRoot>), Refusal> {
    let mut newest = trusted.clone();
    let newer: Vec<SignedRoot> = roots.into_iter().filter(|root| root.version > trusted.version).collect();
    for root in &newer {
        newest = newest.follow(root).map_err(|fault| Refusal::Root { version: root.version, fault })?;
    }
    Ok((newest, newer))
}
