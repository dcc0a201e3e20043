//! The program under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Names a program to test instead of the workspace's.
const VARIABLE: &str = "MAMORU_PROGRAM";

/// The command `mamoru`: what the environment variable `MAMORU_PROGRAM` names, or else the workspace's own, built now.
///
/// Cargo builds a package's binaries only for the tests of that package, so that the one beside this test may be missing
/// or stale. Built as all default members together, it has the same features as in `cargo test`: nothing is compiled
/// twice, and when it is fresh this takes a second.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| env::var_os(VARIABLE).map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--bin", "mamoru", "--message-format", "json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = cargo.current_dir(root).stderr(Stdio::inherit()).output().expect("cargo cannot be run");
    assert!(output.status.success(), "mamoru cannot be built");
    let text = String::from_utf8_lossy(&output.stdout);
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_program = message["target"]["name"] == "mamoru";
        Some(PathBuf::from(message["executable"].as_str().filter(|_| is_program)?))
    };
    text.lines().find_map(executable).expect("cargo does not say where mamoru is")
}
