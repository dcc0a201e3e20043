//! What is found on a machine, step by step.

use std::path::Path;

use super::opened::{device, search};
use super::words;
use crate::cuda::Gpu;
use crate::gate::DRIVER_LIBRARY;
use crate::loader;
use crate::nvrtc::Nvrtc;
use crate::plan_cache::PlanCache;
use crate::settings::Settings;
use crate::survey::{Step, Survey};
use crate::tensorrt::TensorRt;

/// The driver's library is there, whatever state it is in.
pub(super) fn is_driver_installed() -> bool {
    loader::is_installed(Path::new(DRIVER_LIBRARY))
}

/// Takes all steps. What needs a device is not touched without one.
pub(super) fn survey(settings: &Settings) -> Survey {
    let device = device(settings).map_err(words);
    let found = device.as_ref().map(ToString::to_string).map_err(Clone::clone);
    let mut steps = vec![Step { name: "GPU and driver", found: Some(found) }];
    let device = device.ok();
    let after = |name, found: &dyn Fn(&crate::gate::Device) -> Result<String, String>| Step {
        name,
        found: device.as_ref().map(found),
    };
    steps.push(after("CUDA", &|device| {
        Gpu::open(device, settings.answer_wait_max).map_err(|fault| fault.to_string())?;
        Ok("a context and a stream on the GPU".into())
    }));
    steps.push(after("kernel compiler", &|_| {
        let nvrtc = Nvrtc::open().map_err(|fault| fault.to_string())?;
        Ok(format!("NVRTC {} ({})", nvrtc.version, nvrtc.library))
    }));
    let tensorrt = device.as_ref().map(|device| TensorRt::load(device, &search(settings)));
    let text = |tensorrt: &TensorRt| {
        format!("TensorRT {} ({}), shim {}", tensorrt.version(), tensorrt.library(), tensorrt.shim_version())
    };
    let found = tensorrt.as_ref().map(|loaded| loaded.as_ref().map(text).map_err(ToString::to_string));
    steps.push(Step { name: "TensorRT", found });
    let parser = tensorrt.and_then(Result::ok).map(|tensorrt| tensorrt.find_parser());
    let found = parser.map(|found| found.map_err(|fault| fault.to_string()));
    steps.push(Step { name: "network parser", found });
    let folder = settings.cache_folder.display();
    let opened = PlanCache::open(&settings.cache_folder);
    let found = opened.map(|_| folder.to_string()).map_err(|fault| format!("{folder}: {fault}"));
    steps.push(Step { name: "cache folder", found: Some(found) });
    Survey { steps }
}
