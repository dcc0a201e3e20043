//! Preprocessing: a [`DecodedImage`] to the network's input, as the spec says (reference method, "Preprocessing").

mod component;
mod foreground;
mod occupancy;

use contract::geometry::{Extent, Rectangle, Runs};
use contract::preprocess::{AspectRule, ContrastRule, CropRule};
use contract::{Geometry, PreprocessSpec};
use thiserror::Error;

use crate::image::{DecodedImage, Window};
use crate::{grey, resize};

pub use component::CELLS;

/// The network's input, and how it lies over the original image.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInput {
    /// `[1, 3, rows, columns]`, row by row, in the spec's value range.
    pub tensor: Vec<f32>,
    /// From the input to the original image and back.
    pub geometry: Geometry,
    /// The window that was used: the first of the data set's, if it has any.
    pub window: Option<Window>,
}

/// Why an image has no input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PrepareError {
    /// All pixels have the same value after the window: every row and column would be removed.
    #[error("image is blank: all pixels have the same value after the window")]
    Blank,
    /// The spec's input has no pixel.
    #[error("preprocessing spec has an empty input")]
    EmptyInput,
}

impl PrepareError {
    /// Stable and machine-readable.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blank => "image_blank",
            Self::EmptyInput => "preprocess_spec_invalid",
        }
    }
}

/// Prepares `image` as `spec` says.
///
/// # Errors
/// [`PrepareError::Blank`] for a constant image, instead of dividing by zero.
pub fn prepare(image: &DecodedImage, spec: &PreprocessSpec) -> Result<ModelInput, PrepareError> {
    if spec.input.rows == 0 || spec.input.columns == 0 {
        return Err(PrepareError::EmptyInput);
    }
    let header = image.header();
    let table = grey::table(image, spec).ok_or(PrepareError::Blank)?;
    let (kept_rows, kept_columns) = match spec.crop {
        CropRule::ZeroSum => occupancy::non_zero_rows_and_columns(image, &table),
        CropRule::LargestComponent => component::largest(image, &table),
        CropRule::None => (Runs::all(header.rows), Runs::all(header.columns)),
    };
    if kept_rows.count() == 0 || kept_columns.count() == 0 {
        return Err(PrepareError::Blank);
    }
    let input = Extent { rows: spec.input.rows, columns: spec.input.columns };
    let kept = Extent { rows: kept_rows.count(), columns: kept_columns.count() };
    let geometry = Geometry {
        original: Extent { rows: header.rows, columns: header.columns },
        kept_rows,
        kept_columns,
        input,
        placed: place(spec.aspect, kept, input),
    };
    let mut grey = resize::resize(image, &table, &geometry, spec.filter);
    if spec.contrast == ContrastRule::Breast {
        foreground::stretch(&mut grey);
    }
    Ok(ModelInput { tensor: spec.normalisation.channels(&grey), geometry, window: header.windows.first().copied() })
}

/// Where the resized image stands in the input.
fn place(rule: AspectRule, kept: Extent, input: Extent) -> Rectangle {
    let (mut rows, mut columns) = (input.rows, input.columns);
    if rule == AspectRule::KeepAndPad {
        let scale = (f64::from(rows) / f64::from(kept.rows)).min(f64::from(columns) / f64::from(kept.columns));
        let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
        (rows, columns) = (scaled(kept.rows, rows), scaled(kept.columns, columns));
    }
    Rectangle { top: (input.rows - rows) / 2, left: (input.columns - columns) / 2, rows, columns }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod two_ways;
