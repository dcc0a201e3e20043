//! The contour of the thresholded class activation map, as closed lines in the original image.
//!
//! Marching squares on the middles of the map's cells, with linear interpolation. What lies in the input's padding is cut
//! off first. The way to the original image goes axis by axis and rises on both, so that the lattice of the cells stays a
//! lattice, over removed rows and columns too: what the line encloses in the grid, it encloses in the image.

use std::collections::BTreeMap;

use crate::cam;
use crate::geometry::{Extent, Geometry, Point};

/// The most points of a ring: two values of four bytes each fit into an element whose length has 16 bits (VR FL of
/// PS3.5 section 7.1.2).
const POINTS_MAX: usize = 8_000;

/// A closed line: the last point is the first one again.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring(Vec<Point>);

/// Where the map stands out.
#[derive(Debug, Clone, PartialEq)]
pub struct HotSpot {
    /// The strongest place, in pixels of the original image, upper left corner of the first pixel at (0, 0).
    pub center: Point,
    /// All closed lines around what is above the threshold, and around holes in it, in a fixed order. None for a map
    /// without anything above its threshold.
    pub rings: Vec<Ring>,
    /// Which of them goes around `center`.
    main: Option<usize>,
}

impl HotSpot {
    /// The hot spot of a map of `values`, row by row of `grid`, whose strongest cell is at `peak` as far as that one is
    /// not in padding. `None` for a map or a geometry without extent.
    #[must_use]
    pub fn of(values: &[f32], grid: Extent, geometry: &Geometry, peak: Option<Point>) -> Option<Self> {
        let lattice = Lattice::new(values, grid, geometry)?;
        let rings = lattice.rings(cam::threshold(values));
        let center = peak.unwrap_or_else(|| lattice.strongest(values));
        let inside = (0..rings.len()).filter(|&index| rings[index].contains(center));
        let by_area = |a: &usize, b: &usize| rings[*a].area().total_cmp(&rings[*b].area());
        // The innermost ring around a place that is inside belongs to the place's own region.
        let main = inside.min_by(by_area).or_else(|| (0..rings.len()).max_by(by_area));
        Some(Self { center, main, rings })
    }

    /// The line around [`HotSpot::center`], or around the largest region where none is.
    #[must_use]
    pub fn main(&self) -> Option<&Ring> {
        self.rings.get(self.main?)
    }
}

impl Ring {
    /// The points, the first one once more at the end.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.0
    }

    /// Is `point` enclosed? By the parity of the crossings of a ray.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        let crosses = |pair: &[Point]| {
            let [a, b] = [pair[0], pair[1]];
            (a.y > point.y) != (b.y > point.y) && point.x < a.x + (b.x - a.x) * (point.y - a.y) / (b.y - a.y)
        };
        self.0.windows(2).filter(|pair| crosses(pair)).count() % 2 == 1
    }

    /// The enclosed area, in square pixels.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.0.windows(2).map(|pair| pair[0].x * pair[1].y - pair[1].x * pair[0].y).sum::<f64>().abs() / 2.0
    }

    fn of(mut points: Vec<Point>) -> Option<Self> {
        points.dedup();
        while points.len() > 1 && points.first() == points.last() {
            points.pop();
        }
        let step = points.len().div_ceil(POINTS_MAX - 1).max(1);
        let mut points: Vec<Point> = points.into_iter().step_by(step).collect();
        points.push(*points.first()?);
        (points.len() > 3).then_some(Self(points))
    }
}

/// The values at the middles of the cells and at the borders of the image, with their places in the original.
struct Lattice {
    /// Along a row, in the grid; rising.
    xs: Vec<f64>,
    ys: Vec<f64>,
    values: Vec<f64>,
    grid: Extent,
    geometry: Geometry,
}

/// The edge of the lattice from vertex (column, row) to the right (`false`) or downwards (`true`). Vertices count from 1:
/// around the lattice lie virtual ones at the same places, all below the threshold, which close the lines at the borders.
type Edge = (bool, usize, usize);

impl Lattice {
    fn new(values: &[f32], grid: Extent, geometry: &Geometry) -> Option<Self> {
        let has_extent = |extent: Extent| extent.rows > 0 && extent.columns > 0;
        let placed = geometry.placed;
        let is_sound =
            [grid, geometry.input, Extent { rows: placed.rows, columns: placed.columns }].into_iter().all(has_extent)
                && geometry.kept_rows.count() > 0
                && geometry.kept_columns.count() > 0
                && values.len() == grid.rows as usize * grid.columns as usize;
        if !is_sound {
            return None;
        }
        let xs = places(placed.left, placed.columns, geometry.input.columns, grid.columns);
        let ys = places(placed.top, placed.rows, geometry.input.rows, grid.rows);
        let sampled = ys.iter().flat_map(|&y| xs.iter().map(move |&x| sample(values, grid, Point { x, y })));
        let sampled = sampled.collect();
        Some(Self { values: sampled, xs, ys, grid, geometry: geometry.clone() })
    }

    /// The value at vertex (column, row) counted from 1, below everything for the virtual ones.
    fn value(&self, column: usize, row: usize) -> f64 {
        if column == 0 || row == 0 || column > self.xs.len() || row > self.ys.len() {
            return f64::NEG_INFINITY;
        }
        self.values[(row - 1) * self.xs.len() + column - 1]
    }

    fn place(&self, column: usize, row: usize) -> Point {
        let at = |places: &[f64], index: usize| places[index.clamp(1, places.len()) - 1];
        Point { x: at(&self.xs, column), y: at(&self.ys, row) }
    }

    fn original(&self, point: Point) -> Point {
        self.geometry.nearest_original_of_grid(self.grid, point)
    }

    /// The middle of the strongest cell that has its middle in the image, or else the strongest vertex.
    fn strongest(&self, cells: &[f32]) -> Point {
        let columns = self.grid.columns as usize;
        let middle = |cell: usize| Point { x: (cell % columns) as f64 + 0.5, y: (cell / columns) as f64 + 0.5 };
        let of_cell = |cell: usize| self.geometry.original_of_grid(self.grid, middle(cell));
        let in_image = cells.iter().enumerate().filter_map(|(cell, value)| Some((value, of_cell(cell)?)));
        if let Some((_, place)) = in_image.max_by(|a, b| a.0.total_cmp(b.0)) {
            return place;
        }
        let vertices = self.values.iter().enumerate();
        let index = vertices.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index);
        self.original(self.place(index % self.xs.len() + 1, index / self.xs.len() + 1))
    }

    fn rings(&self, threshold: f32) -> Vec<Ring> {
        let threshold = f64::from(threshold);
        let mut next: BTreeMap<Edge, Edge> = BTreeMap::new();
        for row in 0..=self.ys.len() {
            for column in 0..=self.xs.len() {
                self.square((column, row), threshold, &mut next);
            }
        }
        let mut rings = Vec::new();
        while let Some((&first, _)) = next.first_key_value() {
            let (mut points, mut edge) = (Vec::new(), first);
            while let Some(following) = next.remove(&edge) {
                points.push(self.original(self.crossing(edge, threshold)));
                edge = following;
            }
            rings.extend(Ring::of(points));
        }
        rings
    }

    /// The pieces of the lines inside one square, from edge to edge. Clockwise around the square each edge that leaves the
    /// region is followed by one that enters it; the neighbour sees the same edge the other way round, so that each is
    /// once a start and once an end.
    fn square(&self, (column, row): (usize, usize), threshold: f64, next: &mut BTreeMap<Edge, Edge>) {
        let corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)];
        let edges: [Edge; 4] =
            [(false, column, row), (true, column + 1, row), (false, column, row + 1), (true, column, row)];
        let values = corners.map(|(column, row)| self.value(column, row));
        let is_inside = values.map(|value| value > threshold);
        // Two regions that meet at a corner are joined when the middle is inside.
        let is_joined = values.iter().sum::<f64>() / 4.0 > threshold;
        for side in 0..4 {
            if !is_inside[side] || is_inside[(side + 1) % 4] {
                continue;
            }
            let enters = |side: usize| !is_inside[side % 4] && is_inside[(side + 1) % 4];
            let mut steps = 1..4;
            let entry = if is_joined {
                steps.find(|step| enters(side + step)).map(|step| side + step)
            } else {
                steps.find(|step| enters(side + 4 - step)).map(|step| side + 4 - step)
            };
            if let Some(entry) = entry {
                next.insert(edges[side], edges[entry % 4]);
            }
        }
    }

    /// Where the line crosses `edge`, in the grid; never at a vertex of the lattice, save at the borders.
    fn crossing(&self, (is_down, column, row): Edge, threshold: f64) -> Point {
        let (other_column, other_row) = if is_down { (column, row + 1) } else { (column + 1, row) };
        let (from, to) = (self.place(column, row), self.place(other_column, other_row));
        let (low, high) = (self.value(column, row), self.value(other_column, other_row));
        let share = ((threshold - low) / (high - low)).clamp(0.001, 0.999);
        let share = if share.is_finite() { share } else { 0.5 };
        Point { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share }
    }
}

/// Both borders of the image within one axis of the grid, and the middles of the cells between them.
fn places(start: u32, length: u32, input: u32, cells: u32) -> Vec<f64> {
    let of_input = |at: f64| at * f64::from(cells) / f64::from(input);
    let (first, last) = (of_input(f64::from(start)), of_input(f64::from(start) + f64::from(length)));
    let margin = 1e-9 * f64::from(cells);
    let middles = (0..cells).map(|cell| f64::from(cell) + 0.5);
    let between = middles.filter(|middle| *middle > first + margin && *middle < last - margin);
    [first].into_iter().chain(between).chain([last]).collect()
}

/// The map between the middles of its cells, constant beyond the outer ones.
fn sample(values: &[f32], grid: Extent, point: Point) -> f64 {
    let axis = |at: f64, cells: u32| {
        let at = (at - 0.5).clamp(0.0, f64::from(cells - 1));
        let below = (at.floor() as usize).min(cells as usize - 1);
        (below, (below + 1).min(cells as usize - 1), at - at.floor())
    };
    let ((left, right, across), (top, bottom, down)) = (axis(point.x, grid.columns), axis(point.y, grid.rows));
    let cell = |row: usize, column: usize| f64::from(values[row * grid.columns as usize + column]);
    let mix = |low: f64, high: f64, share: f64| if share == 0.0 { low } else { low * (1.0 - share) + high * share };
    mix(mix(cell(top, left), cell(top, right), across), mix(cell(bottom, left), cell(bottom, right), across), down)
}

#[cfg(test)]
mod tests;
