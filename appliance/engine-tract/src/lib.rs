//! The CPU engine: `imaging` for preprocessing and tract for the network. Always there.
//!
//! At load the network's height and width are exchanged ([`transpose`]): the same function, but tract's inner loops then
//! run along the longer rows of a portrait image, which makes it 1.4 to 1.7 times as fast. All cores are used, through
//! tract's multithreaded matrix products. The only place that names tract.

mod transpose;

use std::time::Instant;

use contract::geometry::Extent;
use contract::{INPUT_IMAGE, OUTPUT_CAM, OUTPUT_LOGIT, OUTPUT_PROBABILITY, PreprocessSpec};
use domain::findings::Cam;
use imaging::{DecodedImage, prepare};
use inference::{Engine, EngineError, EngineInfo, Loaded, ModelFiles, NetworkOutputs, RawOutputs, Unavailable};
use prost::Message as _;
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

/// Orientation in which the network is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As it was exported: rows, then columns.
    Natural,
    /// Height and width exchanged: the faster one on portrait images.
    Transposed,
}

/// The CPU engine.
#[derive(Debug, Clone, Copy)]
pub struct TractEngine {
    layout: Layout,
}

impl TractEngine {
    /// An engine that uses `threads` processor threads, or all there are when 0. The number holds for the process.
    #[must_use]
    pub fn new(threads: usize, layout: Layout) -> Self {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { all } else { threads };
        set_default_executor(if threads == 1 { Executor::SingleThread } else { Executor::multithread(threads) });
        Self { layout }
    }
}

impl Engine for TractEngine {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn probe(&self) -> Result<EngineInfo, Unavailable> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(EngineInfo { description: format!("CPU, {threads} threads, {}", std::env::consts::ARCH) })
    }

    fn load(&self, model: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError> {
        let spec = model.manifest().preprocess;
        let cam = model.manifest().topology.cam_extent(spec.input);
        let mut network = ModelProto::decode(model.network()).map_err(|error| EngineError::Load(error.to_string()))?;
        let layout = match self.layout {
            Layout::Transposed if transpose::transpose(&mut network) => Layout::Transposed,
            Layout::Transposed => {
                tracing::warn!("network cannot be transposed, it is run as it was exported");
                Layout::Natural
            }
            Layout::Natural => Layout::Natural,
        };
        let plan = plan(&network, spec, layout).map_err(|error| EngineError::Load(format!("{error:#}")))?;
        Ok(Box::new(LoadedNetwork { plan, spec, cam, layout }))
    }
}

/// Rows and columns of the input as the plan sees it.
const fn input_sides(spec: PreprocessSpec, layout: Layout) -> (usize, usize) {
    let (rows, columns) = (spec.input.rows as usize, spec.input.columns as usize);
    match layout {
        Layout::Natural => (rows, columns),
        Layout::Transposed => (columns, rows),
    }
}

type Plan = std::sync::Arc<TypedRunnableModel>;

fn plan(network: &ModelProto, spec: PreprocessSpec, layout: Layout) -> TractResult<Plan> {
    let (rows, columns) = input_sides(spec, layout);
    let fact = InferenceFact::dt_shape(f32::datum_type(), tvec![1, 3, rows, columns]);
    tract_onnx::onnx()
        .with_ignore_output_shapes(true)
        .model_for_proto_model(network)?
        .with_input_names([INPUT_IMAGE])?
        .with_input_fact(0, fact)?
        .with_outputs_by_name([OUTPUT_PROBABILITY, OUTPUT_LOGIT, OUTPUT_CAM])?
        .into_optimized()?
        .into_runnable()
}

struct LoadedNetwork {
    plan: Plan,
    spec: PreprocessSpec,
    cam: Extent,
    layout: Layout,
}

impl Loaded for LoadedNetwork {
    fn analyze(&mut self, image: &DecodedImage) -> Result<RawOutputs, EngineError> {
        let start = Instant::now();
        let input = prepare(image, &self.spec)?;
        let preprocess_ms = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let NetworkOutputs { probability, logit, cam } = self.run(&input.tensor)?;
        let network_ms = start.elapsed().as_secs_f64() * 1e3;
        Ok(RawOutputs { probability, logit, cam, geometry: input.geometry, surface: None, preprocess_ms, network_ms })
    }

    fn run(&mut self, input: &[f32]) -> Result<NetworkOutputs, EngineError> {
        let tensor = self.input_tensor(input).map_err(run_error)?;
        let outputs = self.plan.run(tvec![tensor.into()]).map_err(run_error)?;
        let [probability, logit, cam] = &outputs[..] else {
            return Err(EngineError::Run("network has another number of outputs".into()));
        };
        let (probability, logit) = (first_value(probability)?, first_value(logit)?);
        Ok(NetworkOutputs { probability, logit, cam: self.cam(cam)? })
    }
}

impl LoadedNetwork {
    fn input_tensor(&self, values: &[f32]) -> TractResult<Tensor> {
        let (rows, columns) = input_sides(self.spec, self.layout);
        let shape = [1, 3, rows, columns];
        match self.layout {
            Layout::Natural => Tensor::from_shape(&shape, values),
            Layout::Transposed => {
                let planes = values.chunks_exact(rows * columns);
                let exchanged: Vec<f32> = planes.flat_map(|plane| exchange(plane, columns, rows)).collect();
                Tensor::from_shape(&shape, &exchanged)
            }
        }
    }

    fn cam(&self, value: &TValue) -> Result<Cam, EngineError> {
        let values = floats(value)?;
        let (rows, columns) = (self.cam.rows as usize, self.cam.columns as usize);
        if values.len() != rows * columns {
            return Err(EngineError::Run("network's map has another size".into()));
        }
        let values = match self.layout {
            Layout::Natural => values.to_vec(),
            Layout::Transposed => exchange(values, columns, rows),
        };
        Ok(Cam { extent: self.cam, values })
    }
}

/// Exchanges the axes of a plane of `rows` × `columns`.
fn exchange(plane: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut exchanged = vec![0.0; plane.len()];
    for (row, line) in plane.chunks_exact(columns).enumerate() {
        line.iter().enumerate().for_each(|(column, &value)| exchanged[column * rows + row] = value);
    }
    exchanged
}

fn run_error(error: TractError) -> EngineError {
    EngineError::Run(format!("{error:#}"))
}

fn floats(value: &TValue) -> Result<&[f32], EngineError> {
    value.try_as_plain_ram().and_then(|view| view.as_slice::<f32>()).map_err(run_error)
}

fn first_value(value: &TValue) -> Result<f32, EngineError> {
    floats(value)?.first().copied().ok_or_else(|| EngineError::Run("network's output is empty".into()))
}
