//! The gate on a double of the driver: each answer has its words, and nothing is asked after the first refusal.

use std::path::Path;

use engine_nvidia::gate::{self, ComputeCapability, CudaVersion, DRIVER_LIBRARY, GateFault};

use crate::doubles::Stage;

/// Whether a fault is the one.
type IsExpected = fn(&GateFault) -> bool;

/// What the gate says when the driver is told `lines`, and what the driver was asked.
fn fault(lines: &[&str]) -> Option<(GateFault, Vec<String>)> {
    let stage = Stage::driver()?;
    for line in lines {
        stage.tell(line);
    }
    let fault = gate::open(&stage.path("libcuda_double.so"), 0).unwrap_err();
    assert!(!fault.to_string().contains(char::is_control), "{fault}");
    Some((fault, stage.heard()))
}

#[test]
fn a_device_is_described() {
    let Some(stage) = Stage::driver() else { return };
    let device = stage.device();
    assert_eq!((device.ordinal, device.name.as_str()), (0, "Orin of a test"));
    assert_eq!(device.compute_capability, ComputeCapability { major: 8, minor: 7 });
    assert_eq!(device.driver_version, CudaVersion { major: 12, minor: 6 });
    assert_eq!(device.memory_bytes, 8 << 30);
    let text = "Orin of a test, compute capability 8.7, 8192 MiB, driver for CUDA 12.6";
    assert_eq!(device.to_string(), text);
    assert_eq!(stage.heard()[0], "cuInit", "before anything else");
}

#[test]
fn each_answer_of_the_driver_has_a_fault_of_its_own() {
    let cases: [(&str, IsExpected); 7] = [
        ("34", |fault| matches!(fault, GateFault::Stub { .. })),
        ("35", |fault| *fault == GateFault::DriverTooOld { found: CudaVersion { major: 12, minor: 6 } }),
        ("100", |fault| *fault == GateFault::NoDevice),
        ("802", |fault| *fault == GateFault::NotReady { code: 802 }),
        ("803", |fault| *fault == GateFault::DriverMixed),
        ("999", |fault| *fault == GateFault::Refused { call: "cuInit", code: 999 }),
        ("-1", |fault| *fault == GateFault::Refused { call: "cuInit", code: -1 }),
    ];
    for (code, expected) in cases {
        let Some((fault, heard)) = fault(&[&format!("cuInit={code}")]) else { return };
        assert!(expected(&fault), "{code}: {fault:?}");
        assert!(heard.iter().all(|call| call == "cuInit" || call == "cuDriverGetVersion"), "{heard:?}");
    }
}

#[test]
fn a_driver_that_calls_itself_too_old_in_every_function_ends_too() {
    let Some((fault, _)) = fault(&["cuInit=35", "cuDriverGetVersion=35"]) else { return };
    assert_eq!(fault, GateFault::Refused { call: "cuInit", code: 35 });
}

#[test]
fn each_function_that_fails_is_named() {
    let calls = [
        "cuDriverGetVersion",
        "cuDeviceGetCount",
        "cuDeviceGet",
        "cuDeviceGetName",
        "cuDeviceGetAttribute",
        "cuDeviceTotalMem",
    ];
    for call in calls {
        let Some((fault, _)) = fault(&[&format!("{call}=1")]) else { return };
        assert_eq!(fault, GateFault::Refused { call, code: 1 });
    }
}

#[test]
fn what_is_too_old_is_told_apart() {
    let Some((driver, heard)) = fault(&["driver=11030"]) else { return };
    assert_eq!(driver, GateFault::DriverTooOld { found: CudaVersion { major: 11, minor: 3 } });
    assert!(!heard.iter().any(|call| call.starts_with("cuDevice")), "{heard:?}");
    let Some((device, _)) = fault(&["major=6", "minor=2", "name=TX2"]) else { return };
    let found = ComputeCapability { major: 6, minor: 2 };
    assert_eq!(device, GateFault::DeviceTooOld { name: "TX2".into(), found });
}

#[test]
fn a_device_that_is_not_there_is_said() {
    let Some((none, _)) = fault(&["count=0"]) else { return };
    assert_eq!(none, GateFault::NoDevice);
    let Some(stage) = Stage::driver() else { return };
    let second = gate::open(&stage.path("libcuda_double.so"), 1);
    assert_eq!(second, Err(GateFault::NoSuchDevice { ordinal: 1, count: 1 }));
}

#[test]
fn numbers_that_cannot_be_are_nonsense_and_no_panic() {
    for (line, call, value) in [
        ("count=-1", "cuDeviceGetCount", -1),
        ("count=2147483647", "cuDeviceGetCount", 2_147_483_647),
        ("driver=7", "cuDriverGetVersion", 7),
        ("minor=-2147483648", "cuDeviceGetAttribute", -2_147_483_648),
    ] {
        let Some((fault, _)) = fault(&[line]) else { return };
        assert_eq!(fault, GateFault::Nonsense { call, value });
    }
}

#[test]
fn a_name_without_an_end_and_one_with_an_escape_are_bounded_and_clean() {
    let Some(stage) = Stage::driver() else { return };
    stage.tell("name=long");
    assert_eq!(stage.device().name, "x".repeat(255));
    stage.tell_nothing();
    stage.tell("name=a\x1b[31mb");
    assert_eq!(stage.device().name, "a [31mb");
}

#[test]
fn this_machines_own_driver_is_asked_without_a_panic() {
    // Whatever is installed here, the answer is one line.
    let answer = gate::open(Path::new(DRIVER_LIBRARY), 0);
    let line = answer.map_or_else(|fault| fault.to_string(), |device| device.to_string());
    assert!(!line.is_empty() && !line.contains(char::is_control), "{line}");
}
