//! The shim's functions, as `shim/tensorrt.h` declares them. Unsafe code: calls into a library opened at run time.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use libloading::Library;

use super::error::{Failure, TensorRtError};
use super::logger::Logger;
use super::nvinfer::name_of;
use super::object::{
    BuilderKind, ConfigKind, ContextKind, EngineKind, Fault, LoggerKind, NetworkKind, Object, Opaque, RuntimeKind,
    Status, check, made,
};
use super::version::Version;
use crate::loader::{self, OpenFault};
use crate::vendor_text;

/// The interface that this file is written for: `MAMORU_TENSORRT_ABI`.
const INTERFACE: i32 = 1;

/// `MAMORU_TENSORRT_RANK_MAX`.
const RANK_MAX: usize = 8;

/// Bytes of a tensor's name.
const NAME_BYTES_MAX: usize = 256;

/// Half precision on major 8.
pub(super) const HALF: u32 = 1;

/// No TF32.
pub(super) const NO_TF32: u32 = 2;

/// A factory of TensorRT's, which only the shim calls.
pub(super) type Factory = unsafe extern "C" fn(Opaque, i32) -> Opaque;

/// The parser's factory, which only the shim calls.
pub(super) type ParserFactory = unsafe extern "C" fn(Opaque, Opaque, i32) -> Opaque;

/// `mamoru_tensorrt_tensor`.
#[repr(C)]
struct RawTensor {
    name: *const c_char,
    is_input: i32,
    data_type: i32,
    format: i32,
    location: i32,
    rank: i32,
    dimensions: [i64; RANK_MAX],
}

/// An engine's tensor as TensorRT describes it, not yet judged.
pub(super) struct Described {
    pub name: String,
    pub is_input: bool,
    pub data_type: i32,
    pub format: i32,
    pub location: i32,
    pub dimensions: Vec<i64>,
}

macro_rules! functions {
    ($($name:ident($($argument:ty),*);)*) => {
        /// The shim's functions but for the first, each returning a status.
        struct Functions { $($name: unsafe extern "C" fn($($argument),*) -> Status),* }

        impl Functions {
            /// All of them, or the name of one that is not there.
            ///
            /// # Safety
            /// `library` is a shim of interface [`INTERFACE`].
            unsafe fn find(library: &Library) -> Result<Self, &'static str> {
                // SAFETY: the types are those of `tensorrt.h`.
                unsafe {
                    Ok(Self { $($name: loader::function(library, concat!("mamoru_tensorrt_", stringify!($name)))?),* })
                }
            }
        }
    };
}

functions! {
    header_version(*mut i32, *mut i32, *mut i32);
    logger_create(extern "C" fn(Opaque, i32, *const c_char), Opaque, *mut Opaque);
    builder_create(Factory, Opaque, *mut Opaque);
    builder_destroy(Opaque);
    network_create(Opaque, ParserFactory, Opaque, *const u8, u64, *mut Opaque);
    network_fix_input(Opaque, *const c_char, *const i64, i32);
    network_destroy(Opaque);
    config_create(Opaque, u32, u64, *const u8, u64, *mut Opaque);
    config_timing(Opaque, *mut Opaque);
    config_destroy(Opaque);
    build(Opaque, Opaque, Opaque, *mut Opaque);
    memory_view(Opaque, *mut *const u8, *mut u64);
    memory_destroy(Opaque);
    runtime_create(Factory, Opaque, *mut Opaque);
    runtime_destroy(Opaque);
    engine_create(Opaque, *const u8, u64, *mut Opaque);
    engine_tensors(Opaque, *mut i32);
    engine_tensor(Opaque, i32, *mut RawTensor);
    engine_destroy(Opaque);
    context_create(Opaque, *mut Opaque);
    context_bind(Opaque, *const c_char, Opaque);
    context_enqueue(Opaque, Opaque);
    context_destroy(Opaque);
}

/// The shim's log callback.
extern "C" fn heard(user: Opaque, severity: i32, message: *const c_char) {
    if user.is_null() || message.is_null() {
        return;
    }
    // A panic must not go through C++.
    let _panicked = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `user` is the leaked logger of `Shim::logger`.
        let logger = unsafe { &*user.cast_const().cast::<Logger>() };
        let mut bytes = Vec::new();
        // One more than is shown: then it is seen to be cut.
        for index in 0..=vendor_text::BYTES_MAX {
            // SAFETY: `message` ends with a zero, beyond which nothing is read.
            let byte = unsafe { message.cast::<u8>().add(index).read() };
            if byte == 0 {
                break;
            }
            bytes.push(byte);
        }
        logger.hear(severity, &bytes);
    }));
}

/// A shim that fits this software.
pub(super) struct Shim {
    functions: Functions,
    /// Version of the headers that it was built from.
    pub headers: Version,
}

// Every call below hands over pointers of live objects and of places that outlive the call.
impl Shim {
    /// Opens a shim. Its interface is this file's, or it is refused before another function of it is looked at.
    pub(super) fn open(path: &Path) -> Result<Self, TensorRtError> {
        let shim = name_of(path);
        // SAFETY: the shim comes with this software and has no initialisers; the types are those of `tensorrt.h`.
        unsafe {
            let library: ManuallyDrop<Library> = loader::open(path).map_err(|fault| {
                let reason = match fault {
                    OpenFault::Absent => "not found".into(),
                    OpenFault::Broken(reason) => reason,
                };
                TensorRtError::Broken { library: shim.clone(), reason }
            })?;
            let lacks = |symbol| TensorRtError::SymbolMissing { library: shim.clone(), symbol };
            type Number = unsafe extern "C" fn() -> i32;
            let found = loader::function::<Number>(&library, "mamoru_tensorrt_abi").map_err(lacks)?();
            if found != INTERFACE {
                return Err(TensorRtError::ShimOutdated { shim, found, needed: INTERFACE });
            }
            let functions = Functions::find(&library).map_err(lacks)?;
            let mut parts = [0_i32; 3];
            let [major, minor, patch] = &mut parts;
            (functions.header_version)(major, minor, patch);
            let [major, minor, patch] = parts.map(|part| u32::try_from(part).unwrap_or_default());
            Ok(Self { functions, headers: Version { major, minor, patch, build: None } })
        }
    }

    /// The interface's number.
    pub(super) const fn interface() -> i32 {
        INTERFACE
    }

    pub(super) fn logger(&self, logger: &Arc<Logger>) -> Result<Arc<Object<LoggerKind>>, Fault> {
        // For good, as the object that calls it.
        let user = Arc::into_raw(Arc::clone(logger)).cast_mut().cast();
        // SAFETY: `heard` is the callback's type, and `user` what it takes.
        made(None, Arc::new(()), |out| unsafe { (self.functions.logger_create)(heard, user, out) })
    }

    pub(super) fn builder(
        &self,
        factory: Factory,
        logger: &Arc<Object<LoggerKind>>,
    ) -> Result<Arc<Object<BuilderKind>>, Fault> {
        let functions = &self.functions;
        // SAFETY: see above.
        made(Some(functions.builder_destroy), Arc::<Object<_>>::clone(logger), |out| unsafe {
            (functions.builder_create)(factory, logger.get(), out)
        })
    }

    pub(super) fn network(
        &self,
        builder: &Arc<Object<BuilderKind>>,
        factory: ParserFactory,
        logger: &Object<LoggerKind>,
        onnx: &[u8],
    ) -> Result<Arc<Object<NetworkKind>>, Fault> {
        let functions = &self.functions;
        // SAFETY: see above; the parser copies what it needs of the file.
        made(Some(functions.network_destroy), Arc::<Object<_>>::clone(builder), |out| unsafe {
            let (pointer, bytes) = (onnx.as_ptr(), onnx.len() as u64);
            (functions.network_create)(builder.get(), factory, logger.get(), pointer, bytes, out)
        })
    }

    pub(super) fn fix_input(&self, network: &Object<NetworkKind>, name: &CStr, shape: &[i64]) -> Result<(), Fault> {
        let rank = i32::try_from(shape.len()).unwrap_or(i32::MAX);
        // SAFETY: see above; the shim reads `rank` numbers, and none beyond its limit.
        check(unsafe { (self.functions.network_fix_input)(network.get(), name.as_ptr(), shape.as_ptr(), rank) })
    }

    pub(super) fn config(
        &self,
        builder: &Arc<Object<BuilderKind>>,
        flags: u32,
        workspace_bytes: u64,
        timing: &[u8],
    ) -> Result<Arc<Object<ConfigKind>>, Fault> {
        let functions = &self.functions;
        // SAFETY: see above; TensorRT copies the timing cache.
        made(Some(functions.config_destroy), Arc::<Object<_>>::clone(builder), |out| unsafe {
            let (pointer, bytes) = (timing.as_ptr(), timing.len() as u64);
            (functions.config_create)(builder.get(), flags, workspace_bytes, pointer, bytes, out)
        })
    }

    pub(super) fn timing(&self, config: &Object<ConfigKind>) -> Result<Vec<u8>, Fault> {
        // SAFETY: see above.
        self.copied(|out| unsafe { (self.functions.config_timing)(config.get(), out) })
    }

    pub(super) fn build(
        &self,
        builder: &Object<BuilderKind>,
        network: &Object<NetworkKind>,
        config: &Object<ConfigKind>,
    ) -> Result<Vec<u8>, Fault> {
        // SAFETY: see above.
        self.copied(|out| unsafe { (self.functions.build)(builder.get(), network.get(), config.get(), out) })
    }

    /// The bytes of the memory that `make` makes.
    fn copied(&self, make: impl FnOnce(*mut Opaque) -> Status) -> Result<Vec<u8>, Fault> {
        let memory: Arc<Object<()>> = made(Some(self.functions.memory_destroy), Arc::new(()), make)?;
        let mut data = ptr::null();
        let mut bytes = 0_u64;
        // SAFETY: see above.
        check(unsafe { (self.functions.memory_view)(memory.get(), &raw mut data, &raw mut bytes) })?;
        let bytes = usize::try_from(bytes).ok().filter(|_| !data.is_null()).ok_or(Fault::Failure(Failure::Refused))?;
        // SAFETY: the shim says that `data` has so many bytes, as long as `memory` is there.
        Ok(unsafe { std::slice::from_raw_parts(data, bytes) }.to_vec())
    }

    pub(super) fn runtime(
        &self,
        factory: Factory,
        logger: &Arc<Object<LoggerKind>>,
    ) -> Result<Arc<Object<RuntimeKind>>, Fault> {
        let functions = &self.functions;
        // SAFETY: see above.
        made(Some(functions.runtime_destroy), Arc::<Object<_>>::clone(logger), |out| unsafe {
            (functions.runtime_create)(factory, logger.get(), out)
        })
    }

    pub(super) fn engine(
        &self,
        runtime: &Arc<Object<RuntimeKind>>,
        plan: &[u8],
    ) -> Result<Arc<Object<EngineKind>>, Fault> {
        let functions = &self.functions;
        // SAFETY: see above.
        made(Some(functions.engine_destroy), Arc::<Object<_>>::clone(runtime), |out| unsafe {
            (functions.engine_create)(runtime.get(), plan.as_ptr(), plan.len() as u64, out)
        })
    }

    pub(super) fn tensor_count(&self, engine: &Object<EngineKind>) -> Result<i32, Fault> {
        let mut count = 0;
        // SAFETY: see above.
        check(unsafe { (self.functions.engine_tensors)(engine.get(), &raw mut count) })?;
        Ok(count)
    }

    pub(super) fn tensor(&self, engine: &Object<EngineKind>, index: i32) -> Result<Described, Fault> {
        let mut raw = RawTensor {
            name: ptr::null(),
            is_input: 0,
            data_type: 0,
            format: 0,
            location: 0,
            rank: 0,
            dimensions: [0; RANK_MAX],
        };
        // SAFETY: see above.
        check(unsafe { (self.functions.engine_tensor)(engine.get(), index, &raw mut raw) })?;
        let RawTensor { name, is_input, data_type, format, location, rank, dimensions } = raw;
        // SAFETY: the shim gives a text that ends with a zero and lives as long as the engine.
        let name = unsafe { CStr::from_ptr(name) }.to_str().ok().filter(|name| name.len() <= NAME_BYTES_MAX);
        let dimensions = usize::try_from(rank).ok().and_then(|rank| dimensions.get(..rank));
        match (name, dimensions) {
            (Some(name), Some(dimensions)) => Ok(Described {
                name: name.into(),
                is_input: is_input == 1,
                data_type,
                format,
                location,
                dimensions: dimensions.to_vec(),
            }),
            _ => Err(Fault::Failure(Failure::Refused)),
        }
    }

    pub(super) fn context(&self, engine: &Arc<Object<EngineKind>>) -> Result<Arc<Object<ContextKind>>, Fault> {
        let functions = &self.functions;
        // SAFETY: see above.
        made(Some(functions.context_destroy), Arc::<Object<_>>::clone(engine), |out| unsafe {
            (functions.context_create)(engine.get(), out)
        })
    }

    pub(super) fn bind(&self, context: &Object<ContextKind>, name: &CStr, address: u64) -> Result<(), Fault> {
        let device = ptr::without_provenance_mut(usize::try_from(address).unwrap_or_default());
        // SAFETY: see above; the address is kept and not looked at.
        check(unsafe { (self.functions.context_bind)(context.get(), name.as_ptr(), device) })
    }

    /// # Safety
    /// What is bound is memory of the device, large enough and not in use until the work on `stream`, a CUDA stream or
    /// null for the default one, is done.
    pub(super) unsafe fn enqueue(&self, context: &Object<ContextKind>, stream: Opaque) -> Result<(), Fault> {
        // SAFETY: the caller's promise.
        check(unsafe { (self.functions.context_enqueue)(context.get(), stream) })
    }
}
