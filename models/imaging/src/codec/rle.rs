//! RLE Lossless (PS3.5 annex G): byte planes, most significant first, each packed by itself.

use super::{CodecError, FrameSpec};

const CODEC: &str = "RLE";

/// The segments' number and offsets.
const HEADER_BYTES: usize = 64;

/// Decodes one frame of 8 or 16 bits allocated.
///
/// # Errors
/// [`CodecError`], a wrong number of segments before anything is allocated.
pub fn decode(stream: &[u8], frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    let planes = usize::from(frame.bits_allocated / 8);
    let segments = segments(stream, planes)?;
    let mut samples = vec![0_u16; frame.pixels()];
    for (index, segment) in segments.into_iter().enumerate() {
        let shift = 8 * (planes - 1 - index) as u32;
        unpack(segment, &mut samples, shift).ok_or_else(|| damaged("a segment ends before its last pixel"))?;
    }
    Ok(samples)
}

fn damaged(what: &str) -> CodecError {
    CodecError::Damaged { codec: CODEC, what: what.into() }
}

/// The bytes of each segment; segments lie one after the other.
fn segments(stream: &[u8], planes: usize) -> Result<Vec<&[u8]>, CodecError> {
    let header = stream.get(..HEADER_BYTES).ok_or_else(|| damaged("its header is short"))?;
    let number = |index: usize| {
        let at = index * 4;
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    let count = number(0);
    if count != planes {
        return Err(CodecError::Mismatch {
            codec: CODEC,
            stream: format!("{count} segments"),
            header: format!("{planes} bytes per pixel"),
        });
    }
    (1..=count)
        .map(|index| {
            let end = if index == count { stream.len() } else { number(index + 1) };
            let start = number(index);
            let segment = if start >= HEADER_BYTES { stream.get(start..end) } else { None };
            segment.ok_or_else(|| damaged("a segment lies outside the stream"))
        })
        .collect()
}

/// PackBits (annex G.3): fills `samples`' byte at `shift`; `None` when the segment is too short.
fn unpack(mut segment: &[u8], samples: &mut [u16], shift: u32) -> Option<()> {
    let mut rest = samples;
    while !rest.is_empty() {
        let (&control, after) = segment.split_first()?;
        segment = after;
        let control = control as i8;
        if control >= 0 {
            let length = usize::from(control.unsigned_abs()) + 1;
            let literal = segment.get(..length)?;
            // A run that goes beyond the last pixel is cut: some writers pad the last one.
            let length = length.min(rest.len());
            let (now, later) = rest.split_at_mut(length);
            now.iter_mut().zip(literal).for_each(|(sample, &byte)| *sample |= u16::from(byte) << shift);
            segment = &segment[literal.len()..];
            rest = later;
        } else if control != i8::MIN {
            let (&byte, after) = segment.split_first()?;
            let length = (usize::from(control.unsigned_abs()) + 1).min(rest.len());
            let (now, later) = rest.split_at_mut(length);
            now.iter_mut().for_each(|sample| *sample |= u16::from(byte) << shift);
            segment = after;
            rest = later;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{self, encode_rle};

    fn frame(rows: u32, columns: u32, bits_allocated: u16) -> FrameSpec {
        FrameSpec { rows, columns, bits_allocated, bits_stored: bits_allocated, signed: false }
    }

    #[test]
    fn both_depths_come_back() {
        for bits in [8, 16] {
            for samples in [testing::noise(31 * 17, bits, 5), vec![0; 31 * 17], vec![0x0101; 31 * 17]] {
                let samples: Vec<u16> =
                    samples.into_iter().map(|sample| if bits == 8 { sample & 0xFF } else { sample }).collect();
                assert_eq!(decode(&encode_rle(&samples, bits), &frame(31, 17, bits)).unwrap(), samples);
            }
        }
    }

    #[test]
    fn wrong_headers_are_refused() {
        let stream = encode_rle(&testing::noise(64, 16, 1), 16);
        assert!(matches!(decode(&stream, &frame(8, 8, 8)), Err(CodecError::Mismatch { .. })));
        let mut many = stream.clone();
        many[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(decode(&many, &frame(8, 8, 16)), Err(CodecError::Mismatch { .. })));
        let mut outside = stream.clone();
        outside[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(decode(&outside, &frame(8, 8, 16)), Err(CodecError::Damaged { .. })));
        assert!(matches!(decode(&stream, &frame(80, 8, 16)), Err(CodecError::Damaged { .. })), "too few pixels");
    }

    #[test]
    fn cut_and_damaged_streams_never_panic() {
        let stream = encode_rle(&testing::noise(400, 16, 9), 16);
        for length in 0..stream.len() - 4 {
            assert!(decode(&stream[..length], &frame(20, 20, 16)).is_err(), "cut at {length}");
        }
        testing::damaged(&stream, 2000, |stream| {
            let _ = decode(stream, &frame(20, 20, 16));
        });
    }
}
