//! JPEG Lossless, Huffman (ITU-T T.81 annex H): process 14 with any predictor, 2 to 16 bits, one component.
//!
//! The output holds the stored values as the stream gives them; the caller masks them to Bits Stored.

use super::jpeg::bits::BitReader;
use super::jpeg::huffman::{HuffmanTable, receive_extend};
use super::jpeg::{Blame, JpegImage, SOF_LOSSLESS, parse};
use super::{CodecError, FrameSpec};

const BLAME: Blame = Blame("JPEG Lossless");

/// Decodes one frame.
///
/// # Errors
/// [`CodecError::Mismatch`] before anything is allocated when the stream's size is not the header's;
/// [`CodecError::Damaged`] when it ends early or holds no code of its table.
pub fn decode(stream: &[u8], frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    let image = parse(stream, frame, BLAME)?;
    if image.process != SOF_LOSSLESS {
        return Err(BLAME.unsupported("a process other than lossless"));
    }
    if !(1..=7).contains(&image.predictor) {
        return Err(BLAME.unsupported("a predictor other than 1 to 7"));
    }
    if !(2..=16).contains(&image.precision) || image.point_transform >= image.precision {
        return Err(BLAME.damaged("precision or point transform is out of range"));
    }
    let columns = frame.columns as usize;
    let interval = image.restart_interval as usize;
    if !interval.is_multiple_of(columns) {
        return Err(BLAME.unsupported("restart intervals that are no whole rows"));
    }
    let mut samples = vec![0_u16; frame.pixels()];
    let mut bits = BitReader::new(image.entropy);
    let rows_between_restarts = if interval == 0 { usize::MAX } else { interval / columns };
    for row in 0..frame.rows as usize {
        let (above, current) = samples.split_at_mut(row * columns);
        let current = &mut current[..columns];
        let restarted = row > 0 && row % rows_between_restarts == 0;
        if restarted {
            bits.restart().ok_or_else(|| BLAME.damaged("a restart marker is missing"))?;
        }
        let above = if row == 0 || restarted { None } else { Some(&above[(row - 1) * columns..]) };
        decode_row(&image, &mut bits, above, current).ok_or_else(|| BLAME.damaged("there is no such Huffman code"))?;
        if bits.overrun() {
            return Err(BLAME.damaged("it ends before the last row"));
        }
    }
    if image.point_transform > 0 {
        samples.iter_mut().for_each(|sample| *sample <<= image.point_transform);
    }
    Ok(samples)
}

/// Decodes one row; `above` is `None` in the first one, where the left neighbour alone predicts.
fn decode_row(image: &JpegImage<'_>, bits: &mut BitReader<'_>, above: Option<&[u16]>, row: &mut [u16]) -> Option<()> {
    let table = &image.dc_table;
    let Some(above) = above else {
        let start = 1_u16 << (image.precision - image.point_transform - 1);
        return predict_row(table, bits, row, start, |left, _| left);
    };
    let start = above[0];
    // Selection value: T.81 table H.1, with a = left, b = above, c = above left.
    match image.predictor {
        1 => predict_row(table, bits, row, start, |a, _| a),
        2 => predict_row(table, bits, row, start, |_, x| above[x]),
        3 => predict_row(table, bits, row, start, |_, x| above[x - 1]),
        4 => predict_row(table, bits, row, start, |a, x| a.wrapping_add(above[x]).wrapping_sub(above[x - 1])),
        5 => predict_row(table, bits, row, start, |a, x| a.wrapping_add(half(above[x], above[x - 1]))),
        6 => predict_row(table, bits, row, start, |a, x| above[x].wrapping_add(half(a, above[x - 1]))),
        _ => predict_row(table, bits, row, start, |a, x| ((u32::from(a) + u32::from(above[x])) / 2) as u16),
    }
}

/// (p − q) / 2, rounded down, modulo 2^16.
#[inline]
fn half(p: u16, q: u16) -> u16 {
    ((i32::from(p) - i32::from(q)) >> 1) as u16
}

/// The first sample is predicted by `start`, the others by `predict(left, column)`.
#[inline]
fn predict_row(
    table: &HuffmanTable,
    bits: &mut BitReader<'_>,
    row: &mut [u16],
    start: u16,
    predict: impl Fn(u16, usize) -> u16,
) -> Option<()> {
    let (first, rest) = row.split_first_mut()?;
    *first = start.wrapping_add(difference(table, bits)?);
    let mut left = *first;
    for (column, sample) in rest.iter_mut().enumerate() {
        left = predict(left, column + 1).wrapping_add(difference(table, bits)?);
        *sample = left;
    }
    Some(())
}

/// One difference, modulo 2^16.
#[inline]
fn difference(table: &HuffmanTable, bits: &mut BitReader<'_>) -> Option<u16> {
    bits.refill();
    match table.decode(bits)? {
        16 => Some(1 << 15),
        category @ 0..16 => Some(receive_extend(bits, u32::from(category)) as u16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{self, LosslessOptions, encode_lossless};

    fn frame(rows: u32, columns: u32, bits: u16) -> FrameSpec {
        FrameSpec { rows, columns, bits_allocated: 16, bits_stored: bits, signed: false }
    }

    #[test]
    fn every_predictor_and_precision() {
        for bits in [2, 8, 12, 16] {
            let samples = testing::noise(37 * 23, bits, 7);
            for predictor in 1..=7 {
                for rows_between_restarts in [0, 4] {
                    let options = LosslessOptions { bits, predictor, rows_between_restarts };
                    let stream = encode_lossless(&samples, 23, &options);
                    assert_eq!(decode(&stream, &frame(37, 23, bits)).unwrap(), samples, "{bits} {predictor}");
                }
            }
        }
    }

    #[test]
    fn blank_frames_are_honest() {
        let samples = vec![0; 300 * 200];
        let stream =
            encode_lossless(&samples, 200, &LosslessOptions { bits: 12, predictor: 1, rows_between_restarts: 0 });
        assert_eq!(decode(&stream, &frame(300, 200, 12)).unwrap(), samples);
    }

    #[test]
    fn another_size_is_refused_before_it_is_decoded() {
        let samples = testing::noise(64, 12, 1);
        let stream =
            encode_lossless(&samples, 8, &LosslessOptions { bits: 12, predictor: 1, rows_between_restarts: 0 });
        for (rows, columns) in [(8, 9), (7, 8), (65_535, 65_535)] {
            assert!(matches!(decode(&stream, &frame(rows, columns, 12)), Err(CodecError::Mismatch { .. })));
        }
        let narrow = FrameSpec { bits_allocated: 8, ..frame(8, 8, 8) };
        assert!(matches!(decode(&stream, &narrow), Err(CodecError::Mismatch { .. })));
    }

    #[test]
    fn cut_streams_are_errors() {
        let samples = testing::noise(40 * 40, 12, 3);
        let stream =
            encode_lossless(&samples, 40, &LosslessOptions { bits: 12, predictor: 4, rows_between_restarts: 0 });
        for length in (0..stream.len() - 8).step_by(7) {
            assert!(decode(&stream[..length], &frame(40, 40, 12)).is_err(), "cut at {length}");
        }
        let without_end = &stream[..stream.len() - 2];
        assert_eq!(decode(without_end, &frame(40, 40, 12)).unwrap(), samples, "a missing EOI harms nobody");
    }

    #[test]
    fn damage_never_panics() {
        let samples = testing::noise(40 * 40, 12, 3);
        let stream =
            encode_lossless(&samples, 40, &LosslessOptions { bits: 12, predictor: 6, rows_between_restarts: 5 });
        testing::damaged(&stream, 2000, |stream| {
            let _ = decode(stream, &frame(40, 40, 12));
        });
    }
}
