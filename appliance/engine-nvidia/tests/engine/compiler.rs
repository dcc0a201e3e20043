//! The kernels' compilation: once for a device and a compiler, and every way in which it can fail.

use inference::{Engine as _, EngineError, conformance};

use crate::machine::{Machine, WITHOUT_COMPILER, alone, ends, real_compiler, small_model};
use crate::making::not_run;

fn compilations(machine: &Machine) -> usize {
    machine.count("nvrtcCompileProgram")
}

/// Loads and runs; the reason where it does not load.
fn load(machine: &Machine) -> Result<(), String> {
    match machine.engine(|_| ()).load(&small_model()) {
        Ok(mut loaded) => {
            loaded.analyze(&conformance::test_image().unwrap()).map(drop).map_err(|error| error.to_string())
        }
        Err(EngineError::Load(reason)) => Err(reason),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn kernels_are_compiled_once_and_again_for_another_compiler_or_device() {
    alone("compiler::kernels_are_compiled_once_and_again_for_another_compiler_or_device", |machine| {
        machine.tell(&[]);
        for (lines, expected) in
            [(&[][..], 1), (&[], 1), (&["nvrtc=12.8"], 2), (&["nvrtc=12.8"], 2), (&["major=7", "minor=2"], 3)]
        {
            machine.tell(lines);
            assert_eq!(load(machine), Ok(()), "{lines:?}");
            assert_eq!(compilations(machine), expected, "{lines:?}");
        }
        let options = "options --gpu-architecture=sm_87 --fmad=false --std=c++14";
        assert_eq!(machine.count(options), 2);
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn each_failure_of_the_compiler_is_a_reason_and_leaves_nothing_behind() {
    alone("compiler::each_failure_of_the_compiler_is_a_reason_and_leaves_nothing_behind", |machine| {
        let cases: [(&[&str], &str); 12] = [
            (&["nvrtcVersion=1"], "NVRTC fails in nvrtcVersion (error 1)"),
            (&["nvrtcCreateProgram=2"], "NVRTC fails in nvrtcCreateProgram (error 2)"),
            (&["nvrtcCompileProgram=5", "log=invalid value for --gpu-architecture"], "invalid value for --gpu-arch"),
            (&["nvrtcCompileProgram=6", "log=kernels.cu(1): error\x1b[31m"], "(error 6): kernels.cu(1): error"),
            (&["nvrtcCompileProgram=6", "nvrtcGetProgramLog=7"], "does not compile the kernels for sm_87 (error 6)"),
            (&["nvrtcCompileProgram=6", "nvrtcGetProgramLogSize=7"], "does not compile the kernels for sm_87"),
            (&["nvrtcGetCUBINSize=11"], "(error 11)"),
            (&["nvrtcGetCUBIN=11"], "(error 11)"),
            (&["cubin=empty"], "0 bytes of compiled kernels"),
            (&["cubin=huge"], "bytes of compiled kernels"),
            (&["cubin=short"], "load the kernels (error 200"),
            (&["program=null"], "NVRTC"),
        ];
        for (lines, reason) in cases {
            machine.tell(lines);
            let found = load(machine).unwrap_err();
            assert!(found.contains(reason) && !found.contains(char::is_control), "{lines:?}: {found}");
            // What was made before the failure is gone.
            let faults = machine.faults();
            assert!(faults.iter().all(|fault| fault.contains("program")), "{lines:?}: {faults:?}");
            let _ = std::fs::remove_dir_all(machine.path("cache"));
        }
        machine.tell(&["nvrtcDestroyProgram=4"]);
        assert_eq!(load(machine), Ok(()), "what it says of its end is no matter");
    });
}

#[test]
fn kernels_that_the_driver_does_not_take_are_not_kept_for_ever() {
    alone("compiler::kernels_that_the_driver_does_not_take_are_not_kept_for_ever", |machine| {
        machine.tell(&["cubin=short"]);
        assert!(load(machine).is_err());
        machine.tell(&[]);
        assert_eq!(load(machine), Ok(()));
    });
}

#[test]
fn nvidias_own_compiler_makes_what_the_engine_loads_by_name() {
    if real_compiler().is_none() {
        not_run("the NVIDIA engine on NVIDIA's own NVRTC: MAMORU_NVRTC names no folder with libnvrtc");
        return;
    }
    let test = "compiler::nvidias_own_compiler_makes_what_the_engine_loads_by_name";
    let body = |machine: &Machine| {
        machine.tell(&[]);
        assert_eq!(conformance::run(&machine.engine(|_| ()), &small_model(), 0.0), Ok(()));
        assert_eq!((compilations(machine), machine.faults().len()), (0, 0), "the double is not there");
        // A device that this compiler does not know.
        machine.tell(&["major=9", "minor=3"]);
        let refused = load(machine).unwrap_err();
        assert!(refused.contains("does not compile the kernels for sm_93"), "{refused}");
        assert!(!refused.contains(char::is_control), "{refused}");
    };
    if let Some(ended) = ends(test, WITHOUT_COMPILER, body) {
        assert!(ended.is_success, "{}", ended.text);
    }
}

#[test]
fn a_machine_without_a_compiler_says_so() {
    let test = "compiler::a_machine_without_a_compiler_says_so";
    let body = |machine: &Machine| {
        machine.tell(&[]);
        let reason = load(machine).unwrap_err();
        assert!(reason.contains("NVRTC is not installed"), "{reason}");
        assert_eq!(machine.faults(), [""; 0]);
    };
    // A machine of its own, not that of the test above: there a compiler may be named.
    if let Some(ended) = ends(test, &[("DOUBLES", "tensorrt cuda")], body) {
        assert!(ended.is_success, "{}", ended.text);
    }
}
