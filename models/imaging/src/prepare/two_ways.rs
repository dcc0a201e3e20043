//! The same breast as a full-size mammogram and as a small picture of it meets itself at the network's input (decision
//! 0006): what a network learned from pictures holds for what a device receives.

use contract::preprocess::{ContrastRule, InputShape, Normalisation, PaddingRule, ResizeFilter, WindowRule};

use super::*;
use crate::image::{Photometric, Window};

/// Side of the small picture, whatever the mammogram's aspect.
const PICTURE: u32 = 640;

fn spec() -> PreprocessSpec {
    PreprocessSpec {
        window: WindowRule::FullRange,
        padding: PaddingRule::Exclude,
        crop: CropRule::LargestComponent,
        filter: ResizeFilter::Area,
        contrast: ContrastRule::Breast,
        normalisation: Normalisation::UnitRange,
        input: InputShape { rows: 384, columns: 192 },
        ..PreprocessSpec::reference()
    }
}

/// A half ellipse with gland, a mass and a marker beside it: 14 bits, 2560 × 1920, with a narrow window.
fn mammogram() -> DecodedImage {
    let (rows, columns) = (2560_u32, 1920_u32);
    let pixel = |index: u32| {
        let (y, x) = (f64::from(index / columns), f64::from(index % columns));
        let (down, across) = ((y - 1300.0) / 1000.0, x / 1100.0);
        let inside = 1.0 - down.hypot(across);
        let gland = 900.0 * ((y / 61.0).sin() * (x / 47.0).cos() + (y / 17.0 + x / 23.0).sin() / 2.0);
        let mass = if (y - 1200.0).hypot(x - 500.0) < 90.0 { 3000.0 } else { 0.0 };
        if (100.0..160.0).contains(&y) && (1600.0..1800.0).contains(&x) {
            16_383
        } else if inside > 0.0 {
            (3000.0 + 6000.0 * inside.min(0.3) + gland + mass) as u16
        } else {
            40
        }
    };
    let image = DecodedImage::from_gray(rows, columns, 14, (0..rows * columns).map(pixel).collect()).unwrap();
    let (mut header, samples) = image.into_parts();
    header.windows = vec![Window { center: 5000.0, width: 4000.0 }];
    DecodedImage::from_parts(header, samples).unwrap()
}

/// Its picture: squeezed to a square, 8 bits of the full range, with a little noise as of lossy compression.
fn picture(image: &DecodedImage) -> DecodedImage {
    let whole = PreprocessSpec {
        crop: CropRule::None,
        contrast: ContrastRule::Unchanged,
        input: InputShape { rows: PICTURE, columns: PICTURE },
        ..spec()
    };
    let grey = prepare(image, &whole).unwrap().tensor;
    let noise = |index: usize| (index * 2_654_435_761 % 5) as f32 - 2.0;
    let pixels = grey[..(PICTURE * PICTURE) as usize].iter().enumerate();
    let samples = pixels.map(|(index, grey)| (grey * 255.0 + noise(index)).round().clamp(0.0, 255.0) as u16);
    DecodedImage::from_gray(PICTURE, PICTURE, 8, samples.collect()).unwrap()
}

fn inverted(image: DecodedImage) -> DecodedImage {
    let greatest = u16::MAX >> (16 - image.header().bits_stored);
    let (mut header, samples) = image.into_parts();
    header.photometric = Photometric::Monochrome1;
    let samples = samples.into_iter().map(|sample| greatest - sample).collect();
    DecodedImage::from_parts(header, samples).unwrap()
}

/// Mean absolute difference of two inputs.
fn difference(one: &ModelInput, other: &ModelInput) -> f32 {
    let sum: f32 = one.tensor.iter().zip(&other.tensor).map(|(one, other)| (one - other).abs()).sum();
    sum / one.tensor.len() as f32
}

#[test]
fn picture_and_mammogram_meet_at_the_input() {
    let mammogram = mammogram();
    let picture = picture(&mammogram);
    let served = prepare(&mammogram, &spec()).unwrap();
    let trained = prepare(&picture, &spec()).unwrap();
    let between = difference(&served, &trained);
    assert!(between < 0.02, "mean difference {between}");
    let turned = prepare(&inverted(mammogram.clone()), &spec()).unwrap();
    assert!(difference(&served, &turned) < 0.005);
    // The reference's window alone would keep them apart: the picture has none any more.
    let reference = PreprocessSpec { normalisation: Normalisation::UnitRange, ..PreprocessSpec::reference() };
    let apart = difference(&prepare(&mammogram, &reference).unwrap(), &prepare(&picture, &reference).unwrap());
    assert!(apart > 2.0 * between, "{apart} {between}");
}
