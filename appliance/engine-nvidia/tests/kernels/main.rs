//! The kernels without a GPU: their source as C++ on the host, their compiled code in an interpreter, both held against the
//! reference in `imaging` and `inference` bit for bit, in whole plans as a device would run them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod cases;
mod compiled;
mod corners;
mod host;
mod machine;
mod properties;
mod ptx;
mod reference;
mod sanitizers;

use std::io::Write as _;
use std::sync::Mutex;

/// Says that a test cannot run here, and why. Past the test program's capture, which hides what passing tests print;
/// `tests/run` collects these lines, each whole and once.
fn not_run(what: &'static str) {
    static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut said = SAID.lock().unwrap();
    if !said.contains(&what) {
        said.push(what);
        // Nobody listening to standard error is no failure of the test.
        let _ = std::io::stderr().write_all(format!("\nnot run: {what}\n").as_bytes());
    }
}

#[test]
fn what_only_hardware_can_show_is_said() {
    not_run(
        "NVIDIA kernels on a GPU: the driver's own compilation of the PTX, the memory model, time (needs hardware)",
    );
}
