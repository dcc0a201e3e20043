//! The grey-scale pipeline as one table: from a sample to its value in 0 to 1.
//!
//! Samples have at most 16 bits, so modality transform, window, min-max and inversion together are a table of at most
//! 65,536 entries, filled once per image. Order (PS3.3 section C.11, and the reference method): modality, VOI,
//! min-max over the values that occur, inversion of MONOCHROME1.

use contract::PreprocessSpec;
use contract::preprocess::{PaddingRule, WindowRule};

use crate::image::{DecodedHeader, DecodedImage, Modality, Photometric, VoiFunction, Window};

/// Values of all samples, in 0 to 1. `None` for an image whose pixels all have the same value.
pub(crate) fn table(image: &DecodedImage, spec: &PreprocessSpec) -> Option<Vec<f32>> {
    let header = image.header();
    let entries = 1_usize << header.bits_stored;
    let mut occurs = vec![false; entries];
    image.samples().iter().for_each(|&sample| occurs[usize::from(sample)] = true);
    let is_padding = padding(header, spec.padding);
    let values = values(header, spec.window);
    let counted =
        || (0..entries).filter(|&sample| occurs[sample] && !is_padding(sample as i32)).map(|sample| values[sample]);
    let least = counted().fold(f64::INFINITY, f64::min);
    let greatest = counted().fold(f64::NEG_INFINITY, f64::max);
    if least >= greatest {
        return None;
    }
    let inverted = header.photometric == Photometric::Monochrome1;
    let normalised = |(sample, &value): (usize, &f64)| {
        if is_padding(sample as i32) {
            return 0.0;
        }
        let part = ((value - least) / (greatest - least)).clamp(0.0, 1.0);
        (if inverted { 1.0 - part } else { part }) as f32
    };
    Some(values.iter().enumerate().map(normalised).collect())
}

/// The value of each sample that Bits Stored allows, after modality transform and window: all of the grey-scale pipeline that
/// depends on the header alone, for engines that do the rest elsewhere. 256 to 65,536 values.
#[must_use]
pub fn values(header: &DecodedHeader, rule: WindowRule) -> Vec<f64> {
    (0..1_i32 << header.bits_stored).map(|sample| value(header, rule, sample)).collect()
}

fn padding(header: &DecodedHeader, rule: PaddingRule) -> impl Fn(i32) -> bool {
    let range = header.padding.filter(|_| rule == PaddingRule::Exclude);
    let bias = header.sample_bias;
    move |sample| range.is_some_and(|(from, to)| (from..=to).contains(&(sample - bias)))
}

/// A sample's value after modality transform and window.
fn value(header: &DecodedHeader, rule: WindowRule, sample: i32) -> f64 {
    let stored = f64::from(sample - header.sample_bias);
    let value = match &header.modality {
        Modality::Rescale { slope, intercept } => stored * slope + intercept,
        Modality::Lut(lut) => lut.look_up(stored),
    };
    match (rule, &header.voi_lut, header.windows.first()) {
        (WindowRule::DicomVoi, Some(lut), _) => lut.look_up(value),
        (WindowRule::DicomVoi, None, Some(window)) => voi(header.voi_function, *window, value),
        (WindowRule::CenterPlusMinusWidth, _, Some(Window { center, width })) => {
            value.clamp(center - width, center + width)
        }
        (WindowRule::CenterPlusMinusHalfWidth, _, Some(Window { center, width })) => {
            value.clamp(center - width / 2.0, center + width / 2.0)
        }
        (WindowRule::FullRange, _, _) | (_, _, None) => value,
    }
}

/// PS3.3 section C.11.2.1.2 and C.11.2.1.3, with an output of 0 to 1.
fn voi(function: VoiFunction, Window { center, width }: Window, value: f64) -> f64 {
    match function {
        // At a width of 1 the ramp has no length: a step at the centre.
        VoiFunction::Linear if width <= 1.0 => f64::from(u8::from(value > center - 0.5)),
        VoiFunction::Linear => ((value - (center - 0.5)) / (width - 1.0) + 0.5).clamp(0.0, 1.0),
        VoiFunction::LinearExact => ((value - center) / width + 0.5).clamp(0.0, 1.0),
        VoiFunction::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - center) / width).exp()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Lut;

    fn header(window: Option<Window>, function: VoiFunction) -> DecodedHeader {
        let image = DecodedImage::from_gray(1, 1, 12, vec![0]).unwrap();
        DecodedHeader { windows: window.into_iter().collect(), voi_function: function, ..image.header().clone() }
    }

    const WINDOW: Window = Window { center: 2048.0, width: 1000.0 };

    #[test]
    fn window_rules_at_their_corners() {
        let header = header(Some(WINDOW), VoiFunction::Linear);
        let cases = [
            (WindowRule::CenterPlusMinusWidth, [1048.0, 1048.0, 2000.0, 3048.0]),
            (WindowRule::CenterPlusMinusHalfWidth, [1548.0, 1548.0, 2000.0, 2548.0]),
            (WindowRule::FullRange, [0.0, 1000.0, 2000.0, 4095.0]),
        ];
        for (rule, expected) in cases {
            assert_eq!([0, 1000, 2000, 4095].map(|sample| value(&header, rule, sample)), expected, "{rule:?}");
        }
    }

    #[test]
    fn voi_functions_are_those_of_the_standard() {
        let window = Window { center: 2048.0, width: 4096.0 };
        // PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 maps 0 to 4095 onto the whole output.
        assert_eq!(voi(VoiFunction::Linear, window, 0.0), 0.0);
        assert_eq!(voi(VoiFunction::Linear, window, 4095.0), 1.0);
        assert_eq!(voi(VoiFunction::Linear, Window { center: 100.0, width: 1.0 }, 99.5), 0.0);
        assert_eq!(voi(VoiFunction::Linear, Window { center: 100.0, width: 1.0 }, 99.6), 1.0);
        assert_eq!(voi(VoiFunction::LinearExact, window, 2048.0), 0.5);
        assert_eq!(voi(VoiFunction::Sigmoid, window, 2048.0), 0.5);
        assert!((voi(VoiFunction::Sigmoid, window, 4096.0) - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
    }

    #[test]
    fn lookup_tables_and_signed_values_come_before_the_window() {
        let mut header = header(None, VoiFunction::Linear);
        header.sample_bias = 2048;
        header.modality = Modality::Rescale { slope: 2.0, intercept: 10.0 };
        assert_eq!(value(&header, WindowRule::DicomVoi, 2048), 10.0);
        assert_eq!(value(&header, WindowRule::DicomVoi, 0), -4086.0);
        header.voi_lut = Some(Lut { first: 10, values: vec![7, 8, 9] });
        assert_eq!(value(&header, WindowRule::DicomVoi, 2049), 9.0);
        assert_eq!(value(&header, WindowRule::FullRange, 2049), 12.0, "other rules know no VOI LUT");
    }
}
