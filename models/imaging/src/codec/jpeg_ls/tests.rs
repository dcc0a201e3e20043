use super::*;
use crate::codec::testing::{damaged, ramp};

/// Streams of [`ramp`] that CharLS 2 wrote.
const VECTORS: [(u16, u16, &[u8]); 5] = [
    (8, 0, include_bytes!("../../../tests/vectors/ramp_8_near0.jls")),
    (12, 0, include_bytes!("../../../tests/vectors/ramp_12_near0.jls")),
    (16, 0, include_bytes!("../../../tests/vectors/ramp_16_near0.jls")),
    (8, 3, include_bytes!("../../../tests/vectors/ramp_8_near3.jls")),
    (12, 2, include_bytes!("../../../tests/vectors/ramp_12_near2.jls")),
];

fn frame(rows: u32, columns: u32, bits: u16) -> FrameSpec {
    FrameSpec { rows, columns, bits_allocated: if bits > 8 { 16 } else { 8 }, bits_stored: bits, signed: false }
}

#[test]
fn streams_of_another_encoder_come_back() {
    for (bits, near, stream) in VECTORS {
        let decoded = decode(stream, &frame(20, 24, bits)).unwrap();
        let worst = decoded.iter().zip(ramp(bits)).map(|(a, b)| a.abs_diff(b)).max().unwrap();
        assert!(worst <= near, "{bits} bits, near {near}: off by {worst}");
        assert!(near == 0 || worst > 0, "a near-lossless stream that loses nothing tests nothing");
    }
}

#[test]
fn eight_bits_in_sixteen_allocated_are_whole() {
    let frame = FrameSpec { bits_allocated: 16, ..frame(20, 24, 8) };
    assert_eq!(decode(VECTORS[0].2, &frame).unwrap(), ramp(8));
}

#[test]
fn another_size_or_depth_is_refused() {
    assert!(matches!(decode(VECTORS[1].2, &frame(24, 20, 12)), Err(CodecError::Mismatch { .. })));
    assert!(matches!(decode(VECTORS[1].2, &frame(20, 24, 8)), Err(CodecError::Mismatch { .. })));
}

#[test]
fn cut_streams_end_in_errors() {
    let stream = VECTORS[1].2;
    for length in 0..stream.len() - 4 {
        assert!(decode(&stream[..length], &frame(20, 24, 12)).is_err(), "cut at {length}");
    }
}

#[test]
fn damage_never_panics() {
    for (bits, _, stream) in VECTORS {
        damaged(stream, 1000, |stream| {
            let _ = decode(stream, &frame(20, 24, bits));
        });
    }
}
