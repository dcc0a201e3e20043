//! A class activation map as colours: what `contract::cam` keeps of it, as on the appliance's heat maps, smooth between
//! cells. The trainer and the appliance share no code for pictures, because neither may depend on the other.

use contract::Point;
use contract::geometry::Extent;
use evaluation::canvas::Rgb;

/// How much of the image the strongest place hides.
const OPACITY_MAX: f32 = 0.65;

/// A colour for each quarter of the map's range, dark to bright, readable without colour vision as lightness rises.
const COLOURS: [[f32; 3]; 5] =
    [[45.0, 20.0, 95.0], [140.0, 35.0, 105.0], [220.0, 70.0, 55.0], [250.0, 160.0, 40.0], [252.0, 250.0, 160.0]];

/// A thresholded map in 0 to 1.
pub(super) struct Surface {
    cells: Vec<f32>,
    extent: Extent,
}

impl Surface {
    /// Thresholds a map of this extent, row by row, and scales what is left.
    pub(super) fn new(cam: &[f32], extent: Extent) -> Self {
        Self { cells: contract::cam::thresholded(cam), extent }
    }

    /// The value at a point of the grid, whose cells have their middle at +0.5: bilinear, with the smoothstep of each
    /// share, so that no cell's border is seen.
    pub(super) fn at(&self, point: Point) -> f32 {
        let axis = |at: f64, count: u32| {
            let at = (at - 0.5).clamp(0.0, f64::from(count.max(1) - 1));
            let below = at.floor();
            let share = (at - below) as f32;
            (below as usize, (below as usize + 1).min(count.max(1) as usize - 1), share * share * (3.0 - 2.0 * share))
        };
        let (left, right, across) = axis(point.x, self.extent.columns);
        let (top, bottom, down) = axis(point.y, self.extent.rows);
        let cell = |row: usize, column: usize| {
            self.cells.get(row * self.extent.columns as usize + column).copied().unwrap_or(0.0)
        };
        let line = |row: usize| cell(row, left) * (1.0 - across) + cell(row, right) * across;
        line(top) * (1.0 - down) + line(bottom) * down
    }
}

/// The colour of a grey level, 0 to 255, under a map of this strength, 0 to 1.
pub(super) fn blend(level: f32, strength: f32) -> Rgb {
    let strength = strength.clamp(0.0, 1.0);
    let opacity = OPACITY_MAX * strength.sqrt();
    let place = strength * (COLOURS.len() - 1) as f32;
    let below = (place as usize).min(COLOURS.len() - 2);
    let part = place - below as f32;
    std::array::from_fn(|channel| {
        let colour = COLOURS[below][channel] * (1.0 - part) + COLOURS[below + 1][channel] * part;
        (level * (1.0 - opacity) + colour * opacity) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_out_is_kept() {
        let mut cam = vec![0.0; 12];
        (cam[5], cam[6]) = (4.0, 1.0);
        let surface = Surface::new(&cam, Extent { rows: 3, columns: 4 });
        let at = |x, y| surface.at(Point { x, y });
        assert_eq!(at(1.5, 1.5), 1.0);
        assert_eq!((at(2.5, 1.5), at(0.5, 0.5), at(100.0, -5.0)), (0.0, 0.0, 0.0), "1.0 is below the threshold");
        assert!((at(2.0, 1.5) - 0.5).abs() < 1e-6);
        let flat = Surface::new(&[2.0; 12], Extent { rows: 3, columns: 4 });
        assert_eq!(flat.at(Point { x: 1.0, y: 1.0 }), 0.0);
    }

    #[test]
    fn without_a_map_the_image_is_itself() {
        assert_eq!(blend(100.0, 0.0), [100; 3]);
        let hot = blend(100.0, 1.0);
        assert!(hot[0] > 180 && hot[2] < hot[0], "{hot:?}");
    }
}
