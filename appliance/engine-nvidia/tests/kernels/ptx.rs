//! An interpreter of the part of PTX that NVRTC makes of the kernels (PTX ISA 7.8 to 9.0): each thread by itself, barriers
//! exact, every access within one buffer's bounds. It knows no warps, memory model or time; an instruction that it does not
//! know is an error with its name, never skipped.

mod arithmetic;
mod block;
mod memory;
mod parse;
mod planted;
mod program;
mod statement;
mod step;
mod types;

use crate::machine::{Job, Machine, Slot};
use memory::Global;
use program::Module;

/// Compiled kernels as a machine.
pub struct Compiled {
    module: Module,
}

impl Compiled {
    /// Reads a whole PTX file.
    pub fn new(text: &str) -> Result<Self, String> {
        Ok(Self { module: parse::module(text)? })
    }

    pub fn names(&self) -> Vec<&str> {
        self.module.names()
    }
}

impl Machine for Compiled {
    fn run(&self, job: &Job) -> Result<Vec<Vec<u8>>, String> {
        let mut global = Global::new();
        for memory in &job.memory {
            global.add(format!("{:?}", memory.name), memory.bytes, memory.content.as_deref());
        }
        for launch in &job.launches {
            let kernel = self.module.kernel(launch.kernel)?;
            let slots = job.slots(launch);
            let arguments: Vec<u64> = slots
                .iter()
                .map(|slot| match *slot {
                    Slot::Buffer(index) => Global::address(index),
                    Slot::Bits(bits) => bits,
                })
                .collect();
            block::launch(kernel, launch.grid, launch.block, &arguments, &mut global)
                .map_err(|error| format!("{error}, in kernel {}", launch.kernel))?;
        }
        Ok(global.into_buffers())
    }
}
