//! The seven functions of the CUDA driver that the gate asks. Unsafe code: calls into a library opened at run time.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_uint};
use std::path::Path;

use super::{ComputeCapability, CudaVersion, GateFault};
use crate::loader::{self, OpenFault};
use crate::vendor_text;

/// `CUresult`.
type Answer = c_int;

/// `CUdevice`.
pub(super) type Handle = c_int;

/// Answers that have words of their own, by `cuda.h`.
mod answer {
    use super::Answer;

    pub const SUCCESS: Answer = 0;
    pub const STUB_LIBRARY: Answer = 34;
    pub const INSUFFICIENT_DRIVER: Answer = 35;
    pub const NO_DEVICE: Answer = 100;
    pub const SYSTEM_NOT_READY: Answer = 802;
    pub const SYSTEM_DRIVER_MISMATCH: Answer = 803;
}

/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `MINOR`.
const COMPUTE_CAPABILITY: [c_int; 2] = [75, 76];

/// Bytes of a device's name, with the zero at its end.
const NAME_BYTES: usize = 256;

/// More devices than any machine has.
const DEVICES_MAX: c_int = 1_024;

/// The driver's functions. They are valid as long as the library is open, which is for good.
pub(super) struct Driver {
    library: String,
    cu_init: unsafe extern "C" fn(c_uint) -> Answer,
    cu_driver_get_version: unsafe extern "C" fn(*mut c_int) -> Answer,
    cu_device_get_count: unsafe extern "C" fn(*mut c_int) -> Answer,
    cu_device_get: unsafe extern "C" fn(*mut Handle, c_int) -> Answer,
    cu_device_get_name: unsafe extern "C" fn(*mut c_char, c_int, Handle) -> Answer,
    cu_device_get_attribute: unsafe extern "C" fn(*mut c_int, c_int, Handle) -> Answer,
    cu_device_total_mem: unsafe extern "C" fn(*mut usize, Handle) -> Answer,
}

impl Driver {
    /// Opens the library and finds the functions; calls none.
    pub(super) fn open(path: &Path) -> Result<Self, GateFault> {
        let name = vendor_text::line(path.as_os_str().as_encoded_bytes());
        // SAFETY: the driver's initialisers are trusted as the driver itself is.
        let library = unsafe { loader::open(path) }.map_err(|fault| match fault {
            OpenFault::Absent => GateFault::NotInstalled { library: name.clone() },
            OpenFault::Broken(reason) => GateFault::Broken { library: name.clone(), reason },
        })?;
        let missing = |symbol| GateFault::SymbolMissing { library: name.clone(), symbol };
        // SAFETY: the types are those of `cuda.h`; the `_v2` is what `cuda.h` calls cuDeviceTotalMem.
        unsafe {
            Ok(Self {
                cu_init: loader::function(&library, "cuInit").map_err(missing)?,
                cu_driver_get_version: loader::function(&library, "cuDriverGetVersion").map_err(missing)?,
                cu_device_get_count: loader::function(&library, "cuDeviceGetCount").map_err(missing)?,
                cu_device_get: loader::function(&library, "cuDeviceGet").map_err(missing)?,
                cu_device_get_name: loader::function(&library, "cuDeviceGetName").map_err(missing)?,
                cu_device_get_attribute: loader::function(&library, "cuDeviceGetAttribute").map_err(missing)?,
                cu_device_total_mem: loader::function(&library, "cuDeviceTotalMem_v2").map_err(missing)?,
                library: name.clone(),
            })
        }
    }

    /// `cuInit`.
    pub(super) fn begin(&self) -> Result<(), GateFault> {
        // SAFETY: takes flags, which must be 0.
        self.check("cuInit", unsafe { (self.cu_init)(0) })
    }

    /// The newest CUDA that the driver supports, as its number.
    pub(super) fn version(&self) -> Result<u32, GateFault> {
        self.number("cuDriverGetVersion", 1_000..=999_999, |out| {
            // SAFETY: `out` is one `int`.
            unsafe { (self.cu_driver_get_version)(out) }
        })
    }

    /// How many devices there are.
    pub(super) fn device_count(&self) -> Result<u32, GateFault> {
        self.number("cuDeviceGetCount", 0..=DEVICES_MAX, |out| {
            // SAFETY: `out` is one `int`.
            unsafe { (self.cu_device_get_count)(out) }
        })
    }

    /// The device with a number below the count.
    pub(super) fn device(&self, ordinal: u32) -> Result<Handle, GateFault> {
        let mut handle: Handle = 0;
        let ordinal = Handle::try_from(ordinal).unwrap_or(Handle::MAX);
        // SAFETY: `handle` is one `CUdevice`.
        self.check("cuDeviceGet", unsafe { (self.cu_device_get)(&raw mut handle, ordinal) })?;
        Ok(handle)
    }

    /// The device's name.
    pub(super) fn device_name(&self, device: Handle) -> Result<String, GateFault> {
        let mut name = [0_u8; NAME_BYTES];
        let bytes = c_int::try_from(NAME_BYTES - 1).unwrap_or(c_int::MAX);
        // SAFETY: `name` has more than `bytes` bytes; the last one stays zero whatever the driver writes.
        let answer = unsafe { (self.cu_device_get_name)(name.as_mut_ptr().cast(), bytes, device) };
        self.check("cuDeviceGetName", answer)?;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME_BYTES);
        Ok(vendor_text::line(&name[..end]))
    }

    /// The device's generation.
    pub(super) fn compute_capability(&self, device: Handle) -> Result<ComputeCapability, GateFault> {
        let [major, minor] = COMPUTE_CAPABILITY.map(|attribute| {
            self.number("cuDeviceGetAttribute", 0..=99, |out| {
                // SAFETY: `out` is one `int`.
                unsafe { (self.cu_device_get_attribute)(out, attribute, device) }
            })
        });
        Ok(ComputeCapability { major: major?, minor: minor? })
    }

    /// The device's memory.
    pub(super) fn memory_bytes(&self, device: Handle) -> Result<u64, GateFault> {
        let mut bytes = 0_usize;
        // SAFETY: `bytes` is one `size_t`.
        self.check("cuDeviceTotalMem", unsafe { (self.cu_device_total_mem)(&raw mut bytes, device) })?;
        Ok(bytes as u64)
    }

    /// A number within `sensible` that `call` writes.
    fn number(
        &self,
        call: &'static str,
        sensible: std::ops::RangeInclusive<c_int>,
        ask: impl Fn(*mut c_int) -> Answer,
    ) -> Result<u32, GateFault> {
        let mut value: c_int = -1;
        self.check(call, ask(&raw mut value))?;
        let number = u32::try_from(value).ok().filter(|_| sensible.contains(&value));
        number.ok_or(GateFault::Nonsense { call, value: value.into() })
    }

    /// Each answer that is not success, in words.
    fn check(&self, call: &'static str, answer: Answer) -> Result<(), GateFault> {
        match answer {
            answer::SUCCESS => Ok(()),
            answer::STUB_LIBRARY => Err(GateFault::Stub { library: self.library.clone() }),
            answer::INSUFFICIENT_DRIVER => Err(self.too_old(call)),
            answer::NO_DEVICE => Err(GateFault::NoDevice),
            answer::SYSTEM_NOT_READY => Err(GateFault::NotReady { code: answer }),
            answer::SYSTEM_DRIVER_MISMATCH => Err(GateFault::DriverMixed),
            code => Err(GateFault::Refused { call, code }),
        }
    }

    /// The driver called itself too old: with its version where it gives one.
    fn too_old(&self, call: &'static str) -> GateFault {
        let mut value: c_int = 0;
        // SAFETY: `value` is one `int`.
        let answer = unsafe { (self.cu_driver_get_version)(&raw mut value) };
        match u32::try_from(value) {
            Ok(number) if answer == answer::SUCCESS && number > 0 => {
                GateFault::DriverTooOld { found: CudaVersion::of_driver(number) }
            }
            _ => GateFault::Refused { call, code: answer::INSUFFICIENT_DRIVER },
        }
    }
}
