use super::*;
use crate::codec::testing::{damaged, ramp};

/// Streams of [`ramp`] that OpenJPEG and OpenJPH wrote.
const VECTORS: [(u16, &[u8]); 5] = [
    (8, include_bytes!("../../../tests/vectors/ramp_8.j2k")),
    (12, include_bytes!("../../../tests/vectors/ramp_12.j2k")),
    (16, include_bytes!("../../../tests/vectors/ramp_16.j2k")),
    (12, include_bytes!("../../../tests/vectors/ramp_12_boxed.jp2")),
    (16, include_bytes!("../../../tests/vectors/ramp_12.jph")),
];

/// [`ramp`] of 12 bits less 2048, as signed 16 bits.
const SIGNED: &[u8] = include_bytes!("../../../tests/vectors/ramp_signed_16.j2k");

fn frame(rows: u32, columns: u32, bits: u16) -> FrameSpec {
    FrameSpec { rows, columns, bits_allocated: if bits > 8 { 16 } else { 8 }, bits_stored: bits, signed: false }
}

#[test]
fn streams_of_other_encoders_come_back() {
    for (index, (bits, stream)) in VECTORS.into_iter().enumerate() {
        let expected = if index == 4 { ramp(12) } else { ramp(bits) };
        assert_eq!(decode(stream, &frame(20, 24, bits)).unwrap(), expected, "vector {index}");
    }
}

#[test]
fn signed_values_are_twos_complement() {
    let signed = FrameSpec { signed: true, ..frame(20, 24, 16) };
    let expected: Vec<u16> = ramp(12).into_iter().map(|value| value.wrapping_sub(2048)).collect();
    assert_eq!(decode(SIGNED, &signed).unwrap(), expected);
}

#[test]
fn another_size_depth_or_component_count_is_refused_first() {
    let (_, stream) = VECTORS[1];
    assert!(matches!(decode(stream, &frame(24, 20, 12)), Err(CodecError::Mismatch { .. })));
    assert!(matches!(decode(stream, &frame(20, 24, 8)), Err(CodecError::Mismatch { .. })));
    let mut colour = stream.to_vec();
    colour[41] = 3;
    assert!(matches!(decode(&colour, &frame(20, 24, 12)), Err(CodecError::Mismatch { .. })));
    assert!(matches!(decode(b"GIF89a", &frame(20, 24, 12)), Err(CodecError::Damaged { .. })));
}

#[test]
fn cut_streams_end_in_errors() {
    let (bits, stream) = VECTORS[1];
    for length in (0..stream.len() - 2).step_by(5) {
        assert!(decode(&stream[..length], &frame(20, 24, bits)).is_err(), "cut at {length}");
    }
}

#[test]
fn damage_never_panics() {
    for (bits, stream) in VECTORS {
        damaged(stream, 100, |stream| {
            let _ = decode(stream, &frame(20, 24, bits));
        });
    }
}
