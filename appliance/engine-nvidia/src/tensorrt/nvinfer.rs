//! TensorRT's own libraries: opened, and asked for their version and their factories, which only the shim calls. Unsafe
//! code: the dynamic loader.
#![allow(unsafe_code)]

use std::path::Path;

use super::error::TensorRtError;
use super::shim::{Factory, ParserFactory};
use super::version::Version;
use crate::loader::{self, OpenFault};
use crate::vendor_text;

/// `libnvinfer`, open for good.
pub(super) struct NvInfer {
    /// Path or name.
    pub name: String,
    /// What it says of itself.
    pub version: Version,
    /// `createInferRuntime_INTERNAL`.
    pub runtime_factory: Factory,
    /// `createInferBuilder_INTERNAL`; the lean runtime has none.
    pub builder_factory: Option<Factory>,
}

/// Name of a library for people.
pub(super) fn name_of(path: &Path) -> String {
    vendor_text::line(path.as_os_str().as_encoded_bytes())
}

impl NvInfer {
    /// Opens the library and asks it for its version, which touches no device. `None` when there is none.
    pub(super) fn open(path: &Path, major: u32) -> Result<Option<Self>, TensorRtError> {
        let name = name_of(path);
        // SAFETY: TensorRT is trusted as the engine that it runs is.
        let library = match unsafe { loader::open(path) } {
            Ok(library) => library,
            Err(OpenFault::Absent) => return Ok(None),
            Err(OpenFault::Broken(reason)) => return Err(TensorRtError::Broken { library: name, reason }),
        };
        let lacks = |symbol| TensorRtError::SymbolMissing { library: name.clone(), symbol };
        type Number = unsafe extern "C" fn() -> i32;
        // SAFETY: the types are those of `NvInferRuntime.h` and `NvInfer.h`; the library stays open.
        let (version, build, runtime_factory, builder_factory) = unsafe {
            (
                loader::function::<Number>(&library, "getInferLibVersion").map_err(lacks)?,
                loader::function::<Number>(&library, "getInferLibBuildVersion").ok(),
                loader::function::<Factory>(&library, "createInferRuntime_INTERNAL").map_err(lacks)?,
                loader::function::<Factory>(&library, "createInferBuilder_INTERNAL").ok(),
            )
        };
        // SAFETY: they take nothing and return a constant.
        let (number, build) = unsafe { (version(), build.map(|build| build())) };
        match Version::of_library(number, build) {
            Some(version) if version.major == major => {
                Ok(Some(Self { name, version, runtime_factory, builder_factory }))
            }
            Some(version) => Err(TensorRtError::Misnamed { library: name, found: version.to_string() }),
            None => Err(TensorRtError::Misnamed { library: name, found: number.to_string() }),
        }
    }
}

/// Opens the ONNX parser.
pub(super) fn parser_factory(path: &Path) -> Result<ParserFactory, TensorRtError> {
    let library = name_of(path);
    // SAFETY: the parser comes with TensorRT and is trusted as it is; the type is that of `NvOnnxParser.h`.
    unsafe {
        let opened = loader::open(path).map_err(|fault| match fault {
            OpenFault::Absent => TensorRtError::ParserMissing { library: library.clone() },
            OpenFault::Broken(reason) => TensorRtError::Broken { library: library.clone(), reason },
        })?;
        loader::function(&opened, "createNvOnnxParser_INTERNAL")
            .map_err(|symbol| TensorRtError::SymbolMissing { library, symbol })
    }
}
