//! Opening a library at run time and finding its functions. Unsafe code: the dynamic loader.
#![allow(unsafe_code)]

use std::error::Error as _;
use std::mem::ManuallyDrop;
use std::path::Path;

use libloading::Library;

use crate::vendor_text;

/// Why a library is not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpenFault {
    /// There is none of this name.
    Absent,
    /// There is one, and the dynamic loader says what is wrong with it.
    Broken(String),
}

/// Opens the library at `path`, or of the name `path` where it has no `/`. It stays open for good: NVIDIA's libraries have
/// threads and global objects that outlive their last call.
///
/// # Safety
/// The library's initialisers run: it must be one that this process may trust.
pub(crate) unsafe fn open(path: &Path) -> Result<ManuallyDrop<Library>, OpenFault> {
    // SAFETY: the caller's promise.
    let opened = unsafe { Library::new(path) };
    opened.map(ManuallyDrop::new).map_err(|error| {
        // The loader's own words are the error's source.
        let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let reason = vendor_text::line(words.as_bytes());
        if is_absent(path, &reason) { OpenFault::Absent } else { OpenFault::Broken(reason) }
    })
}

/// Whether there is a library at `path`, or of the name `path`, sound or not. Its initialisers run if it is.
pub(crate) fn is_installed(path: &Path) -> bool {
    // SAFETY: the callers' libraries are NVIDIA's, trusted as the driver is.
    !matches!(unsafe { open(path) }, Err(OpenFault::Absent))
}

/// The function `symbol`, or its name when it is not there.
///
/// # Safety
/// `F` is the function's type, a pointer.
pub(crate) unsafe fn function<F: Copy>(library: &Library, symbol: &'static str) -> Result<F, &'static str> {
    // SAFETY: the caller's promise.
    let found = unsafe { library.get::<F>(symbol.as_bytes()) };
    found.map(|found| *found).map_err(|_| symbol)
}

/// Whether the loader's words mean that there is no such library: it says the same of a library that this one needs, but
/// then begins with that one's name.
fn is_absent(path: &Path, reason: &str) -> bool {
    let name = vendor_text::line(path.as_os_str().as_encoded_bytes());
    let rest = reason.strip_prefix(&name);
    rest.is_some_and(|rest| rest.starts_with(':') && rest.contains("No such file or directory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_from_what_something_else_needs() {
        let path = Path::new("libnvinfer.so.11");
        let says = |text: &str| is_absent(path, text);
        assert!(says("libnvinfer.so.11: cannot open shared object file: No such file or directory"));
        assert!(!says("libnvinfer.so.112: cannot open shared object file: No such file or directory"));
        assert!(!says("libcudart.so.12: cannot open shared object file: No such file or directory"));
        assert!(!says("libnvinfer.so.11: invalid ELF header"));
    }

    #[test]
    fn the_loaders_own_words_are_known() {
        // SAFETY: there is no such library.
        let absent = unsafe { open(Path::new("libno-such-library.so.1")) };
        assert_eq!(absent.err(), Some(OpenFault::Absent));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("liba.so");
        std::fs::write(&path, b"text").unwrap();
        // SAFETY: a text file has no initialisers.
        let broken = unsafe { open(&path) };
        assert!(matches!(broken, Err(OpenFault::Broken(reason)) if !reason.is_empty()));
    }
}
