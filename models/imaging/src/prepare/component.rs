//! The bounding box of the breast: the largest connected bright region, without view markers and labels.

use contract::geometry::Runs;

use crate::image::DecodedImage;

/// Side of the squares on which regions are found, in pixels.
const CELL: usize = 16;

/// Rows and columns of the bounding box of the largest region brighter than Otsu's threshold.
pub(super) fn largest(image: &DecodedImage, table: &[f32]) -> (Runs, Runs) {
    let grid = Grid::of(image, table);
    let threshold = otsu(&grid.means);
    let bounds = grid.largest_region(threshold);
    let (rows, columns) = (image.header().rows as usize, image.header().columns as usize);
    let span = |(first, last): (usize, usize), side: usize| {
        let start = first * CELL;
        let end = ((last + 1) * CELL).min(side);
        Runs::span(start as u32, (end - start) as u32)
    };
    (span(bounds.rows, rows), span(bounds.columns, columns))
}

/// Mean values of squares of the image.
struct Grid {
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
        let (rows, columns) = ((image.header().rows as usize).div_ceil(CELL), width.div_ceil(CELL));
        let mut sums = vec![0_f32; rows * columns];
        let mut counts = vec![0_f32; rows * columns];
        for (y, row) in image.samples().chunks_exact(width).enumerate() {
            for (x, cell) in row.chunks(CELL).enumerate() {
                let place = y / CELL * columns + x;
                sums[place] += cell.iter().map(|&sample| table[usize::from(sample)]).sum::<f32>();
                counts[place] += cell.len() as f32;
            }
        }
        let means = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
        Self { rows, columns, means }
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

/// Otsu's threshold (IEEE Trans. SMC 9, 1979): the one that parts values in 0 to 1 into the two most distinct classes.
fn otsu(values: &[f32]) -> f32 {
    const BINS: usize = 256;
    let mut histogram = [0_f64; BINS];
    values.iter().for_each(|value| histogram[(value * (BINS - 1) as f32) as usize] += 1.0);
    let count = values.len() as f64;
    let total: f64 = histogram.iter().enumerate().map(|(bin, number)| bin as f64 * number).sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let (mut best, mut threshold) = (0.0, 0);
    for (bin, number) in histogram.iter().enumerate() {
        below += number;
        sum_below += bin as f64 * number;
        let above = count - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let distance = sum_below / below - (total - sum_below) / above;
        let between = below * above * distance * distance;
        if between > best {
            (best, threshold) = (between, bin);
        }
    }
    (threshold + 1) as f32 / (BINS - 1) as f32
}
