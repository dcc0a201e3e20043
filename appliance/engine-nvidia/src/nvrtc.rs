//! NVRTC, NVIDIA's compiler of kernels, opened at run time. Unsafe code: calls into a library opened at run time.
//!
//! The device's own compiler makes code for the device's own driver: what another version makes, the driver may refuse.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::ptr;

use thiserror::Error;

use crate::gate::{ComputeCapability, CudaVersion};
use crate::kernels;
use crate::loader::{self, OpenFault};
use crate::vendor_text;

/// Names of the library, newest first: of JetPack 7, 6 and 5, and of any with the developer's files.
const LIBRARIES: [&str; 4] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"];

/// Bytes of compiled kernels: they have some tens of thousands.
pub(crate) const CUBIN_BYTES_MAX: usize = 1 << 24;

/// Bytes of the compiler's words.
const LOG_BYTES_MAX: usize = 1 << 20;

/// `nvrtcResult`.
type Answer = c_int;
/// `nvrtcProgram`.
type Program = *mut std::ffi::c_void;

const SUCCESS: Answer = 0;

/// Why there are no compiled kernels.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NvrtcFault {
    #[error("NVRTC is not installed: no {}", LIBRARIES.join(", "))]
    NotInstalled,
    #[error("{library} cannot be opened: {reason}")]
    Broken { library: String, reason: String },
    #[error("{library} lacks {symbol}")]
    SymbolMissing { library: String, symbol: &'static str },
    #[error("NVRTC fails in {call} (error {code})")]
    Failed { call: &'static str, code: i32 },
    #[error("NVRTC does not compile the kernels for {architecture} (error {code}): {log}")]
    Refused { architecture: String, code: i32, log: String },
    #[error("NVRTC answers with {0} bytes of compiled kernels")]
    Size(usize),
}

/// The compiler, open for good.
pub(crate) struct Nvrtc {
    /// Name of the library.
    pub(crate) library: &'static str,
    /// Its version.
    pub(crate) version: CudaVersion,
    create_program: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> Answer,
    compile_program: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Answer,
    get_cubin_size: unsafe extern "C" fn(Program, *mut usize) -> Answer,
    get_cubin: unsafe extern "C" fn(Program, *mut c_char) -> Answer,
    get_program_log_size: unsafe extern "C" fn(Program, *mut usize) -> Answer,
    get_program_log: unsafe extern "C" fn(Program, *mut c_char) -> Answer,
    destroy_program: unsafe extern "C" fn(*mut Program) -> Answer,
}

/// Destroys its program.
struct Held<'a>(&'a Nvrtc, Program);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: the program was made by this library and is destroyed once.
        let _ = unsafe { (self.0.destroy_program)(&raw mut self.1) };
    }
}

impl Nvrtc {
    /// Opens the newest that is installed.
    pub(crate) fn open() -> Result<Self, NvrtcFault> {
        let mut first = None;
        for library in LIBRARIES {
            match Self::open_one(library) {
                Ok(Some(nvrtc)) => return Ok(nvrtc),
                Ok(None) => {}
                Err(fault) => {
                    first.get_or_insert(fault);
                }
            }
        }
        Err(first.unwrap_or(NvrtcFault::NotInstalled))
    }

    /// `None` when it is not installed.
    fn open_one(library: &'static str) -> Result<Option<Self>, NvrtcFault> {
        // SAFETY: the compiler is trusted as the driver is.
        let opened = match unsafe { loader::open(Path::new(library)) } {
            Ok(opened) => opened,
            Err(OpenFault::Absent) => return Ok(None),
            Err(OpenFault::Broken(reason)) => return Err(NvrtcFault::Broken { library: library.into(), reason }),
        };
        let missing = |symbol| NvrtcFault::SymbolMissing { library: library.into(), symbol };
        // SAFETY: the types are those of `nvrtc.h`.
        let (version, mut nvrtc) = unsafe {
            let version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Answer =
                loader::function(&opened, "nvrtcVersion").map_err(missing)?;
            let nvrtc = Self {
                library,
                version: CudaVersion { major: 0, minor: 0 },
                create_program: loader::function(&opened, "nvrtcCreateProgram").map_err(missing)?,
                compile_program: loader::function(&opened, "nvrtcCompileProgram").map_err(missing)?,
                get_cubin_size: loader::function(&opened, "nvrtcGetCUBINSize").map_err(missing)?,
                get_cubin: loader::function(&opened, "nvrtcGetCUBIN").map_err(missing)?,
                get_program_log_size: loader::function(&opened, "nvrtcGetProgramLogSize").map_err(missing)?,
                get_program_log: loader::function(&opened, "nvrtcGetProgramLog").map_err(missing)?,
                destroy_program: loader::function(&opened, "nvrtcDestroyProgram").map_err(missing)?,
            };
            (version, nvrtc)
        };
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both are one `int`.
        check("nvrtcVersion", unsafe { version(&raw mut major, &raw mut minor) })?;
        let number = |value: c_int| u32::try_from(value).unwrap_or_default();
        nvrtc.version = CudaVersion { major: number(major), minor: number(minor) };
        Ok(Some(nvrtc))
    }

    /// Name of an architecture, as its options have it.
    pub(crate) fn architecture(capability: ComputeCapability) -> String {
        format!("sm_{}{}", capability.major, capability.minor)
    }

    /// Compiles [`kernels::SOURCE`] to code of a device of this generation.
    pub(crate) fn compile(&self, capability: ComputeCapability) -> Result<Vec<u8>, NvrtcFault> {
        let architecture = Self::architecture(capability);
        let nul = |_| NvrtcFault::Failed { call: "nvrtcCreateProgram", code: 0 };
        let source = CString::new(kernels::SOURCE).map_err(nul)?;
        let options = [format!("--gpu-architecture={architecture}")].into_iter();
        let options = options.chain(kernels::OPTIONS.map(str::to_owned)).map(CString::new);
        let options: Vec<CString> = options.collect::<Result<_, _>>().map_err(nul)?;
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let count = c_int::try_from(pointers.len()).unwrap_or_default();
        let mut program: Program = ptr::null_mut();
        let name: &CStr = c"kernels.cu";
        // SAFETY: source and name end with 0, and there are no headers.
        check("nvrtcCreateProgram", unsafe {
            (self.create_program)(&raw mut program, source.as_ptr(), name.as_ptr(), 0, ptr::null(), ptr::null())
        })?;
        let program = Held(self, program);
        // SAFETY: there are `count` options, each ends with 0, and all live until the call is over.
        let code = unsafe { (self.compile_program)(program.1, count, pointers.as_ptr()) };
        if code != SUCCESS {
            return Err(NvrtcFault::Refused { architecture, code, log: self.log(&program) });
        }
        // SAFETY: the program is compiled, and the second function writes as many bytes as the first one says.
        self.answer(self.get_cubin_size, self.get_cubin, &program, CUBIN_BYTES_MAX)
    }

    /// What the compiler said, in one line.
    fn log(&self, program: &Held<'_>) -> String {
        let log = self.answer(self.get_program_log_size, self.get_program_log, program, LOG_BYTES_MAX);
        log.map_or_else(|_| String::new(), |log| vendor_text::line(&log))
    }

    /// What a pair of functions gives: a size, and as many bytes.
    fn answer(
        &self,
        size: unsafe extern "C" fn(Program, *mut usize) -> Answer,
        get: unsafe extern "C" fn(Program, *mut c_char) -> Answer,
        program: &Held<'_>,
        bytes_max: usize,
    ) -> Result<Vec<u8>, NvrtcFault> {
        let mut length = 0_usize;
        // SAFETY: `length` is one `size_t`.
        check("nvrtcGet...Size", unsafe { size(program.1, &raw mut length) })?;
        if !(1..=bytes_max).contains(&length) {
            return Err(NvrtcFault::Size(length));
        }
        let mut bytes = vec![0_u8; length];
        // SAFETY: `bytes` has as many bytes as the library said that it writes.
        check("nvrtcGet...", unsafe { get(program.1, bytes.as_mut_ptr().cast()) })?;
        Ok(bytes)
    }
}

fn check(call: &'static str, code: Answer) -> Result<(), NvrtcFault> {
    if code == SUCCESS { Ok(()) } else { Err(NvrtcFault::Failed { call, code }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_have_nvidias_names() {
        let name = |major, minor| Nvrtc::architecture(ComputeCapability { major, minor });
        assert_eq!([name(7, 2), name(8, 7), name(11, 0)], ["sm_72", "sm_87", "sm_110"]);
    }

    #[test]
    fn a_machine_without_a_compiler_says_so_in_a_line() {
        let text = NvrtcFault::NotInstalled.to_string();
        assert_eq!(text, "NVRTC is not installed: no libnvrtc.so.13, libnvrtc.so.12, libnvrtc.so.11.2, libnvrtc.so");
    }
}
