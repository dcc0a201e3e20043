//! Which kernels prepare an image, on which buffers and with which launch geometry: [`plan()`] for the input of the network,
//! [`Plan::surface`] for the map that it answers with.
//!
//! A plan depends on the image's header and the spec alone, so it is there before the pixels are, and everything that the
//! pixels decide (range, crop, place in the input) stays in the device's memory from one launch to the next: the launches can
//! be recorded as one graph. Two things cross to the device: the samples, read once where they arrived, and the values of
//! [`imaging::values`] (at most 512 KiB). Two come back: the state with the lists of kept rows and columns (at most 64 KiB),
//! from which [`Plan::geometry`] makes what `imaging::prepare` answers beside its tensor; and what the network makes of it.

mod activation;
mod outcome;
mod preprocessing;

use contract::PreprocessSpec;
use contract::preprocess::{InputShape, PaddingRule, WindowRule};
use imaging::{DecodedHeader, Photometric};
use thiserror::Error;

use crate::kernels::SIDE_MAX;

pub use outcome::{OutcomeError, Words};

/// Pixels of the input at most: sums over them are exact.
pub const INPUT_PIXELS_MAX: u32 = 1 << 24;

/// Why this engine does not prepare an image that the reference prepares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// No pixel, more than [`INPUT_PIXELS_MAX`], or a side longer than [`SIDE_MAX`].
    #[error(
        "input of {rows} x {columns} is unsupported by this engine: sides of 1 to {SIDE_MAX}, {INPUT_PIXELS_MAX} pixels"
    )]
    Input {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
    /// A side longer than [`SIDE_MAX`], or an empty image.
    #[error("image of {rows} x {columns} is unsupported by this engine: sides of 1 to {SIDE_MAX}")]
    Image {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
    /// Under this window rule, a lookup table of the image rises and falls: its extremes are not those of the samples.
    #[error("window rule {0} is unsupported by this engine for values that rise and fall with the samples")]
    RisesAndFalls(&'static str),
    /// Under this window rule, values of the image are not finite numbers.
    #[error("window rule {0} is unsupported by this engine for values beyond all numbers")]
    NotFinite(&'static str),
    /// A class activation map without a cell, or with too many, or a surface without a pixel or beyond [`SIDE_MAX`].
    #[error("class activation map is unsupported by this engine: {map} cells onto {rows} x {columns}")]
    Map {
        /// Cells of the map.
        map: u64,
        /// Rows of the surface.
        rows: u32,
        /// Columns of the surface.
        columns: u32,
    },
}

/// The tensor's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// IEEE 754 binary16.
    Half,
    /// IEEE 754 binary32.
    Single,
}

/// Memory that kernels share. Numbers are little-endian, as on device and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Buffer {
    /// From the host: samples `[rows, columns]`, 16 bits. Read once, so it may be the host's own pinned memory.
    Image,
    /// From the host: [`Plan::values`], 64-bit floats.
    Values,
    /// The samples in the device's memory.
    Copy,
    /// To the host: the state's words.
    State,
    /// Least sample of each row.
    RowLeast,
    /// Greatest sample of each row.
    RowGreatest,
    /// Least sample of each column.
    ColumnLeast,
    /// Greatest sample of each column.
    ColumnGreatest,
    /// Grey value of each sample, 32-bit floats.
    Table,
    /// To the host: the rows that are kept, as many as the state says.
    KeptRows,
    /// To the host: the columns that are kept, as many as the state says.
    KeptColumns,
    /// For each row its place among the kept ones, or all bits set.
    PlaceOfRow,
    /// For each column its place among the kept ones, or all bits set.
    PlaceOfColumn,
    /// Mean grey values of the coarse grid.
    Means,
    /// Labels of its regions.
    Labels,
    /// Labels of the round before, then sizes of regions.
    OtherLabels,
    /// For each row of the placed image the first kept row that it takes.
    RowFirst,
    /// And how many.
    RowTaps,
    /// And how much of each.
    RowWeights,
    /// For each column of the placed image the first kept column that it takes.
    ColumnFirst,
    /// And how many.
    ColumnTaps,
    /// And how much of each.
    ColumnWeights,
    /// The resized image `[input rows, input columns]`, 32-bit floats in 0 to 1.
    Plane,
    /// The network's input `[1, 3, input rows, input columns]` in the plan's precision: may be the engine's own buffer.
    Input,
    /// The network's answer: the probability, a 32-bit float.
    Probability,
    /// The network's answer: the logit, a 32-bit float.
    Logit,
    /// The network's answer: the class activation map, 32-bit floats, row by row.
    Map,
    /// The map in 0 to 1, above its threshold.
    Cells,
    /// For each row of the surface the cell above its middle.
    SurfaceRowCell,
    /// And the weights of four cells.
    SurfaceRowWeights,
    /// For each column of the surface the cell left of its middle.
    SurfaceColumnCell,
    /// And the weights of four cells.
    SurfaceColumnWeights,
    /// To the host: the map over the original image, 32-bit floats in 0 to 1, row by row.
    Surface,
}

/// A kernel's argument: 64 bits for a buffer's address, 32 for the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument {
    /// Address of a buffer.
    Buffer(Buffer),
    /// An unsigned number.
    Whole(u32),
    /// A floating-point number.
    Real(f32),
}

impl From<Buffer> for Argument {
    fn from(buffer: Buffer) -> Self {
        Self::Buffer(buffer)
    }
}

impl From<u32> for Argument {
    fn from(value: u32) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for Argument {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f32> for Argument {
    fn from(value: f32) -> Self {
        Self::Real(value)
    }
}

/// A list of arguments from values of several types.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => { vec![$($crate::plan::Argument::from($value)),*] };
}
use arguments;

/// One kernel's launch.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// One of [`crate::kernels::NAMES`].
    pub kernel: &'static str,
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
    /// Its arguments in their order.
    pub arguments: Vec<Argument>,
}

/// Launches in their order, one after the other on one stream, and the buffers that they need.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// Each buffer with its size in bytes; what it holds before is only read where [`Buffer`] says "from the host".
    pub buffers: Vec<(Buffer, usize)>,
    /// The launches.
    pub launches: Vec<Launch>,
}

/// How one image becomes the network's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// From [`Buffer::Image`] and [`Buffer::Values`] to [`Buffer::Input`].
    pub stage: Stage,
    /// What [`Buffer::Values`] must hold.
    pub values: Vec<f64>,
    rows: u32,
    columns: u32,
    input: InputShape,
}

/// Plans what prepares an image with this `header` as `spec` says, in the reference's bits.
///
/// # Errors
/// [`Unsupported`] names the variant that this engine does not prepare.
pub fn plan(spec: &PreprocessSpec, header: &DecodedHeader, precision: Precision) -> Result<Plan, Unsupported> {
    let InputShape { rows, columns } = spec.input;
    let is_side = |side: u32| (1..=SIDE_MAX).contains(&side);
    if !is_side(rows) || !is_side(columns) || rows * columns > INPUT_PIXELS_MAX {
        return Err(Unsupported::Input { rows, columns });
    }
    if !is_side(header.rows) || !is_side(header.columns) {
        return Err(Unsupported::Image { rows: header.rows, columns: header.columns });
    }
    let values = imaging::values(header, spec.window);
    check(&values, window_name(spec.window))?;
    let stage = preprocessing::stage(spec, header, precision);
    Ok(Plan { stage, values, rows: header.rows, columns: header.columns, input: spec.input })
}

/// The kernels look at extremes of samples for extremes of values.
fn check(values: &[f64], window: &'static str) -> Result<(), Unsupported> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.iter().any(|value| !value.is_finite()) || !(greatest - least).is_finite() {
        return Err(Unsupported::NotFinite(window));
    }
    if !(values.is_sorted() || values.is_sorted_by(|one, next| one >= next)) {
        return Err(Unsupported::RisesAndFalls(window));
    }
    Ok(())
}

/// The rule's name in a manifest.
const fn window_name(rule: WindowRule) -> &'static str {
    match rule {
        WindowRule::CenterPlusMinusWidth => "center_plus_minus_width",
        WindowRule::CenterPlusMinusHalfWidth => "center_plus_minus_half_width",
        WindowRule::DicomVoi => "dicom_voi",
        WindowRule::FullRange => "full_range",
    }
}

/// The samples that are padding, from the first to the one after the last; equal when there are none.
fn padding(header: &DecodedHeader, rule: PaddingRule) -> (u32, u32) {
    let Some((from, to)) = header.padding.filter(|_| rule == PaddingRule::Exclude) else { return (0, 0) };
    let sample = |stored: i64| (stored + i64::from(header.sample_bias)).clamp(0, 1 << 16) as u32;
    let (first, end) = (sample(from.into()), sample(i64::from(to) + 1));
    if first < end { (first, end) } else { (0, 0) }
}

/// Whether low samples are white.
fn is_inverted(header: &DecodedHeader) -> bool {
    header.photometric == Photometric::Monochrome1
}

#[cfg(test)]
mod tests;
