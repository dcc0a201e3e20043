//! Augmentation of grey images on tensors: flips, rotation, translation, shear as in the reference, scale and gamma on
//! request. One affine map per image, one interpolation; what comes from outside the image is 0, the background.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How far an image may be changed. Values are drawn evenly between minus and plus the limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Mirror left and right with probability 1/2.
    pub flip_horizontal: bool,
    /// Mirror top and bottom with probability 1/2.
    pub flip_vertical: bool,
    /// Rotation in degrees.
    pub rotation_deg: f64,
    /// Translation as a share of each side.
    pub translation: f64,
    /// Shear in degrees.
    pub shear_deg: f64,
    /// Scale: between 1 − scale and 1 + scale.
    pub scale: f64,
    /// Gamma: grey values to a power between 1 / (1 + gamma) and 1 + gamma.
    pub gamma: f64,
}

impl Default for Augmentation {
    /// The reference names the kinds; the limits are ours.
    fn default() -> Self {
        Self {
            flip_horizontal: true,
            flip_vertical: true,
            rotation_deg: 10.0,
            translation: 0.05,
            shear_deg: 5.0,
            scale: 0.0,
            gamma: 0.0,
        }
    }
}

impl Augmentation {
    /// Nothing is changed.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            flip_horizontal: false,
            flip_vertical: false,
            rotation_deg: 0.0,
            translation: 0.0,
            shear_deg: 0.0,
            scale: 0.0,
            gamma: 0.0,
        }
    }
}

/// One image's change, in this order: flips, scale, shear, rotation about the middle, translation, gamma.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Change {
    /// Left and right are mirrored.
    pub flip_horizontal: bool,
    /// Top and bottom are mirrored.
    pub flip_vertical: bool,
    /// Clockwise.
    pub rotation_rad: f64,
    /// Share of width and height, to the right and down.
    pub translation: (f64, f64),
    /// What lies further down goes further right.
    pub shear_rad: f64,
    /// Above 1 the image grows.
    pub scale: f64,
    /// Exponent on the grey values.
    pub gamma: f64,
}

impl Change {
    /// Draws in a fixed order and always the same number of values, so that one limit does not shift another's draws.
    fn draw(limits: &Augmentation, generator: &mut fastrand::Rng) -> Self {
        let mut even = |limit: f64| (2.0 * generator.f64() - 1.0) * limit;
        let (horizontal, vertical) = (even(1.0) > 0.0, even(1.0) > 0.0);
        Self {
            flip_horizontal: limits.flip_horizontal && horizontal,
            flip_vertical: limits.flip_vertical && vertical,
            rotation_rad: even(limits.rotation_deg).to_radians(),
            translation: (even(limits.translation), even(limits.translation)),
            shear_rad: even(limits.shear_deg).to_radians(),
            scale: 1.0 + even(limits.scale),
            gamma: even((1.0 + limits.gamma).ln()).exp(),
        }
    }

    /// From the changed image back to the original, in `affine_grid`'s coordinates of −1 to 1, as 2 × 3 values.
    ///
    /// Rotation and shear act on pixels: with `aspect` (height over width) as the unit's ratio.
    fn inverse(&self, aspect: f64) -> [f32; 6] {
        let (sine, cosine) = self.rotation_rad.sin_cos();
        let shear = self.shear_rad.tan();
        // Forward in pixels: rotation × shear × scale. Its inverse: scale⁻¹ × shear⁻¹ × rotation⁻¹.
        let rotation = [[cosine, sine], [-sine, cosine]];
        let row_0 = [rotation[0][0] - shear * rotation[1][0], rotation[0][1] - shear * rotation[1][1]];
        let row_1 = rotation[1];
        let flip = |flipped: bool| if flipped { -1.0 } else { 1.0 };
        let (x, y) = (flip(self.flip_horizontal) / self.scale, flip(self.flip_vertical) / self.scale);
        let (a, b) = (x * row_0[0], x * row_0[1] * aspect);
        let (c, d) = (y * row_1[0] / aspect, y * row_1[1]);
        // A share of the side is twice that in coordinates of −1 to 1.
        let (shift_x, shift_y) = (2.0 * self.translation.0, 2.0 * self.translation.1);
        [a, b, -(a * shift_x + b * shift_y), c, d, -(c * shift_x + d * shift_y)].map(|value| value as f32)
    }
}

/// Changes grey images `[n, 1, rows, columns]` with values 0 to 1, each by its own generator.
pub fn augment(grey: &Tensor, limits: &Augmentation, generators: &mut [fastrand::Rng]) -> Tensor {
    if *limits == Augmentation::none() {
        return grey.shallow_clone();
    }
    let changes: Vec<Change> = generators.iter_mut().map(|generator| Change::draw(limits, generator)).collect();
    apply(grey, &changes)
}

/// Changes grey images `[n, 1, rows, columns]` with values 0 to 1, each as its change says.
pub fn apply(grey: &Tensor, changes: &[Change]) -> Tensor {
    let size = grey.size();
    let aspect = size[2] as f64 / size[3] as f64;
    let maps: Vec<f32> = changes.iter().flat_map(|change| change.inverse(aspect)).collect();
    let maps = Tensor::from_slice(&maps).view([size[0], 2, 3]).to_device(grey.device());
    tch::no_grad(|| {
        // Bilinear (0), zeros outside (0).
        let grid = Tensor::affine_grid_generator(&maps, &size, false);
        let moved = grey.grid_sampler(&grid, 0, 0, false);
        if changes.iter().all(|change| change.gamma == 1.0) {
            return moved;
        }
        let gammas: Vec<f64> = changes.iter().map(|change| change.gamma).collect();
        let gammas = Tensor::from_slice(&gammas).to_kind(Kind::Float).view([-1, 1, 1, 1]).to_device(grey.device());
        moved.clamp(0.0, 1.0).pow(&gammas)
    })
}

/// Grey images from a batch's bytes: 32-bit floats, `[n, 1, rows, columns]`.
///
/// # Errors
/// When libtorch has no memory.
pub fn grey_images(bytes: &[u8], rows: u32, columns: u32) -> crate::error::Result<Tensor> {
    let (rows, columns) = (i64::from(rows), i64::from(columns));
    let images = bytes.len() as i64 / (4 * rows * columns);
    Ok(Tensor::f_from_data_size(bytes, &[images, 1, rows, columns], Kind::Float)?.to_device(Device::Cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Change = Change {
        flip_horizontal: false,
        flip_vertical: false,
        rotation_rad: 0.0,
        translation: (0.0, 0.0),
        shear_rad: 0.0,
        scale: 1.0,
        gamma: 1.0,
    };

    /// One bright pixel of a 9 × 5 image after a change.
    fn moved(change: Change, row: i64, column: i64) -> (i64, i64) {
        let image = Tensor::zeros([1, 1, 9, 5], (Kind::Float, Device::Cpu));
        let _ = image.get(0).get(0).get(row).get(column).fill_(1.0);
        let maps = Tensor::from_slice(&change.inverse(9.0 / 5.0)).view([1, 2, 3]);
        let grid = Tensor::affine_grid_generator(&maps, [1, 1, 9, 5], false);
        let place = i64::try_from(image.grid_sampler(&grid, 0, 0, false).view([-1]).argmax(0, false)).unwrap();
        (place / 5, place % 5)
    }

    #[test]
    fn a_pixel_goes_where_each_change_says() {
        let quarter = std::f64::consts::FRAC_PI_2;
        assert_eq!(moved(STILL, 1, 3), (1, 3));
        assert_eq!(moved(Change { flip_horizontal: true, ..STILL }, 1, 3), (1, 1));
        assert_eq!(moved(Change { flip_vertical: true, ..STILL }, 1, 3), (7, 3));
        assert_eq!(moved(Change { translation: (0.2, 0.0), ..STILL }, 1, 3), (1, 4));
        assert_eq!(moved(Change { translation: (0.0, 1.0 / 9.0), ..STILL }, 1, 3), (2, 3));
        // A quarter turn moves the pixel below the middle by one pixel to its side: pixels stay square.
        assert_eq!(moved(Change { rotation_rad: quarter, ..STILL }, 5, 2), (4, 1));
        // Shear by 45 degrees: one row further down is one column further right.
        assert_eq!(moved(Change { shear_rad: quarter / 2.0, ..STILL }, 5, 2), (5, 3));
    }

    #[test]
    fn the_same_generators_give_the_same_images_and_none_changes_nothing() {
        tch::manual_seed(1);
        let images = Tensor::rand([3, 1, 9, 5], (Kind::Float, Device::Cpu));
        let limits = Augmentation { gamma: 0.2, scale: 0.1, ..Augmentation::default() };
        let run = |limits: &Augmentation| {
            let mut generators: Vec<_> = (0..3).map(fastrand::Rng::with_seed).collect();
            augment(&images, limits, &mut generators)
        };
        assert_eq!(run(&limits), run(&limits));
        assert_ne!(run(&limits), images);
        assert_eq!(run(&Augmentation::none()), images);
    }
}
