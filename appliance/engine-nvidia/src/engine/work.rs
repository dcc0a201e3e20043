//! The work for one image: what is queued on the stream, in its order. Unsafe code: launches, copies, the network's run.
//!
//! What makes it sound: all memory and the pinned memory live in [`Work`], longer than anything that is queued, because
//! each function here ends with a wait, or with an error after which [`Work::settle`] waits, or the device is lost and
//! nothing of it is freed.
#![allow(unsafe_code)]

use std::time::Instant;

use contract::geometry::Extent;
use contract::{OUTPUT_CAM, OUTPUT_LOGIT, OUTPUT_PROBABILITY, PreprocessSpec};
use half::f16;
use imaging::DecodedImage;
use inference::{EngineError, NetworkOutputs, RawOutputs, heatmap};

use super::opened::run;
use super::readback::{self, Lists};
use crate::cuda::{CudaFault, Gpu, Graph, Mark, Memory, Module, Pinned, Recording};
use crate::plan::{Buffer, Launch, OutcomeError, Plan, Precision, Stage};
use crate::tensorrt::{Context, Engine};

/// Where samples begin in the pinned memory for input: behind the values of 16-bit samples.
const SAMPLES: usize = (1 << 16) * size_of::<f64>();
/// Recorded graphs that are kept: a unit sends images of a few sizes.
const GRAPHS_MAX: usize = 4;
/// Which buffer each of the network's outputs is written to.
pub(super) const OUTPUTS: [(&str, Buffer); 3] =
    [(OUTPUT_PROBABILITY, Buffer::Probability), (OUTPUT_LOGIT, Buffer::Logit), (OUTPUT_CAM, Buffer::Map)];

/// What one image is to be done with, all launches of it known.
struct Image<'a> {
    plan: &'a Plan,
    rows: u32,
    columns: u32,
    /// The map over the image, where the kernels make it.
    surface: Option<(Stage, Extent)>,
}

impl<'a> Image<'a> {
    fn new(image: &DecodedImage, plan: &'a Plan, cam: Extent) -> Self {
        let (rows, columns) = (image.header().rows, image.header().columns);
        let extent = heatmap::extent(Extent { rows, columns });
        let surface = plan.surface(cam, extent).map(|stage| (stage, extent)).ok();
        Self { plan, rows, columns, surface }
    }

    /// All launches: before the network, and after it.
    fn launches(&self) -> [&[Launch]; 2] {
        [&self.plan.stage.launches, self.surface.as_ref().map_or(&[], |(stage, _)| &stage.launches)]
    }
}

/// A graph and what it was recorded for.
struct Recorded {
    launches: [Vec<Launch>; 2],
    graph: Graph,
}

/// A network on a device with all memory for one image at a time. Fields go in their order: what uses comes before what is
/// used.
pub(super) struct Work {
    pub(super) spec: PreprocessSpec,
    pub(super) precision: Precision,
    pub(super) cam: Extent,
    pub(super) uses_graph: bool,
    graphs: Vec<Recorded>,
    context: Context,
    _engine: Engine,
    /// Before the first launch, before the network, after everything.
    marks: [Mark; 3],
    input: Pinned,
    output: Pinned,
    memory: Memory,
    module: Module,
    gpu: Gpu,
    /// TensorRT sets itself up in its first run, which cannot be recorded.
    has_run: bool,
}

/// What [`Work`] is made of.
pub(super) struct Parts {
    pub(super) spec: PreprocessSpec,
    pub(super) precision: Precision,
    pub(super) cam: Extent,
    pub(super) uses_graph: bool,
    pub(super) engine: Engine,
    pub(super) context: Context,
    pub(super) memory: Memory,
    pub(super) module: Module,
    pub(super) gpu: Gpu,
}

impl Work {
    /// Takes what is needed beside the images' buffers.
    pub(super) fn new(parts: Parts) -> Result<Self, CudaFault> {
        // Where a step below fails these go from the last to the first: what uses the device before the device.
        let Parts { gpu, module, memory, engine, context, spec, precision, cam, uses_graph } = parts;
        let marks = [gpu.mark()?, gpu.mark()?, gpu.mark()?];
        let input = Pinned::new(&gpu, SAMPLES)?;
        let output = Pinned::new(&gpu, readback::length(cam, Extent { rows: 0, columns: 0 }))?;
        Ok(Self {
            spec,
            precision,
            cam,
            uses_graph,
            graphs: Vec::new(),
            context,
            _engine: engine,
            marks,
            input,
            output,
            memory,
            module,
            gpu,
            has_run: false,
        })
    }

    /// Waits until nothing is queued any more.
    pub(super) fn settle(&mut self) -> Result<(), CudaFault> {
        self.gpu.bind()?;
        self.gpu.record(&self.marks[2])?;
        self.gpu.wait(&self.marks[2])
    }

    /// Prepares and runs one image.
    pub(super) fn analyze(&mut self, image: &DecodedImage, plan: &Plan) -> Result<RawOutputs, EngineError> {
        let begun = Instant::now();
        let work = Image::new(image, plan, self.cam);
        self.take_in(image, &work).map_err(run)?;
        let host_ms = begun.elapsed().as_secs_f64() * 1e3;
        let begun = Instant::now();
        let was_graph = self.queue_image(&work)?;
        self.gpu.wait(&self.marks[2]).map_err(run)?;
        self.has_run = true;
        let device_ms = begun.elapsed().as_secs_f64() * 1e3;
        let lists = Lists::read(&self.output, work.rows, work.columns);
        let geometry = plan.geometry(&lists.words()).map_err(|error| match error {
            OutcomeError::Prepare(error) => EngineError::Prepare(error),
            OutcomeError::Inconsistent => EngineError::Run(error.to_string()),
        })?;
        // A graph is one piece of work: what its parts take is not seen.
        let prepare_ms =
            if was_graph { 0.0 } else { self.gpu.milliseconds(&self.marks[0], &self.marks[1]).map_err(run)? };
        let NetworkOutputs { probability, logit, cam } = readback::outputs(&self.output, self.cam);
        let surface = work.surface.map(|(_, extent)| readback::surface_values(&self.output, self.cam, extent));
        let (preprocess_ms, network_ms) = (host_ms + prepare_ms, (device_ms - prepare_ms).max(0.0));
        Ok(RawOutputs { probability, logit, cam, geometry, surface, preprocess_ms, network_ms })
    }

    /// Puts samples and values where the device reads them, and makes sure of the buffers.
    fn take_in(&mut self, image: &DecodedImage, work: &Image<'_>) -> Result<(), CudaFault> {
        self.ensure_input(SAMPLES + size_of_val(image.samples()))?;
        self.memory.place(Buffer::Values, self.input.address());
        self.memory.place(Buffer::Image, self.input.address() + SAMPLES as u64);
        let mut has_moved = self.memory.ensure_stage(&self.gpu, &work.plan.stage)?;
        if let Some((stage, extent)) = &work.surface {
            has_moved |= self.memory.ensure_stage(&self.gpu, stage)?;
            let bytes = readback::length(self.cam, *extent);
            if self.output.length() < bytes {
                self.output = Pinned::new(&self.gpu, bytes)?;
                has_moved = true;
            }
        }
        if has_moved {
            self.graphs.clear();
        }
        let (values, samples) = self.input.bytes_mut().split_at_mut(SAMPLES);
        for (target, value) in values.as_chunks_mut().0.iter_mut().zip(&work.plan.values) {
            *target = value.to_le_bytes();
        }
        for (target, sample) in samples.as_chunks_mut().0.iter_mut().zip(image.samples()) {
            *target = sample.to_le_bytes();
        }
        Ok(())
    }

    /// Makes sure of `bytes` of pinned memory for input.
    fn ensure_input(&mut self, bytes: usize) -> Result<(), CudaFault> {
        if self.input.length() < bytes {
            self.input = Pinned::new(&self.gpu, bytes)?;
            self.graphs.clear();
        }
        Ok(())
    }

    /// Queues everything for one image, up to the last mark; says whether as a graph.
    fn queue_image(&mut self, work: &Image<'_>) -> Result<bool, EngineError> {
        if self.uses_graph && self.has_run {
            match self.queue_graph(work) {
                Ok(()) => return Ok(true),
                Err(lost @ EngineError::Lost(_)) => return Err(lost),
                Err(fault) => {
                    tracing::warn!("images are run without a CUDA graph from now on: {fault}");
                    self.uses_graph = false;
                    self.graphs.clear();
                }
            }
        }
        self.gpu.record(&self.marks[0]).map_err(run)?;
        self.queue_launches(work.launches()[0]).map_err(run)?;
        self.gpu.record(&self.marks[1]).map_err(run)?;
        self.queue_rest(work)?;
        self.gpu.record(&self.marks[2]).map_err(run)?;
        Ok(false)
    }

    /// Queues the same as one graph, which is recorded when it is new.
    fn queue_graph(&mut self, work: &Image<'_>) -> Result<(), EngineError> {
        let launches = work.launches();
        let known = self.graphs.iter().position(|recorded| launches == recorded.launches.each_ref().map(Vec::as_slice));
        let mut recorded = match known {
            Some(index) => self.graphs.remove(index),
            None => Recorded { launches: launches.map(<[_]>::to_vec), graph: self.record_graph(work)? },
        };
        // SAFETY: the memory is that of the recording: where a buffer moves, all recordings go.
        let launched = unsafe { recorded.graph.launch() };
        // The one that was used last is the last to go.
        self.graphs.truncate(GRAPHS_MAX - 1);
        self.graphs.insert(0, recorded);
        launched.and_then(|()| self.gpu.record(&self.marks[2])).map_err(run)
    }

    fn record_graph(&mut self, work: &Image<'_>) -> Result<Graph, EngineError> {
        let recording = Recording::begin(&self.gpu).map_err(run)?;
        let queued = self.queue_launches(work.launches()[0]).map_err(run);
        let queued = queued.and_then(|()| self.queue_rest(work));
        let graph = recording.end(&self.gpu).map_err(run);
        queued.and(graph)
    }

    /// Queues what comes after the preparation.
    fn queue_rest(&mut self, work: &Image<'_>) -> Result<(), EngineError> {
        self.queue_network()?;
        self.queue_launches(work.launches()[1]).map_err(run)?;
        self.queue_copies(work).map_err(run)
    }

    fn queue_launches(&self, launches: &[Launch]) -> Result<(), CudaFault> {
        for launch in launches {
            // SAFETY: the launches are a plan's, whose buffers were made sure of; the rest stands at the file's head.
            unsafe { self.module.launch(&self.gpu, &self.memory, launch) }?;
        }
        Ok(())
    }

    /// Queues the network and the copies of its answers.
    fn queue_network(&mut self) -> Result<(), EngineError> {
        self.gpu.bind().map_err(run)?;
        // SAFETY: input and outputs are bound to this one's memory; the rest stands at the file's head.
        unsafe { self.context.enqueue(self.gpu.stream()) }.map_err(|error| EngineError::Run(error.to_string()))?;
        let map_bytes = readback::map_bytes(self.cam);
        let answers = [
            (Buffer::Probability, readback::PROBABILITY, size_of::<f32>()),
            (Buffer::Logit, readback::LOGIT, size_of::<f32>()),
            (Buffer::Map, readback::MAP, map_bytes),
        ];
        answers.into_iter().try_for_each(|answer| self.queue_copy(answer)).map_err(run)
    }

    /// Queues the copies of what the geometry is made of, and of the map over the image.
    fn queue_copies(&mut self, work: &Image<'_>) -> Result<(), CudaFault> {
        let list_bytes = |count: u32| count as usize * size_of::<u32>();
        let surface = work.surface.as_ref();
        let surface =
            surface.map(|(_, extent)| (Buffer::Surface, readback::surface(self.cam), readback::map_bytes(*extent)));
        let lists = [
            (Buffer::State, readback::STATE, readback::STATE_BYTES),
            (Buffer::KeptRows, readback::KEPT_ROWS, list_bytes(work.rows)),
            (Buffer::KeptColumns, readback::KEPT_COLUMNS, list_bytes(work.columns)),
        ];
        lists.into_iter().chain(surface).try_for_each(|list| self.queue_copy(list))
    }

    fn queue_copy(&mut self, (buffer, to, bytes): (Buffer, usize, usize)) -> Result<(), CudaFault> {
        // SAFETY: stands at the file's head.
        unsafe { self.memory.copy_out(&self.gpu, buffer, &mut self.output, to, bytes) }
    }

    /// Runs the network alone, on an input that was prepared elsewhere.
    pub(super) fn run(&mut self, input: &[f32]) -> Result<NetworkOutputs, EngineError> {
        let element = match self.precision {
            Precision::Half => size_of::<f16>(),
            Precision::Single => size_of::<f32>(),
        };
        let bytes = input.len() * element;
        let expected = self.spec.input.rows as usize * self.spec.input.columns as usize * 3;
        if input.len() != expected {
            return Err(EngineError::Run(format!("an input has {} numbers, not {expected}", input.len())));
        }
        self.ensure_input(bytes).map_err(run)?;
        let target = self.input.bytes_mut();
        match self.precision {
            Precision::Half => {
                let targets = target.as_chunks_mut().0.iter_mut();
                targets.zip(input).for_each(|(target, &value)| *target = f16::from_f32(value).to_le_bytes());
            }
            Precision::Single => {
                let targets = target.as_chunks_mut().0.iter_mut();
                targets.zip(input).for_each(|(target, value)| *target = value.to_le_bytes());
            }
        }
        // SAFETY: stands at the file's head.
        unsafe { self.memory.copy_in(&self.gpu, Buffer::Input, &self.input, bytes) }.map_err(run)?;
        self.queue_network()?;
        self.gpu.record(&self.marks[2]).map_err(run)?;
        self.gpu.wait(&self.marks[2]).map_err(run)?;
        self.has_run = true;
        Ok(readback::outputs(&self.output, self.cam))
    }
}
