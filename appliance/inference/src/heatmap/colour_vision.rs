//! Are the colours of the map safe for readers without full colour vision? Dichromats are simulated after Machado, Oliveira and
//! Fernandes (2009), "A physiologically-based model for simulation of color vision deficiency", severity 1.0, in linear RGB.

use super::*;

type Matrix = [[f64; 3]; 3];

const VISIONS: [(&str, Matrix); 4] = [
    ("full colour vision", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("protanopia", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    ("tritanopia", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
];

/// CIE L*a*b* (D65) of an sRGB colour as `vision` sees it.
fn lab(colour: [f32; 3], vision: &Matrix) -> [f64; 3] {
    let linear = colour.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let times = |matrix: &Matrix, values: [f64; 3]| {
        matrix.map(|row| row.iter().zip(values).map(|(factor, value)| factor * value).sum::<f64>())
    };
    let seen = times(vision, linear).map(|value| value.clamp(0.0, 1.0));
    const XYZ: Matrix =
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]];
    let [x, y, z] = times(&XYZ, seen);
    let root = |value: f64| if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 };
    let [x, y, z] = [root(x / 0.950_47), root(y), root(z / 1.088_83)];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn strengths() -> impl Iterator<Item = f32> {
    (0..=100).map(|step| step as f32 / 100.0)
}

#[test]
fn the_stronger_the_lighter_for_every_kind_of_colour_vision() {
    for (name, vision) in VISIONS {
        let lightness: Vec<f64> = strengths().map(|strength| lab(colour(strength), &vision)[0]).collect();
        for (index, pair) in lightness.windows(2).enumerate() {
            assert!(pair[1] > pair[0], "{name}: lightness {:.2} to {:.2} after {index} %", pair[0], pair[1]);
        }
        let range = lightness[100] - lightness[0];
        assert!(range > 60.0, "{name}: lightness has a range of {range:.1} only");
    }
}

#[test]
fn the_line_stands_out_from_the_map_and_from_every_grey_for_every_kind_of_colour_vision() {
    for (name, vision) in VISIONS {
        let line = lab(OUTLINE_COLOUR.map(f32::from), &vision);
        let greys = (0..=255_u8).map(|level| [f32::from(level); 3]);
        for other in strengths().map(colour).chain(greys) {
            let far = lab(other, &vision).iter().zip(line).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(far > 15.0, "{name}: the line differs by {far:.1} only from {other:?}");
        }
    }
}

#[test]
fn a_rainbow_would_not_pass() {
    // Blue, cyan, green, yellow, red: as maps are often drawn.
    let rainbow = [[0.0, 0.0, 255.0], [0.0, 255.0, 255.0], [0.0, 255.0, 0.0], [255.0, 255.0, 0.0], [255.0, 0.0, 0.0]];
    for (name, vision) in VISIONS {
        let lightness = rainbow.map(|colour| lab(colour, &vision)[0]);
        assert!(lightness.windows(2).any(|pair| pair[1] < pair[0]), "{name}: {lightness:?}");
    }
}
