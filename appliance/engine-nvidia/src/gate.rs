//! The CUDA driver's gate: whether there is a usable device, asked before anything else of NVIDIA is opened.
//!
//! TensorRT on a machine whose driver does not work returns pointers that are none and ends processes; the driver itself
//! answers honestly. So [`tensorrt`](crate::tensorrt) takes a [`Device`], and only [`open`] makes one.

mod driver;

use std::fmt;
use std::path::Path;

use thiserror::Error;

/// Name of the driver's library, which comes with the driver and not with CUDA's toolkit.
pub const DRIVER_LIBRARY: &str = "libcuda.so.1";

/// The oldest driver: CUDA 11.4, of JetPack 5.
pub const DRIVER_VERSION_MIN: CudaVersion = CudaVersion { major: 11, minor: 4 };

/// The oldest GPU: Xavier.
pub const COMPUTE_CAPABILITY_MIN: ComputeCapability = ComputeCapability { major: 7, minor: 2 };

/// A version of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CudaVersion {
    /// Major.
    pub major: u32,
    /// Minor.
    pub minor: u32,
}

impl CudaVersion {
    /// From the driver's number: 1000 times the major and 10 times the minor.
    const fn of_driver(number: u32) -> Self {
        Self { major: number / 1_000, minor: number % 1_000 / 10 }
    }
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// The generation of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputeCapability {
    /// Major.
    pub major: u32,
    /// Minor.
    pub minor: u32,
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// A device that the driver knows and that is new enough. Only [`open`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Its number among the driver's devices.
    pub ordinal: u32,
    /// Its name, at most 255 bytes, without control characters.
    pub name: String,
    /// Its generation.
    pub compute_capability: ComputeCapability,
    /// Its memory in bytes; on a Jetson the processor's too.
    pub memory_bytes: u64,
    /// The newest CUDA that the driver supports.
    pub driver_version: CudaVersion,
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, capability, driver) = (&self.name, self.compute_capability, self.driver_version);
        let mebibytes = self.memory_bytes >> 20;
        write!(formatter, "{name}, compute capability {capability}, {mebibytes} MiB, driver for CUDA {driver}")
    }
}

/// Why the gate is closed, in words of a technician.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GateFault {
    /// There is no driver.
    #[error("the NVIDIA driver is not installed: no {library}")]
    NotInstalled {
        /// The library's name.
        library: String,
    },
    /// The driver's library is there and cannot be opened.
    #[error("the NVIDIA driver's library {library} cannot be opened: {reason}")]
    Broken {
        /// The library's name.
        library: String,
        /// What the dynamic loader says.
        reason: String,
    },
    /// The library is no CUDA driver, or a very old one.
    #[error("{library} is no CUDA driver that this version knows: it lacks {symbol}")]
    SymbolMissing {
        /// The library's name.
        library: String,
        /// The function.
        symbol: &'static str,
    },
    /// The library is the stub that compilers link against.
    #[error(
        "{library} is the stub of CUDA's toolkit and not the driver: take the toolkit's folder of stubs off the library path"
    )]
    Stub {
        /// The library's name.
        library: String,
    },
    /// The driver sees no device.
    #[error("the NVIDIA driver is installed and sees no GPU")]
    NoDevice,
    /// The driver is too old, by its version or for itself.
    #[error(
        "the NVIDIA driver supports CUDA {found}; CUDA {DRIVER_VERSION_MIN} is needed: update the driver or JetPack"
    )]
    DriverTooOld {
        /// The newest CUDA that it supports.
        found: CudaVersion,
    },
    /// The kernel's module and the library are of two versions, as after an update without a restart.
    #[error("the NVIDIA driver's kernel module and library are of different versions: restart the machine")]
    DriverMixed,
    /// The driver is there and not yet ready.
    #[error("the NVIDIA driver is not ready yet (CUDA error {code})")]
    NotReady {
        /// The driver's answer.
        code: i32,
    },
    /// The driver answers with another error.
    #[error(
        "the NVIDIA driver fails in {call} (CUDA error {code}): look at the kernel's log, and whether this user may open the \
         device (groups video and render)"
    )]
    Refused {
        /// The driver's function.
        call: &'static str,
        /// The driver's answer.
        code: i32,
    },
    /// The device with this number is not there.
    #[error("there is no GPU {ordinal}: the driver sees {count}")]
    NoSuchDevice {
        /// Asked for.
        ordinal: u32,
        /// How many there are.
        count: u32,
    },
    /// The device is too old.
    #[error("the GPU {name} is too old: compute capability {found}, {COMPUTE_CAPABILITY_MIN} is needed")]
    DeviceTooOld {
        /// The device.
        name: String,
        /// Its generation.
        found: ComputeCapability,
    },
    /// The driver answers with numbers that cannot be.
    #[error("the NVIDIA driver answers {call} with a number that cannot be: {value}")]
    Nonsense {
        /// The driver's function.
        call: &'static str,
        /// What it answers.
        value: i64,
    },
}

/// Opens the driver's library and asks it, in this order, to begin, for its version, its devices and the properties of
/// device `ordinal`. `library` is a name that the dynamic loader finds, as [`DRIVER_LIBRARY`], or a path. The library stays
/// open for good.
///
/// # Errors
/// [`GateFault`]; nothing else of NVIDIA may be opened then.
pub fn open(library: &Path, ordinal: u32) -> Result<Device, GateFault> {
    let driver = driver::Driver::open(library)?;
    driver.begin()?;
    let driver_version = CudaVersion::of_driver(driver.version()?);
    if driver_version < DRIVER_VERSION_MIN {
        return Err(GateFault::DriverTooOld { found: driver_version });
    }
    let count = driver.device_count()?;
    if count == 0 {
        return Err(GateFault::NoDevice);
    }
    if ordinal >= count {
        return Err(GateFault::NoSuchDevice { ordinal, count });
    }
    let handle = driver.device(ordinal)?;
    let name = driver.device_name(handle)?;
    let compute_capability = driver.compute_capability(handle)?;
    if compute_capability < COMPUTE_CAPABILITY_MIN {
        return Err(GateFault::DeviceTooOld { name, found: compute_capability });
    }
    let memory_bytes = driver.memory_bytes(handle)?;
    Ok(Device { ordinal, name, compute_capability, memory_bytes, driver_version })
}

#[cfg(test)]
impl Device {
    /// A device for tests of what only reads its properties.
    pub(crate) fn described(name: &str, major: u32, minor: u32) -> Self {
        Self {
            ordinal: 0,
            name: name.into(),
            compute_capability: ComputeCapability { major, minor },
            memory_bytes: 8 << 30,
            driver_version: DRIVER_VERSION_MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_is_said_in_one_line() {
        let fault = open(Path::new("libno-such-driver.so.1"), 0).unwrap_err();
        assert_eq!(fault, GateFault::NotInstalled { library: "libno-such-driver.so.1".into() });
        assert_eq!(fault.to_string(), "the NVIDIA driver is not installed: no libno-such-driver.so.1");
    }

    #[test]
    fn a_file_that_is_no_library_is_broken_and_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libcuda.so.1");
        std::fs::write(&library, b"no library\x1b[0m").unwrap();
        assert!(matches!(open(&library, 0), Err(GateFault::Broken { .. })));
        std::fs::remove_file(&library).unwrap();
        assert!(matches!(open(&library, 0), Err(GateFault::NotInstalled { .. })));
    }

    #[test]
    fn a_library_of_something_else_lacks_the_drivers_functions() {
        let fault = open(Path::new("libc.so.6"), 0).unwrap_err();
        assert_eq!(fault, GateFault::SymbolMissing { library: "libc.so.6".into(), symbol: "cuInit" });
    }

    #[test]
    fn versions_are_read_and_ordered() {
        assert_eq!(CudaVersion::of_driver(11_040), DRIVER_VERSION_MIN);
        assert_eq!(CudaVersion::of_driver(13_020).to_string(), "13.2");
        assert!(CudaVersion::of_driver(11_030) < DRIVER_VERSION_MIN);
        assert!(CudaVersion::of_driver(12_000) > DRIVER_VERSION_MIN);
        assert!(ComputeCapability { major: 11, minor: 0 } > ComputeCapability { major: 8, minor: 7 });
    }

    #[test]
    fn no_fault_is_more_than_a_line() {
        let faults = [
            GateFault::NoDevice,
            GateFault::DriverMixed,
            GateFault::Refused { call: "cuInit", code: 999 },
            GateFault::DriverTooOld { found: CudaVersion { major: 10, minor: 2 } },
        ];
        for fault in faults {
            let text = fault.to_string();
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
