//! Deterministic noise from integer hashes.
//!
//! Everything that draws the picture uses only `+ - * /`, `sqrt` and rounding, which IEEE 754 fixes to the last bit:
//! `exp`, `sin` and `powi` differ between platforms, and the same seed must give the same bytes everywhere.

/// A source of noise; sources with different keys are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    seed: u32,
}

impl Noise {
    /// The source that belongs to `key`.
    pub(crate) fn new(key: &[u64]) -> Self {
        let mixed = key.iter().fold(0x6A09_E667_F3BC_C908, |state, part| mix(state ^ part));
        Self { seed: (mixed >> 32) as u32 }
    }

    /// 32 even bits that belong to the point (x, y) of the integer grid.
    pub(crate) const fn bits(self, x: i32, y: i32) -> u32 {
        let mut hash = self.seed ^ (x as u32).wrapping_mul(0x9E37_79B1);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x85EB_CA77) ^ (y as u32).wrapping_mul(0xC2B2_AE3D);
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x7FEB_352D);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846C_A68B);
        hash ^ (hash >> 16)
    }

    /// Even values from `low` to `high`, one for each `index`.
    pub(crate) fn between(self, index: i32, low: f32, high: f32) -> f32 {
        low + (high - low) * unit(self.bits(index, 0))
    }

    /// Roughly normal noise of mean 0 and deviation 1 for one pixel: the sum of four even bytes.
    pub(crate) fn normal(self, x: i32, y: i32) -> f32 {
        /// Deviation of the sum of four even bytes: sqrt(4 (256² - 1) / 12).
        const DEVIATION: f32 = 147.8;
        let sum: u32 = self.bits(x, y).to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
        (sum as f32 - 510.0) / DEVIATION
    }

    /// Smooth value noise from 0 to 1, with a wavelength of about 2.
    pub(crate) fn smooth(self, x: f32, y: f32) -> f32 {
        let (column, row) = (floor(x), floor(y));
        let (across, down) = (fade(x - column as f32), fade(y - row as f32));
        let node = |x: i32, y: i32| unit(self.bits(column + x, row + y));
        let upper = mix_values(node(0, 0), node(1, 0), across);
        let lower = mix_values(node(0, 1), node(1, 1), across);
        mix_values(upper, lower, down)
    }

    /// `octaves` of smooth noise, each half as long and `gain` times as strong as the one before; 0 to 1, mean 0.5.
    pub(crate) fn layered(self, x: f32, y: f32, octaves: u32, gain: f32) -> f32 {
        let (mut x, mut y, mut weight, mut sum, mut weights) = (x, y, 1.0, 0.0, 0.0);
        for _ in 0..octaves {
            sum += weight * self.smooth(x, y);
            weights += weight;
            weight *= gain;
            // Turned by a 3-4-5 triangle, so that the grids of the octaves do not lie on each other.
            (x, y) = (2.0 * (0.8 * x - 0.6 * y) + 17.3, 2.0 * (0.6 * x + 0.8 * y) + 5.1);
        }
        sum / weights
    }

    /// Thin bright lines on dark, 0 to 1: where smooth noise crosses its middle.
    pub(crate) fn ridges(self, x: f32, y: f32) -> f32 {
        let near = 1.0 - (2.0 * self.smooth(x, y) - 1.0).abs();
        let squared = near * near;
        squared * squared * squared
    }
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn step(low: f32, high: f32, at: f32) -> f32 {
    let at = ((at - low) / (high - low)).clamp(0.0, 1.0);
    at * at * (3.0 - 2.0 * at)
}

/// From `low` (at 0) to `high` (at 1) in a straight line.
pub(crate) fn mix_values(low: f32, high: f32, at: f32) -> f32 {
    low + (high - low) * at
}

/// The finaliser of SplitMix64.
const fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// The upper 24 bits, which an `f32` holds exactly, from 0 to below 1.
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 / 16_777_216.0
}

/// `f32::floor` is a call of the C library where the compiler may not assume SSE 4.1, and this is the innermost loop.
fn floor(at: f32) -> i32 {
    let cut = at as i32;
    cut - i32::from(cut as f32 > at)
}

/// Perlin's fade, whose first and second derivatives vanish at the nodes.
fn fade(at: f32) -> f32 {
    at * at * at * (at * (at * 6.0 - 15.0) + 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_noise_stays_in_range_and_joins_at_the_nodes() {
        let noise = Noise::new(&[1, 2]);
        for index in -500..500 {
            let at = index as f32 * 0.37;
            assert!((0.0..=1.0).contains(&noise.layered(at, -at, 6, 0.5)), "{at}");
            let node = index as f32;
            assert!((noise.smooth(node - 1e-4, 3.3) - noise.smooth(node + 1e-4, 3.3)).abs() < 1e-2, "{node}");
        }
    }

    #[test]
    fn normal_noise_has_mean_0_and_deviation_1() {
        let noise = Noise::new(&[3]);
        let values: Vec<f32> = (0..100_000).map(|index| noise.normal(index % 317, index / 317)).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn the_key_and_its_order_matter() {
        assert_ne!(Noise::new(&[1, 2]).bits(0, 0), Noise::new(&[2, 1]).bits(0, 0));
        assert_ne!(Noise::new(&[1]).bits(0, 1), Noise::new(&[1]).bits(1, 0));
    }
}
