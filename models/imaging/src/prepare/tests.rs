use contract::geometry::Point;
use contract::preprocess::{InputShape, Normalisation, PaddingRule, ResizeFilter, WindowRule};
use proptest::prelude::*;

use super::*;
use crate::image::{DecodedHeader, Modality, Photometric, VoiFunction};

const SMALL: InputShape = InputShape { rows: 19, columns: 10 };

fn reference() -> PreprocessSpec {
    PreprocessSpec { input: SMALL, ..PreprocessSpec::reference() }
}

fn image(rows: u32, columns: u32, samples: Vec<u16>) -> DecodedImage {
    DecodedImage::from_gray(rows, columns, 12, samples).unwrap()
}

fn with_header(image: DecodedImage, change: impl FnOnce(&mut DecodedHeader)) -> DecodedImage {
    let (mut header, samples) = image.into_parts();
    change(&mut header);
    DecodedImage::from_parts(header, samples).unwrap()
}

/// The reference method, step by step as the page says it, in f64 and without any table.
fn oracle(image: &DecodedImage, input: InputShape) -> Vec<f64> {
    let header = image.header();
    let (rows, columns) = (header.rows as usize, header.columns as usize);
    let mut x: Vec<f64> = image.samples().iter().map(|&sample| f64::from(sample)).collect();
    if let Some(window) = header.windows.first() {
        x.iter_mut().for_each(|x| *x = x.clamp(window.center - window.width, window.center + window.width));
    }
    min_max(&mut x);
    if header.photometric == Photometric::Monochrome1 {
        x.iter_mut().for_each(|x| *x = 1.0 - *x);
        min_max(&mut x);
    }
    let kept_rows: Vec<usize> =
        (0..rows).filter(|&y| (0..columns).map(|i| x[y * columns + i]).sum::<f64>() != 0.0).collect();
    let kept_columns: Vec<usize> =
        (0..columns).filter(|&i| (0..rows).map(|y| x[y * columns + i]).sum::<f64>() != 0.0).collect();
    let at = |y: usize, i: usize| x[kept_rows[y] * columns + kept_columns[i]];
    let source = |output: u32, count: usize, side: u32| {
        let place = (f64::from(output) + 0.5) * count as f64 / f64::from(side) - 0.5;
        let place = place.clamp(0.0, (count - 1) as f64);
        (place as usize, (place as usize + 1).min(count - 1), place.fract())
    };
    let mut output = Vec::new();
    for y in 0..input.rows {
        let (y0, y1, v) = source(y, kept_rows.len(), input.rows);
        for i in 0..input.columns {
            let (x0, x1, u) = source(i, kept_columns.len(), input.columns);
            let upper = at(y0, x0) * (1.0 - u) + at(y0, x1) * u;
            let lower = at(y1, x0) * (1.0 - u) + at(y1, x1) * u;
            output.push(upper * (1.0 - v) + lower * v);
        }
    }
    output
}

fn min_max(x: &mut [f64]) {
    let least = x.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    x.iter_mut().for_each(|x| *x = (*x - least) / (greatest - least));
}

proptest! {
    #[test]
    fn equals_the_reference_method(
        rows in 2_u32..40, columns in 2_u32..40, seed: u64, inverted: bool,
        window in proptest::option::of((500.0..3500.0, 100.0..2000.0)),
    ) {
        let mut random = crate::codec::testing::Random(seed);
        let mut samples: Vec<u16> = (0..rows * columns).map(|_| (random.number() % 4096) as u16).collect();
        // Blank some rows and columns, also interior ones; black is high in MONOCHROME1.
        let black = if inverted { 4095 } else { 0 };
        for y in (0..rows as usize).filter(|y| (seed >> (y % 48)) & 3 == 0) {
            samples[y * columns as usize..(y + 1) * columns as usize].fill(black);
        }
        for x in (0..columns as usize).filter(|x| (seed >> (x % 40 + 8)) & 3 == 0) {
            samples.iter_mut().skip(x).step_by(columns as usize).for_each(|sample| *sample = black);
        }
        let image = with_header(image(rows, columns, samples), |header| {
            header.photometric = if inverted { Photometric::Monochrome1 } else { Photometric::Monochrome2 };
            header.windows = window.iter().map(|&(center, width)| Window { center, width }).collect();
            header.windows.push(Window { center: 1.0, width: 1.0 });
            if window.is_none() {
                header.windows.clear();
            }
        });
        match prepare(&image, &reference()) {
            Ok(input) => {
                let expected = oracle(&image, SMALL);
                let plane = SMALL.rows as usize * SMALL.columns as usize;
                prop_assert_eq!(input.tensor.len(), 3 * plane);
                for (index, value) in input.tensor.iter().enumerate() {
                    prop_assert!((f64::from(*value) - expected[index % plane]).abs() < 1e-5, "{} is {} not {}", index, value, expected[index % plane]);
                }
            }
            Err(error) => prop_assert_eq!(error, PrepareError::Blank),
        }
    }

    #[test]
    fn a_bright_dot_is_found_where_the_geometry_says(
        y in 0_u32..300, x in 0_u32..200, keep_aspect: bool, area: bool, removed in 0_u32..150,
    ) {
        let (rows, columns) = (300_u32, 200_u32);
        let mut samples = vec![100_u16; (rows * columns) as usize];
        // A band of zero rows inside the image, away from the dot.
        let band = (removed + y + 40) % rows..((removed + y + 40) % rows + 20).min(rows);
        for row in band.filter(|row| row.abs_diff(y) > 6) {
            samples[(row * columns) as usize..((row + 1) * columns) as usize].fill(0);
        }
        for row in y.saturating_sub(4)..(y + 5).min(rows) {
            for column in x.saturating_sub(4)..(x + 5).min(columns) {
                samples[(row * columns + column) as usize] = 4000;
            }
        }
        let spec = PreprocessSpec {
            input: InputShape { rows: 96, columns: 50 },
            aspect: if keep_aspect { AspectRule::KeepAndPad } else { AspectRule::Stretch },
            filter: if area { ResizeFilter::Area } else { ResizeFilter::Bilinear },
            ..PreprocessSpec::reference()
        };
        let input = prepare(&image(rows, columns, samples), &spec).unwrap();
        let brightest = (0..96 * 50).max_by(|&a, &b| input.tensor[a].total_cmp(&input.tensor[b])).unwrap();
        let point = Point { x: (brightest % 50) as f64 + 0.5, y: (brightest / 50) as f64 + 0.5 };
        let found = input.geometry.original_of_input(point).unwrap();
        prop_assert!((found.x - f64::from(x) - 0.5).abs() < 8.0, "column {} for {}", found.x, x);
        // The removed band may lie between the dot and the cell's middle.
        prop_assert!((found.y - f64::from(y) - 0.5).abs() < 30.0, "row {} for {}", found.y, y);
    }
}

#[test]
fn a_constant_image_is_blank_and_divides_by_nothing() {
    assert_eq!(prepare(&image(4, 4, vec![7; 16]), &reference()), Err(PrepareError::Blank));
    let mut samples = vec![100; 16];
    samples[3] = 200;
    let clipped =
        with_header(image(4, 4, samples), |header| header.windows = vec![Window { center: 0.0, width: 10.0 }]);
    assert_eq!(prepare(&clipped, &reference()), Err(PrepareError::Blank), "constant after the window");
}

#[test]
fn zero_rows_and_columns_are_removed_also_inside() {
    // 0 0 0 0 / 0 5 0 9 / 0 0 0 0 / 0 9 0 5
    let samples = vec![0, 0, 0, 0, 0, 5, 0, 9, 0, 0, 0, 0, 0, 9, 0, 5];
    let spec = PreprocessSpec { input: InputShape { rows: 2, columns: 2 }, ..PreprocessSpec::reference() };
    let input = prepare(&image(4, 4, samples), &spec).unwrap();
    assert_eq!(input.geometry.kept_rows.iter().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(input.geometry.kept_columns.iter().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(&input.tensor[..4], [5.0 / 9.0, 1.0, 1.0, 5.0 / 9.0]);
}

#[test]
fn padding_counts_for_nothing_when_excluded() {
    let samples = vec![4095, 4095, 10, 20, 30, 4095];
    let padded = with_header(image(2, 3, samples), |header| header.padding = Some((4095, 4095)));
    let spec = PreprocessSpec {
        padding: PaddingRule::Exclude,
        crop: CropRule::None,
        input: InputShape { rows: 2, columns: 3 },
        ..PreprocessSpec::reference()
    };
    let input = prepare(&padded, &spec).unwrap();
    assert_eq!(&input.tensor[..6], [0.0, 0.0, 0.0, 0.5, 1.0, 0.0]);
    let kept = prepare(&padded, &PreprocessSpec { padding: PaddingRule::Keep, ..spec }).unwrap();
    assert_eq!(kept.tensor[0], 1.0);
}

#[test]
fn the_largest_component_leaves_the_marker_out() {
    let (rows, columns) = (256, 192);
    let mut samples = vec![0_u16; rows * columns];
    let mut fill = |top: usize, left: usize, height: usize, width: usize, value: u16| {
        for y in top..top + height {
            samples[y * columns + left..y * columns + left + width].fill(value);
        }
    };
    fill(32, 0, 160, 96, 2000);
    fill(16, 160, 16, 16, 4095);
    let spec = PreprocessSpec { crop: CropRule::LargestComponent, ..reference() };
    let input = prepare(&image(rows as u32, columns as u32, samples), &spec).unwrap();
    assert_eq!(input.geometry.kept_rows.as_slice(), [(32, 160)]);
    assert_eq!(input.geometry.kept_columns.as_slice(), [(0, 96)]);
}

#[test]
fn aspect_is_kept_with_padding_in_the_middle() {
    let spec = PreprocessSpec {
        aspect: AspectRule::KeepAndPad,
        crop: CropRule::None,
        input: InputShape { rows: 10, columns: 30 },
        ..PreprocessSpec::reference()
    };
    let mut samples = vec![4000; 100];
    samples[0] = 0;
    let input = prepare(&image(10, 10, samples), &spec).unwrap();
    assert_eq!(input.geometry.placed, Rectangle { top: 0, left: 10, rows: 10, columns: 10 });
    assert_eq!(input.tensor[9..12], [0.0, 0.0, 1.0]);
}

#[test]
fn the_breasts_contrast_does_not_depend_on_the_marker() {
    let spec = PreprocessSpec {
        crop: CropRule::None,
        contrast: ContrastRule::Breast,
        input: InputShape { rows: 40, columns: 50 },
        ..reference()
    };
    let grey = |marker: u16| {
        let breast = (0..1000_u16).map(|pixel| 1000 + pixel / 2);
        let samples = std::iter::repeat_n(0, 996).chain(breast).chain([marker; 4]).collect();
        prepare(&image(40, 50, samples), &spec).unwrap().tensor[..1996].to_vec()
    };
    let (with, without) = (grey(4095), grey(1500));
    assert!(with.iter().zip(&without).all(|(with, without)| (with - without).abs() < 0.01));
    assert_eq!((without[0], without[1995]), (0.0, 1.0));
}

#[test]
fn imagenet_normalisation_differs_by_channel() {
    let spec = PreprocessSpec {
        normalisation: Normalisation::ImageNet,
        crop: CropRule::None,
        input: InputShape { rows: 1, columns: 2 },
        ..PreprocessSpec::reference()
    };
    let input = prepare(&image(1, 2, vec![0, 4095]), &spec).unwrap();
    let expected = [-0.485 / 0.229, 0.515 / 0.229, -0.456 / 0.224, 0.544 / 0.224, -0.406 / 0.225, 0.594 / 0.225];
    input.tensor.iter().zip(expected).for_each(|(value, expected)| assert!((value - expected).abs() < 1e-5));
}

#[test]
fn signed_values_and_lookup_tables_change_nothing_but_the_values() {
    let plain = image(2, 2, vec![0, 1000, 2000, 3000]);
    let rescaled = with_header(plain.clone(), |header| {
        header.sample_bias = 2048;
        header.modality = Modality::Rescale { slope: 3.0, intercept: -7.0 };
        header.voi_function = VoiFunction::Sigmoid;
    });
    assert_eq!(prepare(&plain, &reference()).unwrap().tensor, prepare(&rescaled, &reference()).unwrap().tensor);
    let falling =
        with_header(plain.clone(), |header| header.modality = Modality::Rescale { slope: -1.0, intercept: 0.0 });
    let spec = PreprocessSpec {
        crop: CropRule::None,
        window: WindowRule::DicomVoi,
        input: InputShape { rows: 2, columns: 2 },
        ..reference()
    };
    let inverted = prepare(&falling, &spec).unwrap();
    assert_eq!(inverted.tensor[0], 1.0);
    assert_eq!(inverted.tensor[3], 0.0);
}
