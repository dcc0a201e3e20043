//! A decoded grey image: samples and what turns them into grey values.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most pixels that are decoded: a mammogram has up to about 30 million.
pub const PIXELS_MAX: u64 = 8192 * 8192;

/// Photometric Interpretation (0028,0004) of a grey image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Photometric {
    /// The lowest value is white.
    Monochrome1,
    /// The lowest value is black.
    Monochrome2,
}

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiFunction {
    /// The default.
    Linear,
    /// Without the half-unit shifts.
    LinearExact,
    /// A logistic curve.
    Sigmoid,
}

/// Window Center (0028,1050) and Window Width (0028,1051).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its middle.
    pub center: f64,
    /// Its width.
    pub width: f64,
}

/// A lookup table of the data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lut {
    /// First value that is mapped; lower ones take the first entry.
    pub first: i32,
    /// The entries; higher values take the last one.
    pub values: Vec<u16>,
}

impl Lut {
    /// The entry for `value`.
    #[must_use]
    pub fn look_up(&self, value: f64) -> f64 {
        let last = self.values.len().saturating_sub(1);
        let index = (value.round() - f64::from(self.first)).clamp(0.0, last as f64) as usize;
        self.values.get(index).copied().map_or(value, f64::from)
    }
}

/// The modality transform (PS3.3 section C.11.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Rescale Slope and Intercept.
    Rescale {
        /// Slope.
        slope: f64,
        /// Intercept.
        intercept: f64,
    },
    /// Modality LUT Sequence.
    Lut(Lut),
}

/// Everything about an image but its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecodedHeader {
    /// Height.
    pub rows: u32,
    /// Width.
    pub columns: u32,
    /// Bits Stored, 8 to 16: samples lie below 2^`bits_stored`.
    pub bits_stored: u16,
    /// Stored value = sample − `sample_bias`: half the range for signed data, else 0.
    pub sample_bias: i32,
    /// Which end is black.
    pub photometric: Photometric,
    /// Modality transform.
    pub modality: Modality,
    /// Windows in the order of the data set; the first one is used.
    pub windows: Vec<Window>,
    /// How a window is applied.
    pub voi_function: VoiFunction,
    /// VOI LUT Sequence, first item.
    pub voi_lut: Option<Lut>,
    /// Stored values from and to which a pixel is padding.
    pub padding: Option<(i32, i32)>,
}

impl DecodedHeader {
    /// Number of pixels.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.rows as usize * self.columns as usize
    }
}

/// Header and samples contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Not rows × columns samples, or none, or too many.
    #[error("image has {samples} samples for {rows} x {columns} pixels")]
    SampleCount {
        /// Samples given.
        samples: usize,
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
    /// Bits Stored is not 8 to 16.
    #[error("image has {0} bits stored, not 8 to 16")]
    BitsStored(u16),
    /// A sample does not fit Bits Stored.
    #[error("a sample lies beyond {0} bits")]
    SampleRange(u16),
}

/// A grey image, row by row, each sample a stored value moved into unsigned range.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedImage {
    header: DecodedHeader,
    samples: Vec<u16>,
}

impl DecodedImage {
    /// Joins a header and its samples.
    ///
    /// # Errors
    /// [`ImageError`] when they contradict each other.
    pub fn from_parts(header: DecodedHeader, samples: Vec<u16>) -> Result<Self, ImageError> {
        let DecodedHeader { rows, columns, bits_stored, .. } = header;
        if samples.is_empty() || samples.len() != header.pixels() || samples.len() as u64 > PIXELS_MAX {
            return Err(ImageError::SampleCount { samples: samples.len(), rows, columns });
        }
        if !(8..=16).contains(&bits_stored) {
            return Err(ImageError::BitsStored(bits_stored));
        }
        let all = samples.iter().fold(0, |all, sample| all | sample);
        if u32::from(all) >> bits_stored != 0 {
            return Err(ImageError::SampleRange(bits_stored));
        }
        Ok(Self { header, samples })
    }

    /// A plain picture without window, for instance from a training set of PNG or JPEG files.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn from_gray(rows: u32, columns: u32, bits_stored: u16, samples: Vec<u16>) -> Result<Self, ImageError> {
        let header = DecodedHeader {
            rows,
            columns,
            bits_stored,
            sample_bias: 0,
            photometric: Photometric::Monochrome2,
            modality: Modality::Rescale { slope: 1.0, intercept: 0.0 },
            windows: Vec::new(),
            voi_function: VoiFunction::Linear,
            voi_lut: None,
            padding: None,
        };
        Self::from_parts(header, samples)
    }

    /// Everything but the samples.
    #[must_use]
    pub const fn header(&self) -> &DecodedHeader {
        &self.header
    }

    /// The samples, row by row.
    #[must_use]
    pub fn samples(&self) -> &[u16] {
        &self.samples
    }

    /// Takes the image apart.
    #[must_use]
    pub fn into_parts(self) -> (DecodedHeader, Vec<u16>) {
        (self.header, self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_refused() {
        assert!(DecodedImage::from_gray(2, 2, 12, vec![0, 1, 2, 4095]).is_ok());
        let result = DecodedImage::from_gray(2, 2, 12, vec![0; 3]);
        assert!(matches!(result, Err(ImageError::SampleCount { samples: 3, .. })));
        assert_eq!(DecodedImage::from_gray(1, 1, 12, vec![4096]), Err(ImageError::SampleRange(12)));
        assert_eq!(DecodedImage::from_gray(1, 1, 7, vec![0]), Err(ImageError::BitsStored(7)));
        assert!(DecodedImage::from_gray(0, 0, 12, vec![]).is_err());
    }

    #[test]
    fn lookup_tables_clamp_at_both_ends() {
        let lut = Lut { first: 10, values: vec![5, 6, 7] };
        assert_eq!([9.0, 10.0, 11.4, 12.0, 99.0].map(|value| lut.look_up(value)), [5.0, 5.0, 6.0, 7.0, 7.0]);
    }
}
