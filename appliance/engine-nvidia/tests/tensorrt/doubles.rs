//! The doubles: compiled once from the sources beside this file, and staged in a folder of its own for each test.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use engine_nvidia::gate::{self, Device};
use engine_nvidia::tensorrt::{Search, TensorRt, TensorRtError};
use tempfile::TempDir;

/// Flags of all doubles: their functions ignore most of what they are given.
const FLAGS: [&str; 9] = [
    "-std=c++17",
    "-O0",
    "-fPIC",
    "-shared",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-Wno-deprecated-declarations",
];

/// Says once that tests cannot run here, and why; `tests/run` collects these lines. Past the capture of what tests print.
pub fn not_run(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(what.into()) {
        let _ = writeln!(std::io::stderr(), "\nnot run: {what}");
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorrt/doubles")
}

/// Where `tests/fetch-tensorrt` puts things.
pub fn fetched(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tensorrt").join(name);
    folder.is_dir().then_some(folder)
}

/// The headers of a major: 11 are fetched, others are given by path.
pub fn headers(major: u32) -> Option<PathBuf> {
    let given = std::env::var_os(format!("TENSORRT_HEADERS_{major}")).map(PathBuf::from);
    given.or_else(|| fetched("headers").filter(|_| major == 11))
}

pub fn has_compiler() -> bool {
    has("g++")
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs a command that must succeed.
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles a double to `folder/name`, whole or not at all: another test program may be doing the same.
fn compile(folder: &Path, source: &str, name: &str, includes: &[&Path]) {
    let part = folder.join(format!("{name}.{}", std::process::id()));
    let mut command = Command::new("g++");
    command.args(FLAGS).arg("-I").arg(sources());
    for include in includes {
        command.arg("-isystem").arg(include);
    }
    run(command.arg(sources().join(source)).arg("-o").arg(&part).args(["-ldl", "-pthread"]));
    fs::rename(part, folder.join(name)).unwrap();
}

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

/// The double of the driver.
fn driver() -> PathBuf {
    static DRIVER: OnceLock<PathBuf> = OnceLock::new();
    once("tensorrt-driver", &DRIVER, |folder| compile(folder, "libcuda.cpp", "libcuda_double.so", &[]))
}

/// Shim, TensorRT and parser of a major, from its headers; `place` is another for each set of headers.
fn libraries(place: usize, major: u32, headers: &Path) -> PathBuf {
    static LIBRARIES: [OnceLock<PathBuf>; 12] = [const { OnceLock::new() }; 12];
    once(&format!("tensorrt-{place}"), &LIBRARIES[place], |folder| {
        run(shim_build(headers).arg(folder));
        let generated = folder.join(format!("generated.{}", std::process::id()));
        fs::create_dir_all(&generated).unwrap();
        let generator = sources().join("generate.py");
        run(Command::new("python3").arg(generator).arg(headers).arg(generated.join("unexpected.h")));
        // What other majors' headers have of CUDA is the two types that are in the fetched one's.
        let cuda = fetched("headers").unwrap_or_else(|| headers.into());
        let includes = [generated.as_path(), headers, cuda.as_path()];
        compile(folder, "libnvinfer.cpp", &format!("libnvinfer.so.{major}"), &includes);
        compile(folder, "libnvonnxparser.cpp", &format!("libnvonnxparser.so.{major}"), &includes);
        fs::remove_dir_all(generated).unwrap();
    })
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
        if !has_compiler() {
            not_run("the gate on a double of the CUDA driver: g++ is not installed");
            return None;
        }
        let stage = Self { folder: tempfile::tempdir().unwrap(), told: Mutex::default(), major: 0 };
        fs::copy(driver().join("libcuda_double.so"), stage.path("libcuda_double.so")).unwrap();
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
        fs::write(self.path("told"), told.as_str()).unwrap();
    }

    /// Takes back all that was told.
    pub fn tell_nothing(&self) {
        self.told.lock().unwrap().clear();
        fs::write(self.path("told"), "").unwrap();
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
