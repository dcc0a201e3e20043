//! From a breast to pixels.

use contract::geometry::{Extent, Rectangle};
use domain::{Laterality, View};

use crate::breast::{Breast, Place};
use crate::grid::Grid;
use crate::lesion::Lesion;
use crate::noise::{Noise, mix_values, step};

/// Bits Stored.
pub(crate) const BITS: u16 = 12;

/// Brightest value.
const WHITE: f32 = 4095.0;
/// Nodes at which the distance to the skin is computed.
const SKIN_PITCH_MM: f32 = 2.0;
/// Nodes at which the tissue is computed; finer structure is noise of the detector.
const TISSUE_PITCH_MM: f32 = 0.35;
/// Depth at which the compressed breast has its full thickness.
const EDGE_MM: f32 = 24.0;
/// Deviation of the quantum noise, of [`WHITE`].
const QUANTUM_NOISE: f32 = 34.0;

/// Everything that a picture is drawn from.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    laterality: Laterality,
    extent: Extent,
    pixel_mm: f32,
    breast: Breast,
    lesion: Option<Lesion>,
    /// Amount of fibroglandular tissue, from 0 to 1.
    density: f32,
    /// Where gland is, alike on both sides.
    gland: Noise,
    /// Fine structure, of this picture alone.
    texture: Noise,
}

impl Picture {
    /// The picture of one view of the exam `seed`; a right breast has the mass.
    pub(crate) fn new(seed: u64, laterality: Laterality, view: View, extent: Extent, pixel_mm: f32) -> Self {
        let (side, view_number) = (laterality as u64, view as u64);
        let exam = Noise::new(&[seed, 1]);
        let shape = Noise::new(&[seed, 2, view_number, side]);
        let texture = Noise::new(&[seed, 3, view_number, side]);
        let breast = Breast::new(view, exam.between(0, 0.0, 1.0), shape);
        let lesion = (laterality == Laterality::Right).then(|| Lesion::new(&breast, exam, texture));
        let gland = Noise::new(&[seed, 4, view_number]);
        Self { laterality, extent, pixel_mm, breast, lesion, density: exam.between(10, 0.2, 0.8), gland, texture }
    }

    /// The square around the mass and its blurred rim, in pixels; spicules may reach beyond.
    pub(crate) fn lesion(&self) -> Option<Rectangle> {
        let lesion = self.lesion.as_ref()?;
        let pixels = |mm: f32| (mm / self.pixel_mm).round() as u32;
        let side = pixels(2.0 * lesion.radius_mm);
        let near = pixels(lesion.centre.u - lesion.radius_mm);
        let left = match self.laterality {
            Laterality::Right => self.extent.columns.saturating_sub(near + side),
            Laterality::Left => near,
        };
        Some(Rectangle { top: pixels(lesion.centre.v - lesion.radius_mm), left, rows: side, columns: side })
    }

    /// Gives each row of pixels, from the upper to the lower, to `take`.
    ///
    /// # Errors
    /// The first that `take` returns.
    pub(crate) fn rows<E>(&self, mut take: impl FnMut(&[u16]) -> Result<(), E>) -> Result<(), E> {
        let columns = self.extent.columns as usize;
        let (skin, tissue) = self.grids();
        let (first, step) = (0.5 * self.pixel_mm, self.pixel_mm);
        let mut nodes = Vec::new();
        let (mut depths, mut values, mut pixels) = (vec![0.0; columns], vec![0.0; columns], vec![0; columns]);
        for row in 0..self.extent.rows {
            let v = first + row as f32 * step;
            skin.read_row(v, first, step, &mut nodes, &mut depths);
            let end = depths.iter().rposition(|&depth| depth > 0.0).map_or(0, |last| last + 1);
            tissue.read_row(v, first, step, &mut nodes, &mut values[..end]);
            pixels.fill(0);
            for (column, pixel) in pixels[..end].iter_mut().enumerate() {
                *pixel = self.pixel(row, column, depths[column], values[column]);
            }
            if self.laterality == Laterality::Right {
                pixels.reverse();
            }
            take(&pixels)?;
        }
        Ok(())
    }

    /// Distance to the skin in mm, and brightness of the tissue.
    fn grids(&self) -> (Grid, Grid) {
        let width = self.extent.columns as f32 * self.pixel_mm;
        let height = self.extent.rows as f32 * self.pixel_mm;
        let skin = Grid::of(width, height, SKIN_PITCH_MM, |v, line| {
            for (column, depth) in line.iter_mut().enumerate() {
                *depth = self.breast.depth_at(Place { u: column as f32 * SKIN_PITCH_MM, v });
            }
        });
        let pitch = TISSUE_PITCH_MM.max(self.pixel_mm);
        let (mut nodes, mut depths) = (Vec::new(), Vec::new());
        let tissue = Grid::of(width, height, pitch, |v, line| {
            depths.resize(line.len(), 0.0);
            skin.read_row(v, 0.0, pitch, &mut nodes, &mut depths);
            for (column, (value, &depth)) in line.iter_mut().zip(&depths).enumerate() {
                *value = self.tissue(Place { u: column as f32 * pitch, v }, depth);
            }
        });
        (skin, tissue)
    }

    /// Exactly 0 outside the skin; never 0 inside, so that 0 means air.
    fn pixel(&self, row: u32, column: usize, depth: f32, tissue: f32) -> u16 {
        if depth <= 0.0 {
            return 0;
        }
        let thin = (depth / EDGE_MM).min(1.0);
        let thickness = (thin * (2.0 - thin)).sqrt();
        let noise = QUANTUM_NOISE * self.texture.normal(column as i32, row as i32);
        (tissue * thickness * WHITE + noise).clamp(1.0, WHITE) as u16
    }

    /// Brightness of the tissue from 0 to 1 at full thickness, `depth` mm below the skin.
    fn tissue(&self, at: Place, depth: f32) -> f32 {
        if depth < -2.0 * SKIN_PITCH_MM {
            return 0.0;
        }
        let texture = self.texture;
        let warp = 14.0 * (texture.layered(at.u / 16.0 + 3.0, at.v / 16.0, 3, 0.5) - 0.5);
        let fat = 0.19 + 0.17 * texture.layered(at.u / 24.0, at.v / 24.0, 6, 0.66);
        // Septa of the fat, across each other and bent.
        let (across, down) = (0.8 * at.u - 0.6 * at.v + warp, 0.6 * at.u + 0.8 * at.v - warp);
        let septa = texture.ridges(across / 34.0, down / 11.0).max(texture.ridges(down / 30.0 + 40.0, across / 12.0));
        let mut brightness = fat + 0.06 * septa * step(2.0, 9.0, depth);
        brightness += self.gland(at, depth);
        brightness += 0.12 * (1.0 - step(0.8, 2.2, depth));
        if let Some(muscle) = self.breast.muscle {
            let cover = self.muscle_cover(at, muscle);
            let (along, beside) = (at.v - at.u * 0.45 + warp, at.u + at.v * 0.45 + 0.4 * warp);
            let strands = texture.layered(beside / 14.0, along / 70.0, 4, 0.6);
            let fading = 0.08 * at.v / muscle.v;
            brightness = mix_values(brightness, 0.46 + 0.16 * strands - fading, cover);
        }
        if let Some(lesion) = &self.lesion {
            brightness += (0.82 - brightness).max(0.0) * lesion.brightness_at(at);
        }
        brightness
    }

    /// Brightness that fibroglandular tissue adds: a cone that opens from the nipple to the chest wall, in strands.
    fn gland(&self, at: Place, depth: f32) -> f32 {
        let behind = self.breast.nipple.u - at.u;
        let beside = at.v - self.breast.nipple.v;
        let warp = self.gland.layered(at.u / 35.0, at.v / 35.0, 3, 0.5) - 0.5;
        // Upwards (lateral, cranial) there is more gland than downwards.
        let fan = (beside + 0.12 * behind) / (behind.max(0.0) + 26.0) + 0.5 * warp;
        let cone = 1.0 - step(0.30, 0.85, fan.abs());
        let below_nipple = 1.0 - step(4.0, 14.0, beside.abs());
        let inner = step(mix_values(8.0, 3.0, below_nipple), mix_values(26.0, 12.0, below_nipple), depth);
        let region = cone * inner * step(6.0, 52.0, at.u);
        if region <= 0.0 {
            return 0.0;
        }
        let lobules = self.gland.layered(at.u / 20.0 + 9.0, at.v / 20.0, 6, 0.62);
        let cover = step(0.30, 0.62, lobules + 0.36 * (self.density - 0.5) + 0.34 * (region - 0.6));
        let strands = self.texture.layered(behind / 20.0, fan * 8.0, 6, 0.66);
        let threads = self.texture.ridges(behind / 18.0 + 7.0, fan * 15.0 + warp * 4.0);
        cover * region * (0.02 + 0.44 * strands + 0.07 * threads)
    }

    /// 1 in the pectoral muscle, 0 outside, with a soft and slightly bulging edge.
    fn muscle_cover(&self, at: Place, muscle: Place) -> f32 {
        let (across, down) = (at.u / muscle.u, at.v / muscle.v);
        let bulge = 0.22 * across * down;
        let wave = 0.05 * (self.gland.smooth(at.v / 30.0, 3.0) - 0.5);
        1.0 - step(0.96, 1.03, across + down - bulge + wave)
    }
}
