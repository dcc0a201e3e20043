//! Compiled kernels on the device. Unsafe code: launches.
#![allow(unsafe_code)]

use std::collections::BTreeMap;

use cudarc::driver::{CudaFunction, LaunchConfig, PushKernelArg as _};
use cudarc::nvrtc::Ptx;

use super::error::CudaFault;
use super::gpu::Gpu;
use super::memory::Memory;
use crate::kernels;
use crate::plan::{Argument, Launch};

/// All kernels.
pub(crate) struct Module(BTreeMap<&'static str, CudaFunction>);

impl Module {
    /// Loads what NVRTC made of [`kernels::SOURCE`] for this device.
    pub(crate) fn load(gpu: &Gpu, cubin: Vec<u8>) -> Result<Self, CudaFault> {
        let module = gpu.context().load_module(Ptx::from_binary(cubin)).map_err(CudaFault::of("load the kernels"))?;
        let function = |name: &'static str| {
            let found = module.load_function(name).map_err(CudaFault::of("find a kernel"));
            found.map(|function| (name, function))
        };
        Ok(Self(kernels::NAMES.into_iter().map(function).collect::<Result<_, _>>()?))
    }

    /// Queues one kernel.
    ///
    /// # Safety
    /// The launch is one of a [`crate::plan::Stage`] whose buffers `memory` holds, with their contents as the stage wants
    /// them, until the work on the stream is done.
    pub(crate) unsafe fn launch(&self, gpu: &Gpu, memory: &Memory, launch: &Launch) -> Result<(), CudaFault> {
        let function = self.0.get(launch.kernel).ok_or_else(|| CudaFault::Driver(format!("no {}", launch.kernel)))?;
        // A kernel's 32-bit parameter is the first half of what its pointer points to, on machines of NVIDIA's byte order.
        let value = |argument: &Argument| match *argument {
            Argument::Buffer(buffer) => memory.address(buffer),
            Argument::Whole(value) => Ok(value.into()),
            Argument::Real(value) => Ok(value.to_bits().into()),
        };
        let values: Vec<u64> = launch.arguments.iter().map(value).collect::<Result<_, _>>()?;
        let mut builder = gpu.cuda_stream().launch_builder(function);
        for value in &values {
            builder.arg(value);
        }
        let config = LaunchConfig { grid_dim: launch.grid.into(), block_dim: launch.block.into(), shared_mem_bytes: 0 };
        // SAFETY: the caller's promise; that kernels and launches mean the same arguments is what the kernels' tests show.
        unsafe { builder.launch(config) }.map(drop).map_err(CudaFault::of("launch a kernel"))
    }
}
