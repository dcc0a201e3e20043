//! TensorRT's objects behind the shim's opaque pointers. Unsafe code: they are destroyed by a function of the shim.
//!
//! An [`Object`] holds what it was made from, so that whatever the order in which they are dropped, TensorRT's objects are
//! destroyed children first.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::error::Failure;

pub(super) type Opaque = *mut c_void;
pub(super) type Status = i32;

/// How the shim's functions fail; 4 is the parser's own.
pub(super) enum Fault {
    /// The parser did not take the network.
    Parse,
    /// Anything else.
    Failure(Failure),
}

pub(super) enum LoggerKind {}
pub(super) enum BuilderKind {}
pub(super) enum NetworkKind {}
pub(super) enum ConfigKind {}
pub(super) enum RuntimeKind {}
pub(super) enum EngineKind {}
pub(super) enum ContextKind {}

/// An object of TensorRT's, destroyed when it is dropped, before what it was made from.
pub(super) struct Object<Kind> {
    pointer: NonNull<c_void>,
    /// `None` for the logger, of which TensorRT keeps the first that it gets: it stays for good.
    destroy: Option<unsafe extern "C" fn(Opaque) -> Status>,
    _made_from: Arc<dyn Any + Send + Sync>,
    kind: PhantomData<Kind>,
}

// SAFETY: TensorRT's objects belong to no thread. That one thread at a time uses them is upheld by who owns them: builder,
// network, runtime and context take `&mut self` or `self`, contexts are created under the engine's lock, and what else is
// asked of an engine only reads.
unsafe impl<Kind> Send for Object<Kind> {}
// SAFETY: as above.
unsafe impl<Kind> Sync for Object<Kind> {}

impl<Kind> Drop for Object<Kind> {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: it was made by the function that goes with `destroy`, and nothing that was made from it is left.
            let _status = unsafe { destroy(self.pointer.as_ptr()) };
        }
    }
}

impl<Kind> Object<Kind> {
    pub(super) fn get(&self) -> Opaque {
        self.pointer.as_ptr()
    }
}

pub(super) fn check(status: Status) -> Result<(), Fault> {
    match status {
        0 => Ok(()),
        1 => Err(Fault::Failure(Failure::Refused)),
        2 => Err(Fault::Failure(Failure::Exception)),
        3 => Err(Fault::Failure(Failure::Argument)),
        4 => Err(Fault::Parse),
        status => Err(Fault::Failure(Failure::Unknown(status))),
    }
}

/// Has `make` make an object of something.
pub(super) fn made<Kind>(
    destroy: Option<unsafe extern "C" fn(Opaque) -> Status>,
    made_from: Arc<dyn Any + Send + Sync>,
    make: impl FnOnce(*mut Opaque) -> Status,
) -> Result<Arc<Object<Kind>>, Fault> {
    let mut pointer = ptr::null_mut();
    check(make(&raw mut pointer))?;
    let pointer = NonNull::new(pointer).ok_or(Fault::Failure(Failure::Refused))?;
    Ok(Arc::new(Object { pointer, destroy, _made_from: made_from, kind: PhantomData }))
}
