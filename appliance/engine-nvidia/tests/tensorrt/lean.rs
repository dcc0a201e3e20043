//! NVIDIA's own lean runtime, on a machine without a driver.

use std::os::unix::fs::symlink;
use std::path::Path;

use engine_nvidia::gate::{self, DRIVER_LIBRARY};
use engine_nvidia::tensorrt::{Builder, Failure, Runtime, TensorRt, TensorRtError};

use crate::doubles::{Stage, fetched, not_run};

/// The real library under the name that is looked for, with the real shim; the driver is a double.
fn stage() -> Option<Stage> {
    let Some(lean) = fetched("lean") else {
        not_run("TensorRT's lean runtime without a driver: tests/fetch-tensorrt has not fetched it");
        return None;
    };
    let stage = Stage::new()?;
    let library = stage.path("libnvinfer.so.11");
    std::fs::remove_file(&library).unwrap();
    symlink(lean.canonicalize().unwrap().join("libnvinfer_lean.so.11"), library).unwrap();
    Some(stage)
}

/// Whether this machine has a driver: then the real library finds a device, which is not what is tested here.
fn has_driver() -> bool {
    let driver = gate::open(Path::new(DRIVER_LIBRARY), 0).is_ok();
    if driver {
        not_run("TensorRT's lean runtime without a driver: this machine has one");
    }
    driver
}

#[test]
fn without_a_driver_the_gate_refuses_before_the_library_is_opened() {
    if has_driver() {
        return;
    }
    let Some(stage) = stage() else { return };
    let opened = gate::open(Path::new(DRIVER_LIBRARY), 0).map(|device| TensorRt::load(&device, &stage.search()));
    assert!(opened.is_err(), "no device, and so nothing to open TensorRT with");
    let mapped = std::fs::read_to_string("/proc/self/maps").unwrap();
    let own = stage.path("libnvinfer.so.11").display().to_string();
    assert!(!mapped.contains(&own), "nothing of this test's folder is mapped");
}

#[test]
fn with_a_gate_that_says_yes_the_real_library_fails_and_the_process_lives() {
    if has_driver() {
        return;
    }
    let Some(stage) = stage() else { return };
    let tensorrt = stage.load().unwrap();
    assert_eq!(tensorrt.version().to_string(), "11.4.0.106");
    let fault = Runtime::new(&tensorrt).unwrap_err();
    let TensorRtError::Failed { failure, said, .. } = &fault else { panic!("{fault}") };
    assert_eq!(*failure, Failure::Refused, "{fault}");
    assert!(said.0.iter().any(|line| line.contains("CUDA")), "{fault}");
    let fault = Builder::new(&tensorrt).unwrap_err();
    assert!(matches!(fault, TensorRtError::SymbolMissing { symbol: "createInferBuilder_INTERNAL", .. }), "{fault}");
}
