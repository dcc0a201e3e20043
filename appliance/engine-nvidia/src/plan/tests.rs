use contract::preprocess::{AspectRule, ContrastRule, CropRule, Normalisation, ResizeFilter};
use imaging::image::{Lut, Modality};
use imaging::{DecodedImage, PrepareError, VoiFunction, Window};

use super::*;
use crate::kernels::{NAMES, state};

fn header(rows: u32, columns: u32) -> DecodedHeader {
    let image = DecodedImage::from_gray(1, 1, 12, vec![0]).unwrap();
    DecodedHeader { rows, columns, ..image.header().clone() }
}

/// What the shipped model asks for.
fn shipped() -> PreprocessSpec {
    PreprocessSpec {
        window: WindowRule::FullRange,
        padding: PaddingRule::Exclude,
        crop: CropRule::LargestComponent,
        aspect: AspectRule::Stretch,
        filter: ResizeFilter::Area,
        contrast: ContrastRule::Breast,
        normalisation: Normalisation::ImageNet,
        input: InputShape { rows: 512, columns: 256 },
    }
}

#[test]
fn the_shipped_model_and_the_reference_are_supported() {
    for (spec, kernels) in [
        (
            shipped(),
            vec![
                "reset",
                "survey",
                "grey_table",
                "cell_means",
                "keep_largest",
                "resize_taps",
                "resize",
                "contrast_limits",
            ],
        ),
        (PreprocessSpec::reference(), vec!["reset", "survey", "grey_table", "keep_occupied", "resize_taps", "resize"]),
    ] {
        let plan = plan(&spec, &header(4084, 3328), Precision::Half).unwrap();
        let launched: Vec<&str> = plan.stage.launches.iter().map(|launch| launch.kernel).collect();
        assert_eq!(launched[..kernels.len()], kernels);
        assert_eq!(launched[kernels.len()..], ["write_input_half"]);
    }
}

#[test]
fn every_launch_keeps_to_its_buffers_and_the_devices_limits() {
    for crop in [CropRule::ZeroSum, CropRule::LargestComponent, CropRule::None] {
        for side in [1, 7, 4084, SIDE_MAX] {
            let spec = PreprocessSpec { crop, ..shipped() };
            let plan = plan(&spec, &header(side, side), Precision::Single).unwrap();
            let extent = |side| contract::geometry::Extent { rows: side, columns: side };
            let surface = plan.surface(extent(16), extent(side)).unwrap();
            let buffers: Vec<Buffer> =
                plan.stage.buffers.iter().chain(&surface.buffers).map(|(buffer, _)| *buffer).collect();
            let distinct: std::collections::BTreeSet<_> = buffers.iter().collect();
            assert_eq!(distinct.len(), buffers.len(), "each buffer once");
            for launch in plan.stage.launches.iter().chain(&surface.launches) {
                assert!(NAMES.contains(&launch.kernel));
                assert!(launch.grid.iter().chain(&launch.block).all(|&size| size > 0));
                assert!(launch.grid[1] <= 65_535 && launch.block.iter().product::<u32>() <= 1024, "{launch:?}");
                for argument in &launch.arguments {
                    if let Argument::Buffer(buffer) = argument {
                        assert!(distinct.contains(buffer), "{} uses {buffer:?}", launch.kernel);
                    }
                }
            }
        }
    }
}

#[test]
fn sizes_beyond_the_kernels_are_unsupported() {
    let reference = PreprocessSpec::reference();
    for (rows, columns) in [(0, 4), (4, 0), (SIDE_MAX + 1, 4), (4, SIDE_MAX + 1)] {
        let found = plan(&reference, &header(rows, columns), Precision::Half);
        assert_eq!(found, Err(Unsupported::Image { rows, columns }));
    }
    for (rows, columns) in [(0, 4), (4, 0), (4097, 4096), (1, SIDE_MAX + 1), (1 << 24, 1), (u32::MAX, u32::MAX)] {
        let spec = PreprocessSpec { input: InputShape { rows, columns }, ..reference };
        assert_eq!(plan(&spec, &header(4, 4), Precision::Half), Err(Unsupported::Input { rows, columns }));
    }
}

#[test]
fn no_size_within_the_limits_overflows() {
    for (rows, columns) in [(SIDE_MAX, 1), (1, SIDE_MAX), (4096, 4096)] {
        for (height, width) in [(SIDE_MAX, SIDE_MAX), (SIDE_MAX, 1), (1, SIDE_MAX)] {
            let input = InputShape { rows, columns };
            let spec = PreprocessSpec { input, aspect: AspectRule::KeepAndPad, ..shipped() };
            let plan = plan(&spec, &header(height, width), Precision::Half).unwrap();
            let size = |name| plan.stage.buffers.iter().find(|(buffer, _)| *buffer == name).unwrap().1 as u64;
            // At least every kept row once, and as many numbers as the input has rows.
            assert!(size(Buffer::RowWeights) >= 4 * u64::from(height.max(rows)));
            assert!(size(Buffer::ColumnWeights) >= 4 * u64::from(width.max(columns)));
            assert!(plan.stage.buffers.iter().all(|(_, bytes)| *bytes <= 1 << 30), "{:?}", plan.stage.buffers);
        }
    }
}

#[test]
fn what_is_unsupported_is_said_by_the_variants_name() {
    let mut lut = header(4, 4);
    lut.voi_lut = Some(Lut { first: 0, values: vec![0, 9, 3] });
    let spec = PreprocessSpec { window: WindowRule::DicomVoi, ..PreprocessSpec::reference() };
    let error = plan(&spec, &lut, Precision::Half).unwrap_err();
    assert_eq!(error, Unsupported::RisesAndFalls("dicom_voi"));
    assert!(error.to_string().contains("dicom_voi"));
    assert!(plan(&PreprocessSpec::reference(), &lut, Precision::Half).is_ok(), "other rules know no VOI LUT");
    lut.voi_lut = Some(Lut { first: 0, values: vec![9, 3, 3] });
    assert!(plan(&spec, &lut, Precision::Half).is_ok(), "falling values");
    let mut endless = header(4, 4);
    endless.modality = Modality::Rescale { slope: f64::MAX, intercept: 0.0 };
    let found = plan(&PreprocessSpec::reference(), &endless, Precision::Half);
    assert_eq!(found, Err(Unsupported::NotFinite("center_plus_minus_width")));
}

#[test]
fn the_windows_names_are_those_of_the_manifest() {
    use WindowRule::{CenterPlusMinusHalfWidth, CenterPlusMinusWidth, DicomVoi, FullRange};
    for rule in [CenterPlusMinusWidth, CenterPlusMinusHalfWidth, DicomVoi, FullRange] {
        let spec = PreprocessSpec { window: rule, ..PreprocessSpec::reference() };
        // The manifest's own form, as its digest sees it.
        let named = format!("{:?}", spec.window);
        let snake: String = named
            .char_indices()
            .map(|(at, letter)| {
                let low = letter.to_ascii_lowercase();
                if letter.is_uppercase() && at > 0 { format!("_{low}") } else { low.to_string() }
            })
            .collect();
        assert_eq!(window_name(rule), snake);
    }
    let mut sigmoid = header(4, 4);
    sigmoid.windows = vec![Window { center: 2048.0, width: 300.0 }];
    sigmoid.voi_function = VoiFunction::Sigmoid;
    let spec = PreprocessSpec { window: DicomVoi, ..PreprocessSpec::reference() };
    assert!(plan(&spec, &sigmoid, Precision::Half).is_ok());
}

#[test]
fn padding_is_an_interval_of_samples() {
    let mut header = header(4, 4);
    let cases = [
        (None, 0, (0, 0)),
        (Some((4095, 4095)), 0, (4095, 4096)),
        (Some((-2048, -2000)), 2048, (0, 49)),
        (Some((i32::MIN, i32::MAX)), 32768, (0, 65_536)),
        (Some((9, 3)), 0, (0, 0)),
        (Some((100_000, 200_000)), 0, (0, 0)),
    ];
    for (range, bias, expected) in cases {
        header.padding = range;
        header.sample_bias = bias;
        assert_eq!(padding(&header, PaddingRule::Exclude), expected, "{range:?}");
        assert_eq!(padding(&header, PaddingRule::Keep), (0, 0));
    }
}

#[test]
fn maps_and_surfaces_beyond_the_kernels_are_unsupported() {
    let plan = plan(&shipped(), &header(40, 30), Precision::Half).unwrap();
    let extent = |rows, columns| contract::geometry::Extent { rows, columns };
    assert!(plan.surface(extent(16, 8), extent(40, 30)).is_ok());
    for (map, surface) in [
        (extent(0, 8), extent(4, 4)),
        (extent(u32::MAX, u32::MAX), extent(4, 4)),
        (extent(65, 64), extent(4, 4)),
        (extent(4, 4), extent(0, 4)),
        (extent(4, 4), extent(4, SIDE_MAX + 1)),
    ] {
        assert!(matches!(plan.surface(map, surface), Err(Unsupported::Map { .. })), "{map:?} {surface:?}");
    }
}

#[test]
fn what_a_device_cannot_have_written_is_no_geometry() {
    let spec = PreprocessSpec { input: InputShape { rows: 10, columns: 10 }, ..shipped() };
    let plan = plan(&spec, &header(6, 4), Precision::Half).unwrap();
    let rows = [1, 2, 4, 0, 0, 0];
    let columns = [0, 1, 2, 3];
    let mut sound = [0; state::WORDS];
    (sound[3], sound[4]) = (3, 4);
    (sound[7], sound[8]) = (10, 10);
    let geometry =
        |state: &[u32], kept_rows: &[u32]| plan.geometry(&Words { state, kept_rows, kept_columns: &columns });
    let found = geometry(&sound, &rows).unwrap();
    assert_eq!(found.kept_rows.as_slice(), [(1, 2), (4, 1)]);
    let with = |word: usize, value: u32| {
        let mut state = sound;
        state[word] = value;
        state
    };
    let blank = Err(OutcomeError::Prepare(PrepareError::Blank));
    assert_eq!(geometry(&with(state::BLANK, 1), &rows), blank);
    assert_eq!(geometry(&with(3, 0), &rows), blank);
    for (word, value) in [(3, 7), (3, u32::MAX), (4, 5), (5, 1), (6, u32::MAX), (7, 0), (8, 11)] {
        assert_eq!(geometry(&with(word, value), &rows), Err(OutcomeError::Inconsistent), "word {word} is {value}");
    }
    for list in [[1, 1, 2, 0, 0, 0], [2, 1, 3, 0, 0, 0], [1, 2, 6, 0, 0, 0]] {
        assert_eq!(geometry(&sound, &list), Err(OutcomeError::Inconsistent), "{list:?}");
    }
    assert_eq!(geometry(&sound[..5], &rows), Err(OutcomeError::Inconsistent));
    assert_eq!(geometry(&sound, &rows[..2]), Err(OutcomeError::Inconsistent));
}
