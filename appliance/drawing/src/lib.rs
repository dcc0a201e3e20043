//! Pictures in memory: rectangles, text in built-in bitmap fonts, PNG in and out. Knows nothing of mammography.
//!
//! The same calls give the same pixels on every machine. What does not fit is cut, never an error.

mod picture;
mod text;

pub use picture::{BYTES_MAX, COLUMNS_MAX, Colour, Picture, PictureError, ROWS_MAX};
pub use text::{Size, clipped};
