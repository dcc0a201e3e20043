//! Where a point of the network's grid lies in the original image, and back.
//!
//! Coordinates are continuous, `x` along a row (columns), `y` down a column (rows); the upper left corner of the first
//! pixel is (0, 0) and a pixel's middle is at +0.5. Cropping removes single rows and columns, also interior ones, so
//! the mapping needs the lists of what was kept; they are stored as runs.

use serde::{Deserialize, Serialize};

/// A point in pixels of some image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Along a row: the column.
    pub x: f64,
    /// Down a column: the row.
    pub y: f64,
}

/// Kept indices of one axis as ascending, separate runs of (start, length).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs(Vec<(u32, u32)>);

impl Runs {
    /// All indices from 0 to `length`.
    #[must_use]
    pub fn all(length: u32) -> Self {
        Self::span(0, length)
    }

    /// One run of `length` indices from `start`; empty when `length` is 0.
    #[must_use]
    pub fn span(start: u32, length: u32) -> Self {
        Self(if length == 0 { Vec::new() } else { vec![(start, length)] })
    }

    /// The indices whose flag is set.
    #[must_use]
    pub fn from_flags(flags: &[bool]) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (index, _) in flags.iter().enumerate().filter(|(_, kept)| **kept) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            match runs.last_mut() {
                Some((start, length)) if *start + *length == index => *length += 1,
                _ => runs.push((index, 1)),
            }
        }
        Self(runs)
    }

    /// How many indices are kept.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|(_, length)| length).sum()
    }

    /// The kept indices in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|&(start, length)| start..start + length)
    }

    /// Start and length of each run.
    #[must_use]
    pub fn as_slice(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// Position of `at` (in the original axis) among the kept pixels, or `None` inside a removed one.
    fn kept_of(&self, at: f64) -> Option<f64> {
        let mut before = 0_u32;
        for &(start, length) in &self.0 {
            let offset = at - f64::from(start);
            if offset < 0.0 {
                return None;
            }
            if offset < f64::from(length) {
                return Some(f64::from(before) + offset);
            }
            before += length;
        }
        None
    }

    /// The original axis's coordinate of position `at` among the kept pixels, or `None` outside.
    fn original_of(&self, at: f64) -> Option<f64> {
        if at < 0.0 {
            return None;
        }
        let mut rest = at;
        for &(start, length) in &self.0 {
            if rest < f64::from(length) {
                return Some(f64::from(start) + rest);
            }
            rest -= f64::from(length);
        }
        None
    }

    /// As [`Runs::original_of`], with what lies outside brought to the nearest border; 0 when nothing is kept.
    fn nearest_original_of(&self, at: f64) -> f64 {
        let end = || self.0.last().map_or(0.0, |&(start, length)| f64::from(start) + f64::from(length));
        self.original_of(at.max(0.0)).unwrap_or_else(end)
    }
}

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rectangle {
    /// First row.
    pub top: u32,
    /// First column.
    pub left: u32,
    /// Height.
    pub rows: u32,
    /// Width.
    pub columns: u32,
}

/// Rows and columns of an image or of a grid over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Height.
    pub rows: u32,
    /// Width.
    pub columns: u32,
}

/// How one image was brought to the network's input: crop, then resize into `placed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// The original image.
    pub original: Extent,
    /// Rows of the original that were kept.
    pub kept_rows: Runs,
    /// Columns of the original that were kept.
    pub kept_columns: Runs,
    /// The network's input.
    pub input: Extent,
    /// Where in the input the resized image stands; all of it unless the aspect was kept.
    pub placed: Rectangle,
}

impl Geometry {
    /// From the original image to the network's input; `None` in a removed row or column, or outside.
    #[must_use]
    pub fn input_of_original(&self, point: Point) -> Option<Point> {
        let x = self.kept_columns.kept_of(point.x)?;
        let y = self.kept_rows.kept_of(point.y)?;
        Some(Point {
            x: f64::from(self.placed.left) + x * f64::from(self.placed.columns) / f64::from(self.kept_columns.count()),
            y: f64::from(self.placed.top) + y * f64::from(self.placed.rows) / f64::from(self.kept_rows.count()),
        })
    }

    /// From the network's input to the original image; `None` in the input's padding, or outside.
    #[must_use]
    pub fn original_of_input(&self, point: Point) -> Option<Point> {
        let x = (point.x - f64::from(self.placed.left)) * f64::from(self.kept_columns.count())
            / f64::from(self.placed.columns);
        let y =
            (point.y - f64::from(self.placed.top)) * f64::from(self.kept_rows.count()) / f64::from(self.placed.rows);
        Some(Point { x: self.kept_columns.original_of(x)?, y: self.kept_rows.original_of(y)? })
    }

    /// From a grid that covers the whole input evenly (the CAM) to the original image.
    #[must_use]
    pub fn original_of_grid(&self, grid: Extent, point: Point) -> Option<Point> {
        self.original_of_input(Point {
            x: point.x * f64::from(self.input.columns) / f64::from(grid.columns),
            y: point.y * f64::from(self.input.rows) / f64::from(grid.rows),
        })
    }

    /// As [`Geometry::original_of_grid`], with a point in padding or outside brought to the image's nearest border. On both
    /// axes the result rises with the point.
    #[must_use]
    pub fn nearest_original_of_grid(&self, grid: Extent, point: Point) -> Point {
        let axis = |at: f64, cells: u32, input: u32, start: u32, length: u32, kept: &Runs| {
            let in_input = at * f64::from(input) / f64::from(cells);
            kept.nearest_original_of((in_input - f64::from(start)) * f64::from(kept.count()) / f64::from(length))
        };
        let Rectangle { top, left, rows, columns } = self.placed;
        Point {
            x: axis(point.x, grid.columns, self.input.columns, left, columns, &self.kept_columns),
            y: axis(point.y, grid.rows, self.input.rows, top, rows, &self.kept_rows),
        }
    }

    /// From the original image to a grid that covers the whole input evenly (the CAM).
    #[must_use]
    pub fn grid_of_original(&self, grid: Extent, point: Point) -> Option<Point> {
        let point = self.input_of_original(point)?;
        Some(Point {
            x: point.x * f64::from(grid.columns) / f64::from(self.input.columns),
            y: point.y * f64::from(grid.rows) / f64::from(self.input.rows),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn geometry(rows: &[bool], columns: &[bool], placed: Rectangle) -> Geometry {
        Geometry {
            original: Extent { rows: rows.len() as u32, columns: columns.len() as u32 },
            kept_rows: Runs::from_flags(rows),
            kept_columns: Runs::from_flags(columns),
            input: Extent { rows: 955, columns: 500 },
            placed,
        }
    }

    const FULL: Rectangle = Rectangle { top: 0, left: 0, rows: 955, columns: 500 };

    #[test]
    fn runs_are_the_set_flags() {
        let runs = Runs::from_flags(&[false, true, true, false, true]);
        assert_eq!(runs.as_slice(), [(1, 2), (4, 1)]);
        assert_eq!(runs.iter().collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(runs.count(), 3);
        assert_eq!(Runs::from_flags(&[false; 4]).count(), 0);
    }

    #[test]
    fn interior_removed_rows_are_skipped() {
        // Rows 1 and 2 of four are gone: the middle of the input is the border between rows 0 and 3.
        let geometry = geometry(&[true, false, false, true], &[true; 10], FULL);
        let just_below = geometry.original_of_input(Point { x: 250.0, y: 478.0 }).unwrap();
        assert!(just_below.y >= 3.0 && just_below.y < 3.01, "{just_below:?}");
        assert_eq!(geometry.input_of_original(Point { x: 5.0, y: 1.5 }), None);
    }

    #[test]
    fn padding_of_the_input_is_nowhere_in_the_original() {
        let placed = Rectangle { top: 0, left: 100, rows: 955, columns: 300 };
        let geometry = geometry(&[true; 20], &[true; 20], placed);
        assert_eq!(geometry.original_of_input(Point { x: 50.0, y: 10.0 }), None);
        assert_eq!(geometry.original_of_input(Point { x: 450.0, y: 10.0 }), None);
        assert!(geometry.original_of_input(Point { x: 250.0, y: 10.0 }).is_some());
    }

    fn flags() -> impl Strategy<Value = Vec<bool>> {
        proptest::collection::vec(any::<bool>(), 1..200).prop_filter("one is kept", |flags| flags.contains(&true))
    }

    proptest! {
        #[test]
        fn grid_to_original_and_back_is_the_same_point(
            rows in flags(), columns in flags(), u in 0.0001..0.9999, v in 0.0001..0.9999,
            top in 0_u32..100, left in 0_u32..100,
        ) {
            let placed = Rectangle { top, left, rows: 955 - 2 * top, columns: 500 - 2 * left };
            let geometry = geometry(&rows, &columns, placed);
            let grid = Extent { rows: 30, columns: 16 };
            let inside = Point {
                x: (f64::from(placed.left) + u * f64::from(placed.columns)) * 16.0 / 500.0,
                y: (f64::from(placed.top) + v * f64::from(placed.rows)) * 30.0 / 955.0,
            };
            let original = geometry.original_of_grid(grid, inside).unwrap();
            prop_assert!(rows[original.y as usize] && columns[original.x as usize], "a removed pixel: {original:?}");
            let back = geometry.grid_of_original(grid, original).unwrap();
            prop_assert!((back.x - inside.x).abs() < 1e-6 && (back.y - inside.y).abs() < 1e-6, "{back:?}");
        }
    }
}
