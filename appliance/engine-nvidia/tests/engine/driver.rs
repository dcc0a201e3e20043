//! The driver's double through an unmodified cudarc: it does what a driver does, and finds fault with what no program may do.
//! Unsafe code: the driver's own functions, which are misused here on purpose.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{
    CudaContext, CudaModule, CudaSlice, CudaStream, DevicePtr as _, DriverError, LaunchConfig, PinnedHostSlice,
    PushKernelArg as _, result,
};
use cudarc::nvrtc::Ptx;

use crate::machine::{Machine, alone, ends};

/// Context and stream, as the engine uses them.
fn open() -> (Arc<CudaContext>, Arc<CudaStream>) {
    let context = CudaContext::new(0).unwrap();
    // SAFETY: one stream does everything.
    unsafe { context.disable_event_tracking() };
    let stream = context.new_stream().unwrap();
    (context, stream)
}

fn alloc(stream: &Arc<CudaStream>, bytes: usize) -> Result<CudaSlice<u8>, DriverError> {
    // SAFETY: bytes are bytes.
    unsafe { stream.alloc::<u8>(bytes) }
}

fn pinned(context: &Arc<CudaContext>, bytes: usize) -> PinnedHostSlice<u8> {
    // SAFETY: bytes are bytes.
    unsafe { context.alloc_pinned_with_flags::<u8>(bytes, sys::CU_MEMHOSTALLOC_DEVICEMAP) }.unwrap()
}

/// The first byte as it is now, whatever is queued.
fn peek(memory: &PinnedHostSlice<u8>) -> u8 {
    // SAFETY: there is at least one byte.
    unsafe { memory.as_ptr().unwrap().read_volatile() }
}

fn address(slice: &CudaSlice<u8>) -> u64 {
    slice.device_ptr(slice.stream()).0
}

/// An image of NVRTC's double with these kernels, for an architecture.
fn image(architecture: &str, kernels: &[&str]) -> Ptx {
    let body: String = kernels.iter().chain(&["end"]).map(|kernel| format!("{kernel}\n")).collect();
    let text = format!("MAMORU TEST DOUBLE CUBIN {architecture} {}\n{body}\0", body.len());
    Ptx::from_binary(text.into_bytes())
}

fn module(context: &Arc<CudaContext>) -> Arc<CudaModule> {
    context.load_module(image("sm_87", &["reset", "write_input_half"])).unwrap()
}

/// Launches `reset` for an image of `rows` and one column on buffers for `room` rows.
fn reset(stream: &Arc<CudaStream>, module: &Arc<CudaModule>, rows: u32, room: usize) -> Result<Vec<u8>, DriverError> {
    let function = module.load_function("reset")?;
    let (state, lines) = (alloc(stream, 48)?, [0; 4].map(|_| alloc(stream, room * 4).unwrap()));
    let config = LaunchConfig { grid_dim: (rows.div_ceil(512), 1, 1), block_dim: (512, 1, 1), shared_mem_bytes: 0 };
    let mut launch = stream.launch_builder(&function);
    launch.arg(&state);
    for line in &lines {
        launch.arg(line);
    }
    // SAFETY: the double checks.
    unsafe { launch.arg(&rows).arg(&1_u32).launch(config) }?;
    stream.clone_dtoh(&lines[0])
}

const FAILS: fn(CUresult) -> DriverError = DriverError;

#[test]
fn work_is_done_when_somebody_waits_for_it_and_not_before() {
    alone("driver::work_is_done_when_somebody_waits_for_it_and_not_before", |machine| {
        for pools in ["pools=1", "pools=0"] {
            machine.tell(&[pools]);
            let (context, stream) = open();
            let (mut from, mut to) = (pinned(&context, 100), pinned(&context, 100));
            from.as_mut_slice().unwrap().fill(7);
            to.as_mut_slice().unwrap().fill(1);
            let memory = alloc(&stream, 100).unwrap();
            let cu_stream = stream.cu_stream();
            // SAFETY: all of it is there until the end.
            unsafe {
                result::memcpy_htod_async(address(&memory), from.as_slice().unwrap(), cu_stream).unwrap();
                result::memcpy_dtoh_async(to.as_mut_slice().unwrap(), address(&memory), cu_stream).unwrap();
            }
            assert_eq!(peek(&to), 1, "not done yet");
            // What is written before it was read is what is read: nothing keeps pinned memory from that.
            from.as_mut_slice().unwrap().fill(9);
            let event = stream.record_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT)).unwrap();
            assert_eq!(event.try_is_complete(), Ok(false));
            assert_eq!(peek(&to), 1, "the first question finds it at work");
            assert_eq!(event.try_is_complete(), Ok(true));
            assert_eq!(peek(&to), 9);
            machine.tell(&["eager=1", pools]);
            // SAFETY: as above.
            unsafe { result::memset_d8_async(address(&memory), 5, 100, cu_stream) }.unwrap();
            assert_eq!(machine.heard().last().unwrap(), "ran memset", "at once, when it is told so");
            assert_eq!(stream.clone_dtoh(&memory).unwrap(), [5; 100]);
        }
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn kernels_run_by_name_and_graphs_run_again() {
    alone("driver::kernels_run_by_name_and_graphs_run_again", |machine| {
        let (context, stream) = open();
        let module = module(&context);
        assert_eq!(reset(&stream, &module, 700, 700).unwrap(), [0xFF; 2800], "the least of nothing");
        let memory = alloc(&stream, 8).unwrap();
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        stream.begin_capture(mode).unwrap();
        // SAFETY: the memory is there until the end.
        unsafe { result::memset_d8_async(address(&memory), 3, 8, stream.cu_stream()) }.unwrap();
        let graph = stream.end_capture(sys::CUgraphInstantiate_flags(0)).unwrap().unwrap();
        assert_ne!(stream.clone_dtoh(&memory).unwrap(), [3; 8], "recorded, not run");
        graph.launch().unwrap();
        assert_eq!(stream.clone_dtoh(&memory).unwrap(), [3; 8]);
        // SAFETY: as above.
        unsafe { result::memset_d8_async(address(&memory), 4, 8, stream.cu_stream()) }.unwrap();
        graph.launch().unwrap();
        assert_eq!(stream.clone_dtoh(&memory).unwrap(), [3; 8], "and again");
        let (first, second) = (context.new_event(None).unwrap(), stream.record_event(None).unwrap());
        assert_eq!(first.elapsed_ms(&second), Err(FAILS(CUresult::CUDA_ERROR_INVALID_HANDLE)), "they keep no time");
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn a_recording_that_is_disturbed_is_no_graph() {
    alone("driver::a_recording_that_is_disturbed_is_no_graph", |machine| {
        let (_context, stream) = open();
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let end = || stream.end_capture(sys::CUgraphInstantiate_flags(0)).map(drop);
        stream.begin_capture(mode).unwrap();
        let refused = Err(FAILS(CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED));
        assert_eq!(alloc(&stream, 8).map(drop), refused);
        assert_eq!(end(), Err(FAILS(CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED)));
        stream.begin_capture(mode).unwrap();
        assert_eq!(stream.synchronize(), refused);
        assert!(end().is_err());
        assert_eq!(end(), Err(FAILS(CUresult::CUDA_ERROR_STREAM_CAPTURE_UNMATCHED)));
        stream.begin_capture(mode).unwrap();
        assert_eq!(end(), Ok(()), "and the stream records again");
        assert_eq!(machine.faults().len(), 2);
    });
}

#[test]
fn what_no_program_may_do_with_memory_is_found() {
    alone("driver::what_no_program_may_do_with_memory_is_found", |machine| {
        machine.tell(&["pools=0"]);
        let (context, stream) = open();
        let invalid = Err(FAILS(CUresult::CUDA_ERROR_INVALID_VALUE));
        let memory = alloc(&stream, 100).unwrap();
        let (start, cu_stream) = (address(&memory), stream.cu_stream());
        // SAFETY: the double refuses.
        unsafe {
            assert_eq!(result::memset_d8_async(start, 0, 101, cu_stream), invalid, "beyond the end");
            assert_eq!(result::memset_d8_async(start - 1, 0, 1, cu_stream), invalid, "before the start");
            assert_eq!(result::memcpy_htod_async(start + 50, &[0_u8; 51], cu_stream), invalid);
            assert_eq!(result::memcpy_dtoh_async(&mut [0_u8; 101], start, cu_stream), invalid);
            assert_eq!(result::free_sync(start + 1), invalid);
            assert_eq!(result::free_host(start as *mut _), invalid);
            let once = result::malloc_sync(16).unwrap();
            result::memset_d8_async(once, 0, 16, cu_stream).unwrap();
            result::free_sync(once).unwrap();
            assert_eq!(result::free_sync(once), invalid, "twice");
            assert_eq!(result::memset_d8_async(once, 0, 1, cu_stream), invalid, "after it was freed");
            let later = result::malloc_async(cu_stream, 16).unwrap();
            result::free_async(later, cu_stream).unwrap();
            assert_eq!(result::memset_d8_async(later, 0, 1, cu_stream), invalid, "after it was given up");
            let mut host = pinned(&context, 8);
            let host = host.as_mut_ptr().unwrap() as u64;
            assert_eq!(
                result::memset_d8_async(host, 0, 1, cu_stream),
                invalid,
                "the host's address is not the device's"
            );
        }
        assert_eq!(machine.faults().len(), 10, "{:?}", machine.faults());
        let other = std::thread::spawn(result::mem_get_info).join().unwrap();
        assert_eq!(other, Err(FAILS(CUresult::CUDA_ERROR_INVALID_CONTEXT)), "a thread without the context");
    });
}

#[test]
fn what_is_left_at_the_contexts_end_is_a_leak() {
    alone("driver::what_is_left_at_the_contexts_end_is_a_leak", |machine| {
        let (context, stream) = open();
        // SAFETY: nobody uses it.
        unsafe { result::malloc_sync(16) }.unwrap();
        result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT).unwrap();
        drop((stream, context));
        let faults = machine.faults();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("1 pieces of memory") && faults[1].contains("1 events"), "{faults:?}");
    });
}

#[test]
fn a_kernel_that_touches_what_is_not_its_own_breaks_the_context() {
    alone("driver::a_kernel_that_touches_what_is_not_its_own_breaks_the_context", |machine| {
        let illegal = FAILS(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
        // Far behind its memory, and a few bytes.
        for (rows, room) in [(100_000, 10), (12, 10)] {
            machine.forget();
            let (context, stream) = open();
            let module = module(&context);
            assert_eq!(reset(&stream, &module, rows, room), Err(illegal), "{rows}");
            assert_eq!(stream.synchronize(), Err(illegal), "and so it stays");
            assert!(machine.faults()[0].starts_with("fault: kernel reset"), "{:?}", machine.faults());
            context.check_err().unwrap_or_default();
        }
    });
}

#[test]
fn launches_and_images_that_no_device_takes_are_refused() {
    alone("driver::launches_and_images_that_no_device_takes_are_refused", |_| {
        let (context, stream) = open();
        let load = |ptx| context.load_module(ptx).map(drop);
        let invalid = Err(FAILS(CUresult::CUDA_ERROR_INVALID_IMAGE));
        assert_eq!(load(Ptx::from_binary(b"no image".to_vec())), invalid);
        assert_eq!(
            load(Ptx::from_binary(b"\x7fELF and no more than that, whatever it may be, in many bytes\0".to_vec())),
            invalid
        );
        assert_eq!(load(image("sm_72", &["reset"])), Err(FAILS(CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU)));
        let ptx = "//\n.version 7.4\n.target sm_72\n.visible .entry reset(\n.param .u64 reset_param_0\n)\n{ ret; }\n\0";
        assert_eq!(load(Ptx::from_binary(ptx.into())), Ok(()));
        let module = module(&context);
        let missing = module.load_function("survey").map(drop);
        assert_eq!(missing, Err(FAILS(CUresult::CUDA_ERROR_NOT_FOUND)), "the source has it, the image does not");
        let function = module.load_function("reset").unwrap();
        for (grid_dim, block_dim) in [((1, 1, 1), (1025, 1, 1)), ((1, 1, 1), (32, 33, 1)), ((0, 1, 1), (1, 1, 1))] {
            let config = LaunchConfig { grid_dim, block_dim, shared_mem_bytes: 0 };
            // SAFETY: it is not launched.
            let launched = unsafe { stream.launch_builder(&function).launch(config) }.map(drop);
            assert_eq!(launched, Err(FAILS(CUresult::CUDA_ERROR_INVALID_VALUE)), "{grid_dim:?} {block_dim:?}");
        }
    });
}

#[test]
fn faults_come_as_they_are_told() {
    alone("driver::faults_come_as_they_are_told", |machine| {
        let (_context, stream) = open();
        machine.tell(&["memory=1000"]);
        let kept = alloc(&stream, 900).unwrap();
        let full = Err(FAILS(CUresult::CUDA_ERROR_OUT_OF_MEMORY));
        assert_eq!(alloc(&stream, 101).map(drop), full);
        assert!(alloc(&stream, 100).is_ok());
        machine.tell(&["cuMemAllocAsync@2=2"]);
        let codes = [0; 3].map(|_| alloc(&stream, 1).map(drop));
        assert_eq!(codes, [Ok(()), full, Ok(())]);
        machine.tell(&["cuMemAllocAsync=2"]);
        assert_eq!([0; 2].map(|_| alloc(&stream, 1).map(drop)), [full, full]);
        machine.tell(&["lost=1"]);
        let lost = Err(FAILS(CUresult::CUDA_ERROR_LAUNCH_FAILED));
        assert_eq!(stream.synchronize(), lost);
        assert_eq!(CudaContext::new(0).map(drop), lost);
        machine.tell(&["lost=999"]);
        assert_eq!(stream.synchronize(), Err(FAILS(CUresult::CUDA_ERROR_UNKNOWN)));
        machine.tell(&[]);
        assert_eq!(stream.synchronize(), Ok(()));
        drop(kept);
        assert_eq!(machine.faults(), [""; 0]);
    });
}

#[test]
fn who_waits_for_a_device_that_hangs_ends() {
    let test = "driver::who_waits_for_a_device_that_hangs_ends";
    let body = |machine: &Machine| {
        let (_context, stream) = open();
        let memory = alloc(&stream, 8).unwrap();
        machine.tell(&["hang=1"]);
        // SAFETY: the memory is there until the end.
        unsafe { result::memset_d8_async(address(&memory), 3, 8, stream.cu_stream()) }.unwrap();
        let event = stream.record_event(None).unwrap();
        for _ in 0..10 {
            assert_eq!(event.try_is_complete(), Ok(false));
        }
        let _ = stream.synchronize();
        std::process::exit(0);
    };
    if let Some(ended) = ends(test, &[], body) {
        assert!(!ended.is_success);
        let fault = "fault: cuStreamSynchronize waits for a device that does not answer";
        assert_eq!(ended.heard.last().unwrap(), fault);
    }
}
