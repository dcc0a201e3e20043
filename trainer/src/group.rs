//! The processes that train one network together: `mpirun -n N mamoru-train fit ...`, with the feature `mpi`.
//!
//! All of them read the same data and draw the same batches; each computes some passes of every batch, and gradients are
//! summed over all. With `network.batch_norm = "running"` this is what one process with the same passes computes, up to
//! the order of a sum; with the batches' own statistics each pass has its own, as ever, and the running ones are averaged
//! after each step. Only the first process writes the run's folder, which all must see.

#[cfg(feature = "mpi")]
use mpi::traits::{Communicator as _, CommunicatorCollectives as _};

use tch::{Device, Tensor};

use crate::error::{Result, TrainerError};

/// This process's place among those that train together.
pub struct Group {
    #[cfg(feature = "mpi")]
    world: Option<(mpi::environment::Universe, mpi::topology::SimpleCommunicator)>,
    rank: usize,
    size: usize,
}

impl Group {
    /// One process alone.
    #[must_use]
    pub const fn alone() -> Self {
        Self {
            #[cfg(feature = "mpi")]
            world: None,
            rank: 0,
            size: 1,
        }
    }

    /// Joins the processes that `mpirun` started; alone without it.
    ///
    /// # Errors
    /// When this program was started by `mpirun` with others, but built without the feature `mpi`; when MPI has already
    /// been started in this process.
    #[cfg(not(feature = "mpi"))]
    pub fn join() -> Result<Self> {
        let size = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].into_iter().find_map(|name| std::env::var(name).ok());
        if size.is_some_and(|size| size != "1") {
            return Err(TrainerError::Group("this program was built without the feature mpi".into()));
        }
        Ok(Self::alone())
    }

    /// Joins the processes that `mpirun` started; alone without it.
    ///
    /// # Errors
    /// When MPI has already been started in this process.
    #[cfg(feature = "mpi")]
    pub fn join() -> Result<Self> {
        let started = || TrainerError::Group("MPI was already started".into());
        let (universe, _) = mpi::initialize_with_threading(mpi::Threading::Funneled).ok_or_else(started)?;
        let world = universe.world();
        let number = |value: i32| usize::try_from(value).unwrap_or_default();
        let (rank, size) = (number(world.rank()), number(world.size()));
        Ok(Self { world: Some((universe, world)), rank, size })
    }

    /// This process's number, from 0.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// How many there are.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The one that writes.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// Replaces tensors of 32-bit floats by `factor` times their sums over all processes, in one message.
    ///
    /// # Errors
    /// When libtorch has no memory.
    pub fn sum(&self, tensors: &[Tensor], factor: f64) -> Result<()> {
        let numbers: usize = tensors.iter().map(Tensor::numel).sum();
        let mut values = vec![0_f32; numbers];
        let mut rest = values.as_mut_slice();
        for tensor in tensors {
            let (own, others) = rest.split_at_mut(tensor.numel());
            tensor.detach().to_device(Device::Cpu).contiguous().f_copy_data(own, tensor.numel())?;
            rest = others;
        }
        self.sum_f32(&mut values);
        let mut rest = values.as_slice();
        tch::no_grad(|| {
            for tensor in tensors {
                let (own, others) = rest.split_at(tensor.numel());
                let sum = Tensor::f_from_slice(own)?.f_view(tensor.size().as_slice())? * factor;
                tensor.shallow_clone().f_copy_(&sum)?;
                rest = others;
            }
            Ok(())
        })
    }

    fn sum_f32(&self, values: &mut [f32]) {
        #[cfg(feature = "mpi")]
        if let Some((_, world)) = &self.world {
            let own = values.to_vec();
            world.all_reduce_into(&own[..], values, mpi::collective::SystemOperation::sum());
        }
        let _ = values;
    }

    /// Sums each value over all processes; all end with the same bits.
    pub fn sum_f64(&self, values: &mut [f64]) {
        #[cfg(feature = "mpi")]
        if let Some((_, world)) = &self.world {
            let own = values.to_vec();
            world.all_reduce_into(&own[..], values, mpi::collective::SystemOperation::sum());
        }
        let _ = values;
    }

    /// Waits for all.
    pub fn wait(&self) {
        #[cfg(feature = "mpi")]
        if let Some((_, world)) = &self.world {
            world.barrier();
        }
    }

    /// The first process runs `work` before the others, which then find what it wrote.
    ///
    /// # Errors
    /// That of `work`. The first one's ends all processes when it is passed on to [`Group::abort`].
    pub fn first_before_others<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if !self.is_first() {
            self.wait();
        }
        let result = work()?;
        if self.is_first() {
            self.wait();
        }
        Ok(result)
    }

    /// Ends all processes after an error in this one: the others would wait for ever. Returns when it is alone.
    pub fn abort(&self) {
        #[cfg(feature = "mpi")]
        if let Some((_, world)) = self.world.as_ref().filter(|_| self.size > 1) {
            world.abort(1);
        }
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {} of {}", self.rank + 1, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_a_sum_is_what_was_there() {
        let group = Group::alone();
        let mut values = [1.0, 2.0];
        group.sum_f64(&mut values);
        assert_eq!(values, [1.0, 2.0]);
        assert!(group.is_first() && group.size() == 1);
        assert_eq!(group.first_before_others(|| Ok(3)).unwrap(), 3);
    }
}
