//! What a plan holds for.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::gate::{ComputeCapability, CudaVersion, Device};
use crate::kernels;
use crate::tensorrt::{BuildOptions, Precision, TensorRt, Version};
use crate::vendor_text;

/// Bytes of the release file that are looked at.
const RELEASE_BYTES_MAX: u64 = 4_096;

/// Where JetPack says which Linux for Tegra it is.
const RELEASE_FILE: &str = "/etc/nv_tegra_release";

/// The release of Linux for Tegra: its first line, for example `# R36 (release), REVISION: 4.3, ...`. Empty on other
/// machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct L4tRelease(pub String);

impl L4tRelease {
    /// This machine's. What cannot be read is as what is not there: the key has the versions that matter besides.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::read(Path::new(RELEASE_FILE))
    }

    /// From a file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(RELEASE_BYTES_MAX).read_to_end(&mut bytes));
        if read.is_err() {
            return Self::default();
        }
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        Self(vendor_text::line(line))
    }
}

/// What a plan holds for: another value of any field is another plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanKey {
    /// SHA-256 of the ONNX file.
    pub network: [u8; 32],
    /// TensorRT's version, with its build.
    pub tensorrt: Version,
    /// The shim's version: its interface and its headers.
    pub shim: String,
    /// The device's generation.
    pub compute_capability: ComputeCapability,
    /// The device's name.
    pub device_name: String,
    /// The system's release.
    pub l4t_release: L4tRelease,
    /// How it is built.
    pub options: BuildOptions,
    /// The input's shape.
    pub input_shape: Vec<u32>,
}

impl PlanKey {
    /// The key of a network on the device and TensorRT that are open.
    #[must_use]
    pub fn new(
        onnx: &[u8],
        tensorrt: &TensorRt,
        l4t_release: L4tRelease,
        options: BuildOptions,
        input_shape: &[u32],
    ) -> Self {
        let device = tensorrt.device();
        Self {
            network: Sha256::digest(onnx).into(),
            tensorrt: tensorrt.version(),
            shim: tensorrt.shim_version(),
            compute_capability: device.compute_capability,
            device_name: device.name.clone(),
            l4t_release,
            options,
            input_shape: input_shape.to_vec(),
        }
    }

    /// SHA-256 of all fields.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = self.device_hash("mamoru plan 1");
        field(&mut hash, &self.network);
        let precision = match self.options.precision {
            Precision::Half => "half",
            Precision::Single => "single",
        };
        field(&mut hash, precision.as_bytes());
        field(&mut hash, &self.options.workspace_bytes.to_le_bytes());
        field(&mut hash, self.shim.as_bytes());
        let shape: Vec<u8> = self.input_shape.iter().flat_map(|side| side.to_le_bytes()).collect();
        field(&mut hash, &shape);
        hash.finalize().into()
    }

    /// SHA-256 of what a timing cache holds for: version and device, whatever the network.
    #[must_use]
    pub fn timing_digest(&self) -> [u8; 32] {
        self.device_hash("mamoru timing cache 1").finalize().into()
    }

    fn device_hash(&self, what: &str) -> Sha256 {
        let mut hash = Sha256::new();
        field(&mut hash, what.as_bytes());
        field(&mut hash, self.tensorrt.to_string().as_bytes());
        field(&mut hash, self.compute_capability.to_string().as_bytes());
        field(&mut hash, self.device_name.as_bytes());
        field(&mut hash, self.l4t_release.0.as_bytes());
        hash
    }
}

/// What compiled kernels hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KernelsKey {
    /// SHA-256 of source and options.
    pub(crate) source: [u8; 32],
    /// NVRTC's version.
    pub(crate) compiler: CudaVersion,
    /// The newest CUDA that the driver supports.
    pub(crate) driver: CudaVersion,
    /// The device's generation.
    pub(crate) compute_capability: ComputeCapability,
}

impl KernelsKey {
    /// The key of this software's kernels on `device`.
    pub(crate) fn new(device: &Device, compiler: CudaVersion) -> Self {
        let mut source = Sha256::new();
        field(&mut source, kernels::SOURCE.as_bytes());
        kernels::OPTIONS.iter().for_each(|option| field(&mut source, option.as_bytes()));
        Self {
            source: source.finalize().into(),
            compiler,
            driver: device.driver_version,
            compute_capability: device.compute_capability,
        }
    }

    /// SHA-256 of all fields.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        field(&mut hash, b"mamoru kernels 1");
        field(&mut hash, &self.source);
        field(&mut hash, self.compiler.to_string().as_bytes());
        field(&mut hash, self.driver.to_string().as_bytes());
        field(&mut hash, self.compute_capability.to_string().as_bytes());
        hash.finalize().into()
    }
}

/// A field with its length, so that no two lists of fields are the same bytes.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan_cache::tests::key;

    /// Changes one field.
    type Change = fn(&mut PlanKey);

    #[test]
    fn another_value_of_any_field_is_another_key() {
        let changes: [Change; 12] = [
            |_| {},
            |key| key.network[31] ^= 1,
            |key| key.tensorrt.patch += 1,
            |key| key.tensorrt.build = None,
            |key| key.shim.push('x'),
            |key| key.compute_capability.minor += 1,
            |key| key.device_name.push('x'),
            |key| key.l4t_release.0.push('x'),
            |key| key.options.precision = Precision::Single,
            |key| key.options.workspace_bytes += 1,
            |key| key.input_shape[3] += 1,
            |key| key.input_shape.insert(0, 1),
        ];
        let mut digests: Vec<[u8; 32]> = changes
            .iter()
            .map(|change| {
                let mut changed = key();
                change(&mut changed);
                changed.digest()
            })
            .collect();
        digests.push(key().timing_digest());
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), changes.len() + 1);
        assert_eq!(key().digest(), key().digest());
    }

    #[test]
    fn a_byte_that_moves_from_one_field_to_the_next_is_another_key() {
        let (mut left, mut right) = (key(), key());
        (left.device_name, left.l4t_release) = ("ab".into(), L4tRelease("c".into()));
        (right.device_name, right.l4t_release) = ("a".into(), L4tRelease("bc".into()));
        assert_ne!(left.digest(), right.digest());
    }

    #[test]
    fn a_timing_cache_holds_for_other_networks_and_not_for_other_devices() {
        let (mut network, mut device) = (key(), key());
        network.network[0] ^= 1;
        network.options.precision = Precision::Single;
        device.device_name.push('x');
        assert_eq!(network.timing_digest(), key().timing_digest());
        assert_ne!(device.timing_digest(), key().timing_digest());
    }

    #[test]
    fn the_release_is_the_first_line_of_a_bounded_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nv_tegra_release");
        assert_eq!(L4tRelease::read(&path), L4tRelease::default(), "no file");
        std::fs::write(&path, b"# R36 (release), REVISION: 4.3\x1b\n# more\n").unwrap();
        assert_eq!(L4tRelease::read(&path).0, "# R36 (release), REVISION: 4.3");
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        assert!(L4tRelease::read(&path).0.len() <= vendor_text::BYTES_MAX + 3);
        assert_eq!(L4tRelease::read(folder.path()), L4tRelease::default(), "a folder");
        assert_eq!(L4tRelease::read(Path::new("/dev/zero")).0, "…", "a file without end");
    }
}
