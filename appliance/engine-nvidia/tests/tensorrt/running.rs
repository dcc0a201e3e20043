//! Engines and contexts on the double, whose device memory is the test's own. Unsafe code: it is given to a C++ library.
#![allow(unsafe_code)]

use std::num::NonZeroU64;
use std::process::Command;
use std::ptr;

use engine_nvidia::tensorrt::{
    Context, DataType, DeviceMemory, Direction, Engine, Failure, Precision, Runtime, Stream, TensorRtError,
};

use crate::building::{build, each_major};
use crate::doubles::Stage;

fn engine(stage: &Stage) -> Result<Engine, TensorRtError> {
    let tensorrt = stage.load()?;
    let built = build(&tensorrt, Precision::Half)?;
    Runtime::new(&tensorrt)?.deserialize(&built.plan)
}

/// As much memory as each tensor of the double needs, one after the other.
struct Memory(Vec<[u8; 256]>);

impl Memory {
    fn new() -> Self {
        Self(vec![[0; 256]; 4])
    }

    fn at(&mut self, index: usize, bytes: u64) -> DeviceMemory {
        let address = self.0[index].as_mut_ptr().expose_provenance() as u64;
        DeviceMemory { address: NonZeroU64::new(address).unwrap(), bytes }
    }

    fn bind_all(&mut self, context: &mut Context) {
        for (index, name) in ["image", "probability", "logit", "cam"].into_iter().enumerate() {
            context.bind(name, self.at(index, 256)).unwrap();
        }
    }
}

/// On a stream that is no stream: the double only writes down its number.
fn enqueue(context: &mut Context, stream: usize) -> Result<(), TensorRtError> {
    // SAFETY: what is bound is of `Memory`, which is there, and the double is done when it returns.
    unsafe { context.enqueue(Stream(ptr::without_provenance_mut(stream))) }
}

#[test]
fn names_shapes_and_types_are_read_and_a_run_reads_and_writes_what_is_bound() {
    each_major(|stage, tensorrt| {
        let built = build(tensorrt, Precision::Half).unwrap();
        let engine = Runtime::new(tensorrt).unwrap().deserialize(&built.plan).unwrap();
        let image = engine.tensor("image").unwrap();
        assert_eq!((image.direction, image.data_type), (Direction::Input, DataType::Half));
        assert_eq!((image.shape.as_slice(), image.bytes()), (&[1, 3, 8, 4][..], 192));
        let cam = engine.tensor("cam").unwrap();
        assert_eq!((cam.direction, cam.data_type, cam.bytes()), (Direction::Output, DataType::Float, 8));
        let names: Vec<&str> = engine.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["image", "probability", "logit", "cam"]);

        let mut context = engine.create_context().unwrap();
        let mut memory = Memory::new();
        memory.0[0][..2].copy_from_slice(b"ab");
        memory.bind_all(&mut context);
        enqueue(&mut context, 0x1234).unwrap();
        assert_eq!(stage.heard().last().unwrap(), "enqueue 0x1234");
        for output in &memory.0[1..] {
            assert_eq!(&output[..2], b"ab");
        }
        assert_eq!(stage.heard().iter().filter(|line| line.starts_with("enqueue")).count(), 1);
    });
}

#[test]
fn objects_live_as_long_as_what_was_made_from_them() {
    let Some(stage) = Stage::new() else { return };
    let mut context = engine(&stage).unwrap().create_context().unwrap();
    assert!(!stage.heard().iter().any(|line| line == "~Engine" || line == "~Runtime"), "the context needs them");
    let mut memory = Memory::new();
    memory.bind_all(&mut context);
    enqueue(&mut context, 1).unwrap();
    drop(context);
    let heard = stage.heard();
    assert!(heard.ends_with(&["~Context".into(), "~Engine".into(), "~Runtime".into()]), "{heard:?}");
}

#[test]
fn nothing_runs_before_everything_is_bound() {
    let Some(stage) = Stage::new() else { return };
    let mut context = engine(&stage).unwrap().create_context().unwrap();
    let unbound = |context: &mut Context| match enqueue(context, 1) {
        Err(TensorRtError::Unbound { names }) => names,
        other => panic!("{other:?}"),
    };
    assert_eq!(unbound(&mut context), "image, probability, logit, cam");
    let mut memory = Memory::new();
    context.bind("logit", memory.at(2, 4)).unwrap();
    assert_eq!(unbound(&mut context), "image, probability, cam");
    assert!(!stage.heard().iter().any(|line| line.starts_with("enqueue")), "TensorRT is not even called");
}

#[test]
fn what_cannot_be_bound_is_an_error_and_leaves_the_tensor_unbound() {
    let Some(stage) = Stage::new() else { return };
    let mut context = engine(&stage).unwrap().create_context().unwrap();
    let mut memory = Memory::new();
    let unknown = context.bind("nope", memory.at(0, 256)).unwrap_err();
    assert_eq!(unknown, TensorRtError::UnknownTensor { name: "nope".into() });
    let small = context.bind("image", memory.at(0, 191)).unwrap_err();
    assert_eq!(small, TensorRtError::MemoryTooSmall { name: "image".into(), needed: 192, given: 191 });
    memory.bind_all(&mut context);
    for address in [1, 0x228, 4_095] {
        let null = DeviceMemory { address: NonZeroU64::new(address).unwrap(), bytes: 192 };
        let fault = context.bind("image", null).unwrap_err();
        assert!(matches!(fault, TensorRtError::Failed { failure: Failure::Argument, .. }), "{fault}");
    }
    assert!(matches!(enqueue(&mut context, 1), Err(TensorRtError::Unbound { names }) if names == "image"));
    stage.tell("bind=false");
    let refused = context.bind("image", memory.at(0, 192)).unwrap_err();
    assert!(matches!(refused, TensorRtError::Failed { failure: Failure::Refused, .. }), "{refused}");
    assert!(matches!(enqueue(&mut context, 1), Err(TensorRtError::Unbound { .. })));
}

#[test]
fn a_run_that_tensorrt_refuses_is_an_error_with_its_words_and_the_next_one_works() {
    let Some(stage) = Stage::new() else { return };
    let mut context = engine(&stage).unwrap().create_context().unwrap();
    let mut memory = Memory::new();
    memory.bind_all(&mut context);
    stage.tell("enqueue=false");
    let fault = enqueue(&mut context, 1).unwrap_err();
    assert_eq!(fault.to_string(), "TensorRT failed to run the engine (refused); it says: a double does not run");
    stage.tell_nothing();
    enqueue(&mut context, 1).unwrap();
}

#[test]
fn a_plan_that_tensorrt_does_not_take_is_an_error() {
    let Some(stage) = Stage::new() else { return };
    stage.tell("plan=damaged");
    let fault = engine(&stage).unwrap_err();
    assert_eq!(fault.to_string(), "TensorRT failed to load the plan (refused); it says: magic tag does not match");
    stage.tell_nothing();
    for line in ["engine=null", "engine=small"] {
        stage.tell(line);
        let fault = engine(&stage).unwrap_err();
        assert!(matches!(fault, TensorRtError::Failed { what: "load the plan", .. }), "{line}: {fault}");
        stage.tell_nothing();
    }
    for line in ["context=null", "context=small"] {
        stage.tell(line);
        let fault = engine(&stage).unwrap().create_context().unwrap_err();
        assert!(matches!(fault, TensorRtError::Failed { what: "make a context", .. }), "{line}: {fault}");
        stage.tell_nothing();
    }
}

#[test]
fn an_engine_whose_tensors_cannot_be_used_is_refused() {
    let Some(stage) = Stage::new() else { return };
    for line in ["type=2", "type=8", "format=4", "location=1", "open_shape=1"] {
        stage.tell_nothing();
        stage.tell(line);
        let fault = engine(&stage).unwrap_err();
        assert!(matches!(&fault, TensorRtError::Tensor { name, .. } if name == "image"), "{line}: {fault}");
    }
    let lines = ["tensors=0", "tensors=-1", "tensors=65", "tensors=5", "tensor_name=null", "rank=9", "rank=-1"];
    for line in lines {
        stage.tell_nothing();
        stage.tell(line);
        let fault = engine(&stage).unwrap_err();
        assert!(matches!(fault, TensorRtError::Failed { what: "describe the engine", .. }), "{line}: {fault}");
    }
}

#[test]
fn contexts_of_one_engine_run_on_several_threads() {
    let Some(stage) = Stage::new() else { return };
    let engine = engine(&stage).unwrap();
    std::thread::scope(|scope| {
        for stream in 1..=4_usize {
            let engine = &engine;
            scope.spawn(move || {
                let mut context = engine.create_context().unwrap();
                let mut memory = Memory::new();
                memory.0[0][0] = u8::try_from(stream).unwrap();
                memory.bind_all(&mut context);
                enqueue(&mut context, stream).unwrap();
                assert_eq!(usize::from(memory.0[3][0]), stream);
            });
        }
    });
}

/// Names the test's own process, which is to end.
const CHILD: &str = "MAMORU_TEST_UNEXPECTED";

#[test]
fn a_double_that_is_called_for_what_it_does_not_list_ends_the_process_and_names_it() {
    if std::env::var_os(CHILD).is_some() {
        let stage = Stage::new().unwrap();
        stage.tell("tensors=unexpected");
        drop(engine(&stage));
        return;
    }
    if Stage::new().is_none() {
        return;
    }
    let test = "running::a_double_that_is_called_for_what_it_does_not_list_ends_the_process_and_names_it";
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--nocapture"]).env(CHILD, "yes").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("unexpected call of ICudaEngine::getNbLayers"), "{text}");
}
