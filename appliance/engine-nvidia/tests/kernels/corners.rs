//! Images at the edge of what there can be, and the full size.

use contract::PreprocessSpec;
use contract::preprocess::{AspectRule, CropRule, InputShape, PaddingRule, ResizeFilter, WindowRule};
use engine_nvidia::kernels::LANES;
use engine_nvidia::plan::{Argument, Buffer, Launch, Precision};
use half::f16;
use imaging::image::Modality;
use imaging::{DecodedHeader, DecodedImage, Photometric, VoiFunction, Window};

use crate::cases::{Random, breast, case, shipped, small};
use crate::host::{Build, Host};
use crate::machine::{Job, Machine, Memory};
use crate::reference::{Case, check};

fn image(rows: u32, columns: u32, bits: u16, samples: Vec<u16>) -> DecodedImage {
    DecodedImage::from_gray(rows, columns, bits, samples).unwrap()
}

fn with_header(image: DecodedImage, change: impl FnOnce(&mut DecodedHeader)) -> DecodedImage {
    let (mut header, samples) = image.into_parts();
    change(&mut header);
    DecodedImage::from_parts(header, samples).unwrap()
}

fn noise(rows: u32, columns: u32, bits: u16) -> DecodedImage {
    let random = &mut Random(7);
    let samples = (0..rows * columns).map(|_| (random.number() as u16) >> (16 - bits)).collect();
    image(rows, columns, bits, samples)
}

/// One region that winds around itself: the longest way for a label.
fn spiral(side: usize) -> DecodedImage {
    let mut samples = vec![0_u16; side * side];
    let (mut y, mut x, mut direction) = (0_usize, 0_usize, 0);
    let (mut top, mut left, mut bottom, mut right) = (0, 0, side - 1, side - 1);
    while top <= bottom && left <= right {
        samples[y * side + x] = 3000;
        let at_end = match direction {
            0 => x == right,
            1 => y == bottom,
            2 => x == left,
            _ => y == top,
        };
        if at_end {
            match direction {
                0 => top += 2,
                1 => right = right.saturating_sub(2),
                2 => bottom = bottom.saturating_sub(2),
                _ => left += 2,
            }
            direction = (direction + 1) % 4;
            let stuck = match direction {
                0 => x >= right,
                1 => y >= bottom,
                2 => x <= left,
                _ => y <= top,
            };
            if stuck {
                break;
            }
        }
        match direction {
            0 => x += 1,
            1 => y += 1,
            2 => x -= 1,
            _ => y -= 1,
        }
    }
    image(side as u32, side as u32, 12, samples)
}

/// Two regions of the same size: the first counts.
fn twins() -> DecodedImage {
    let mut samples = vec![0_u16; 30 * 40];
    for (top, left) in [(3, 25), (15, 2)] {
        for y in top..top + 5 {
            samples[y * 40 + left..y * 40 + left + 7].fill(2000 + y as u16);
        }
    }
    image(30, 40, 12, samples)
}

/// Each with its name; all small enough for the interpreter.
pub fn corner_cases() -> Vec<(&'static str, Case)> {
    let reference = small(PreprocessSpec::reference());
    let model = small(shipped());
    let padded = |aspect, input| PreprocessSpec { aspect, input, ..model };
    let signed = with_header(noise(23, 31, 16), |header| {
        header.sample_bias = 32_768;
        header.modality = Modality::Rescale { slope: 2.0, intercept: -5.0 };
        header.windows = vec![Window { center: 100.0, width: 9000.0 }];
    });
    let inverted = with_header(breast(60, 45), |header| header.photometric = Photometric::Monochrome1);
    let border = with_header(breast(50, 40), |header| header.padding = Some((20, 20)));
    let all_padding = with_header(image(5, 6, 12, vec![9; 30]), |header| header.padding = Some((0, 4095)));
    let sigmoid = with_header(breast(50, 40), |header| {
        header.windows = vec![Window { center: 2000.0, width: 40.0 }];
        header.voi_function = VoiFunction::Sigmoid;
    });
    let extremes = image(3, 5, 16, vec![0, 65_535, 0, 1, 65_534, 65_535, 0, 0, 0, 0, 65_535, 0, 32_768, 32_767, 0]);
    let dot = |value| {
        let mut samples = vec![0; 81];
        samples[40] = value;
        image(9, 9, 12, samples)
    };
    let single = |case: Case| Case { precision: Precision::Single, ..case };
    vec![
        ("one pixel", case(image(1, 1, 12, vec![5]), model)),
        ("one row", single(case(noise(1, 50, 12), model))),
        ("one column", single(case(noise(50, 1, 12), reference))),
        ("constant", case(image(7, 9, 12, vec![700; 63]), model)),
        ("constant, zero sum", case(image(7, 9, 12, vec![700; 63]), reference)),
        ("all zero", case(image(7, 9, 12, vec![0; 63]), reference)),
        ("one bright pixel", case(dot(4095), reference)),
        ("one faint pixel", single(case(dot(1), model))),
        ("16-bit extremes", single(case(extremes.clone(), reference))),
        ("16-bit extremes, padding kept", case(extremes, PreprocessSpec { padding: PaddingRule::Keep, ..model })),
        ("signed", case(signed.clone(), reference)),
        ("signed, half width", case(signed, PreprocessSpec { window: WindowRule::CenterPlusMinusHalfWidth, ..model })),
        ("low is white", single(case(inverted.clone(), model))),
        ("low is white, zero sum", case(inverted, reference)),
        ("padding around", case(border, PreprocessSpec { crop: CropRule::ZeroSum, ..model })),
        ("nothing but padding", case(all_padding, model)),
        ("sigmoid", single(case(sigmoid, PreprocessSpec { window: WindowRule::DicomVoi, ..reference }))),
        ("the shipped model", case(breast(70, 53), model)),
        ("the reference", case(breast(70, 53), reference)),
        ("winding region", case(spiral(41), model)),
        ("equal regions", single(case(twins(), model))),
        (
            "long and thin",
            case(noise(300, 1, 12), padded(AspectRule::KeepAndPad, InputShape { rows: 10, columns: 30 })),
        ),
        ("wide and flat", case(noise(2, 170, 12), padded(AspectRule::KeepAndPad, InputShape { rows: 13, columns: 3 }))),
        ("enlarged", case(noise(5, 4, 8), PreprocessSpec { filter: ResizeFilter::Bilinear, ..model })),
        (
            "to one pixel",
            single(case(noise(40, 50, 10), padded(AspectRule::Stretch, InputShape { rows: 1, columns: 1 }))),
        ),
    ]
}

#[test]
fn corners_on_the_host() {
    let Some(host) = Host::new(Build::Plain) else { return };
    for (name, case) in corner_cases() {
        assert_eq!(check(&host, &case), Ok(()), "{name}");
        assert_eq!(check(&host.clone().backwards(), &case), Ok(()), "{name}, backwards");
    }
}

/// A mammogram of full size through both models' preprocessing.
#[test]
fn full_size_on_the_host() {
    let Some(host) = Host::new(Build::Plain) else { return };
    let image = breast(4084, 3328);
    for spec in [shipped(), PreprocessSpec::reference()] {
        let mut case = case(image.clone(), spec);
        case.surface = contract::geometry::Extent { rows: 1024, columns: 834 };
        assert_eq!(check(&host, &case), Ok(()), "{spec:?}");
    }
}

/// Values at the borders of every kind of 16-bit number, and many in between.
pub fn check_halves(machine: &dyn Machine) -> Result<(), String> {
    let mut values: Vec<f32> = Vec::new();
    for half in 0..=u16::MAX {
        let value = f16::from_bits(half).to_f32();
        // The middle between two neighbours, and what lies next to it.
        let middle = f32::from_bits(value.to_bits().wrapping_add(0x1000));
        values.extend([value, middle, middle.next_up(), middle.next_down()]);
    }
    let random = &mut Random(3);
    values.extend((0..20_000).map(|_| f32::from_bits(random.number() as u32)));
    values.extend((0..20_000).map(|_| (random.share() * 2.0 - 1.0) as f32 * 2.0_f32.powi(-(random.below(30) as i32))));
    let pixels = values.len() as u32;
    let zeros = vec![0; 4 * 12];
    let plane = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let memory = |name, bytes, content| Memory { name, bytes, content };
    let mut arguments: Vec<Argument> = vec![Buffer::Plane.into(), pixels.into(), Buffer::State.into()];
    arguments.extend([0.0, 0.0, 0.0, 1.0, 1.0, 1.0].map(Argument::Real));
    arguments.push(Buffer::Input.into());
    let job = Job {
        memory: vec![
            memory(Buffer::Plane, values.len() * 4, Some(plane)),
            memory(Buffer::State, zeros.len(), Some(zeros)),
            memory(Buffer::Input, values.len() * 2, None),
        ],
        launches: vec![Launch {
            kernel: "write_input_half",
            grid: [pixels.div_ceil(LANES), 1, 1],
            block: [LANES, 1, 1],
            arguments,
        }],
    };
    let buffers = machine.run(&job)?;
    for (value, found) in values.iter().zip(buffers[2].chunks_exact(2)) {
        let (found, expected) = (f16::from_le_bytes([found[0], found[1]]), f16::from_f32(*value));
        let is_same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        if !is_same {
            return Err(format!("{value:e} is {found:?}, not {expected:?}"));
        }
    }
    Ok(())
}

#[test]
fn half_precision_rounds_to_nearest_even() {
    let Some(host) = Host::new(Build::Plain) else { return };
    assert_eq!(check_halves(&host), Ok(()));
}
