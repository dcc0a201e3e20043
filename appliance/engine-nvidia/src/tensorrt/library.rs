//! Finding TensorRT and the shim that belongs to it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::error::{Said, TensorRtError};
use super::logger::Logger;
use super::nvinfer::{self, NvInfer};
use super::object::{Fault, LoggerKind, Object};
use super::search::Search;
use super::shim::{ParserFactory, Shim};
use super::version::Version;
use crate::gate::Device;

/// TensorRT, open, with its shim. Clones are the same one.
#[derive(Clone)]
pub struct TensorRt(Arc<Opened>);

/// What is open.
struct Opened {
    nvinfer: NvInfer,
    shim: Shim,
    search: Search,
    device: Device,
    logger: Arc<Logger>,
    logger_object: Arc<Object<LoggerKind>>,
    parser_factory: OnceLock<ParserFactory>,
}

impl std::fmt::Debug for TensorRt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TensorRt").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl TensorRt {
    /// Opens the newest TensorRT for which there is a shim. Of `device` nothing is asked: that the gate made it means that
    /// TensorRT may be touched at all.
    ///
    /// # Errors
    /// [`TensorRtError`]: of the newest that is installed, when none can be used.
    pub fn load(device: &Device, search: &Search) -> Result<Self, TensorRtError> {
        let mut first = None;
        for (major, path) in search.libraries() {
            match Self::load_major(device, search, major, &path) {
                Ok(Some(tensorrt)) => {
                    if let Some(fault) = first {
                        tracing::warn!("TensorRT {} is used, because of a newer one {fault}", tensorrt.version());
                    }
                    return Ok(tensorrt);
                }
                Ok(None) => {}
                Err(fault) => {
                    first.get_or_insert(fault);
                }
            }
        }
        Err(first.unwrap_or(TensorRtError::NotInstalled))
    }

    /// One major; `None` when it is not installed.
    fn load_major(device: &Device, search: &Search, major: u32, path: &Path) -> Result<Option<Self>, TensorRtError> {
        let Some(nvinfer) = NvInfer::open(path, major)? else { return Ok(None) };
        let library = nvinfer.version;
        let Some(shim_path) = search.shim(major) else {
            let (shim, folders) = (Search::shim_name(major), search.shim_folders_text());
            return Err(TensorRtError::ShimMissing { library, shim, folders });
        };
        let shim = Shim::open(&shim_path)?;
        if shim.headers.major != library.major {
            let name = nvinfer::name_of(&shim_path);
            return Err(TensorRtError::ShimMismatch { shim: name, built_for: shim.headers, library });
        }
        let logger = Arc::new(Logger::default());
        let logger_object = shim.logger(&logger).map_err(|fault| failed("make a logger", fault, &logger))?;
        tracing::debug!("TensorRT {library} with a shim from headers of {}", shim.headers);
        let (search, device) = (search.clone(), device.clone());
        let parser_factory = OnceLock::new();
        let opened = Opened { nvinfer, shim, search, device, logger, logger_object, parser_factory };
        Ok(Some(Self(Arc::new(opened))))
    }

    /// The installed version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.nvinfer.version
    }

    /// The version of the headers that the shim was built from.
    #[must_use]
    pub fn shim_headers(&self) -> Version {
        self.0.shim.headers
    }

    /// The shim's own version: its interface and its headers.
    #[must_use]
    pub fn shim_version(&self) -> String {
        format!("{} for {}", Shim::interface(), self.0.shim.headers)
    }

    /// The device that the gate found.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Path or name of the library.
    #[must_use]
    pub fn library(&self) -> &str {
        &self.0.nvinfer.name
    }

    /// Looks for the ONNX parser, which only builds need, and says where it is.
    ///
    /// # Errors
    /// [`TensorRtError::ParserMissing`], [`TensorRtError::Broken`], [`TensorRtError::SymbolMissing`].
    pub fn find_parser(&self) -> Result<String, TensorRtError> {
        self.parser_factory().map(|_| nvinfer::name_of(&self.0.search.parser(self.version().major)))
    }

    pub(super) fn shim(&self) -> &Shim {
        &self.0.shim
    }

    pub(super) fn nvinfer(&self) -> &NvInfer {
        &self.0.nvinfer
    }

    pub(super) fn logger(&self) -> &Arc<Object<LoggerKind>> {
        &self.0.logger_object
    }

    /// The ONNX parser's factory: opened when it is first needed, for a device that has its plan needs none.
    pub(super) fn parser_factory(&self) -> Result<ParserFactory, TensorRtError> {
        if let Some(&factory) = self.0.parser_factory.get() {
            return Ok(factory);
        }
        let factory = nvinfer::parser_factory(&self.0.search.parser(self.version().major))?;
        Ok(*self.0.parser_factory.get_or_init(|| factory))
    }

    /// Calls the shim; a failure becomes an error with what TensorRT said meanwhile.
    pub(super) fn call<T>(
        &self,
        what: &'static str,
        call: impl FnOnce(&Shim) -> Result<T, Fault>,
    ) -> Result<T, TensorRtError> {
        self.0.logger.forget();
        call(self.shim()).map_err(|fault| failed(what, fault, &self.0.logger))
    }
}

fn failed(what: &'static str, fault: Fault, logger: &Logger) -> TensorRtError {
    let said: Said = logger.said();
    match fault {
        Fault::Parse => TensorRtError::Network { said },
        Fault::Failure(failure) => TensorRtError::Failed { what, failure, said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device::described("test", 8, 7)
    }

    #[test]
    fn a_machine_without_tensorrt_says_so_in_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let search = Search { tensorrt_folder: Some(folder.path().into()), ..Search::default() };
        let fault = TensorRt::load(&device(), &search).unwrap_err();
        assert_eq!(fault, TensorRtError::NotInstalled);
        assert_eq!(fault.to_string(), "TensorRT is not installed: no libnvinfer.so.11, .10 or .8");
    }

    #[test]
    fn a_library_that_cannot_be_opened_is_not_passed_over_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libnvinfer.so.10"), b"no library").unwrap();
        let search = Search { tensorrt_folder: Some(folder.path().into()), ..Search::default() };
        let fault = TensorRt::load(&device(), &search).unwrap_err();
        let TensorRtError::Broken { library, .. } = fault else { panic!("{fault}") };
        assert!(library.ends_with("/libnvinfer.so.10"), "{library}");
    }
}
