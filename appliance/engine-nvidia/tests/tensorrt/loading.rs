//! Which TensorRT and which shim are taken, and what is refused.

use std::fs;

use engine_nvidia::tensorrt::{Failure, Precision, Runtime, TensorRtError};
use tempfile::tempdir;

use crate::doubles::{self, Stage, not_run};

#[test]
fn the_newest_is_opened_with_its_shim_and_asked_for_no_object_yet() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    assert_eq!(tensorrt.version().to_string(), "11.4.0.106");
    assert_eq!(tensorrt.shim_headers().to_string(), "11.4.0");
    assert_eq!(tensorrt.shim_version(), "1 for 11.4.0");
    assert!(!stage.heard().iter().any(|call| call.starts_with("runtime") || call.starts_with("builder")));
    let _runtime = Runtime::new(&tensorrt).unwrap();
    assert!(stage.heard().contains(&"runtime 110400".into()), "{:?}", stage.heard());
}

#[test]
fn a_library_of_another_major_than_its_name_is_refused() {
    let Some(stage) = Stage::new() else { return };
    for (number, found) in [("100300", "10.3.0.106"), ("8502", "8.5.2.106"), ("0", "0"), ("-5", "-5")] {
        stage.tell_nothing();
        stage.tell(&format!("version={number}"));
        let TensorRtError::Misnamed { library, found: said } = stage.load().unwrap_err() else { panic!("{number}") };
        assert!(library.ends_with("libnvinfer.so.11"), "{library}");
        assert_eq!(said, found);
    }
}

#[test]
fn tensorrt_10_with_a_shim_for_11_is_refused() {
    let Some(stage) = Stage::new() else { return };
    fs::rename(stage.path("libnvinfer.so.11"), stage.path("libnvinfer.so.10")).unwrap();
    stage.tell("version=100300");
    let missing = stage.load().unwrap_err();
    let TensorRtError::ShimMissing { library, shim, .. } = &missing else { panic!("{missing}") };
    assert_eq!((library.to_string().as_str(), shim.as_str()), ("10.3.0.106", "libmamoru_tensorrt_10.so"));
    assert!(missing.to_string().ends_with("build it with shim/build"), "{missing}");
    // Somebody gave it the other name.
    fs::rename(stage.shim(), stage.path("libmamoru_tensorrt_10.so")).unwrap();
    let mixed = stage.load().unwrap_err();
    let TensorRtError::ShimMismatch { built_for, library, .. } = &mixed else { panic!("{mixed}") };
    assert_eq!((built_for.major, library.major), (11, 10));
    assert!(stage.heard().iter().all(|call| call.starts_with("cu")), "TensorRT made nothing: {:?}", stage.heard());
}

#[test]
fn an_older_one_is_taken_when_the_newest_has_no_shim() {
    let Some(stage) = Stage::new() else { return };
    stage.add_one_that_calls_itself_10();
    assert_eq!(stage.load().unwrap().version().major, 11, "the newest, where it can be");
    fs::remove_file(stage.shim()).unwrap();
    let tensorrt = stage.load().unwrap();
    assert_eq!(tensorrt.version().to_string(), "10.4.0.106");
    assert_eq!(tensorrt.shim_headers().to_string(), "10.4.0");
    let built = crate::building::build(&tensorrt, Precision::Half).unwrap();
    let plan = String::from_utf8_lossy(built.plan.bytes()).into_owned();
    // These headers number the flag for strong types 0; those of 10 itself have it as 1.
    assert!(plan.starts_with("DOUBLE PLAN network_flags=1 flags=64 "), "strongly typed: {plan}");
    fs::remove_file(stage.path("libmamoru_tensorrt_10.so")).unwrap();
    let fault = stage.load().unwrap_err();
    assert!(
        matches!(&fault, TensorRtError::ShimMissing { library, .. } if library.major == 11),
        "the newest's: {fault}"
    );
}

#[test]
fn what_is_no_shim_is_refused_before_it_is_used() {
    let Some(stage) = Stage::new() else { return };
    fs::copy(stage.path("libcuda_double.so"), stage.shim()).unwrap();
    let fault = stage.load().unwrap_err();
    assert!(matches!(fault, TensorRtError::SymbolMissing { symbol: "mamoru_tensorrt_abi", .. }), "{fault}");
    let Some(stage) = Stage::new() else { return };
    fs::write(stage.shim(), b"text").unwrap();
    assert!(matches!(stage.load().unwrap_err(), TensorRtError::Broken { .. }));
}

#[test]
fn a_shim_of_another_interface_is_refused() {
    let Some(stage) = Stage::new() else { return };
    let source = stage.path("other.cpp");
    fs::write(&source, "extern \"C\" int mamoru_tensorrt_abi() { return 999; }").unwrap();
    let mut compiler = std::process::Command::new("g++");
    let compiled = compiler.args(["-shared", "-fPIC", "-o"]).arg(stage.shim()).arg(source).status().unwrap();
    assert!(compiled.success());
    let fault = stage.load().unwrap_err();
    assert!(matches!(fault, TensorRtError::ShimOutdated { found: 999, .. }), "{fault}");
}

#[test]
fn a_library_that_is_no_tensorrt_lacks_its_functions() {
    let Some(stage) = Stage::new() else { return };
    fs::copy(stage.path("libcuda_double.so"), stage.path("libnvinfer.so.11")).unwrap();
    let fault = stage.load().unwrap_err();
    assert!(matches!(fault, TensorRtError::SymbolMissing { symbol: "getInferLibVersion", .. }), "{fault}");
}

#[test]
fn factories_that_return_nothing_or_next_to_nothing_or_throw_are_errors() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    for (how, failure) in [
        ("null", Failure::Refused),
        ("small", Failure::Refused),
        ("throw", Failure::Exception),
        ("throw-unknown", Failure::Exception),
    ] {
        stage.tell_nothing();
        stage.tell(&format!("runtime={how}"));
        let TensorRtError::Failed { failure: found, said, .. } = Runtime::new(&tensorrt).unwrap_err() else {
            panic!("{how}")
        };
        assert_eq!(found, failure, "{how}");
        let expected = match how {
            "throw" => vec!["CUDA initialization failure with error: 35"],
            "throw-unknown" => vec!["an exception of unknown type"],
            _ => vec![],
        };
        assert_eq!(said.0, expected, "{how}");
    }
    stage.tell_nothing();
    drop(Runtime::new(&tensorrt).unwrap());
    assert_eq!(stage.heard().last().unwrap(), "~Runtime");
}

#[test]
fn what_tensorrt_says_is_in_the_error_in_a_line_of_bounded_length() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    stage.tell("runtime=null");
    stage.tell(&format!("say=1:first\\nERROR forged\\e[31m{}", "x".repeat(10_000)));
    stage.tell("thread=yes");
    let fault = Runtime::new(&tensorrt).unwrap_err();
    let TensorRtError::Failed { said, .. } = &fault else { panic!("{fault}") };
    assert_eq!(said.0.len(), 2, "from this thread and from another");
    let text = fault.to_string();
    assert!(text.contains("it says: first ERROR forged [31mxxx") && text.len() < 2_200, "{text}");
    assert!(!text.contains(char::is_control));
}

#[test]
fn warnings_and_errors_of_calls_before_are_no_reason_for_a_failure() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    stage.tell("say=1:an error of a call that succeeds");
    Runtime::new(&tensorrt).unwrap();
    stage.tell_nothing();
    stage.tell("runtime=null");
    stage.tell("say=2:only a warning");
    let fault = Runtime::new(&tensorrt).unwrap_err();
    assert_eq!(fault.to_string(), "TensorRT failed to make a runtime (refused)");
}

#[test]
fn the_shim_is_not_built_from_headers_of_another_product_or_from_none() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    let build = || doubles::shim_build(folder.path()).env("CUDA_INCLUDE_DIR", folder.path()).arg(out.path()).output();
    let none = build().unwrap();
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("NvInfer.h is not there"));
    if !doubles::has("g++") {
        not_run("headers of another major in shim/build: g++ is not installed");
        return;
    }
    for header in ["NvInfer.h", "NvOnnxParser.h", "cuda_runtime_api.h"] {
        fs::write(folder.path().join(header), "").unwrap();
    }
    for major in ["1", "7", "9", "12"] {
        fs::write(folder.path().join("NvInferVersion.h"), format!("#define NV_TENSORRT_MAJOR {major}\n")).unwrap();
        let other = build().unwrap();
        let text = String::from_utf8_lossy(&other.stderr).into_owned();
        assert!(!other.status.success() && text.contains(&format!("of TensorRT {major};")), "{text}");
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing is left");
}
