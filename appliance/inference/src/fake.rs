//! An engine without a network, for tests of what surrounds an engine. It breaks one rule on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use contract::manifest::{Manifest, ModelLabel};
use contract::{Aggregation, CONTRACT_VERSION, Digest, PreprocessSpec};
use domain::findings::Cam;
use imaging::{DecodedImage, prepare};

use crate::cam::CamSurface;
use crate::checks::sigmoid;
use crate::conformance::{small_model, test_image};
use crate::engine::{Engine, EngineError, EngineInfo, Loaded, ModelFiles, NetworkOutputs, RawOutputs, Unavailable};
use crate::heatmap;

/// The only network file that the fake loads.
const NETWORK: &[u8] = b"a network of the fake engine";

/// The rule that the fake breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    NoDevice,
    LoadPanics,
    LoadAcceptsAnything,
    GarbagePanics,
    /// At the second image of its life only.
    AnalyzePanicsOnce,
    /// At the second image of its life only.
    AnalyzeFailsOnce,
    AcceptsBlankImages,
    NotFinite,
    WrongProbability,
    WrongMap,
    WrongShape,
    WrongSurface,
    Drifts,
    RefusalsLeaveTraces,
    LoadsDiffer,
}

/// What happened to a fake engine so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) loads: AtomicU32,
    /// Is the device gone just now?
    pub(crate) is_gone: AtomicBool,
    images: AtomicU32,
    refusals: AtomicU32,
}

#[derive(Debug)]
pub(crate) struct FakeEngine {
    name: &'static str,
    fault: Fault,
    pub(crate) counts: Arc<Counts>,
}

impl FakeEngine {
    pub(crate) fn new(fault: Fault) -> Self {
        Self::named("fake", fault)
    }

    pub(crate) fn named(name: &'static str, fault: Fault) -> Self {
        Self { name, fault, counts: Arc::default() }
    }
}

/// A model that the fake loads.
pub(crate) fn fake_model() -> ModelFiles {
    let (topology, preprocess) = small_model();
    let manifest = Manifest {
        contract: CONTRACT_VERSION,
        name: "fake".into(),
        version: "1".into(),
        label: ModelLabel::Untrained,
        preprocess,
        topology,
        network: Digest::of(NETWORK),
        calibration: None,
        operating_points: Vec::new(),
        aggregation: Aggregation::Reference,
        provenance: None,
    };
    ModelFiles::new(manifest, NETWORK.to_vec()).unwrap()
}

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        self.name
    }

    fn probe(&self) -> Result<EngineInfo, Unavailable> {
        match self.fault {
            Fault::NoDevice => Err(Unavailable("no device".into())),
            _ => Ok(EngineInfo { description: "fake".into() }),
        }
    }

    fn load(&self, model: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError> {
        assert_ne!(self.fault, Fault::LoadPanics);
        if model.network() != NETWORK {
            assert_ne!(self.fault, Fault::GarbagePanics);
            if self.fault != Fault::LoadAcceptsAnything {
                return Err(EngineError::Load("not the fake's network".into()));
            }
        }
        if self.counts.is_gone.load(Ordering::Relaxed) {
            return Err(EngineError::Load("no device".into()));
        }
        let load = self.counts.loads.fetch_add(1, Ordering::Relaxed);
        let spec = model.manifest().preprocess;
        Ok(Box::new(LoadedFake { fault: self.fault, counts: Arc::clone(&self.counts), load, spec }))
    }
}

struct LoadedFake {
    fault: Fault,
    counts: Arc<Counts>,
    load: u32,
    spec: PreprocessSpec,
}

impl Loaded for LoadedFake {
    fn analyze(&mut self, image: &DecodedImage) -> Result<RawOutputs, EngineError> {
        let mut input = prepare(image, &self.spec);
        if input.is_err() {
            self.counts.refusals.fetch_add(1, Ordering::Relaxed);
            if self.fault == Fault::AcceptsBlankImages {
                input = prepare(&test_image().unwrap(), &self.spec);
            }
        }
        let input = input?;
        let NetworkOutputs { probability, logit, cam } = self.run(&input.tensor)?;
        let extent = heatmap::extent(input.geometry.original);
        // A map that is cut has none.
        let mut surface = (self.fault != Fault::WrongShape).then(|| CamSurface::of(&cam, &input.geometry, extent));
        if let Some(surface) = surface.as_mut().filter(|_| self.fault == Fault::WrongSurface) {
            surface.values[0] += 0.5;
        }
        Ok(RawOutputs {
            probability,
            logit,
            cam,
            geometry: input.geometry,
            surface,
            preprocess_ms: 0.0,
            network_ms: 0.0,
        })
    }

    fn run(&mut self, input: &[f32]) -> Result<NetworkOutputs, EngineError> {
        if self.counts.is_gone.load(Ordering::Relaxed) {
            return Err(EngineError::Lost("it fell off the bus".into()));
        }
        let number = self.counts.images.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::AnalyzePanicsOnce if number == 1 => panic!("as the test wants it"),
            Fault::AnalyzeFailsOnce if number == 1 => return Err(EngineError::Run("as the test wants it".into())),
            _ => {}
        }
        let extent = small_model().0.cam_extent(self.spec.input);
        let cells = (extent.rows * extent.columns) as usize;
        let mean = input.iter().sum::<f32>() / input.len() as f32;
        let drift = match self.fault {
            Fault::Drifts => number,
            Fault::RefusalsLeaveTraces => self.counts.refusals.load(Ordering::Relaxed),
            Fault::LoadsDiffer => self.load,
            _ => 0,
        };
        let mut logit = mean + drift as f32 * 0.01;
        // A ramp around the mean.
        let ramp = |index: usize| logit + (index as f32 - (cells - 1) as f32 / 2.0) / 10.0;
        let mut cam = Cam { extent, values: (0..cells).map(ramp).collect() };
        let mut probability = sigmoid(f64::from(logit)) as f32;
        match self.fault {
            Fault::NotFinite => logit = f32::NAN,
            Fault::WrongProbability => probability = 1.0 - probability,
            Fault::WrongMap => cam.values.iter_mut().for_each(|value| *value += 1.0),
            Fault::WrongShape => cam.values.truncate(cells - 1),
            _ => {}
        }
        Ok(NetworkOutputs { probability, logit, cam })
    }
}
