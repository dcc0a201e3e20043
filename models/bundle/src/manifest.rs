//! The bundle's manifest: which model, for which devices, and every file with its digest. Its bytes are what is signed.

use std::collections::{BTreeMap, BTreeSet};

use contract::{ContractVersion, Digest, ModelLabel};
use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::canonical;
use crate::verify::Device;
use crate::version::SoftwareVersion;

/// The `format` of a bundle.
pub const BUNDLE_FORMAT: &str = "mamoru-bundle/1";

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 10;

/// Files at most.
pub const FILES_MAX: usize = 128;

/// All files together at most, in bytes.
pub const PAYLOAD_BYTES_MAX: u64 = 512 << 20;

/// Highest sequence: what every JSON reader can hold.
pub const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// How far a bundle's sequence may be above the device's: one bundle must not be able to lock out all that follow.
pub const SEQUENCE_STEP_MAX: u64 = 1_000;

/// Longest name, version or date, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Longest text of a licence in the manifest, in bytes.
const LICENCE_BYTES_MAX: usize = 1_024;

/// Engines at most.
const ENGINES_MAX: usize = 16;

/// What a file is to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `manifest.json`: the model's own, `contract::Manifest`.
    Manifest,
    /// `network.onnx`.
    Network,
    /// `golden.json`: `contract::Golden`.
    Golden,
    /// `MODEL_CARD.md`.
    ModelCard,
    /// `LICENCE.txt`.
    Licence,
    /// `plots/NAME`: a picture of the model card.
    Plot,
}

impl Role {
    /// The roles that a model has exactly one file of.
    pub const ONCE: [Self; 5] = [Self::Manifest, Self::Network, Self::Golden, Self::ModelCard, Self::Licence];

    /// Where the file of this role is, within the model's folder; `None` for those that have several.
    #[must_use]
    pub const fn path(self) -> Option<&'static str> {
        match self {
            Self::Manifest => Some("manifest.json"),
            Self::Network => Some("network.onnx"),
            Self::Golden => Some("golden.json"),
            Self::ModelCard => Some("MODEL_CARD.md"),
            Self::Licence => Some("LICENCE.txt"),
            Self::Plot => None,
        }
    }

    /// Largest file of this role, in bytes.
    #[must_use]
    pub const fn bytes_max(self) -> u64 {
        match self {
            Self::Manifest | Self::ModelCard | Self::Licence => 1 << 20,
            Self::Network => 256 << 20,
            Self::Golden => 16 << 20,
            Self::Plot => 8 << 20,
        }
    }

    /// The role of the file at `path`; `None` where no model has a file.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        if let Some(role) = Self::ONCE.into_iter().find(|role| role.path() == Some(path)) {
            return Some(role);
        }
        let name = path.strip_prefix("plots/")?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=80).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_allowed);
        is_name.then_some(Self::Plot)
    }
}

/// A file of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Within the model's folder, as [`Role::of_path`] knows it.
    pub path: String,
    /// What it is.
    pub role: Role,
    /// In bytes, 1 to [`Role::bytes_max`].
    pub size: u64,
    /// Of its content.
    pub sha256: Digest,
}

/// What is signed. A field that is not named here is refused: whatever a reader may pass over stands in `extensions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleManifest {
    /// [`BUNDLE_FORMAT`].
    pub format: String,
    /// The model's name, as in its own manifest.
    pub name: String,
    /// The model's version, as in its own manifest.
    pub version: String,
    /// What the model may be used for, as in its own manifest.
    pub label: ModelLabel,
    /// Rises with each bundle that a maker releases: 1 to [`SEQUENCE_MAX`].
    pub sequence: u64,
    /// When the model was trained or packed, for people.
    pub created: String,
    /// The contract that the model's own manifest is written in.
    pub contract: ContractVersion,
    /// SHA-256 of the network's file.
    pub network: Digest,
    /// SHA-256 of the canonical JSON of the preprocessing spec.
    pub preprocess: Digest,
    /// Names of the engines that it runs on, 1 to 16, in ascending order.
    pub engines: Vec<String>,
    /// The first software that it runs on.
    pub software_min: SoftwareVersion,
    /// The last software that it runs on; `None` without one.
    pub software_max: Option<SoftwareVersion>,
    /// Under which terms the weights may be used, in a sentence.
    pub licence: String,
    /// The model's files, in ascending order of their paths.
    pub files: Vec<FileEntry>,
    /// What a reader may pass over.
    pub extensions: BTreeMap<String, serde_json::Value>,
}

/// What tells the format of a later version from a broken one of this version.
#[derive(Deserialize)]
struct Format {
    format: String,
}

impl BundleManifest {
    /// Reads a manifest whose signatures hold.
    ///
    /// # Errors
    /// [`Refusal::UnknownFormat`], [`Refusal::ManifestForm`], [`Refusal::ManifestValues`], [`Refusal::Path`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if let Ok(Format { format }) = serde_json::from_slice(bytes)
            && format != BUNDLE_FORMAT
        {
            return Err(Refusal::UnknownFormat(format.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()));
        }
        let manifest: Self = canonical::from_bytes(bytes).map_err(Refusal::ManifestForm)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks what does not depend on the device.
    ///
    /// # Errors
    /// [`Refusal::ManifestValues`], [`Refusal::Path`].
    pub fn check(&self) -> Result<(), Refusal> {
        let is_text = |text: &str, bytes_max: usize| {
            !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
        };
        let is_engine = |name: &String| is_text(name, 32) && name.bytes().all(|byte| byte.is_ascii_graphic());
        let is_ordered = self.software_max.is_none_or(|max| self.software_min <= max);
        let rules = [
            (self.format == BUNDLE_FORMAT, "it is of another format"),
            (is_text(&self.name, NAME_BYTES_MAX), "its name is empty, too long or has control characters"),
            (is_text(&self.version, NAME_BYTES_MAX), "its version is empty, too long or has control characters"),
            (is_text(&self.created, NAME_BYTES_MAX), "its date is empty, too long or has control characters"),
            (is_text(&self.licence, LICENCE_BYTES_MAX), "its licence is empty, too long or has control characters"),
            ((1..=SEQUENCE_MAX).contains(&self.sequence), "its sequence is 0 or too high"),
            ((1..=ENGINES_MAX).contains(&self.engines.len()), "it names no engine or more than 16"),
            (self.engines.iter().all(is_engine), "it names an engine that is none"),
            (self.engines.windows(2).all(|pair| pair[0] < pair[1]), "its engines are not in order or not different"),
            (is_ordered, "the first software is later than the last"),
        ];
        if let Some((_, rule)) = rules.into_iter().find(|(is_kept, _)| !is_kept) {
            return Err(Refusal::ManifestValues(rule));
        }
        self.check_files()
    }

    fn check_files(&self) -> Result<(), Refusal> {
        let values = |rule| Err(Refusal::ManifestValues(rule));
        if self.files.len() > FILES_MAX {
            return values("it lists more than 128 files");
        }
        for file in &self.files {
            match Role::of_path(&file.path) {
                None => {
                    let shown = file.path.escape_debug().take(120).collect();
                    return Err(Refusal::Path(shown));
                }
                Some(role) if role != file.role => return values("it calls a file by another one's role"),
                Some(role) if !(1..=role.bytes_max()).contains(&file.size) => {
                    return values("it lists a file that is empty or larger than any of its kind");
                }
                Some(_) => {}
            }
        }
        if !self.files.windows(2).all(|pair| pair[0].path < pair[1].path) {
            return values("its files are not in order or not different");
        }
        let paths: BTreeSet<String> = self.files.iter().map(|file| file.path.to_ascii_lowercase()).collect();
        if paths.len() != self.files.len() {
            return values("two of its files differ in the case of letters only");
        }
        if Role::ONCE.into_iter().any(|role| self.file(role).is_none()) {
            return values("it lacks one of the files that every model has");
        }
        if self.file(Role::Network).is_none_or(|file| file.sha256 != self.network) {
            return values("the network's digest is not the one of its file");
        }
        // Cannot overflow: each size is bounded.
        if self.payload_bytes() > PAYLOAD_BYTES_MAX {
            return values("its files are larger than 512 MiB in all");
        }
        Ok(())
    }

    /// The file of a role that a model has once.
    #[must_use]
    pub fn file(&self, role: Role) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.role == role)
    }

    /// All files together, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// Checks that `device` may take the bundle, which is called `digest`.
    ///
    /// # Errors
    /// [`Refusal::Denied`], [`Refusal::Downgrade`], [`Refusal::FastForward`], [`Refusal::Contract`], [`Refusal::Engine`],
    /// [`Refusal::SoftwareTooOld`], [`Refusal::SoftwareTooNew`].
    pub fn check_device(&self, digest: Digest, device: &Device) -> Result<(), Refusal> {
        let Device { contract, engines, software, sequence_floor, denied } = device;
        if denied.contains(&digest) {
            return Err(Refusal::Denied(digest));
        }
        if self.sequence < *sequence_floor {
            return Err(Refusal::Downgrade { sequence: self.sequence, floor: *sequence_floor });
        }
        let ceiling = sequence_floor.saturating_add(SEQUENCE_STEP_MAX);
        if self.sequence > ceiling {
            return Err(Refusal::FastForward { sequence: self.sequence, ceiling });
        }
        // A minor only adds: what is older can be read, what is newer may say something that would be passed over.
        if self.contract.major != contract.major || self.contract.minor > contract.minor {
            let shown = |version: &ContractVersion| format!("{}.{}", version.major, version.minor);
            return Err(Refusal::Contract { needs: shown(&self.contract), has: shown(contract) });
        }
        if !self.engines.iter().any(|engine| engines.contains(engine)) {
            return Err(Refusal::Engine { needs: self.engines.join(", "), has: engines.join(", ") });
        }
        if *software < self.software_min {
            return Err(Refusal::SoftwareTooOld { needs: self.software_min, has: *software });
        }
        match self.software_max {
            Some(max) if *software > max => Err(Refusal::SoftwareTooNew { needs: max, has: *software }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_that_models_have() {
        for role in Role::ONCE {
            assert_eq!(role.path().and_then(Role::of_path), Some(role));
        }
        assert_eq!(Role::of_path("plots/roc-per_image.svg"), Some(Role::Plot));
        for other in [
            "",
            "/manifest.json",
            "../manifest.json",
            "./manifest.json",
            "manifest.json/",
            "MANIFEST.JSON",
            "plots",
            "plots/",
            "plots/.",
            "plots/..",
            "plots/.hidden",
            "plots/../manifest.json",
            "plots/a/b",
            "plots//a",
            "plots\\a",
            "plots/a\\b",
            "plots/a b",
            "plots/a\0",
            "plots/é",
            "bundle.json",
            "/etc/passwd",
        ] {
            assert_eq!(Role::of_path(other), None, "{other}");
        }
        assert_eq!(Role::of_path(&format!("plots/{}", "a".repeat(81))), None);
    }
}
