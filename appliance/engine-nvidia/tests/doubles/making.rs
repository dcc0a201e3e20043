//! Making the doubles, for each test program that needs them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Says once that tests cannot run here, and why; `tests/run` collects these lines. Past the capture of what tests print.
pub fn not_run(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(what.into()) {
        let _ = writeln!(std::io::stderr(), "\nnot run: {what}");
    }
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

pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// `doubles/build` for the folder `name` of this crate's tests, which it returns, with variables and major.
pub fn make(name: &str, variables: &[(&str, &str)], major: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doubles/build"));
    for (variable, path) in
        [("CUDA_HEADERS", fetched("headers")), (&format!("TENSORRT_HEADERS_{major}"), headers(major))]
    {
        if let Some(path) = path {
            command.env(variable, path);
        }
    }
    command.env_remove("CXX").envs(variables.iter().copied());
    run(command.arg(&folder).arg(major.to_string()));
    folder
}
