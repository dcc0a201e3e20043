//! The model's files, as they come out of a bundle whose manifest is trusted.

use contract::manifest::Manifest;
use contract::{Digest, Golden};
use ring::digest::{Context, SHA256};

use crate::archive::{Member, Reader};
use crate::manifest::{BundleManifest, FileEntry, Role};
use crate::refusal::Refusal;

/// Where the model's files are in the archive.
pub const PAYLOAD_PREFIX: &str = "model/";

/// What is read and handed on at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// The digest of what streams by.
pub struct Hasher(Context);

impl Default for Hasher {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Hasher {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of all bytes.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Digest::from_bytes(bytes)
    }
}

/// Takes the files of a bundle, one after the other.
pub trait Unpack {
    /// A file begins.
    ///
    /// # Errors
    /// Its own, which ends the unpacking.
    fn begin(&mut self, file: &FileEntry) -> std::io::Result<()>;

    /// The next bytes of it, at most 256 KiB. Whether they are the manifest's is not known yet.
    ///
    /// # Errors
    /// Its own, which ends the unpacking.
    fn write(&mut self, file: &FileEntry, bytes: &[u8]) -> std::io::Result<()>;

    /// It is whole, and is the manifest's.
    ///
    /// # Errors
    /// Its own, which ends the unpacking.
    fn end(&mut self, file: &FileEntry) -> std::io::Result<()>;
}

/// Keeps nothing: for checking alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Unpack for Discard {
    fn begin(&mut self, _: &FileEntry) -> std::io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &FileEntry, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &FileEntry) -> std::io::Result<()> {
        Ok(())
    }
}

/// Steps 7 to 9 of [`crate::verify`]. `first` is the member whose header has been read already.
pub(crate) fn unpack<R: std::io::Read>(
    archive: &mut Reader<R>,
    mut first: Option<Member>,
    manifest: &BundleManifest,
    sink: &mut dyn Unpack,
) -> Result<(), Refusal> {
    let (mut model, mut golden) = (Vec::new(), Vec::new());
    for file in &manifest.files {
        // 7. The members are the manifest's files, in its order, of its sizes.
        let member = match first.take() {
            Some(member) => Some(member),
            None => archive.advance()?,
        };
        check_member(member, file)?;
        let kept = match file.role {
            Role::Manifest => Some(&mut model),
            Role::Golden => Some(&mut golden),
            _ => None,
        };
        copy(archive, file, kept, sink)?;
    }
    if let Some(member) = first.map_or_else(|| archive.advance(), |member| Ok(Some(member)))? {
        return Err(Refusal::Order { found: member.name, expected: "the end".into() });
    }
    // 9. The model's own manifest is of this software's contract and says what the bundle's says.
    check_model(manifest, &model)?;
    serde_json::from_slice::<Golden>(&golden)
        .map_err(|error| Refusal::Model(format!("comes with golden vectors of another form: {error}")))?
        .check()?;
    Ok(())
}

fn check_member(member: Option<Member>, file: &FileEntry) -> Result<(), Refusal> {
    let expected = format!("{PAYLOAD_PREFIX}{}", file.path);
    let Some(member) = member else {
        return Err(Refusal::Order { found: "the end".into(), expected });
    };
    if member.name != expected {
        return Err(Refusal::Order { found: member.name, expected });
    }
    if member.size != file.size {
        return Err(Refusal::Size { path: file.path.clone(), found: member.size, named: file.size });
    }
    Ok(())
}

fn copy<R: std::io::Read>(
    archive: &mut Reader<R>,
    file: &FileEntry,
    mut kept: Option<&mut Vec<u8>>,
    sink: &mut dyn Unpack,
) -> Result<(), Refusal> {
    let unwritable = |source| Refusal::Unwritable { path: file.path.clone(), source };
    sink.begin(file).map_err(unwritable)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = archive.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        if let Some(kept) = kept.as_deref_mut() {
            kept.extend_from_slice(&buffer[..read]);
        }
        sink.write(file, &buffer[..read]).map_err(unwritable)?;
    }
    // 8. Its digest is the manifest's.
    if hasher.finish() != file.sha256 {
        return Err(Refusal::Tampered { path: file.path.clone() });
    }
    sink.end(file).map_err(unwritable)
}

/// Both manifests are signed, but only the bundle's was checked against the device.
pub(crate) fn check_model(manifest: &BundleManifest, model: &[u8]) -> Result<Manifest, Refusal> {
    let of_form = serde_json::from_slice::<Manifest>(model);
    let model = of_form.map_err(|error| Refusal::Model(format!("is of no form that this software knows: {error}")))?;
    let preprocess = Digest::of_canonical(&model.preprocess).map_err(|error| Refusal::Model(error.to_string()))?;
    let same = [
        (model.contract == manifest.contract, "contract"),
        (model.name == manifest.name, "name"),
        (model.version == manifest.version, "version"),
        (model.label == manifest.label, "label"),
        (model.network == manifest.network, "network"),
        // A spec that this software would read otherwise has another digest here.
        (preprocess == manifest.preprocess, "preprocessing"),
    ];
    match same.into_iter().find(|(is_same, _)| !is_same) {
        Some((_, field)) => Err(Refusal::Model(format!("names another {field} than the bundle"))),
        None => Ok(model),
    }
}
