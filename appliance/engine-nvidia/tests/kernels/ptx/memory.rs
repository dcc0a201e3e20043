//! Buffers in global memory and arrays in shared memory, with bounds.

use super::program::SharedArray;

/// Memory holds anything before it is written.
const UNWRITTEN: u8 = 0xcd;
/// Address of a buffer: its number from 1 on, above the offset's bits.
const OFFSET_BITS: u32 = 36;

/// A place of `bytes` that no buffer has.
fn outside(space: &str, address: u64, bytes: usize, nearest: &str) -> String {
    format!("out of bounds: {bytes} bytes at {address:#x} of {space} memory, next to {nearest}")
}

fn check_alignment(address: u64, bytes: usize) -> Result<(), String> {
    if address.is_multiple_of(bytes as u64) {
        Ok(())
    } else {
        Err(format!("misaligned: {bytes} bytes at {address:#x}"))
    }
}

fn load(memory: &[u8]) -> u64 {
    memory.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn store(memory: &mut [u8], value: u64) {
    let length = memory.len();
    memory.copy_from_slice(&value.to_le_bytes()[..length]);
}

/// What a block or the whole device addresses.
pub trait Addressed {
    /// The `bytes` at `address`.
    fn place(&mut self, address: u64, bytes: usize) -> Result<&mut [u8], String>;

    fn load(&mut self, address: u64, bytes: usize) -> Result<u64, String> {
        self.place(address, bytes).map(|place| load(place))
    }

    fn store(&mut self, address: u64, bytes: usize, value: u64) -> Result<(), String> {
        self.place(address, bytes).map(|place| store(place, value))
    }
}

/// The device's memory: each buffer far from the next.
pub struct Global {
    buffers: Vec<(String, Vec<u8>)>,
}

impl Global {
    pub fn new() -> Self {
        Self { buffers: Vec::new() }
    }

    pub fn add(&mut self, name: String, bytes: usize, content: Option<&[u8]>) {
        let memory = content.map_or_else(|| vec![UNWRITTEN; bytes], <[u8]>::to_vec);
        self.buffers.push((name, memory));
    }

    pub fn address(index: usize) -> u64 {
        (index as u64 + 1) << OFFSET_BITS
    }

    pub fn into_buffers(self) -> Vec<Vec<u8>> {
        self.buffers.into_iter().map(|(_, memory)| memory).collect()
    }
}

impl Addressed for Global {
    fn place(&mut self, address: u64, bytes: usize) -> Result<&mut [u8], String> {
        check_alignment(address, bytes)?;
        let (number, offset) = ((address >> OFFSET_BITS) as usize, (address & ((1 << OFFSET_BITS) - 1)) as usize);
        let Some((name, memory)) = number.checked_sub(1).and_then(|index| self.buffers.get_mut(index)) else {
            return Err(outside("global", address, bytes, "no buffer"));
        };
        let error = || outside("global", offset as u64, bytes, name);
        memory.get_mut(offset..offset + bytes).ok_or_else(error)
    }
}

/// A block's memory.
pub struct Shared {
    arrays: Vec<(SharedArray, Vec<u8>)>,
}

impl Shared {
    pub fn new(arrays: &[SharedArray]) -> Self {
        Self { arrays: arrays.iter().map(|array| (array.clone(), vec![UNWRITTEN; array.bytes])).collect() }
    }
}

impl Addressed for Shared {
    fn place(&mut self, address: u64, bytes: usize) -> Result<&mut [u8], String> {
        // Addresses of shared memory have 32 bits.
        let address = address & u64::from(u32::MAX);
        check_alignment(address, bytes)?;
        let next = self.arrays.partition_point(|(array, _)| array.address <= address);
        let Some((array, memory)) = next.checked_sub(1).map(|index| &mut self.arrays[index]) else {
            return Err(outside("shared", address, bytes, "no array"));
        };
        let offset = (address - array.address) as usize;
        memory.get_mut(offset..offset + bytes).ok_or_else(|| outside("shared", offset as u64, bytes, &array.name))
    }
}
