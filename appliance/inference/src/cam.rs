//! The class activation map: threshold, peak, and its value anywhere in the original image.

use contract::Geometry;
use contract::geometry::{Extent, Point};
use domain::findings::Cam;

/// The reference method's threshold: mean plus one standard deviation of the map.
#[must_use]
pub fn threshold(cam: &Cam) -> f32 {
    contract::cam::threshold(&cam.values)
}

/// The middle of the strongest cell, in pixels of the original image; `None` when it lies in the input's padding.
#[must_use]
pub fn peak(cam: &Cam, geometry: &Geometry) -> Option<Point> {
    let (strongest, _) = cam.values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let columns = cam.extent.columns as usize;
    let middle = Point { x: (strongest % columns) as f64 + 0.5, y: (strongest / columns) as f64 + 0.5 };
    geometry.original_of_grid(cam.extent, middle)
}

/// The thresholded map as a smooth surface in 0 to 1: 0 up to the threshold, 1 at the strongest cell.
#[derive(Debug, Clone)]
pub struct Surface {
    cells: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Surface {
    /// Thresholds `cam` and scales what is left.
    #[must_use]
    pub fn new(cam: &Cam) -> Self {
        Self {
            cells: contract::cam::thresholded(&cam.values),
            rows: cam.extent.rows as usize,
            columns: cam.extent.columns as usize,
        }
    }

    /// The value at a point of the grid (cells have their middle at +0.5), by a cubic B-spline: smooth and never
    /// negative.
    #[must_use]
    pub fn at(&self, point: Point) -> f32 {
        let (x, y) = (point.x - 0.5, point.y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (spline_weights((x - left) as f32), spline_weights((y - top) as f32));
        let place = |start: f64, offset: usize, side: usize| {
            (start as i64 + offset as i64 - 1).clamp(0, side as i64 - 1) as usize
        };
        let mut sum = 0.0;
        for (row, weight_down) in down.into_iter().enumerate() {
            let row = place(top, row, self.rows) * self.columns;
            for (column, weight_across) in across.into_iter().enumerate() {
                sum += self.cells[row + place(left, column, self.columns)] * weight_down * weight_across;
            }
        }
        sum
    }
}

/// The thresholded map over an image, or over a reduced one.
#[derive(Debug, Clone, PartialEq)]
pub struct CamSurface {
    /// Rows and columns.
    pub extent: Extent,
    /// One value of 0 to 1 for each pixel, row by row: 0 where the network saw nothing.
    pub values: Vec<f32>,
}

impl CamSurface {
    /// The map over the original image, reduced to `extent`: the value of each pixel's middle.
    #[must_use]
    pub fn of(cam: &Cam, geometry: &Geometry, extent: Extent) -> Self {
        let surface = Surface::new(cam);
        let original = geometry.original;
        let middle =
            |index: u32, original: u32, side: u32| (f64::from(index) + 0.5) * f64::from(original) / f64::from(side);
        let mut values = Vec::with_capacity(extent.rows as usize * extent.columns as usize);
        for row in 0..extent.rows {
            let y = middle(row, original.rows, extent.rows);
            values.extend((0..extent.columns).map(|column| {
                let point = Point { x: middle(column, original.columns, extent.columns), y };
                geometry.grid_of_original(cam.extent, point).map_or(0.0, |point| surface.at(point))
            }));
        }
        Self { extent, values }
    }
}

/// Weights of the four cells around a place `t` between the second and the third.
fn spline_weights(t: f32) -> [f32; 4] {
    let rest = 1.0 - t;
    [
        rest.powi(3) / 6.0,
        (3.0 * t.powi(3) - 6.0 * t.powi(2) + 4.0) / 6.0,
        (3.0 * rest.powi(3) - 6.0 * rest.powi(2) + 4.0) / 6.0,
        t.powi(3) / 6.0,
    ]
}

#[cfg(test)]
mod tests {
    use contract::geometry::{Rectangle, Runs};
    use proptest::prelude::*;

    use super::*;

    fn cam(values: Vec<f32>) -> Cam {
        Cam { extent: Extent { rows: 2, columns: values.len() as u32 / 2 }, values }
    }

    #[test]
    fn threshold_is_mean_plus_one_deviation() {
        // Mean 2, deviation 2.
        assert_eq!(threshold(&cam(vec![0.0, 0.0, 4.0, 4.0])), 4.0);
        let surface = Surface::new(&cam(vec![0.0, 0.0, 0.0, 8.0, 0.0, 0.0]));
        assert_eq!(surface.cells, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_constant_map_has_no_surface() {
        let surface = Surface::new(&cam(vec![3.0; 4]));
        assert!(surface.cells.iter().all(|&cell| cell == 0.0));
    }

    #[test]
    fn the_peak_lies_in_the_original_image() {
        let geometry = Geometry {
            original: Extent { rows: 100, columns: 60 },
            kept_rows: Runs::span(20, 40),
            kept_columns: Runs::all(60),
            input: Extent { rows: 8, columns: 6 },
            placed: Rectangle { top: 0, left: 0, rows: 8, columns: 6 },
        };
        let found = peak(&cam(vec![0.0, 0.0, 0.0, 0.0, 0.0, 9.0]), &geometry).unwrap();
        assert_eq!(found, Point { x: 50.0, y: 50.0 });
    }

    proptest! {
        #[test]
        fn the_surface_stays_between_0_and_1(values in proptest::collection::vec(-5.0_f32..5.0, 12), x in -1.0..7.0, y in -1.0..3.0) {
            let value = Surface::new(&cam(values)).at(Point { x, y });
            prop_assert!((0.0..=1.0001).contains(&value), "{}", value);
        }

        #[test]
        fn weights_sum_to_one(t in 0.0_f32..1.0) {
            prop_assert!((spline_weights(t).iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
}
