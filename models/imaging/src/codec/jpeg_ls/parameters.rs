//! Marker segments and coding parameters (T.87 annex C).

use super::BLAME;
use crate::codec::jpeg::{DRI, EOI, SOI, SOS};
use crate::codec::{CodecError, FrameSpec};

const SOF: u8 = 0xF7;
const LSE: u8 = 0xF8;

/// What governs the coding of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodingParameters {
    pub(super) max_value: i32,
    /// Greatest error of a sample; 0 is lossless.
    pub(super) near: i32,
    pub(super) thresholds: [i32; 3],
    /// Number of occurrences after which a context is halved.
    pub(super) reset: i32,
    /// Number of different errors.
    pub(super) range: i32,
    /// Bits of an escaped error.
    pub(super) escape_bits: u32,
    /// Longest code.
    pub(super) limit: u32,
}

impl CodingParameters {
    fn new(max_value: i32, near: i32, preset: Preset) -> Self {
        let bits_of = |count: i32| (count - 1).checked_ilog2().map_or(0, |log| log + 1);
        let range = (max_value + 2 * near) / (2 * near + 1) + 1;
        let sample_bits = bits_of(max_value + 1).max(2);
        let [t1, t2, t3] = default_thresholds(max_value, near);
        let given = |value: i32, default: i32| if value == 0 { default } else { value };
        Self {
            max_value,
            near,
            thresholds: [given(preset.t1, t1), given(preset.t2, t2), given(preset.t3, t3)],
            reset: given(preset.reset, 64),
            range,
            escape_bits: bits_of(range),
            limit: 2 * (sample_bits + sample_bits.max(8)),
        }
    }

    /// Do the gradients call for run mode?
    pub(super) const fn is_flat(&self, d1: i32, d2: i32, d3: i32) -> bool {
        d1.abs() <= self.near && d2.abs() <= self.near && d3.abs() <= self.near
    }

    /// A decoded sample from its prediction and (signed) error, wrapped into the range (T.87 section A.4.4).
    #[inline]
    pub(super) fn reconstruct(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = predicted + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.max_value + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.max_value)
    }
}

/// T.87 section C.2.4.1.1.1.
fn default_thresholds(max_value: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| if value > max_value || value < least { least } else { value };
    let [t1, t2, t3] = if max_value >= 128 {
        let factor = (max_value.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
    } else {
        let factor = 256 / (max_value + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let t1 = clamp(t1, near + 1);
    let t2 = clamp(t2, t1);
    [t1, t2, clamp(t3, t2)]
}

/// An LSE segment of type 1; 0 stands for the default.
#[derive(Debug, Clone, Copy, Default)]
struct Preset {
    max_value: i32,
    t1: i32,
    t2: i32,
    t3: i32,
    reset: i32,
}

/// Parses the marker segments; returns the parameters and the entropy-coded bytes.
pub(super) fn parse<'a>(stream: &'a [u8], frame: &FrameSpec) -> Result<(CodingParameters, &'a [u8]), CodecError> {
    let mut at = 2;
    if stream.get(..2) != Some(&[0xFF, SOI]) {
        return Err(BLAME.damaged("there is no start of image"));
    }
    let (mut precision, mut preset) = (None, Preset::default());
    loop {
        while stream.get(at..at + 2) == Some(&[0xFF, 0xFF]) {
            at += 1;
        }
        let Some(&[0xFF, marker, high, low]) = stream.get(at..at + 4) else {
            return Err(BLAME.damaged("a marker is missing"));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = stream
            .get(at + 4..at + 2 + length.max(2))
            .ok_or_else(|| BLAME.damaged("a marker segment reaches beyond the end"))?;
        at += 2 + length.max(2);
        match marker {
            SOF => precision = Some(start_of_frame(segment, frame)?),
            LSE => preset = read_preset(segment)?,
            DRI if segment.iter().any(|&byte| byte != 0) => return Err(BLAME.unsupported("restart intervals")),
            SOS => {
                let precision = precision.ok_or_else(|| BLAME.damaged("there is no start of frame"))?;
                let parameters = start_of_scan(segment, precision, preset)?;
                return Ok((parameters, &stream[at..]));
            }
            EOI => return Err(BLAME.damaged("there is no scan")),
            0xC0..=0xCF => return Err(BLAME.unsupported("a process of another JPEG standard")),
            _ => {}
        }
    }
}

fn start_of_frame(segment: &[u8], frame: &FrameSpec) -> Result<u8, CodecError> {
    let Some(&[precision, r1, r0, c1, c0, components]) = segment.first_chunk() else {
        return Err(BLAME.damaged("start of frame is short"));
    };
    if components != 1 {
        return Err(BLAME.mismatch(format!("{components} components"), "1 sample per pixel".into()));
    }
    if !(2..=16).contains(&precision) {
        return Err(BLAME.damaged("precision is not 2 to 16 bits"));
    }
    let (rows, columns) = (u16::from_be_bytes([r1, r0]), u16::from_be_bytes([c1, c0]));
    BLAME.check_size(frame, rows.into(), columns.into(), precision.into())?;
    Ok(precision)
}

fn read_preset(segment: &[u8]) -> Result<Preset, CodecError> {
    match segment {
        [1, values @ ..] => {
            let values: [u8; 10] = *values.first_chunk().ok_or_else(|| BLAME.damaged("preset parameters are short"))?;
            let value = |index: usize| i32::from(u16::from_be_bytes([values[2 * index], values[2 * index + 1]]));
            Ok(Preset { max_value: value(0), t1: value(1), t2: value(2), t3: value(3), reset: value(4) })
        }
        _ => Err(BLAME.unsupported("mapping tables or oversize images")),
    }
}

fn start_of_scan(segment: &[u8], precision: u8, preset: Preset) -> Result<CodingParameters, CodecError> {
    let Some(&[components, _, _, near, interleave, transform]) = segment.first_chunk() else {
        return Err(BLAME.damaged("start of scan is short"));
    };
    if components != 1 || interleave != 0 || transform != 0 {
        return Err(BLAME.unsupported("several components or a point transform"));
    }
    let greatest = (1_i32 << precision) - 1;
    let max_value = if preset.max_value == 0 { greatest } else { preset.max_value };
    let near = i32::from(near);
    let parameters = CodingParameters::new(max_value, near, preset);
    let [t1, t2, t3] = parameters.thresholds;
    let ordered = near < t1 && t1 <= t2 && t2 <= t3 && t3 <= max_value;
    if max_value > greatest || near > (max_value / 2).min(255) || !ordered || parameters.reset < 3 {
        return Err(BLAME.damaged("its parameters contradict each other"));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_standard() {
        let eight = CodingParameters::new(255, 0, Preset::default());
        assert_eq!(eight.thresholds, [3, 7, 21]);
        assert_eq!((eight.range, eight.escape_bits, eight.limit), (256, 8, 32));
        let twelve = CodingParameters::new(4095, 0, Preset::default());
        assert_eq!(twelve.thresholds, [18, 67, 276]);
        let near = CodingParameters::new(255, 3, Preset::default());
        assert_eq!((near.thresholds, near.range, near.escape_bits), ([12, 22, 42], 38, 6));
    }
}
