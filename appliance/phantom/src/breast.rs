//! The shape of a breast in one view: skin, nipple and pectoral muscle.
//!
//! Coordinates are in mm: `u` from the edge of the picture at the chest wall towards the nipple, `v` downwards from the
//! upper edge. So both sides are drawn alike, and the right breast is mirrored when pixels are made.

use domain::View;

use crate::noise::{Noise, mix_values, step};

/// Height that the shapes are made for: an image receptor of 24 x 29 cm.
pub(crate) const HEIGHT_MM: f32 = 286.0;

/// Segments of the skin line, or of each of its two parts.
const SEGMENTS: u32 = 96;
/// Beyond the picture, so that no end of the skin line is seen.
const OUTSIDE_MM: f32 = 30.0;

/// A point in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) u: f32,
    pub(crate) v: f32,
}

/// One breast in one view.
#[derive(Debug, Clone)]
pub(crate) struct Breast {
    /// Where the nipple is seen in profile.
    pub(crate) nipple: Place,
    /// The edge of the pectoral muscle, in an oblique view: `u` at the upper edge, `v` at the chest wall.
    pub(crate) muscle: Option<Place>,
    skin: Vec<Place>,
}

impl Breast {
    /// The breast that `shape` gives; views of one exam get the same `size`, from 0 (small) to 1 (large).
    pub(crate) fn new(view: View, size: f32, shape: Noise) -> Self {
        let depth = mix_values(98.0, 138.0, size) + shape.between(1, -4.0, 4.0);
        let (mut skin, nipple_v, muscle) = match view {
            View::CranioCaudal => {
                let half = mix_values(84.0, 112.0, size) + shape.between(2, -4.0, 4.0);
                let centre = HEIGHT_MM / 2.0 + shape.between(3, -7.0, 7.0);
                (cranio_caudal(depth, half, centre), centre + shape.between(4, -8.0, 8.0), None)
            }
            View::MedioLateralOblique => {
                let nipple_v = shape.between(2, 148.0, 164.0);
                let muscle = Place { u: shape.between(5, 56.0, 74.0), v: nipple_v + shape.between(6, -28.0, 0.0) };
                (oblique(depth, nipple_v, mix_values(72.0, 92.0, size), shape), nipple_v, Some(muscle))
            }
        };
        for place in &mut skin {
            let wave = shape.layered(place.v / 45.0, 0.5, 2, 0.4) - 0.5;
            place.u += 5.0 * wave + nipple_bump(place.v - nipple_v);
        }
        let front = skin.iter().fold(0.0, |most: f32, place| most.max(place.u));
        Self { nipple: Place { u: front - 4.0, v: nipple_v }, muscle, skin }
    }

    /// Distance to the skin in mm, above 0 inside the breast.
    pub(crate) fn depth_at(&self, at: Place) -> f32 {
        let mut nearest = f32::INFINITY;
        let mut inside = false;
        for ends in self.skin.windows(2) {
            let (from, to) = (ends[0], ends[1]);
            nearest = nearest.min(squared_distance(at, from, to));
            if (from.v > at.v) != (to.v > at.v) {
                let crossing = from.u + (at.v - from.v) / (to.v - from.v) * (to.u - from.u);
                inside ^= at.u < crossing;
            }
        }
        let distance = nearest.sqrt();
        if inside { distance } else { -distance }
    }
}

/// Half an ellipse, its centre a little behind the chest wall's edge; from the upper end to the lower.
fn cranio_caudal(depth: f32, half: f32, centre: f32) -> Vec<Place> {
    const BEHIND_MM: f32 = 14.0;
    (0..=2 * SEGMENTS)
        .map(|index| index as f32 / SEGMENTS as f32 - 1.0)
        .map(|turn| {
            let (across, down) = half_circle(turn);
            Place { u: (depth + BEHIND_MM) * across - BEHIND_MM, v: centre + half * down }
        })
        .collect()
}

/// From the axilla at the upper edge in a long curve to the nipple, then round to the fold under the breast.
fn oblique(depth: f32, nipple_v: f32, below: f32, shape: Noise) -> Vec<Place> {
    const BEHIND_MM: f32 = 26.0;
    let axilla = depth * shape.between(7, 0.62, 0.74);
    let top = Place { u: axilla, v: -OUTSIDE_MM };
    let upper = (0..SEGMENTS).map(|index| index as f32 / SEGMENTS as f32).map(|part| Place {
        u: mix_values(axilla, depth, mix_values(step(0.0, 1.0, part), part * (2.0 - part), 0.6)),
        v: mix_values(0.0, nipple_v, part),
    });
    let lower = (0..=SEGMENTS).map(|index| index as f32 / SEGMENTS as f32).map(|turn| {
        let (across, down) = half_circle(turn);
        Place { u: (depth + BEHIND_MM) * across - BEHIND_MM, v: nipple_v + below * down }
    });
    std::iter::once(top).chain(upper).chain(lower).collect()
}

/// The right half of the unit circle from its top (-1) over (1, 0) to its bottom (1), without sine or cosine.
fn half_circle(turn: f32) -> (f32, f32) {
    let squared = turn * turn;
    ((1.0 - squared) / (1.0 + squared), 2.0 * turn / (1.0 + squared))
}

/// How far the nipple stands out, in mm, `offset` mm beside its middle.
fn nipple_bump(offset: f32) -> f32 {
    let left = 1.0 - step(3.0, 8.5, offset.abs());
    5.5 * left
}

fn squared_distance(at: Place, from: Place, to: Place) -> f32 {
    let (du, dv) = (to.u - from.u, to.v - from.v);
    let (u, v) = (at.u - from.u, at.v - from.v);
    let along = ((u * du + v * dv) / (du * du + dv * dv)).clamp(0.0, 1.0);
    let (u, v) = (u - along * du, v - along * dv);
    u * u + v * v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_positive_inside_and_grows_from_the_skin() {
        for view in [View::CranioCaudal, View::MedioLateralOblique] {
            for seed in 0..20 {
                let breast = Breast::new(view, (seed % 5) as f32 / 4.0, Noise::new(&[seed]));
                let Place { u, v } = breast.nipple;
                let inner = breast.depth_at(Place { u: u - 40.0, v });
                let outer = breast.depth_at(Place { u: u - 20.0, v });
                assert!(inner > outer && outer > 5.0, "{view:?} {seed}: {inner} {outer}");
                assert!(breast.depth_at(Place { u: u + 10.0, v }) < 0.0, "{view:?} {seed}");
                assert!(u < 165.0, "the breast leaves the picture: {u}");
            }
        }
    }
}
