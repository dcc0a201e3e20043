//! The planted lesion: a dense mass with a blurred rim and spicules, as an invasive carcinoma looks.

use crate::breast::{Breast, Place};
use crate::noise::{Noise, step};

/// Rays around the mass.
const SPICULES: i32 = 17;

/// A spiculated mass.
#[derive(Debug, Clone)]
pub(crate) struct Lesion {
    /// Its middle.
    pub(crate) centre: Place,
    /// Where the blurred rim ends, on average.
    pub(crate) radius_mm: f32,
    spicules: Vec<Spicule>,
    noise: Noise,
}

/// A ray: its direction as a unit vector, its end and half its width at the mass, in mm.
#[derive(Debug, Clone)]
struct Spicule {
    direction: (f32, f32),
    end_mm: f32,
    half_width_mm: f32,
}

impl Lesion {
    /// The lesion of a breast, as deep behind the nipple as `body` says, which is the same for all views; in the outer
    /// or upper half, where most cancers are.
    pub(crate) fn new(breast: &Breast, body: Noise, noise: Noise) -> Self {
        let radius_mm = body.between(1, 8.5, 10.5);
        let centre = Place {
            u: breast.nipple.u - body.between(2, 42.0, 52.0),
            v: breast.nipple.v - noise.between(3, 16.0, 28.0),
        };
        let spicules = (0..SPICULES).map(|index| Spicule {
            direction: direction((index as f32 + noise.between(100 + index, -0.4, 0.4)) / SPICULES as f32),
            end_mm: radius_mm * noise.between(200 + index, 1.5, 2.7),
            half_width_mm: noise.between(300 + index, 0.35, 0.8),
        });
        Self { centre, radius_mm, spicules: spicules.collect(), noise }
    }

    /// How bright the lesion is at a point, from 0 to about 1.
    pub(crate) fn brightness_at(&self, at: Place) -> f32 {
        let reach = 3.0 * self.radius_mm;
        let (u, v) = (at.u - self.centre.u, at.v - self.centre.v);
        if u.abs() > reach || v.abs() > reach {
            return 0.0;
        }
        // The plane is bent a little, so that the rim is lobed and no ray is quite straight.
        let u = u + 5.0 * (self.noise.layered(at.u / 9.0, at.v / 9.0, 2, 0.5) - 0.5);
        let v = v + 5.0 * (self.noise.layered(at.v / 9.0 + 50.0, at.u / 9.0, 2, 0.5) - 0.5);
        let distance = (u * u + v * v).sqrt();
        let mottle = 0.85 + 0.3 * self.noise.layered(at.u / 3.0, at.v / 3.0, 3, 0.6);
        let mass = (1.0 - step(0.45 * self.radius_mm, self.radius_mm, distance)) * mottle;
        let rays = self.spicules.iter().map(|spicule| spicule.brightness(u, v));
        mass.max(0.6 * rays.fold(0.0, f32::max))
    }
}

impl Spicule {
    fn brightness(&self, u: f32, v: f32) -> f32 {
        let along = u * self.direction.0 + v * self.direction.1;
        if along <= 0.0 || along >= self.end_mm {
            return 0.0;
        }
        let left = 1.0 - along / self.end_mm;
        let beside = (v * self.direction.0 - u * self.direction.1).abs();
        left * (1.0 - step(0.0, self.half_width_mm * (0.6 + 1.6 * left), beside))
    }
}

/// The unit vector at `turn` of a full circle (any real number), by the rational form of each quarter.
fn direction(turn: f32) -> (f32, f32) {
    let turn = turn - turn.floor();
    let quarter = (turn * 4.0).floor();
    let part = turn * 4.0 - quarter;
    // At most 4 degrees away from the even turn.
    let (a, b) = ((1.0 - part * part) / (1.0 + part * part), 2.0 * part / (1.0 + part * part));
    match quarter as i32 {
        0 => (a, b),
        1 => (-b, a),
        2 => (-a, -b),
        _ => (b, -a),
    }
}

#[cfg(test)]
mod tests {
    use domain::View;

    use super::*;

    #[test]
    fn bright_in_the_middle_and_nothing_far_away() {
        for seed in 0..20 {
            let breast = Breast::new(View::CranioCaudal, 0.5, Noise::new(&[seed]));
            let lesion = Lesion::new(&breast, Noise::new(&[seed, 1]), Noise::new(&[seed, 2]));
            assert!(lesion.brightness_at(lesion.centre) > 0.7, "{seed}");
            let far = Place { u: lesion.centre.u - 3.1 * lesion.radius_mm, ..lesion.centre };
            assert_eq!(lesion.brightness_at(far), 0.0, "{seed}");
            assert!(breast.depth_at(lesion.centre) > 2.0 * lesion.radius_mm, "too near to the skin: {seed}");
        }
    }

    #[test]
    fn directions_are_unit_vectors_all_around() {
        for index in -8..24 {
            let (u, v) = direction(index as f32 / 16.0);
            assert!((u * u + v * v - 1.0).abs() < 1e-5, "{index}");
        }
        assert_eq!(direction(0.75), (0.0, -1.0));
    }
}
