//! Every fault of the machine under the engine: an error of its kind in bounded time, no panic, and where the device is not
//! lost, a good result afterwards.

use std::collections::BTreeSet;
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

/// Loads with graphs and runs three images: without a graph, as a new one, and as one of another size.
fn whole_run(machine: &Machine) -> Result<(), EngineError> {
    let engine = machine.engine(|settings| settings.uses_graph = true);
    let mut loaded = engine.load(&small_model())?;
    for image in [image(), image(), breast(200, 120), image()] {
        loaded.analyze(&image)?;
    }
    let input = small_model().manifest().preprocess.input;
    loaded.run(&vec![0.5; input.rows as usize * input.columns as usize * 3])?;
    Ok(())
}

/// What of CUDA and NVRTC is called in a good run, from an empty cache on.
fn functions(machine: &Machine) -> BTreeSet<String> {
    machine.tell(&[]);
    whole_run(machine).unwrap();
    assert_eq!(machine.faults(), [""; 0]);
    machine.heard().into_iter().filter(|line| line.starts_with("cu") || line.starts_with("nvrtc")).collect()
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

/// All turns of all functions that a good run calls, with one code.
fn each_fault(machine: &Machine, code: u32) {
    let all = functions(machine);
    assert!(all.len() > 25, "{all:?}");
    for function in all {
        let mut failed = 0;
        for turn in [1, 2, 5, 12, 40] {
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
            machine.forget();
            let good = faulty_run(machine, &[]);
            assert!(good.is_ok(), "after {line}: {good:?}");
        }
        let is_cleanup = ["Destroy", "Free", "Unload", "Release"].iter().any(|word| function.contains(word));
        let may_pass = is_cleanup || function.contains("Graph") || function.contains("Capture");
        assert!(failed > 0 || may_pass, "{function} failed and nobody noticed");
    }
}

#[test]
fn each_call_that_fails_is_an_error_and_the_next_run_is_good() {
    alone("faults::each_call_that_fails_is_an_error_and_the_next_run_is_good", |machine| each_fault(machine, 1));
}

#[test]
fn each_call_that_finds_no_memory_is_an_error_and_the_next_run_is_good() {
    alone("faults::each_call_that_finds_no_memory_is_an_error_and_the_next_run_is_good", |machine| {
        each_fault(machine, 2)
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
        for lines in [&["lost=1"][..], &["lost=999"], &["lost=214"], &["crash=survey"], &["crash=resize"]] {
            for uses_graph in [false, true] {
                machine.tell(&[]);
                let engine = machine.engine(|settings| settings.uses_graph = uses_graph);
                let mut loaded = engine.load(&small_model()).unwrap();
                loaded.analyze(&image()).unwrap();
                assert_lost(machine, loaded.as_mut(), lines);
                if lines[0].starts_with("lost") {
                    let again = engine.load(&small_model()).map(drop);
                    assert!(again.is_err(), "{lines:?}: it is not there yet");
                    machine.tell(&[]);
                    let mut again = engine.load(&small_model()).unwrap();
                    again.analyze(&image()).unwrap();
                }
                drop(loaded);
                if !lines[0].starts_with("lost") {
                    return_to_health(machine);
                }
            }
        }
    });
}

/// A broken context stays with the process: whoever loads again is told that the device is lost, and nothing hangs.
fn return_to_health(machine: &Machine) {
    machine.tell(&[]);
    let again = machine.engine(|_| ()).load(&small_model()).map(drop);
    assert!(matches!(again, Err(EngineError::Lost(_) | EngineError::Load(_))), "{again:?}");
}

#[test]
fn a_device_that_does_not_answer_is_lost_in_bounded_time() {
    for (test, uses_graph) in [("faults::a_device_that_does_not_answer_is_lost_in_bounded_time", true)] {
        let body = |machine: &Machine| {
            let mut engine = machine.impatient();
            if uses_graph {
                engine = machine.engine(|settings| {
                    settings.answer_wait_max = Duration::from_millis(300);
                    settings.uses_graph = true;
                });
            }
            let mut loaded = engine.load(&small_model()).unwrap();
            loaded.analyze(&image()).unwrap();
            assert_lost(machine, loaded.as_mut(), &["hang=1"]);
            let input = small_model().manifest().preprocess.input;
            let outcome = loaded.run(&vec![0.0; input.rows as usize * input.columns as usize * 3]);
            assert!(matches!(outcome, Err(EngineError::Lost(_))));
            drop(loaded);
            assert_eq!(machine.faults(), [""; 0]);
        };
        alone(test, body);
    }
}

#[test]
fn a_device_that_does_not_answer_while_it_is_dropped_keeps_nobody() {
    alone("faults::a_device_that_does_not_answer_while_it_is_dropped_keeps_nobody", |machine| {
        let mut loaded = machine.impatient().load(&small_model()).unwrap();
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
