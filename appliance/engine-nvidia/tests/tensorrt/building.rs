//! From an ONNX file to a plan, on the double.

use std::fs;
use std::time::Duration;

use engine_nvidia::plan_cache::{L4tRelease, Origin, PlanCache, PlanKey};
use engine_nvidia::tensorrt::{
    BuildOptions, Builder, Built, Failure, Network, Precision, Runtime, TensorRt, TensorRtError,
};

use crate::doubles::Stage;

const ONNX: &[u8] = b"an ONNX file of a test";
const WAIT: Duration = Duration::from_secs(30);

pub fn options(precision: Precision) -> BuildOptions {
    BuildOptions { precision, workspace_bytes: 1 << 28 }
}

fn parsed(tensorrt: &TensorRt) -> Result<Network, TensorRtError> {
    Builder::new(tensorrt)?.parse(ONNX)
}

/// A whole build.
pub fn build(tensorrt: &TensorRt, precision: Precision) -> Result<Built, TensorRtError> {
    let mut network = parsed(tensorrt)?;
    network.fix_input("image", &[1, 3, 8, 4])?;
    network.build(&options(precision), None)
}

/// What the double was told to build, out of its plan.
fn words(built: &Built) -> String {
    String::from_utf8(built.plan.bytes().to_vec()).unwrap()
}

/// Runs a test on each major whose headers are there.
pub fn each_major(test: impl Fn(&Stage, &TensorRt)) {
    for major in [8, 10, 11] {
        let Some(stage) = Stage::of(major) else { continue };
        let tensorrt = stage.load().unwrap();
        assert_eq!((tensorrt.version().major, tensorrt.shim_headers().major), (major, major));
        test(&stage, &tensorrt);
    }
}

#[test]
fn each_major_builds_in_its_own_way() {
    each_major(|stage, tensorrt| {
        let half = words(&build(tensorrt, Precision::Half).unwrap());
        let single = words(&build(tensorrt, Precision::Single).unwrap());
        // 64 is TF32, on by default, 1 is half precision.
        let (network_flags, half_flags, single_flags) = match stage.major {
            8 => (1, 65, 0),
            10 => (2, 64, 0),
            _ => (0, 64, 0),
        };
        for (plan, flags) in [(half, half_flags), (single, single_flags)] {
            let workspace = 1 << 28;
            let expected = format!(
                "DOUBLE PLAN network_flags={network_flags} flags={flags} workspace={workspace} onnx=22 timing= shape=1x3x8x4"
            );
            assert_eq!(plan, expected, "TensorRT {}", stage.major);
        }
    });
}

#[test]
fn all_that_was_made_is_destroyed_and_the_parser_before_its_network() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    build(&tensorrt, Precision::Half).unwrap();
    let heard = stage.heard();
    let destroyed: Vec<&str> = heard.iter().map(String::as_str).filter(|line| line.starts_with('~')).collect();
    assert_eq!(
        destroyed,
        ["~HostMemory", "~HostMemory", "~Config", "~TimingCache", "~Parser", "~Network", "~Builder"],
        "{heard:?}"
    );
}

#[test]
fn a_file_that_the_parser_refuses_is_an_error_with_its_reasons() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    stage.tell("parse=false");
    let fault = parsed(&tensorrt).unwrap_err();
    let TensorRtError::Network { said } = &fault else { panic!("{fault}") };
    let reasons = [
        "In node 7 (importFallbackPluginImporter): UNSUPPORTED_NODE [31m Assertion failed",
        "no importer registered for op: Imaginary",
    ];
    assert_eq!(said.0, reasons);
    assert!(stage.heard().ends_with(&["~Parser".into(), "~Network".into(), "~Builder".into()]), "{:?}", stage.heard());
}

#[test]
fn each_step_of_a_build_that_fails_is_a_typed_error() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    let steps = [
        ("builder", "make a builder"),
        ("network", "parse the network"),
        ("parser", "parse the network"),
        ("config", "configure the build"),
        ("build_network", "build the engine"),
        ("data", "build the engine"),
    ];
    for (step, expected) in steps {
        for how in ["null", "small"] {
            stage.tell_nothing();
            stage.tell(&format!("{step}={how}"));
            let fault = build(&tensorrt, Precision::Half).unwrap_err();
            let TensorRtError::Failed { what, failure, .. } = fault else { panic!("{step}={how}: {fault}") };
            assert_eq!((what, failure), (expected, Failure::Refused), "{step}={how}");
        }
    }
    for (line, failure) in
        [("builder=throw", Failure::Exception), ("parser=throw", Failure::Exception), ("data=empty", Failure::Refused)]
    {
        stage.tell_nothing();
        stage.tell(line);
        let fault = build(&tensorrt, Precision::Half).unwrap_err();
        assert!(matches!(fault, TensorRtError::Failed { failure: found, .. } if found == failure), "{line}: {fault}");
    }
    stage.tell_nothing();
    assert!(build(&tensorrt, Precision::Half).is_ok(), "and works again");
}

#[test]
fn an_empty_file_reaches_no_parser() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    let fault = Builder::new(&tensorrt).unwrap().parse(&[]).unwrap_err();
    assert!(matches!(fault, TensorRtError::Failed { failure: Failure::Argument, .. }), "{fault}");
    assert!(!stage.heard().iter().any(|line| line.starts_with("parse")));
}

#[test]
fn an_input_that_is_not_there_and_a_shape_of_nine_dimensions_are_errors() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    let mut network = parsed(&tensorrt).unwrap();
    for name in ["images", "imag", "", "im\0age"] {
        let fault = network.fix_input(name, &[1]).unwrap_err();
        assert_eq!(fault, TensorRtError::NoInput { name: name.into() });
    }
    let fault = network.fix_input("image", &[1; 9]).unwrap_err();
    assert!(matches!(fault, TensorRtError::Failed { failure: Failure::Argument, .. }), "{fault}");
    network.fix_input("image", &[1; 8]).unwrap();
}

#[test]
fn a_missing_parser_stops_builds_and_nothing_else() {
    let Some(stage) = Stage::new() else { return };
    fs::remove_file(stage.path("libnvonnxparser.so.11")).unwrap();
    let tensorrt = stage.load().unwrap();
    Runtime::new(&tensorrt).unwrap();
    let fault = parsed(&tensorrt).unwrap_err();
    assert!(matches!(&fault, TensorRtError::ParserMissing { library } if library.ends_with("libnvonnxparser.so.11")));
    fs::copy(stage.path("libcuda_double.so"), stage.path("libnvonnxparser.so.11")).unwrap();
    let fault = parsed(&tensorrt).unwrap_err();
    assert!(matches!(fault, TensorRtError::SymbolMissing { symbol: "createNvOnnxParser_INTERNAL", .. }), "{fault}");
}

#[test]
fn a_timing_cache_is_used_again_and_one_that_is_not_taken_is_left_out() {
    let Some(stage) = Stage::new() else { return };
    let tensorrt = stage.load().unwrap();
    let first = build(&tensorrt, Precision::Half).unwrap().timing_cache.unwrap();
    assert_eq!(first.bytes(), b"+");
    let again = |told: &str| {
        stage.tell_nothing();
        stage.tell(told);
        let built = parsed(&tensorrt).unwrap().build(&options(Precision::Half), Some(&first)).unwrap();
        (words(&built).contains("timing=+"), built.timing_cache.map(|cache| cache.bytes().to_vec()))
    };
    assert_eq!(again(""), (true, Some(b"++".to_vec())));
    assert_eq!(again("timing=refused"), (false, Some(b"+".to_vec())));
    assert_eq!(again("timing=mismatch"), (false, Some(b"+".to_vec())));
    assert_eq!(again("timing_memory=small"), (true, None), "a plan without a cache is a plan");
}

#[test]
fn a_plan_is_built_once_for_a_device_and_again_when_anything_changes() {
    let Some(stage) = Stage::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = PlanCache::open(folder.path()).unwrap();
    let builds = || stage.heard().iter().filter(|line| line.starts_with("builder")).count();
    let obtain = |tensorrt: &TensorRt| {
        let release = L4tRelease("R36".into());
        let key = PlanKey::new(ONNX, tensorrt, release, options(Precision::Half), &[1, 3, 8, 4]);
        let obtained = cache.obtain(&key, WAIT, |_| build(tensorrt, Precision::Half)).unwrap();
        Runtime::new(tensorrt).unwrap().deserialize(&obtained.plan).unwrap();
        matches!(obtained.origin, Origin::Built { .. })
    };
    assert!(obtain(&stage.load().unwrap()));
    assert!(!obtain(&stage.load().unwrap()));
    assert_eq!(builds(), 1);
    for (index, change) in ["build=107", "name=another device", "minor=9"].iter().enumerate() {
        stage.tell_nothing();
        stage.tell(change);
        assert!(obtain(&stage.load().unwrap()), "{change}");
        assert_eq!(builds(), index + 2);
    }
}
