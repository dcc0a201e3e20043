//! Images with everything that a header can say, and with what makes preprocessing hard; from a seed.

use contract::PreprocessSpec;
use contract::geometry::Extent;
use contract::preprocess::{
    AspectRule, ContrastRule, CropRule, InputShape, Normalisation, PaddingRule, ResizeFilter, WindowRule,
};
use domain::findings::Cam;
use engine_nvidia::plan::Precision;
use imaging::image::{Lut, Modality};
use imaging::{DecodedHeader, DecodedImage, Photometric, VoiFunction, Window};

use crate::reference::Case;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    /// In 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
}

/// What the shipped model asks for.
pub fn shipped() -> PreprocessSpec {
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

/// `spec` with a small input of odd sizes.
pub fn small(spec: PreprocessSpec) -> PreprocessSpec {
    PreprocessSpec { input: InputShape { rows: 37, columns: 21 }, ..spec }
}

/// Any spec.
pub fn any_spec(random: &mut Random) -> PreprocessSpec {
    use WindowRule::{CenterPlusMinusHalfWidth, CenterPlusMinusWidth, DicomVoi, FullRange};
    PreprocessSpec {
        window: random.one_of(&[CenterPlusMinusHalfWidth, CenterPlusMinusWidth, DicomVoi, FullRange]),
        padding: random.one_of(&[PaddingRule::Keep, PaddingRule::Exclude]),
        crop: random.one_of(&[CropRule::ZeroSum, CropRule::LargestComponent, CropRule::None]),
        aspect: random.one_of(&[AspectRule::Stretch, AspectRule::KeepAndPad]),
        filter: random.one_of(&[ResizeFilter::Bilinear, ResizeFilter::Area]),
        contrast: random.one_of(&[ContrastRule::Unchanged, ContrastRule::Breast]),
        normalisation: random.one_of(&[Normalisation::UnitRange, Normalisation::ImageNet]),
        input: InputShape { rows: 1 + random.below(40) as u32, columns: 1 + random.below(40) as u32 },
    }
}

/// Samples of one of several kinds, from a seed, below 2^`bits`.
fn samples(random: &mut Random, rows: u32, columns: u32, bits: u16) -> Vec<u16> {
    let greatest = u16::MAX >> (16 - bits);
    let (width, pixels) = (columns as usize, (rows * columns) as usize);
    let any = |random: &mut Random| (random.number() as u16) & greatest;
    match random.below(7) {
        0 => vec![any(random); pixels],
        1 => vec![0; pixels],
        2 => (0..pixels).map(|_| random.one_of(&[0, greatest])).collect(),
        3 => {
            let mut samples = vec![0; pixels];
            samples[random.below(pixels as u64) as usize] = greatest;
            samples
        }
        4 => (0..pixels).map(|_| any(random)).collect(),
        5 => (0..pixels).map(|index| ((index % width) * usize::from(greatest) / width) as u16).collect(),
        // Regions on black, and rows and columns without any.
        _ => {
            let mut samples = vec![0; pixels];
            for _ in 0..1 + random.below(6) {
                let (top, left) = (random.below(rows.into()) as usize, random.below(columns.into()) as usize);
                let (high, wide) = (random.below(30) as usize + 1, random.below(30) as usize + 1);
                for y in top..(top + high).min(rows as usize) {
                    for x in left..(left + wide).min(width) {
                        samples[y * width + x] = any(random) | (greatest / 2);
                    }
                }
            }
            samples
        }
    }
}

/// A header for `samples`: signed or not, either polarity, windows, lookup tables, padding.
fn header(random: &mut Random, rows: u32, columns: u32, bits: u16) -> DecodedHeader {
    let plain = DecodedImage::from_gray(1, 1, bits, vec![0]).unwrap();
    let half = 1_i32 << (bits - 1);
    let sample_bias = random.one_of(&[0, half]);
    let whole = f64::from(half) * 2.0;
    let window = |random: &mut Random| Window {
        center: random.share() * whole - f64::from(sample_bias),
        width: random.one_of(&[1.0, whole / 5.0, whole, 3.7]),
    };
    let windows = (0..random.below(3)).map(|_| window(random)).collect();
    let first = random.below(half as u64 * 2) as i32;
    let from = first - sample_bias;
    let padding =
        random.one_of(&[None, Some((from, from)), Some((from, from + half / 3)), Some((-sample_bias, -sample_bias))]);
    let falling = Lut { first: -sample_bias, values: (0..500).map(|step| 50_000 - step * 100).collect() };
    let modality = match random.below(4) {
        0 => Modality::Rescale { slope: random.one_of(&[0.3, 2.0, -1.5]), intercept: random.one_of(&[0.0, -1024.0]) },
        1 => Modality::Lut(falling),
        _ => Modality::Rescale { slope: 1.0, intercept: 0.0 },
    };
    let rising = Lut { first: 0, values: (0..1000).map(|step| step * 3 / 2).collect() };
    DecodedHeader {
        rows,
        columns,
        sample_bias,
        photometric: random.one_of(&[Photometric::Monochrome1, Photometric::Monochrome2]),
        modality,
        windows,
        voi_function: random.one_of(&[VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid]),
        voi_lut: (random.below(4) == 0).then_some(rising),
        padding,
        ..plain.header().clone()
    }
}

/// A map of any size with both signs; sometimes the same everywhere.
pub fn any_map(random: &mut Random) -> Cam {
    let extent = Extent { rows: 1 + random.below(20) as u32, columns: 1 + random.below(20) as u32 };
    let flat = random.below(8) == 0;
    let mut value = || if flat { 0.5 } else { (random.share() * 9.0 - 4.0) as f32 };
    Cam { extent, values: (0..extent.rows * extent.columns).map(|_| value()).collect() }
}

/// A case with sides up to `side_max`.
pub fn any_case(seed: u64, side_max: u64) -> Case {
    let random = &mut Random(seed);
    let (rows, columns) = (1 + random.below(side_max) as u32, 1 + random.below(side_max) as u32);
    let bits = random.one_of(&[8, 10, 12, 14, 16]);
    let header = header(random, rows, columns, bits);
    let image = DecodedImage::from_parts(header, samples(random, rows, columns, bits)).unwrap();
    let spec = any_spec(random);
    let surface = random.one_of(&[
        Extent { rows, columns },
        Extent { rows: rows.div_ceil(3), columns: columns.div_ceil(2) },
        Extent { rows: rows + 5, columns: columns * 2 },
    ]);
    let precision = random.one_of(&[Precision::Half, Precision::Single]);
    Case { image, spec, precision, map: any_map(random), surface }
}

/// A case of a given image and spec.
pub fn case(image: DecodedImage, spec: PreprocessSpec) -> Case {
    let (rows, columns) = (image.header().rows, image.header().columns);
    let map = any_map(&mut Random(5));
    Case { image, spec, precision: Precision::Half, map, surface: Extent { rows, columns } }
}

/// A half ellipse of tissue with a bright marker beside it and a band of black rows through both, 12 bits.
pub fn breast(rows: u32, columns: u32) -> DecodedImage {
    let random = &mut Random(1);
    let pixel = |index: u32| {
        let (y, x) = (f64::from(index / columns) / f64::from(rows), f64::from(index % columns) / f64::from(columns));
        let inside = 1.0 - ((y - 0.5) / 0.4).hypot(x / 0.6);
        let noise = random.below(300) as f64;
        if (0.3..0.31).contains(&y) {
            0
        } else if (0.05..0.08).contains(&y) && (0.8..0.9).contains(&x) {
            4095
        } else if inside > 0.0 {
            (700.0 + 2500.0 * inside + noise) as u16
        } else {
            20
        }
    };
    DecodedImage::from_gray(rows, columns, 12, (0..rows * columns).map(pixel).collect()).unwrap()
}
