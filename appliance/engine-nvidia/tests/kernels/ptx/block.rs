//! Blocks of threads, and the grid of blocks.

use super::memory::{Global, Shared};
use super::program::Kernel;
use super::step::{Stop, Surroundings, Thread};

/// A block's instructions at most: a loop that does not end is an error.
const STEPS_MAX: u64 = 2_000_000_000;

/// Runs all blocks one after the other, each thread up to its next barrier.
pub fn launch(
    kernel: &Kernel,
    grid_size: [u32; 3],
    block_size: [u32; 3],
    arguments: &[u64],
    global: &mut Global,
) -> Result<(), String> {
    if arguments.len() != kernel.parameters.len() {
        return Err(format!("{} arguments, not {}", arguments.len(), kernel.parameters.len()));
    }
    let threads: u32 = block_size.iter().product();
    if let Some(most) = kernel.threads_max.filter(|&most| threads > most) {
        return Err(format!("{threads} threads in a block, of which there may be {most}"));
    }
    for block in places(grid_size) {
        let around = Surroundings { kernel, arguments, block, grid_size, block_size };
        run(&around, global).map_err(|error| format!("{error}, in block {block:?}"))?;
    }
    Ok(())
}

/// All places in a grid, x first.
fn places([x, y, z]: [u32; 3]) -> impl Iterator<Item = [u32; 3]> {
    (0..z).flat_map(move |z| (0..y).flat_map(move |y| (0..x).map(move |x| [x, y, z])))
}

fn run(around: &Surroundings<'_>, global: &mut Global) -> Result<(), String> {
    let mut shared = Shared::new(&around.kernel.shared);
    let thread = |place| Thread { place, registers: vec![0; around.kernel.registers], next: 0, stop: None };
    let mut threads: Vec<Thread> = places(around.block_size).map(thread).collect();
    let mut steps = 0;
    loop {
        for thread in &mut threads {
            thread.stop = Some(thread.run(around, &mut shared, global, &mut steps, STEPS_MAX)?);
        }
        let waiting = threads.iter().filter(|thread| thread.stop == Some(Stop::Barrier)).count();
        if waiting == 0 {
            return Ok(());
        }
        if waiting < threads.len() {
            let ended = threads.len() - waiting;
            return Err(format!("divergent barrier: {waiting} threads wait and {ended} have ended"));
        }
    }
}
