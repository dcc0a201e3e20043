//! Memory of the device, and pinned memory of the host that the device reads where it is. Unsafe code: memory.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use cudarc::driver::{CudaSlice, DevicePtr as _, PinnedHostSlice, result, sys};

use super::error::CudaFault;
use super::gpu::Gpu;
use crate::plan::{Buffer, Stage};
use crate::tensorrt::DeviceMemory;

/// The buffers of one worker: they grow with the largest image so far, and stay.
#[derive(Default)]
pub(crate) struct Memory {
    held: BTreeMap<Buffer, CudaSlice<u8>>,
    /// Buffers that lie elsewhere, as pinned memory.
    placed: BTreeMap<Buffer, u64>,
}

impl Memory {
    /// Makes sure that a buffer has at least `bytes`; says whether it moved. No work that uses it may be queued.
    pub(crate) fn ensure(&mut self, gpu: &Gpu, buffer: Buffer, bytes: usize) -> Result<bool, CudaFault> {
        if self.held.get(&buffer).is_some_and(|held| held.len() >= bytes) {
            return Ok(false);
        }
        // The old one goes first: a device's memory is the processor's too.
        self.held.remove(&buffer);
        // SAFETY: what device memory holds before a kernel writes it is never read, as `Buffer` says.
        let slice = unsafe { gpu.cuda_stream().alloc::<u8>(bytes) }.map_err(CudaFault::of("take memory"))?;
        self.held.insert(buffer, slice);
        Ok(true)
    }

    /// Makes sure of all buffers of a stage that do not lie elsewhere; says whether any moved.
    pub(crate) fn ensure_stage(&mut self, gpu: &Gpu, stage: &Stage) -> Result<bool, CudaFault> {
        let mut has_moved = false;
        for &(buffer, bytes) in &stage.buffers {
            if !self.placed.contains_key(&buffer) {
                has_moved |= self.ensure(gpu, buffer, bytes)?;
            }
        }
        Ok(has_moved)
    }

    /// Says that a buffer lies in `pinned`, which must outlive its use.
    pub(crate) fn place(&mut self, buffer: Buffer, address: u64) {
        self.placed.insert(buffer, address);
    }

    /// Where a buffer begins, for the device.
    pub(crate) fn address(&self, buffer: Buffer) -> Result<u64, CudaFault> {
        let missing = || CudaFault::Driver(format!("no memory for {buffer:?}"));
        let held = || self.held.get(&buffer).map(|slice| slice.device_ptr(slice.stream()).0);
        self.placed.get(&buffer).copied().or_else(held).ok_or_else(missing)
    }

    /// A buffer as TensorRT wants it.
    pub(crate) fn device_memory(&self, buffer: Buffer) -> Result<DeviceMemory, CudaFault> {
        let missing = || CudaFault::Driver(format!("no memory for {buffer:?}"));
        let bytes = self.held.get(&buffer).ok_or_else(missing)?.len() as u64;
        let address = NonZeroU64::new(self.address(buffer)?).ok_or_else(missing)?;
        Ok(DeviceMemory { address, bytes })
    }

    /// Queues a copy from pinned memory, `from..from + bytes` of it, to the start of a buffer.
    ///
    /// # Safety
    /// `pinned` is neither freed nor written until the work on the stream is done.
    pub(crate) unsafe fn copy_in(
        &self,
        gpu: &Gpu,
        buffer: Buffer,
        pinned: &Pinned,
        bytes: usize,
    ) -> Result<(), CudaFault> {
        let room = self.held.get(&buffer).map_or(0, CudaSlice::len);
        let source = pinned.bytes().get(..bytes).filter(|source| source.len() <= room);
        let source = source.ok_or_else(|| CudaFault::Driver("a copy is larger than its memory".into()))?;
        gpu.bind()?;
        // SAFETY: both have `bytes` bytes; the caller keeps the source.
        let copied = unsafe { result::memcpy_htod_async(self.address(buffer)?, source, gpu.cuda_stream().cu_stream()) };
        copied.map_err(CudaFault::of("copy to the GPU"))
    }

    /// Queues a copy of the first `bytes` of a buffer to pinned memory at `to`.
    ///
    /// # Safety
    /// `pinned` is neither freed nor read nor written until the work on the stream is done.
    pub(crate) unsafe fn copy_out(
        &self,
        gpu: &Gpu,
        buffer: Buffer,
        pinned: &mut Pinned,
        to: usize,
        bytes: usize,
    ) -> Result<(), CudaFault> {
        let too_large = || CudaFault::Driver("a copy is larger than its memory".into());
        self.held.get(&buffer).filter(|held| held.len() >= bytes).ok_or_else(too_large)?;
        let end = to.checked_add(bytes).ok_or_else(too_large)?;
        let target = pinned.bytes_mut().get_mut(to..end).ok_or_else(too_large)?;
        gpu.bind()?;
        // SAFETY: both have `bytes` bytes; the caller keeps the target.
        let copied = unsafe { result::memcpy_dtoh_async(target, self.address(buffer)?, gpu.cuda_stream().cu_stream()) };
        copied.map_err(CudaFault::of("copy from the GPU"))
    }
}

/// Memory of the host that stays where it is, and that the device reads there: on a Jetson both share their memory, so that
/// samples that are read once need no copy.
pub(crate) struct Pinned {
    /// Frees the memory.
    _slice: PinnedHostSlice<u8>,
    start: *mut u8,
    length: usize,
    address: u64,
}

// SAFETY: the memory belongs to its owner, who alone reaches it through `&` and `&mut`.
unsafe impl Send for Pinned {}

impl Pinned {
    /// Memory of `length` bytes, all 0.
    pub(crate) fn new(gpu: &Gpu, length: usize) -> Result<Self, CudaFault> {
        let length = length.max(1);
        // SAFETY: it is written before anybody reads it, just below.
        let slice = unsafe { gpu.context().alloc_pinned_with_flags::<u8>(length, sys::CU_MEMHOSTALLOC_DEVICEMAP) };
        let mut slice = slice.map_err(CudaFault::of("take pinned memory"))?;
        let start = slice.as_mut_ptr().map_err(CudaFault::of("take pinned memory"))?;
        // SAFETY: the driver gave `length` bytes from `start` on.
        unsafe { start.write_bytes(0, length) };
        let mut address = 0;
        // SAFETY: `address` is one `CUdeviceptr`; the memory was taken with the flag that this wants.
        let found = unsafe { sys::cuMemHostGetDevicePointer_v2(&raw mut address, start.cast(), 0).result() };
        found.map_err(CudaFault::of("map pinned memory"))?;
        Ok(Self { _slice: slice, start, length, address })
    }

    /// The memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the driver gave `length` bytes, which are written; nobody writes while this is borrowed, but a device
        // that was told to, which the copies' callers answer for.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }

    /// The memory, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }

    /// How many bytes there are.
    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// Where it begins, for the device.
    pub(crate) const fn address(&self) -> u64 {
        self.address
    }
}
