//! A machine for each test: a process of its own, that finds the doubles where other machines have NVIDIA's libraries.
//!
//! A test calls [`alone`], which runs the test program again for this test alone; in that process the test's body runs. What
//! one test does to a device, or a process that must end, is nothing to the others; and a test that hangs is ended.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine_nvidia::tensorrt::Precision;
use engine_nvidia::{NvidiaEngine, Settings};
use inference::{ModelFiles, conformance};
use tempfile::TempDir;

use crate::making::{has, headers, make, not_run};

/// Names the folder of doubles to the process of a test.
const FOLDER: &str = "MAMORU_TEST_MACHINE";

/// Seconds that a test may take.
const SECONDS_MAX: &str = "240";

/// The doubles, from within a test's own process.
pub struct Machine {
    folder: PathBuf,
    turn: Cell<u32>,
}

/// How a test's process ended.
pub struct Ended {
    pub is_success: bool,
    pub text: String,
    pub heard: Vec<String>,
}

/// Runs `test`, the name of the calling test, alone on a machine; it must succeed, and no double may find fault with it.
pub fn alone(test: &str, body: impl FnOnce(&Machine)) {
    if let Some(ended) = ends(test, &[], body) {
        assert!(ended.is_success, "{}", ended.text);
    }
}

/// As [`alone`], on doubles that are built with variables (`tests/doubles/build`), to whatever end. `None` in the process of
/// the test, and where there can be no machine.
pub fn ends(test: &str, variables: &[(&str, &str)], body: impl FnOnce(&Machine)) -> Option<Ended> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        body(&Machine { folder: folder.into(), turn: Cell::new(0) });
        return None;
    }
    if let Some(reason) = lacks(11) {
        not_run(&format!("the NVIDIA engine on doubles of a whole machine: {reason}"));
        return None;
    }
    let name: Vec<&str> = variables.iter().map(|(_, value)| *value).collect();
    let doubles = make(&["machine", &name.join("-").replace(' ', "-")].join("-"), variables, 11);
    let folder = stage(&doubles);
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let mut path = folder.path().display().to_string();
    if let Some(compiler) = real_compiler().filter(|_| variables == WITHOUT_COMPILER) {
        path = format!("{path}:{}", compiler.display());
    }
    let output = command.env(FOLDER, folder.path()).env("LD_LIBRARY_PATH", path).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
    assert!(text.contains("running 1 test"), "no test is called {test}:\n{text}");
    let heard = lines(&folder.path().join("heard"));
    Some(Ended { is_success: output.status.success(), text, heard })
}

/// Doubles of a machine without a kernel compiler: [`real_compiler`]'s is found there.
pub const WITHOUT_COMPILER: &[(&str, &str)] = &[("DOUBLES", "cuda tensorrt")];

/// The folder of NVIDIA's own libnvrtc, where one is named.
pub fn real_compiler() -> Option<PathBuf> {
    std::env::var_os("MAMORU_NVRTC").map(PathBuf::from)
}

/// A folder with links to the doubles: what is told and heard lies beside the links.
fn stage(doubles: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(doubles).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("lib") {
            symlink(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

impl Machine {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Tells the doubles these lines and no others; the n-th call is counted from now on.
    pub fn tell(&self, lines: &[&str]) {
        self.turn.set(self.turn.get() + 1);
        let turn = format!("turn={}", self.turn.get());
        let text: Vec<&str> = lines.iter().copied().chain([turn.as_str()]).collect();
        fs::write(self.path("told.part"), text.join("\n") + "\n").unwrap();
        fs::rename(self.path("told.part"), self.path("told")).unwrap();
    }

    /// What was heard since [`Machine::forget`].
    pub fn heard(&self) -> Vec<String> {
        lines(&self.path("heard"))
    }

    pub fn forget(&self) {
        let _ = fs::remove_file(self.path("heard"));
    }

    /// How often a line was heard.
    pub fn count(&self, line: &str) -> usize {
        self.heard().iter().filter(|heard| *heard == line).count()
    }

    /// What no program may do to a driver.
    pub fn faults(&self) -> Vec<String> {
        self.heard().into_iter().filter(|line| line.starts_with("fault: ")).collect()
    }

    /// The network's input in its last run.
    pub fn input(&self) -> Vec<u8> {
        fs::read(self.path("input")).unwrap()
    }

    /// An engine's settings on this machine.
    pub fn settings(&self) -> Settings {
        let shim_folder = Some(self.folder.clone());
        Settings { shim_folder, workspace_bytes: 1 << 20, ..Settings::new(self.path("cache")) }
    }

    pub fn engine(&self, change: impl FnOnce(&mut Settings)) -> NvidiaEngine {
        let mut settings = self.settings();
        change(&mut settings);
        NvidiaEngine::new(settings)
    }
}

/// The conformance suite's model.
pub fn small_model() -> ModelFiles {
    let (topology, spec) = conformance::small_model();
    model(&topology, spec)
}

/// A model of the suite's topology for a spec.
pub fn model_of(spec: contract::PreprocessSpec) -> ModelFiles {
    model(&conformance::small_model().0, spec)
}

fn model(topology: &contract::Topology, spec: contract::PreprocessSpec) -> ModelFiles {
    let (manifest, network) = export::untrained_model(topology, spec).unwrap();
    ModelFiles::new(manifest, network).unwrap()
}

/// Both, each with its bytes.
pub const PRECISIONS: [(Precision, usize); 2] = [(Precision::Half, 2), (Precision::Single, 4)];

/// Why the doubles of a whole machine cannot be made here.
fn lacks(major: u32) -> Option<String> {
    if headers(major).is_none() {
        return Some(match major {
            11 => "tests/fetch-tensorrt has not fetched the headers".into(),
            _ => format!("no headers in TENSORRT_HEADERS_{major}"),
        });
    }
    ["g++", "python3"].into_iter().find(|program| !has(program)).map(|program| format!("{program} is not installed"))
}
