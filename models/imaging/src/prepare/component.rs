//! The bounding box of the breast: the largest connected region above the background, without view markers and labels.

use contract::geometry::Runs;

use super::foreground;
use crate::image::DecodedImage;

/// Regions are found on a grid of squares, so many along the longer side: the same region of the same image in any size.
pub const CELLS: usize = 160;

/// Rows and columns of the bounding box of the largest region above the background.
pub(super) fn largest(image: &DecodedImage, table: &[f32]) -> (Runs, Runs) {
    let grid = Grid::of(image, table);
    let threshold = foreground::threshold(&grid.means);
    let bounds = grid.largest_region(threshold);
    let (rows, columns) = (image.header().rows as usize, image.header().columns as usize);
    let span = |(first, last): (usize, usize), side: usize| {
        let start = first * grid.cell;
        let end = ((last + 1) * grid.cell).min(side);
        Runs::span(start as u32, (end - start) as u32)
    };
    (span(bounds.rows, rows), span(bounds.columns, columns))
}

/// Mean values of squares of the image.
struct Grid {
    /// Side of a square in pixels.
    cell: usize,
    rows: usize,
    columns: usize,
    means: Vec<f32>,
}

struct Bounds {
    rows: (usize, usize),
    columns: (usize, usize),
    cells: usize,
}

impl Grid {
    fn of(image: &DecodedImage, table: &[f32]) -> Self {
        let width = image.header().columns as usize;
        let height = image.header().rows as usize;
        let cell = height.max(width).div_ceil(CELLS);
        let (rows, columns) = (height.div_ceil(cell), width.div_ceil(cell));
        let mut sums = vec![0_f32; rows * columns];
        let mut counts = vec![0_f32; rows * columns];
        for (y, row) in image.samples().chunks_exact(width).enumerate() {
            for (x, part) in row.chunks(cell).enumerate() {
                let place = y / cell * columns + x;
                sums[place] += part.iter().map(|&sample| table[usize::from(sample)]).sum::<f32>();
                counts[place] += part.len() as f32;
            }
        }
        let means = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
        Self { cell, rows, columns, means }
    }

    /// The region with the most cells above the threshold, by four neighbours; the whole grid when there is none.
    fn largest_region(&self, threshold: f32) -> Bounds {
        let mut seen = vec![false; self.means.len()];
        let whole = Bounds { rows: (0, self.rows - 1), columns: (0, self.columns - 1), cells: 0 };
        (0..self.means.len()).fold(whole, |best, start| {
            if seen[start] || self.means[start] <= threshold {
                return best;
            }
            let region = self.region(start, threshold, &mut seen);
            if region.cells > best.cells { region } else { best }
        })
    }

    fn region(&self, start: usize, threshold: f32, seen: &mut [bool]) -> Bounds {
        let (y, x) = (start / self.columns, start % self.columns);
        let mut bounds = Bounds { rows: (y, y), columns: (x, x), cells: 0 };
        let mut open = vec![start];
        seen[start] = true;
        while let Some(cell) = open.pop() {
            let (y, x) = (cell / self.columns, cell % self.columns);
            bounds.cells += 1;
            bounds.rows = (bounds.rows.0.min(y), bounds.rows.1.max(y));
            bounds.columns = (bounds.columns.0.min(x), bounds.columns.1.max(x));
            let neighbours = [
                (y > 0).then(|| cell - self.columns),
                (y + 1 < self.rows).then(|| cell + self.columns),
                (x > 0).then(|| cell - 1),
                (x + 1 < self.columns).then(|| cell + 1),
            ];
            for neighbour in neighbours.into_iter().flatten() {
                if !seen[neighbour] && self.means[neighbour] > threshold {
                    seen[neighbour] = true;
                    open.push(neighbour);
                }
            }
        }
        bounds
    }
}
