//! The engines' conformance suite on the doubles.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inference::{Engine as _, conformance};

use crate::machine::{PRECISIONS, alone, small_model};

#[test]
fn the_engine_keeps_the_rules_of_all_engines() {
    alone("conformance::the_engine_keeps_the_rules_of_all_engines", |machine| {
        machine.tell(&["bias=0.25"]);
        for (precision, _) in PRECISIONS {
            for uses_graph in [false, true] {
                let engine = machine.engine(|settings| {
                    settings.precision = precision;
                    settings.uses_graph = uses_graph;
                });
                let verdict = conformance::run(&engine, &small_model(), 0.25);
                assert_eq!(verdict, Ok(()), "{precision:?}, graph {uses_graph}");
            }
        }
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_network_that_contradicts_itself_is_found_by_the_suite() {
    alone("conformance::a_network_that_contradicts_itself_is_found_by_the_suite", |machine| {
        machine.tell(&["bias=0.25"]);
        let verdict = conformance::run(&machine.engine(|_| ()), &small_model(), 0.0);
        assert_eq!(verdict, Err("map: network's map contradicts its probability".into()));
    });
}

/// Answers one run: a map of the input's first numbers, with its mean as logit.
fn answer(stream: &mut UnixStream, cells: usize) -> std::io::Result<()> {
    let (mut element, mut count) = ([0; 4], [0; 8]);
    stream.read_exact(&mut element)?;
    stream.read_exact(&mut count)?;
    assert_eq!(u32::from_le_bytes(element), 4);
    let mut input = vec![0; usize::try_from(u64::from_le_bytes(count)).unwrap() * 4];
    stream.read_exact(&mut input)?;
    let map: Vec<f32> = input.as_chunks().0.iter().take(cells).map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let logit = map.iter().sum::<f32>() / map.len() as f32;
    let mut bytes = (cells as u64).to_le_bytes().to_vec();
    bytes.extend([1.0 / (1.0 + (-logit).exp()), logit].iter().chain(&map).flat_map(|value| value.to_le_bytes()));
    stream.write_all(&bytes)
}

#[test]
fn a_network_behind_a_socket_answers_for_the_double() {
    alone("conformance::a_network_behind_a_socket_answers_for_the_double", |machine| {
        let model = small_model();
        let extent = model.manifest().topology.cam_extent(model.manifest().preprocess.input);
        let cells = extent.rows as usize * extent.columns as usize;
        let path = machine.path("network");
        let listener = UnixListener::bind(&path).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&mut stream.unwrap(), cells).unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        machine.tell(&[&format!("network={}", path.display())]);
        let engine = machine.engine(|settings| settings.precision = engine_nvidia::tensorrt::Precision::Single);
        assert_eq!(conformance::run(&engine, &model, 0.0), Ok(()));
        assert!(runs.load(Ordering::SeqCst) >= 4);
        machine.tell(&["network=/nowhere"]);
        let mut loaded = engine.load(&model).unwrap();
        let lost = loaded.analyze(&conformance::test_image().unwrap());
        assert!(matches!(lost, Err(inference::EngineError::Lost(_))), "{lost:?}");
    });
}
