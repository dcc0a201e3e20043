//! The doubles, staged in a folder of its own for each test.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use engine_nvidia::gate::{self, Device};
use engine_nvidia::tensorrt::{Search, TensorRt, TensorRtError};
use tempfile::TempDir;

use crate::making::make;
pub use crate::making::{fetched, has, headers, not_run};

/// Told to all of a stage: there is no device behind TensorRT here, and its files are no ONNX files.
const ALWAYS: &str = "alone=1\nparse=any\n";

/// Makes a folder of libraries once in this test program.
fn once(name: &str, place: &OnceLock<PathBuf>, make: impl FnOnce(&Path)) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one_at_a_time = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let made = place.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        make(&folder);
        folder
    });
    made.clone()
}

/// The double of the driver, which is not taken for this machine's own.
fn driver() -> PathBuf {
    static DRIVER: OnceLock<PathBuf> = OnceLock::new();
    let made = DRIVER.get_or_init(|| make("tensorrt-driver", &[("DOUBLES", "cuda"), ("SONAME", "no")], 11));
    made.clone()
}

/// Shim, TensorRT and parser of a major, from its headers; `place` is another for each set of headers.
fn libraries(place: usize, major: u32, headers: &Path) -> PathBuf {
    let variable = format!("TENSORRT_HEADERS_{major}");
    let variables = [("DOUBLES", "tensorrt"), (variable.as_str(), headers.to_str().unwrap())];
    make(&format!("tensorrt-{place}"), &variables, major)
}

/// `shim/build` with the headers of a folder.
pub fn shim_build(headers: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/build"));
    let cuda = fetched("headers").unwrap_or_else(|| headers.into());
    command.env("TENSORRT_INCLUDE_DIR", headers).env("CUDA_INCLUDE_DIR", cuda).env_remove("CXX");
    command
}

/// A folder with copies of the doubles. Copies are libraries of their own, with variables of their own.
pub struct Stage {
    folder: TempDir,
    told: Mutex<String>,
    pub major: u32,
}

impl Stage {
    /// The driver alone; `None`, and a line about it, without a compiler.
    pub fn driver() -> Option<Self> {
        if !has("g++") {
            not_run("the gate on a double of the CUDA driver: g++ is not installed");
            return None;
        }
        let stage = Self { folder: tempfile::tempdir().unwrap(), told: Mutex::default(), major: 0 };
        stage.tell_nothing();
        fs::copy(driver().join("libcuda.so.1"), stage.path("libcuda_double.so")).unwrap();
        Some(stage)
    }

    /// Driver, TensorRT, parser and shim of the major 11.
    pub fn new() -> Option<Self> {
        Self::of(11)
    }

    /// Those of a major; `None`, and a line about it, where something is missing.
    pub fn of(major: u32) -> Option<Self> {
        let Some(headers) = headers(major) else {
            not_run(&match major {
                11 => "the shim on a double of TensorRT 11: tests/fetch-tensorrt has not fetched the headers".into(),
                _ => format!("the shim on a double of TensorRT {major}: no headers in TENSORRT_HEADERS_{major}"),
            });
            return None;
        };
        let mut stage = Self::driver()?;
        if !has("python3") {
            not_run("the shim on a double of TensorRT: python3 is not installed");
            return None;
        }
        stage.major = major;
        stage.copy(&libraries(major as usize, major, &headers), major);
        Some(stage)
    }

    /// A TensorRT 10 beside it, from headers of 11 that call themselves 10: what the shim does otherwise for that major is
    /// seen, and not whether that major's own headers have it.
    pub fn add_one_that_calls_itself_10(&self) {
        static HEADERS: OnceLock<PathBuf> = OnceLock::new();
        let changed = once("tensorrt-headers-10", &HEADERS, |folder| {
            for entry in fs::read_dir(headers(11).unwrap()).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
                }
            }
            let version = folder.join("NvInferVersion.h");
            let text = fs::read_to_string(&version).unwrap();
            let changed = text.replace("TRT_MAJOR_ENTERPRISE 11", "TRT_MAJOR_ENTERPRISE 10");
            assert_ne!(text, changed);
            fs::write(version, changed).unwrap();
        });
        self.copy(&libraries(9, 10, &changed), 10);
    }

    fn copy(&self, libraries: &Path, major: u32) {
        for name in [
            format!("libnvinfer.so.{major}"),
            format!("libnvonnxparser.so.{major}"),
            format!("libmamoru_tensorrt_{major}.so"),
        ] {
            fs::copy(libraries.join(&name), self.path(&name)).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn shim(&self) -> PathBuf {
        self.path(&format!("libmamoru_tensorrt_{}.so", self.major))
    }

    /// Tells the doubles a line more.
    pub fn tell(&self, line: &str) {
        let mut told = self.told.lock().unwrap();
        writeln!(told, "{line}").unwrap();
        fs::write(self.path("told"), format!("{told}{ALWAYS}")).unwrap();
    }

    /// Takes back all that was told.
    pub fn tell_nothing(&self) {
        self.told.lock().unwrap().clear();
        fs::write(self.path("told"), ALWAYS).unwrap();
    }

    /// What the doubles were called for so far.
    pub fn heard(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("heard")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The device that the gate finds.
    pub fn device(&self) -> Device {
        gate::open(&self.path("libcuda_double.so"), 0).unwrap()
    }

    pub fn search(&self) -> Search {
        let folder = self.folder.path().to_path_buf();
        Search { shim_folders: vec![folder.clone()], tensorrt_folder: Some(folder) }
    }

    pub fn load(&self) -> Result<TensorRt, TensorRtError> {
        TensorRt::load(&self.device(), &self.search())
    }
}
