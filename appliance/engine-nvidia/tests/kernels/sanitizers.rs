//! The kernels' source under the compilers' sanitizers; and that these find what they are there for.

use contract::PreprocessSpec;
use contract::preprocess::CropRule;
use engine_nvidia::kernels::SOURCE;
use engine_nvidia::plan::Precision;

use crate::cases::{any_case, breast, case, shipped, small};
use crate::corners::corner_cases;
use crate::host::{Build, Host};
use crate::reference::{Case, check};

/// The source with one thing changed.
fn planted(from: &str, to: &str) -> String {
    assert_eq!(SOURCE.matches(from).count(), 1, "{from:?}");
    SOURCE.replace(from, to)
}

/// Through every kernel, in several blocks.
fn whole_chain() -> Vec<Case> {
    let reference = small(PreprocessSpec::reference());
    let precisely = |case: Case| Case { precision: Precision::Single, ..case };
    let uncropped = PreprocessSpec { crop: CropRule::None, ..reference };
    vec![
        case(breast(135, 300), small(shipped())),
        precisely(case(breast(135, 300), reference)),
        case(breast(40, 300), uncropped),
    ]
}

#[test]
fn no_memory_error_and_no_undefined_behaviour() {
    let Some(host) = Host::new(Build::Address) else { return };
    for (name, case) in corner_cases() {
        assert_eq!(check(&host, &case), Ok(()), "{name}");
    }
    for seed in 0..12 {
        assert_eq!(check(&host, &any_case(seed, 60)), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_read_past_the_image_is_found() {
    let source = planted("if (top + line < end && column < columns) {", "if (top + line < end && column <= columns) {");
    let Some(host) = Host::compile(Build::Address, &source, "past-the-image") else { return };
    let error = check(&host, &whole_chain()[0]).unwrap_err();
    assert!(error.contains("AddressSanitizer: heap-buffer-overflow") && error.contains("in survey"), "{error}");
}

#[test]
fn a_read_past_shared_memory_is_found() {
    let source = planted("__shared__ u32 sums[2][LANES];", "__shared__ u32 sums[1][LANES];");
    let Some(host) = Host::compile(Build::Address, &source, "past-shared") else { return };
    let error = check(&host, &whole_chain()[1]).unwrap_err();
    assert!(
        error.contains("runtime error: index 1 out of bounds") || error.contains("global-buffer-overflow"),
        "{error}"
    );
}

#[test]
fn a_barrier_that_not_all_lanes_reach_is_found() {
    let source = planted(
        "if (place < grid_columns && row < rows) {",
        "if (line == 1) return;\n    if (place < grid_columns && row < rows) {",
    );
    let Some(host) = Host::compile(Build::Plain, &source, "divergent") else { return };
    let error = check(&host, &case(breast(400, 300), small(shipped()))).unwrap_err();
    assert!(error.contains("divergent barrier") && error.contains("in kernel cell_means"), "{error}");
}

#[test]
fn no_data_race() {
    let Some(host) = Host::new(Build::Thread) else { return };
    for case in whole_chain() {
        assert_eq!(check(&host, &case), Ok(()), "{:?}", case.spec);
    }
}

/// Each of these barriers orders something: without it there is a race, and it is found.
#[test]
fn a_missing_barrier_is_found() {
    let barrier = "__syncthreads();";
    // The kernel, which of the chains runs it, and the barrier.
    let places = [
        ("survey", 1, "        leasts[lane] = low;\n        greatests[lane] = high;\n        __syncthreads();"),
        ("keep_largest", 0, "        if (mine) atomicOr(&changed, 1);\n        __syncthreads();"),
        ("resize", 1, "            mixed[position] = sum;\n        }\n    }\n    __syncthreads();"),
        ("contrast_limits", 0, "        flush(high);\n        __syncthreads();"),
    ];
    let chains = whole_chain();
    for (kernel, chain, place) in places {
        let source = planted(place, &place.replace(barrier, ""));
        let Some(host) = Host::compile(Build::Thread, &source, &format!("race-{kernel}")) else { return };
        let error = check(&host, &chains[chain]).unwrap_err();
        assert!(error.contains("ThreadSanitizer: data race") && error.contains(kernel), "{kernel}: {error}");
    }
}
