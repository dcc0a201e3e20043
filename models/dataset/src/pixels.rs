//! Where pixel data stands in a scanned file, and the bytes of one frame.

use std::io::{Read, Seek, SeekFrom};

use contract::Uid;
use thiserror::Error;

use crate::scan::{ScanError, syntax_form};

/// Pixel Data (7FE0,0010), measured. Offsets count from the start of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PixelPlace {
    /// Native: one run of bytes.
    Native {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// Encapsulated (PS3.5 annex A.4).
    Encapsulated {
        /// Basic Offset Table: offsets of frames from the first fragment's item tag; may be empty.
        offset_table: Vec<u32>,
        /// First byte and length of each fragment.
        fragments: Vec<(u64, u32)>,
    },
}

/// Why a frame's bytes could not be had.
#[derive(Debug, Error)]
pub enum FrameError {
    /// Reading failed.
    #[error("pixel data cannot be read: {}", .0.kind())]
    Read(#[from] std::io::Error),
    /// The data set did not pass the scan.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The frame is longer than allowed.
    #[error("frame has {length} bytes, more than {limit}")]
    TooLarge {
        /// Its length.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// There are too few bytes for a frame.
    #[error("pixel data has {length} bytes, a frame needs {needed}")]
    TooShort {
        /// What is there.
        length: u64,
        /// What a frame needs.
        needed: u64,
    },
}

/// Reads the bytes of the first frame of a file whose data set begins at `dataset_offset`.
///
/// Native: exactly `native_bytes`. Encapsulated: the first frame's fragments joined, at most `encoded_bytes_max`; a
/// single frame may be spread over several fragments, with or without an offset table.
///
/// # Errors
/// [`FrameError`]; nothing is allocated before its length was checked.
pub fn read_frame<R: Read + Seek>(
    reader: &mut R,
    dataset_offset: u64,
    transfer_syntax: &Uid,
    place: &PixelPlace,
    frame: FrameBytes,
) -> Result<Vec<u8>, FrameError> {
    match place {
        PixelPlace::Native { offset, length } => {
            if *length < frame.native_bytes {
                return Err(FrameError::TooShort { length: *length, needed: frame.native_bytes });
            }
            if syntax_form(transfer_syntax)?.deflated {
                reader.seek(SeekFrom::Start(dataset_offset))?;
                let mut inflated = flate2::bufread::DeflateDecoder::new(std::io::BufReader::new(reader));
                std::io::copy(&mut inflated.by_ref().take(*offset), &mut std::io::sink())?;
                read_exactly(&mut inflated, frame.native_bytes)
            } else {
                reader.seek(SeekFrom::Start(dataset_offset + offset))?;
                read_exactly(reader, frame.native_bytes)
            }
        }
        PixelPlace::Encapsulated { offset_table, fragments } => {
            let fragments = first_frame(offset_table, fragments, frame.frames);
            let length: u64 = fragments.iter().map(|(_, length)| u64::from(*length)).sum();
            if length > frame.encoded_bytes_max {
                return Err(FrameError::TooLarge { length, limit: frame.encoded_bytes_max });
            }
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            for (offset, length) in fragments {
                reader.seek(SeekFrom::Start(dataset_offset + offset))?;
                reader.by_ref().take(u64::from(*length)).read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        }
    }
}

/// How long one frame is or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameBytes {
    /// Number of frames in the object.
    pub frames: u32,
    /// Exact length of a native frame.
    pub native_bytes: u64,
    /// Greatest length of a compressed frame.
    pub encoded_bytes_max: u64,
}

fn read_exactly<R: Read>(reader: &mut R, length: u64) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    reader.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(FrameError::TooShort { length: bytes.len() as u64, needed: length });
    }
    Ok(bytes)
}

/// The fragments of the first frame: up to the table's second offset, or all of a single frame's, or the first one.
fn first_frame<'a>(offset_table: &[u32], fragments: &'a [(u64, u32)], frames: u32) -> &'a [(u64, u32)] {
    if frames <= 1 {
        return fragments;
    }
    let Some((first, _)) = fragments.first() else { return fragments };
    let second = match offset_table.get(1) {
        Some(second) => first + u64::from(*second),
        None => return &fragments[..1],
    };
    let count = fragments.iter().take_while(|(offset, _)| *offset < second).count();
    &fragments[..count.max(1)]
}

/// The number of bytes in a native object: `None` on overflow.
pub(crate) fn native_length(rows: u16, columns: u16, samples: u16, frames: u32, bits_allocated: u16) -> Option<u64> {
    let pixels = u64::from(rows) * u64::from(columns);
    let bits =
        pixels.checked_mul(u64::from(samples))?.checked_mul(u64::from(frames))?.checked_mul(bits_allocated.into())?;
    Some(bits.div_ceil(8))
}

/// Swaps native 16-bit words, in place, where the transfer syntax stores them big-endian.
pub fn to_little_endian(transfer_syntax: &Uid, bits_allocated: u16, bytes: &mut [u8]) {
    let is_big_endian = syntax_form(transfer_syntax).is_ok_and(|form| form.encoding.big_endian);
    if bits_allocated == 16 && is_big_endian {
        bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_frame_takes_all_fragments() {
        let fragments = [(10, 4), (22, 4)];
        assert_eq!(first_frame(&[], &fragments, 1), fragments);
        assert_eq!(first_frame(&[0], &fragments, 1), fragments);
    }

    #[test]
    fn several_frames_are_told_apart_by_the_table() {
        let fragments = [(10, 4), (22, 4), (34, 4)];
        assert_eq!(first_frame(&[0, 24], &fragments, 2), &fragments[..2]);
        assert_eq!(first_frame(&[], &fragments, 3), &fragments[..1]);
        assert_eq!(first_frame(&[0, 0], &fragments, 2), &fragments[..1], "a lying table still gives one");
    }

    #[test]
    fn native_length_counts_single_bits_and_never_overflows() {
        assert_eq!(native_length(4084, 3328, 1, 1, 16), Some(27_183_104));
        assert_eq!(native_length(3, 3, 1, 1, 1), Some(2));
        assert_eq!(native_length(u16::MAX, u16::MAX, u16::MAX, u32::MAX, u16::MAX), None);
    }
}
