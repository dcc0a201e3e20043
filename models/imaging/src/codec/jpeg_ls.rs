//! JPEG-LS (ITU-T T.87): lossless and near-lossless, 2 to 16 bits, one component.
//!
//! An own decoder, because the usual one (CharLS, C++) needs cmake to build and takes more than ten seconds to give up
//! on a stream that ends early. For signed data the output is the stream's value, which the caller masks to Bits
//! Stored and extends.

mod bits;
mod model;
mod parameters;

use super::jpeg::Blame;
use super::{CodecError, FrameSpec};
use bits::BitReader;
use model::Model;
use parameters::{CodingParameters, parse};

const BLAME: Blame = Blame("JPEG-LS");

/// Decodes one frame.
///
/// # Errors
/// [`CodecError`], a size or precision other than the header's before anything is allocated.
pub fn decode(stream: &[u8], frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    let (parameters, entropy) = parse(stream, frame)?;
    let columns = frame.columns as usize;
    let mut samples = vec![0_u16; frame.pixels()];
    let mut model = Model::new(&parameters);
    let mut bits = BitReader::new(entropy);
    // Rows with a neighbour on each side: T.87 section A.2.1 says what stands there.
    let mut above = vec![0_i32; columns + 2];
    let mut current = vec![0_i32; columns + 2];
    for row in samples.chunks_exact_mut(columns) {
        above[columns + 1] = above[columns];
        current[0] = above[1];
        decode_row(&mut model, &parameters, &mut bits, &above, &mut current)
            .ok_or_else(|| BLAME.damaged("it ends early or holds an impossible code"))?;
        row.iter_mut().zip(&current[1..]).for_each(|(sample, value)| *sample = *value as u16);
        std::mem::swap(&mut above, &mut current);
    }
    Ok(samples)
}

fn decode_row(
    model: &mut Model,
    parameters: &CodingParameters,
    bits: &mut BitReader<'_>,
    above: &[i32],
    current: &mut [i32],
) -> Option<()> {
    let columns = current.len() - 2;
    let mut x = 1;
    while x <= columns {
        let (a, b, c, d) = (current[x - 1], above[x], above[x - 1], above[x + 1]);
        let context = model.context(d - b, b - c, c - a);
        if context == 0 && parameters.is_flat(d - b, b - c, c - a) {
            x = run(model, parameters, bits, above, current, x)?;
        } else {
            current[x] = model.regular_sample(parameters, bits, context, (a, b, c))?;
            x += 1;
        }
    }
    (!bits.overrun()).then_some(())
}

/// Run mode (T.87 section A.7): returns the column after the run and its interrupting sample.
fn run(
    model: &mut Model,
    parameters: &CodingParameters,
    bits: &mut BitReader<'_>,
    above: &[i32],
    current: &mut [i32],
    start: usize,
) -> Option<usize> {
    let columns = current.len() - 2;
    let value = current[start - 1];
    let mut x = start;
    loop {
        let remaining = columns + 1 - x;
        if bits.take(1)? == 1 {
            let step = 1 << model.run_order();
            let length = step.min(remaining);
            current[x..x + length].fill(value);
            x += length;
            if length == step {
                model.lengthen_runs();
            }
            if x > columns {
                return Some(x);
            }
        } else {
            let length = bits.take(model.run_order())? as usize;
            if length >= remaining {
                return None;
            }
            current[x..x + length].fill(value);
            x += length;
            current[x] = model.interrupting_sample(parameters, bits, current[x - 1], above[x])?;
            model.shorten_runs();
            return Some(x + 1);
        }
    }
}

#[cfg(test)]
mod tests;
