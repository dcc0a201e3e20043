//! A maker with keys, a model and a device, all from seeds. Attacks are bundles of this maker that were changed.

use std::collections::{BTreeMap, BTreeSet};

use bundle::manifest::BundleManifest;
use bundle::root::{ROOT_FORMAT, RoleKeys, Roles};
use bundle::verify::Device;
use bundle::{KeyId, Packing, PrivateKey, Root, Signatures, SignedRoot, SoftwareVersion, canonical, pack};
use contract::manifest::{Manifest, ModelLabel};
use contract::{Aggregation, CONTRACT_VERSION, Digest, Golden, GoldenVector, PreprocessSpec, Provenance, Topology};

pub type Files = BTreeMap<String, Vec<u8>>;

/// The key number `number` of whoever the seed is.
pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed([number; 32]).unwrap()
}

pub fn keys(numbers: &[u8]) -> Vec<PrivateKey> {
    numbers.iter().map(|&number| key(number)).collect()
}

pub fn id(number: u8) -> KeyId {
    key(number).public().id()
}

fn role(numbers: &[u8], threshold: u8) -> RoleKeys {
    let mut keys: Vec<KeyId> = numbers.iter().map(|&number| id(number)).collect();
    keys.sort_unstable();
    RoleKeys { keys, threshold }
}

/// Keys 1 and 2 sign key sets, both of them; 11 and 12 bundles, one of them; 21 permissions.
pub fn root(version: u32) -> Root {
    let roles = Roles { root: role(&[1, 2], 2), release: role(&[11, 12], 1), emergency: role(&[21], 1) };
    Root { format: ROOT_FORMAT.into(), version, keys: known(&[1, 2, 11, 12, 21]), roles, revoked: vec![] }
}

pub fn known(numbers: &[u8]) -> BTreeMap<KeyId, bundle::PublicKey> {
    numbers.iter().map(|&number| (id(number), key(number).public())).collect()
}

/// The key set with other keys for releases.
pub fn with_release(mut root: Root, numbers: &[u8], threshold: u8) -> Root {
    root.keys.extend(known(numbers));
    root.roles.release = role(numbers, threshold);
    root
}

/// The key set with other keys for key sets.
pub fn with_root_keys(mut root: Root, numbers: &[u8], threshold: u8) -> Root {
    root.keys.extend(known(numbers));
    root.roles.root = role(numbers, threshold);
    root
}

pub fn revoking(mut root: Root, numbers: &[u8]) -> Root {
    root.revoked = numbers.iter().map(|&number| id(number)).collect();
    root.revoked.sort_unstable();
    root
}

/// The key set as it travels. It may be one that no device takes.
pub fn signed(root: &Root, numbers: &[u8]) -> SignedRoot {
    let bytes = canonical::to_bytes(root).unwrap();
    let signatures = Signatures::of(&bytes, &keys(numbers)).to_bytes().unwrap();
    SignedRoot { version: root.version, root: bytes, signatures }
}

/// The files of a model, as `mamoru-train pack` writes them; the network is noise, for bundles do not run it.
pub fn model_files(seed: u64, version: &str) -> Files {
    let mut random = fastrand::Rng::with_seed(seed);
    let network: Vec<u8> = (0..2_000).map(|_| random.u8(..)).collect();
    let provenance = Provenance {
        data: "synthetic".into(),
        licence: "research only".into(),
        intended_use: "tests".into(),
        trained: "2026-11-25T00:00:00Z".into(),
        settings: Digest::of(b"settings"),
    };
    let manifest = Manifest {
        contract: CONTRACT_VERSION,
        name: "test-model".into(),
        version: version.into(),
        label: ModelLabel::Research,
        preprocess: PreprocessSpec::reference(),
        topology: Topology::efficientnet_b4(),
        network: Digest::of(&network),
        calibration: None,
        operating_points: Vec::new(),
        aggregation: Aggregation::Mean,
        provenance: Some(provenance),
    };
    let golden = Golden {
        tolerance: 1e-3,
        vectors: vec![GoldenVector { seed, logit: 0.0, probability: 0.5, cam: vec![0.0; 4] }],
    };
    let file = |path: &str, content: Vec<u8>| (path.to_owned(), content);
    Files::from([
        file("manifest.json", serde_json::to_vec_pretty(&manifest).unwrap()),
        file("network.onnx", network),
        file("golden.json", serde_json::to_vec(&golden).unwrap()),
        file("MODEL_CARD.md", format!("# test-model {version}\n").into_bytes()),
        file("plots/roc.svg", b"<svg/>".to_vec()),
    ])
}

pub fn packing(sequence: u64) -> Packing {
    Packing {
        sequence,
        engines: vec!["tract".into(), "tensorrt".into()],
        software_min: SoftwareVersion::parse("0.1.0").unwrap(),
        software_max: None,
        licence: None,
        roots: vec![],
    }
}

/// A device of this software that had bundles up to the sequence 10.
pub fn device() -> Device {
    Device {
        contract: CONTRACT_VERSION,
        engines: vec!["tract".into()],
        software: SoftwareVersion::parse("0.1.0").unwrap(),
        sequence_floor: 10,
        denied: BTreeSet::new(),
    }
}

/// A bundle in its parts. Whatever is changed, [`Parts::bytes`] puts it together.
#[derive(Clone)]
pub struct Parts {
    pub manifest: Vec<u8>,
    pub signatures: Signatures,
    pub roots: Vec<SignedRoot>,
    pub files: Files,
}

impl Parts {
    /// The good one: sequence 17, signed by key 11.
    pub fn good() -> Self {
        Self::of(model_files(1, "1"), 17)
    }

    pub fn of(mut files: Files, sequence: u64) -> Self {
        let manifest = pack::describe(&mut files, &packing(sequence)).unwrap();
        let manifest = canonical::to_bytes(&manifest).unwrap();
        Self { signatures: Signatures::of(&manifest, &keys(&[11])), manifest, roots: vec![], files }
    }

    pub fn signed_by(self, numbers: &[u8]) -> Self {
        Self { signatures: Signatures::of(&self.manifest, &keys(numbers)), ..self }
    }

    /// With another manifest, signed like a good one: the maker's own fault, or that of a maker whose key was stolen.
    pub fn saying(self, change: impl FnOnce(&mut BundleManifest)) -> Self {
        let mut manifest = serde_json::from_slice(&self.manifest).unwrap();
        change(&mut manifest);
        Self { manifest: canonical::to_bytes(&manifest).unwrap(), ..self }.signed_by(&[11])
    }

    /// With another text as its manifest, signed like a good one.
    pub fn written(self, change: impl FnOnce(String) -> String) -> Self {
        let text = change(String::from_utf8(self.manifest.clone()).unwrap());
        Self { manifest: text.into_bytes(), ..self }.signed_by(&[11])
    }

    /// With another file, described and signed like a good one.
    pub fn holding(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(path.into(), content.into());
        self.saying(|manifest| {
            let file = manifest.files.iter_mut().find(|file| file.path == path).unwrap();
            (file.size, file.sha256) = (content.len() as u64, Digest::of(content));
        })
    }

    pub fn bytes(&self) -> Vec<u8> {
        let signatures = self.signatures.to_bytes().unwrap();
        let mut bytes = Vec::new();
        pack::write(&self.manifest, &signatures, &self.roots, &self.files, &mut bytes).unwrap();
        bytes
    }
}

/// Keeps what it is given, as a device would.
#[derive(Default)]
pub struct Kept {
    pub files: Files,
    pub ended: BTreeSet<String>,
}

impl bundle::Unpack for Kept {
    fn begin(&mut self, file: &bundle::FileEntry) -> std::io::Result<()> {
        let doubled = self.files.insert(file.path.clone(), Vec::new()).is_some();
        if doubled { Err(std::io::Error::other("begun twice")) } else { Ok(()) }
    }

    fn write(&mut self, file: &bundle::FileEntry, bytes: &[u8]) -> std::io::Result<()> {
        self.files.get_mut(&file.path).unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, file: &bundle::FileEntry) -> std::io::Result<()> {
        self.ended.insert(file.path.clone());
        Ok(())
    }
}

/// What a device that trusts `root` makes of `bytes`: the manifest's digest and the files.
pub fn take(bytes: &[u8], root: &Root, device: &Device) -> Result<(Digest, Files), bundle::Refusal> {
    let opened = bundle::open(bytes, root, device)?;
    let digest = opened.digest;
    let mut kept = Kept::default();
    opened.unpack(&mut kept)?;
    assert_eq!(kept.ended.iter().collect::<Vec<_>>(), kept.files.keys().collect::<Vec<_>>());
    Ok((digest, kept.files))
}
