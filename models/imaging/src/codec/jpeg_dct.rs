//! JPEG Baseline and Extended, sequential, Huffman (ITU-T T.81 annex F): 8 and 12 bits, one component.

use super::jpeg::bits::BitReader;
use super::jpeg::huffman::{HuffmanTable, receive_extend};
use super::jpeg::{Blame, SOF_LOSSLESS, parse};
use super::{CodecError, FrameSpec};

const BLAME: Blame = Blame("JPEG");

/// Side of a block.
const SIDE: usize = 8;

/// Place in the block (row by row) of each coefficient in zigzag order (T.81 figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Decodes one frame.
///
/// # Errors
/// [`CodecError`], a size other than the header's before anything is allocated.
pub fn decode(stream: &[u8], frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    let image = parse(stream, frame, BLAME)?;
    if image.process == SOF_LOSSLESS {
        return Err(BLAME.unsupported("the lossless process in a lossy transfer syntax"));
    }
    if !matches!(image.precision, 8 | 12) {
        return Err(BLAME.damaged("precision is neither 8 nor 12 bits"));
    }
    let quantisation = image.quantisation.ok_or_else(|| BLAME.damaged("a quantisation table is missing"))?;
    let ac_table = image.ac_table.as_ref().ok_or_else(|| BLAME.damaged("a Huffman table is missing"))?;
    let (rows, columns) = (frame.rows as usize, frame.columns as usize);
    let mut samples = vec![0_u16; frame.pixels()];
    let mut bits = BitReader::new(image.entropy);
    let transform = InverseTransform::new(image.precision);
    let mut previous = 0_i32;
    let blocks_across = columns.div_ceil(SIDE);
    for block in 0..blocks_across * rows.div_ceil(SIDE) {
        if image.restart_interval > 0 && block > 0 && block % image.restart_interval as usize == 0 {
            bits.restart().ok_or_else(|| BLAME.damaged("a restart marker is missing"))?;
            previous = 0;
        }
        let coefficients = read_block(&mut bits, &image.dc_table, ac_table, &quantisation, &mut previous)
            .ok_or_else(|| BLAME.damaged("there is no such Huffman code"))?;
        if bits.overrun() {
            return Err(BLAME.damaged("it ends before the last block"));
        }
        let pixels = transform.apply(&coefficients);
        let (top, left) = (block / blocks_across * SIDE, block % blocks_across * SIDE);
        for (row, line) in pixels.chunks_exact(SIDE).take(rows - top).enumerate() {
            let width = SIDE.min(columns - left);
            let start = (top + row) * columns + left;
            samples[start..start + width].copy_from_slice(&line[..width]);
        }
    }
    Ok(samples)
}

/// One block's dequantised coefficients, row by row.
fn read_block(
    bits: &mut BitReader<'_>,
    dc_table: &HuffmanTable,
    ac_table: &HuffmanTable,
    quantisation: &[u16; 64],
    previous: &mut i32,
) -> Option<[f32; 64]> {
    let mut coefficients = [0_f32; 64];
    bits.refill();
    let category = u32::from(dc_table.decode(bits)?);
    if category > 15 {
        return None;
    }
    *previous = previous.wrapping_add(receive_extend(bits, category));
    coefficients[0] = *previous as f32 * f32::from(quantisation[0]);
    let mut index = 1;
    while index < 64 {
        bits.refill();
        let symbol = ac_table.decode(bits)?;
        let (run, category) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (run, category) {
            (15, 0) => index += 16,
            (_, 0) => break,
            _ => {
                index += run;
                let place = *ZIGZAG.get(index)?;
                coefficients[place] = receive_extend(bits, category) as f32 * f32::from(quantisation[index]);
                index += 1;
            }
        }
    }
    Some(coefficients)
}

/// The inverse discrete cosine transform (T.81 section A.3.3), as two passes of eight-point transforms.
struct InverseTransform {
    /// `basis[u][x] = C(u) / 2 · cos((2x + 1) u π / 16)`.
    basis: [[f32; SIDE]; SIDE],
    middle: f32,
    greatest: f32,
}

impl InverseTransform {
    fn new(precision: u8) -> Self {
        let mut basis = [[0_f32; SIDE]; SIDE];
        for (u, waves) in basis.iter_mut().enumerate() {
            let scale = if u == 0 { std::f64::consts::FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
            for (x, value) in waves.iter_mut().enumerate() {
                *value = (scale * ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos()) as f32;
            }
        }
        let greatest = ((1_u32 << precision) - 1) as f32;
        Self { basis, middle: (1_u32 << (precision - 1)) as f32, greatest }
    }

    fn apply(&self, coefficients: &[f32; 64]) -> [u16; 64] {
        let mut columns = [0_f32; 64];
        for (v, line) in coefficients.chunks_exact(SIDE).enumerate() {
            let mut across = [0_f32; SIDE];
            for (coefficient, waves) in line.iter().zip(&self.basis).filter(|(coefficient, _)| **coefficient != 0.0) {
                across.iter_mut().zip(waves).for_each(|(sum, wave)| *sum += coefficient * wave);
            }
            columns[v * SIDE..(v + 1) * SIDE].copy_from_slice(&across);
        }
        let mut pixels = [0_u16; 64];
        for (y, line) in pixels.chunks_exact_mut(SIDE).enumerate() {
            let mut down = [self.middle; SIDE];
            for (v, across) in columns.chunks_exact(SIDE).enumerate() {
                let wave = self.basis[v][y];
                down.iter_mut().zip(across).for_each(|(sum, value)| *sum += value * wave);
            }
            line.iter_mut()
                .zip(down)
                .for_each(|(pixel, value)| *pixel = value.round().clamp(0.0, self.greatest) as u16);
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{self, encode_dct};

    fn frame(rows: u32, columns: u32, bits: u16) -> FrameSpec {
        FrameSpec { rows, columns, bits_allocated: if bits > 8 { 16 } else { 8 }, bits_stored: bits, signed: false }
    }

    /// A smooth picture, which survives quantisation by 1 within one grey value.
    fn picture(rows: usize, columns: usize, bits: u16) -> Vec<u16> {
        let greatest = f64::from((1_u32 << bits) - 1);
        (0..rows * columns)
            .map(|index| {
                let (y, x) = ((index / columns) as f64, (index % columns) as f64);
                ((0.5 + 0.4 * (x / 9.0).sin() * (y / 7.0).cos()) * greatest) as u16
            })
            .collect()
    }

    #[test]
    fn eight_and_twelve_bits_come_back_within_one() {
        for (bits, restart) in [(8, 0), (12, 0), (12, 3)] {
            let samples = picture(37, 29, bits);
            let stream = encode_dct(&samples, 29, bits, restart);
            let decoded = decode(&stream, &frame(37, 29, bits)).unwrap();
            let worst = decoded.iter().zip(&samples).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= 1, "{bits} bits: off by {worst}");
        }
    }

    #[test]
    fn wrong_sizes_and_processes_are_refused() {
        let stream = encode_dct(&picture(16, 16, 12), 16, 12, 0);
        assert!(matches!(decode(&stream, &frame(16, 17, 12)), Err(CodecError::Mismatch { .. })));
        let mut progressive = stream.clone();
        let sof = progressive.windows(2).position(|pair| pair == [0xFF, 0xC1]).unwrap();
        progressive[sof + 1] = 0xC2;
        assert!(matches!(decode(&progressive, &frame(16, 16, 12)), Err(CodecError::Unsupported { .. })));
    }

    #[test]
    fn cut_and_damaged_streams_end_in_errors_or_pictures() {
        let stream = encode_dct(&picture(40, 40, 12), 40, 12, 5);
        for length in (0..stream.len() - 8).step_by(5) {
            assert!(decode(&stream[..length], &frame(40, 40, 12)).is_err(), "cut at {length}");
        }
        testing::damaged(&stream, 2000, |stream| {
            let _ = decode(stream, &frame(40, 40, 12));
        });
    }
}
