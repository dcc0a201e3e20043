//! Every fault of the machine under the engine: an error of its kind in bounded time, no panic, and where the device is not
//! lost, a good result afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use imaging::DecodedImage;
use inference::{Engine as _, EngineError, Loaded, conformance};

use crate::images::breast;
use crate::machine::{Machine, alone, ends, small_model};

/// Longer than any answer may take that waits for 300 ms in some places.
const BOUND: Duration = Duration::from_secs(10);

fn image() -> DecodedImage {
    conformance::test_image().unwrap()
}

/// Loads with graphs and runs small images: without a graph, as a new one, and as one of another size; then an input alone.
fn whole_run(machine: &Machine) -> Result<(), EngineError> {
    let engine = machine.engine(|settings| settings.uses_graph = true);
    let model = small_model();
    let mut loaded = engine.load(&model)?;
    for (rows, columns) in [(40, 24), (40, 24), (60, 40)] {
        loaded.analyze(&breast(rows, columns))?;
    }
    let input = model.manifest().preprocess.input;
    loaded.run(&vec![0.5; input.rows as usize * input.columns as usize * 3])?;
    Ok(())
}

/// How often each function of CUDA and NVRTC is called in a good run, from an empty cache on.
fn functions(machine: &Machine) -> BTreeMap<String, usize> {
    machine.tell(&[]);
    whole_run(machine).unwrap();
    assert_eq!(machine.faults(), [""; 0]);
    let mut all = BTreeMap::new();
    for line in machine.heard().into_iter().filter(|line| line.starts_with("cu") || line.starts_with("nvrtc")) {
        *all.entry(line).or_insert(0) += 1;
    }
    all
}

/// A run with faults: it may succeed where the fault does not matter, and must not panic.
fn faulty_run(machine: &Machine, lines: &[&str]) -> Result<(), EngineError> {
    let _ = std::fs::remove_dir_all(machine.path("cache"));
    machine.tell(lines);
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| whole_run(machine)));
    assert!(begun.elapsed() < BOUND, "{lines:?} took {:?}", begun.elapsed());
    outcome.unwrap_or_else(|_| panic!("{lines:?} made it panic"))
}

/// The first, the middle and the last call of one function fail with a code, one after the other.
fn each_turn(machine: &Machine, function: &str, calls: usize, code: u32) {
    let mut failed = 0;
    for turn in BTreeSet::from([1, calls.div_ceil(2), calls]) {
        machine.forget();
        let line = format!("{function}@{turn}={code}");
        match faulty_run(machine, &[&line]) {
            Ok(()) => {}
            Err(EngineError::Load(reason) | EngineError::Run(reason) | EngineError::Lost(reason)) => {
                assert!(!reason.is_empty() && !reason.contains(char::is_control), "{line}: {reason}");
                failed += 1;
            }
            Err(other) => panic!("{line}: {other}"),
        }
        // What is not lost leaves nothing behind; what is lost is left as it is, and that is no leak that a driver tells.
        assert_eq!(machine.faults(), [""; 0], "{line}");
    }
    let is_cleanup = ["Destroy", "Free", "Unload", "Release"].iter().any(|word| function.contains(word));
    // Kernels that are not taken are compiled again, and a graph that cannot be recorded is done without.
    let may_pass = is_cleanup || ["Graph", "Capture", "Module"].iter().any(|word| function.contains(word));
    assert!(failed > 0 || may_pass, "{function} failed and nobody noticed");
    let good = faulty_run(machine, &[]);
    assert!(good.is_ok(), "after {function}: {good:?}");
}

/// [`each_turn`] of the functions that a good run calls, those that `is_meant`.
fn each_fault(machine: &Machine, code: u32, is_meant: fn(&str) -> bool) {
    let all = functions(machine);
    assert!(all.len() > 25, "{all:?}");
    for (function, calls) in all.iter().filter(|(function, _)| is_meant(function)) {
        each_turn(machine, function, *calls, code);
    }
}

/// Whether a function asks or sets up, and not makes, copies or runs.
fn is_question(function: &str) -> bool {
    ["Get", "Init", "Event", "Version", "SetCurrent"].iter().any(|word| function.contains(word))
}

#[test]
fn each_question_that_fails_is_an_error_and_the_next_run_is_good() {
    alone("faults::each_question_that_fails_is_an_error_and_the_next_run_is_good", |machine| {
        each_fault(machine, 1, is_question);
    });
}

#[test]
fn each_other_call_that_fails_is_an_error_and_the_next_run_is_good() {
    alone("faults::each_other_call_that_fails_is_an_error_and_the_next_run_is_good", |machine| {
        each_fault(machine, 1, |function| !is_question(function));
    });
}

#[test]
fn each_call_that_finds_no_memory_is_an_error_and_the_next_run_is_good() {
    alone("faults::each_call_that_finds_no_memory_is_an_error_and_the_next_run_is_good", |machine| {
        each_fault(machine, 2, |function| !is_question(function));
    });
}

#[test]
fn a_machine_with_too_little_memory_says_so_at_every_size() {
    alone("faults::a_machine_with_too_little_memory_says_so_at_every_size", |machine| {
        let mut enough = 0;
        for memory in [0, 1_000, 30_000, 60_000, 100_000, 600_000, 700_000, 800_000, 1_000_000, 1_500_000, 1 << 26] {
            let line = format!("memory={memory}");
            match faulty_run(machine, &[&line]) {
                Ok(()) => enough += 1,
                Err(EngineError::Load(reason) | EngineError::Run(reason)) => {
                    assert_eq!(enough, 0, "{line}: {reason}");
                }
                Err(other) => panic!("{line}: {other}"),
            }
            assert_eq!(machine.faults(), [""; 0], "{line}");
        }
        assert!(enough > 0);
    });
}

/// An engine whose device answers no more after `lines`; it must say that it is lost, soon, and go on saying so.
fn assert_lost(machine: &Machine, loaded: &mut dyn Loaded, lines: &[&str]) {
    machine.tell(lines);
    for _ in 0..2 {
        let begun = Instant::now();
        let outcome = loaded.analyze(&image());
        assert!(matches!(outcome, Err(EngineError::Lost(_))), "{lines:?}: {outcome:?}");
        assert!(begun.elapsed() < BOUND, "{lines:?}");
    }
}

#[test]
fn a_device_that_is_lost_is_said_to_be_and_one_that_comes_back_is_used_again() {
    alone("faults::a_device_that_is_lost_is_said_to_be_and_one_that_comes_back_is_used_again", |machine| {
        for lines in [["lost=1"], ["lost=999"], ["lost=214"]] {
            for uses_graph in [false, true] {
                machine.tell(&[]);
                let engine = machine.engine(|settings| settings.uses_graph = uses_graph);
                let mut loaded = engine.load(&small_model()).unwrap();
                loaded.analyze(&image()).unwrap();
                assert_lost(machine, loaded.as_mut(), &lines);
                assert!(engine.load(&small_model()).is_err(), "{lines:?}: it is not there yet");
                machine.tell(&[]);
                engine.load(&small_model()).unwrap().analyze(&image()).unwrap();
            }
        }
        assert_eq!(machine.faults(), [""; 0]);
    });
}

/// A kernel that fails breaks the context for this process: the device is lost to it, also for who loads again.
fn kernel_fails(test: &str, kernel: &str, uses_graph: bool) {
    alone(test, |machine| {
        machine.tell(&[]);
        let engine = machine.engine(|settings| settings.uses_graph = uses_graph);
        let mut loaded = engine.load(&small_model()).unwrap();
        loaded.analyze(&image()).unwrap();
        assert_lost(machine, loaded.as_mut(), &[&format!("crash={kernel}")]);
        machine.tell(&[]);
        let again = engine.load(&small_model()).map(drop);
        assert!(matches!(again, Err(EngineError::Lost(_))), "{again:?}");
        drop(loaded);
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_kernel_that_fails_loses_the_device() {
    kernel_fails("faults::a_kernel_that_fails_loses_the_device", "survey", false);
}

#[test]
fn a_kernel_that_fails_in_a_graph_loses_the_device() {
    kernel_fails("faults::a_kernel_that_fails_in_a_graph_loses_the_device", "resize", true);
}

/// A device that hangs while it has work.
fn device_hangs(test: &str, uses_graph: bool) {
    alone(test, |machine| {
        machine.tell(&[]);
        let engine = machine.engine(|settings| {
            settings.answer_wait_max = Duration::from_millis(300);
            settings.uses_graph = uses_graph;
        });
        let mut loaded = engine.load(&small_model()).unwrap();
        loaded.analyze(&image()).unwrap();
        assert_lost(machine, loaded.as_mut(), &["hang=1"]);
        let input = small_model().manifest().preprocess.input;
        let outcome = loaded.run(&vec![0.0; input.rows as usize * input.columns as usize * 3]);
        assert!(matches!(outcome, Err(EngineError::Lost(_))));
        drop(loaded);
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_device_that_does_not_answer_is_lost_in_bounded_time() {
    device_hangs("faults::a_device_that_does_not_answer_is_lost_in_bounded_time", false);
}

#[test]
fn a_graph_that_does_not_answer_is_lost_in_bounded_time() {
    device_hangs("faults::a_graph_that_does_not_answer_is_lost_in_bounded_time", true);
}

#[test]
fn a_device_that_does_not_answer_while_it_is_dropped_keeps_nobody() {
    alone("faults::a_device_that_does_not_answer_while_it_is_dropped_keeps_nobody", |machine| {
        let engine = machine.engine(|settings| settings.answer_wait_max = Duration::from_millis(300));
        let mut loaded = engine.load(&small_model()).unwrap();
        loaded.analyze(&image()).unwrap();
        machine.tell(&["hang=1"]);
        let begun = Instant::now();
        drop(loaded);
        assert!(begun.elapsed() < BOUND);
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn nothing_is_left_after_an_engine_is_dropped() {
    alone("faults::nothing_is_left_after_an_engine_is_dropped", |machine| {
        for pools in ["pools=1", "pools=0"] {
            for _ in 0..3 {
                assert!(faulty_run(machine, &[pools]).is_ok());
            }
        }
        let ends = machine.count("cuDevicePrimaryCtxRelease");
        assert!(ends >= 6, "the context was given back {ends} times");
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_loaded_model_goes_from_thread_to_thread() {
    alone("faults::a_loaded_model_goes_from_thread_to_thread", |machine| {
        let mut loaded = machine.engine(|settings| settings.uses_graph = true).load(&small_model()).unwrap();
        for _ in 0..3 {
            loaded = std::thread::spawn(move || {
                loaded.analyze(&image()).unwrap();
                loaded
            })
            .join()
            .unwrap();
        }
        std::thread::spawn(move || drop(loaded)).join().unwrap();
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_driver_that_lacks_a_function_is_a_reason_and_no_panic() {
    let test = "faults::a_driver_that_lacks_a_function_is_a_reason_and_no_panic";
    let body = |machine: &Machine| {
        let missing = machine.engine(|_| ()).load(&small_model()).map(drop);
        let Err(EngineError::Load(reason)) = missing else { panic!("{missing:?}") };
        assert!(reason.contains("lacks cuGraphLaunch"), "{reason}");
        let unavailable = machine.engine(|_| ()).probe().unwrap_err();
        assert!(unavailable.0.contains("lacks cuGraphLaunch"), "{unavailable}");
    };
    if let Some(ended) = ends(test, &[("WITHOUT", "cuGraphLaunch")], body) {
        assert!(ended.is_success, "{}", ended.text);
    }
}
