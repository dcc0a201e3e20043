//! Rows and columns whose sum is not zero.

use contract::geometry::Runs;

use crate::image::DecodedImage;

/// The rows and the columns in which any pixel is not 0. Values are never negative, so a sum is 0 only of zeros.
pub(super) fn non_zero_rows_and_columns(image: &DecodedImage, table: &[f32]) -> (Runs, Runs) {
    match zero_interval(table) {
        Some((first, length)) => scan(image, |sample| sample.wrapping_sub(first) >= length),
        None => scan(image, |sample| table[usize::from(sample)] != 0.0),
    }
}

/// The samples that become 0, as first and number, when they are one interval. Windows make them one; only a lookup
/// table that is not monotonic doesn't. A comparison is several times faster than a lookup.
fn zero_interval(table: &[f32]) -> Option<(u16, u16)> {
    let first = table.iter().position(|&value| value == 0.0)?;
    let last = table.iter().rposition(|&value| value == 0.0)?;
    let is_interval = table[first..=last].iter().all(|&value| value == 0.0);
    let length = u16::try_from(last - first + 1).ok()?;
    is_interval.then_some((first as u16, length))
}

fn scan(image: &DecodedImage, is_occupied: impl Fn(u16) -> bool) -> (Runs, Runs) {
    let columns = image.header().columns as usize;
    let mut occupied_columns = vec![0_u16; columns];
    let mut occupied_rows = Vec::with_capacity(image.header().rows as usize);
    for row in image.samples().chunks_exact(columns) {
        let mut any = 0_u16;
        for (occupied, &sample) in occupied_columns.iter_mut().zip(row) {
            let mark = u16::from(is_occupied(sample));
            *occupied |= mark;
            any |= mark;
        }
        occupied_rows.push(any != 0);
    }
    let occupied_columns: Vec<bool> = occupied_columns.into_iter().map(|mark| mark != 0).collect();
    (Runs::from_flags(&occupied_rows), Runs::from_flags(&occupied_columns))
}
