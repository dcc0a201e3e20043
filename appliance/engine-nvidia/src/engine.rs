//! The engine: gate, kernels, plan and TensorRT put together behind [`inference::Engine`].
//!
//! One image: its samples are put into pinned memory, where the first kernel reads them; the kernels write the network's
//! input into TensorRT's own buffer; the network answers; state, lists of kept rows and columns and the answers come back.
//! All of it is queued on one stream at once and waited for once. An image that the kernels do not prepare
//! ([`crate::plan::Unsupported`]) is prepared by `imaging::prepare`, in the same bits, and only run here.

mod network;
mod opened;
mod plan_process;
mod readback;
mod surveying;
mod work;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use contract::geometry::Extent;
use contract::{INPUT_IMAGE, PreprocessSpec};
use inference::{Engine, EngineError, EngineInfo, Loaded, ModelFiles, Unavailable};

use crate::cuda::{CudaFault, Memory};
use crate::plan::{self, Buffer};
use crate::plan_cache::{L4tRelease, Obtained, Origin, Plan, PlanKey, TimingCache};
use crate::settings::{PlanBuilder, Settings};
use crate::survey::Survey;
use crate::tensorrt::{
    self, BuildOptions, Builder, Built, Context, DataType, Direction, Precision, Runtime, TensorRtError,
};

use network::LoadedNetwork;
use opened::{Opened, load};
pub use plan_process::read_model;
use work::{OUTPUTS, Parts, Work};

/// How long to wait for another process that builds.
const BUILD_WAIT_MAX: Duration = Duration::from_secs(3_600);

/// TensorRT's first major that computes in exactly the types of the file.
const STRONGLY_TYPED_SINCE: u32 = 10;

/// A model's network as it is built on a machine.
struct Network<'a> {
    onnx: Cow<'a, [u8]>,
    shape: [u32; 4],
    key: PlanKey,
}

/// The NVIDIA engine. Nothing of NVIDIA is opened before it is asked to probe, to build or to load.
#[derive(Debug, Clone)]
pub struct NvidiaEngine {
    settings: Settings,
}

/// What a plan's build came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildReport {
    /// Whether the plan lay in the cache already.
    pub was_cached: bool,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the plan.
    pub plan_bytes: u64,
}

impl NvidiaEngine {
    /// An engine with these settings.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Whether a CUDA driver's library is installed, usable or not. Calls nothing of it.
    #[must_use]
    pub fn is_driver_installed() -> bool {
        surveying::is_driver_installed()
    }

    /// Looks for everything that the engine needs, and says of each thing what was found.
    #[must_use]
    pub fn survey(&self) -> Survey {
        surveying::survey(&self.settings)
    }

    /// Obtains the plan of a model's network, from the cache or by building it as the settings say. Takes minutes.
    ///
    /// # Errors
    /// [`EngineError::Load`]; [`EngineError::Lost`].
    pub fn build(&self, model: &ModelFiles) -> Result<BuildReport, EngineError> {
        let begun = Instant::now();
        let opened = Opened::open(&self.settings)?;
        let obtained = self.obtain(&opened, &self.network(&opened, model)?, model)?;
        Ok(BuildReport {
            was_cached: matches!(obtained.origin, Origin::Cached),
            took: begun.elapsed(),
            plan_bytes: obtained.plan.bytes().len() as u64,
        })
    }

    const fn options(&self) -> BuildOptions {
        BuildOptions { precision: self.settings.precision, workspace_bytes: self.settings.workspace_bytes }
    }

    /// The network as it is built, and the key of its plan. From version 10 on TensorRT computes in the types of the file.
    fn network<'a>(&self, opened: &Opened, model: &'a ModelFiles) -> Result<Network<'a>, EngineError> {
        let is_typed = opened.tensorrt.version().major >= STRONGLY_TYPED_SINCE;
        let onnx = match self.settings.precision {
            Precision::Half if is_typed => Cow::Owned(export::to_half(model.network()).map_err(load)?),
            Precision::Half | Precision::Single => Cow::Borrowed(model.network()),
        };
        let shape = input_shape(model.manifest().preprocess);
        let release = L4tRelease::of_this_machine();
        let key = PlanKey::new(&onnx, &opened.tensorrt, release, self.options(), &shape);
        Ok(Network { onnx, shape, key })
    }

    /// The plan, and where it is from.
    fn obtain(&self, opened: &Opened, network: &Network<'_>, model: &ModelFiles) -> Result<Obtained, EngineError> {
        let key = &network.key;
        match &self.settings.builder {
            PlanBuilder::Here => {
                let build = |timing: Option<&TimingCache>| -> Result<Built, TensorRtError> {
                    tracing::info!("building the network for this GPU: this takes some minutes");
                    let mut parsed = Builder::new(&opened.tensorrt)?.parse(&network.onnx)?;
                    parsed.fix_input(INPUT_IMAGE, &network.shape)?;
                    parsed.build(&self.options(), timing)
                };
                opened.cache.obtain(key, BUILD_WAIT_MAX, build).map_err(load)
            }
            PlanBuilder::Process { program, arguments } => {
                if let Ok(Some(plan)) = opened.cache.load(key) {
                    return Ok(Obtained { plan, origin: Origin::Cached });
                }
                plan_process::build(program, arguments, model)?;
                let plan = opened.cache.load(key).map_err(load)?;
                let plan = plan.ok_or_else(|| load("the builder ended and left no plan for this GPU"))?;
                Ok(Obtained { plan, origin: Origin::Built { rejected: None, not_kept: None } })
            }
        }
    }

    /// TensorRT's engine of a model. A plan that TensorRT does not take is built once more.
    fn engine(&self, opened: &Opened, model: &ModelFiles) -> Result<tensorrt::Engine, EngineError> {
        let network = self.network(opened, model)?;
        let deserialize = |plan: &Plan| Runtime::new(&opened.tensorrt)?.deserialize(plan);
        let obtained = self.obtain(opened, &network, model)?;
        match (deserialize(&obtained.plan), obtained.origin) {
            (Ok(engine), _) => Ok(engine),
            (Err(fault), Origin::Cached) => {
                tracing::warn!("the plan in the cache is not taken and built again: {fault}");
                opened.cache.discard(&network.key).map_err(load)?;
                deserialize(&self.obtain(opened, &network, model)?.plan).map_err(load)
            }
            (Err(fault), Origin::Built { .. }) => Err(load(fault)),
        }
    }
}

impl Engine for NvidiaEngine {
    fn name(&self) -> &'static str {
        "nvidia"
    }

    fn probe(&self) -> Result<EngineInfo, Unavailable> {
        let opened = Opened::open(&self.settings).map_err(|error| Unavailable(words(error)))?;
        let description = format!("{}, TensorRT {}", opened.device, opened.tensorrt.version());
        Ok(EngineInfo { description })
    }

    fn load(&self, model: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError> {
        let opened = Opened::open(&self.settings)?;
        let spec = model.manifest().preprocess;
        let cam = model.manifest().topology.cam_extent(spec.input);
        let engine = self.engine(&opened, model)?;
        let precision = input_precision(&engine, spec, cam).map_err(load)?;
        let module = opened.kernels()?;
        let mut context = engine.create_context().map_err(load)?;
        let mut memory = Memory::default();
        bind(&opened, &engine, &mut context, &mut memory)?;
        let uses_graph = self.settings.uses_graph;
        let gpu = opened.gpu;
        let work = Work::new(Parts { spec, precision, cam, uses_graph, engine, context, memory, module, gpu });
        Ok(Box::new(LoadedNetwork::new(work.map_err(lost_or_load)?, self.settings.precision)))
    }
}

/// Takes memory for the network's input and outputs, and binds it.
fn bind(
    opened: &Opened,
    engine: &tensorrt::Engine,
    context: &mut Context,
    memory: &mut Memory,
) -> Result<(), EngineError> {
    for (name, buffer) in [(INPUT_IMAGE, Buffer::Input)].into_iter().chain(OUTPUTS) {
        let bytes = usize::try_from(engine.tensor(name).map_err(load)?.bytes()).map_err(load)?;
        memory.ensure(&opened.gpu, buffer, bytes).map_err(lost_or_load)?;
        context.bind(name, memory.device_memory(buffer).map_err(load)?).map_err(load)?;
    }
    Ok(())
}

/// Shape of the network's input.
const fn input_shape(spec: PreprocessSpec) -> [u32; 4] {
    [1, 3, spec.input.rows, spec.input.columns]
}

/// What the input's numbers are, of an engine that has the tensors of our networks and no others.
fn input_precision(engine: &tensorrt::Engine, spec: PreprocessSpec, cam: Extent) -> Result<plan::Precision, String> {
    let sides = |sides: &[u32]| sides.iter().copied().map(u64::from).collect::<Vec<u64>>();
    let input = engine.tensor(INPUT_IMAGE).map_err(|error| error.to_string())?;
    if input.direction != Direction::Input || input.shape != sides(&input_shape(spec)) {
        return Err(format!("the plan's input has the shape {:?}", input.shape));
    }
    let map = u64::from(cam.rows) * u64::from(cam.columns);
    for ((name, _), count) in OUTPUTS.into_iter().zip([1, 1, map]) {
        let output = engine.tensor(name).map_err(|error| error.to_string())?;
        let elements: u64 = output.shape.iter().product();
        if output.direction != Direction::Output || output.data_type != DataType::Float || elements != count {
            return Err(format!("the plan's output {name} is not {count} numbers of 32 bits"));
        }
    }
    if engine.tensors().len() != 1 + OUTPUTS.len() {
        return Err(format!("the plan has {} inputs and outputs", engine.tensors().len()));
    }
    Ok(match input.data_type {
        DataType::Half => plan::Precision::Half,
        DataType::Float => plan::Precision::Single,
    })
}

/// A fault while a model is loaded.
fn lost_or_load(fault: CudaFault) -> EngineError {
    if fault.is_lost() { EngineError::Lost(fault.to_string()) } else { load(fault) }
}

/// An error's reason without the words around it.
fn words(error: EngineError) -> String {
    match error {
        EngineError::Load(reason) | EngineError::Lost(reason) | EngineError::Run(reason) => reason,
        error @ EngineError::Prepare(_) => error.to_string(),
    }
}
