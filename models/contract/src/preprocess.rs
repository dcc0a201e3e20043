//! The preprocessing spec: from decoded pixels to the network's input, as values of the model manifest.
//!
//! [`PreprocessSpec::reference`] is the published method to the letter; every alternative is a named value here, so
//! that a bundle says what its network was trained on and the appliance obeys. Variants are only ever added.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// How pixels become the network's input. The steps run in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessSpec {
    /// Grey-scale window, step 1.
    pub window: WindowRule,
    /// What becomes of pixels with the Pixel Padding Value, steps 1 to 3.
    pub padding: PaddingRule,
    /// Rows and columns that are removed, step 3.
    pub crop: CropRule,
    /// How the cropped image reaches the input's size, step 4.
    pub aspect: AspectRule,
    /// Interpolation of step 4.
    pub filter: ResizeFilter,
    /// Grey values of the resized image, between steps 4 and 5.
    #[serde(default, skip_serializing_if = "ContrastRule::is_reference")]
    pub contrast: ContrastRule,
    /// Values of the input, step 5.
    pub normalisation: Normalisation,
    /// Size of the network's input.
    pub input: InputShape,
}

/// Which grey values the window keeps. No window in the image: its full range, for every rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowRule {
    /// Clip to centre ± width, the whole width on each side: the article.
    CenterPlusMinusWidth,
    /// Clip to centre ± width / 2: the code of the article's authors.
    CenterPlusMinusHalfWidth,
    /// The image's VOI LUT Sequence, or its window by its VOI LUT Function (PS3.3 section C.11.2).
    DicomVoi,
    /// No window: the image's own minimum and maximum.
    FullRange,
}

/// Pixel Padding Value and Range (0028,0120) and (0028,0121).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaddingRule {
    /// Padding pixels are pixels: the reference.
    Keep,
    /// Padding pixels count for neither minimum nor maximum, and become 0.
    Exclude,
}

/// Which rows and columns are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CropRule {
    /// Every row and every column whose sum is 0, also interior ones: the reference.
    ZeroSum,
    /// All outside the bounding box of the largest connected region above the background (the breast, with what touches
    /// it): markers and labels beside it go.
    LargestComponent,
    /// Nothing is removed.
    None,
}

/// Aspect of the cropped image at the resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AspectRule {
    /// Stretched to the input's size: the reference.
    Stretch,
    /// Kept; the rest of the input is 0, the image in the middle.
    KeepAndPad,
}

/// Interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeFilter {
    /// Bilinear between the four nearest pixels, half-pixel centres, edges clamped (OpenCV's `INTER_LINEAR`).
    Bilinear,
    /// Mean over the area that an input pixel covers (OpenCV's `INTER_AREA` when shrinking; bilinear when growing).
    Area,
}

/// Grey values of the resized image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContrastRule {
    /// As steps 1 and 2 left them: the reference.
    #[default]
    Unchanged,
    /// The breast's own range becomes 0 to 1: what is brighter than the background, from its 2nd to its 99.5th percentile.
    /// Images that were stored with and without a window, or with a bright marker, then look alike.
    Breast,
}

impl ContrastRule {
    // serde wants a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_reference(&self) -> bool {
        *self == Self::Unchanged
    }
}

/// Values of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// 0 to 1, the same in the three channels: the reference.
    UnitRange,
    /// ImageNet's mean and standard deviation per channel, applied to 0 to 1.
    ImageNet,
}

impl Normalisation {
    /// Mean and standard deviation of each of the three channels.
    #[must_use]
    pub const fn mean_and_deviation(self) -> [(f32, f32); 3] {
        match self {
            Self::UnitRange => [(0.0, 1.0); 3],
            Self::ImageNet => [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)],
        }
    }

    /// Grey values `[rows, columns]` in 0 to 1 as the three channels `[3, rows, columns]` of the input.
    #[must_use]
    pub fn channels(self, grey: &[f32]) -> Vec<f32> {
        let channels = self.mean_and_deviation();
        let channel = |(mean, deviation): (f32, f32)| grey.iter().map(move |value| (value - mean) / deviation);
        channels.into_iter().flat_map(channel).collect()
    }
}

/// Rows and columns of the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputShape {
    /// Height in pixels.
    pub rows: u32,
    /// Width in pixels.
    pub columns: u32,
}

impl InputShape {
    /// The reference: 955 high, 500 wide.
    pub const REFERENCE: Self = Self { rows: 955, columns: 500 };
}

impl PreprocessSpec {
    /// The published method: reference-method section "Preprocessing", with the article's window.
    #[must_use]
    pub const fn reference() -> Self {
        Self {
            window: WindowRule::CenterPlusMinusWidth,
            padding: PaddingRule::Keep,
            crop: CropRule::ZeroSum,
            aspect: AspectRule::Stretch,
            filter: ResizeFilter::Bilinear,
            contrast: ContrastRule::Unchanged,
            normalisation: Normalisation::UnitRange,
            input: InputShape::REFERENCE,
        }
    }

    /// Not for a network but for people: the whole image by its own window, in 0 to 1.
    #[must_use]
    pub const fn display(input: InputShape) -> Self {
        Self {
            window: WindowRule::DicomVoi,
            padding: PaddingRule::Exclude,
            crop: CropRule::None,
            aspect: AspectRule::Stretch,
            filter: ResizeFilter::Area,
            contrast: ContrastRule::Unchanged,
            normalisation: Normalisation::UnitRange,
            input,
        }
    }

    /// The digest of the spec's canonical JSON: equal specs, equal digests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_canonical(self).unwrap_or_else(|_| Digest::of(format!("{self:?}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_keeps_its_wire_form() {
        let text = serde_json::to_string(&PreprocessSpec::reference()).unwrap();
        assert_eq!(
            text,
            r#"{"window":"center_plus_minus_width","padding":"keep","crop":"zero_sum","aspect":"stretch","filter":"bilinear","normalisation":"unit_range","input":{"rows":955,"columns":500}}"#
        );
        assert_eq!(serde_json::from_str::<PreprocessSpec>(&text).unwrap(), PreprocessSpec::reference());
        let other = PreprocessSpec { contrast: ContrastRule::Breast, ..PreprocessSpec::reference() };
        let text = serde_json::to_string(&other).unwrap();
        assert!(text.contains(r#""contrast":"breast""#), "{text}");
        assert_eq!(serde_json::from_str::<PreprocessSpec>(&text).unwrap(), other);
    }

    #[test]
    fn digest_changes_with_any_field() {
        let reference = PreprocessSpec::reference();
        let other = PreprocessSpec { window: WindowRule::DicomVoi, ..reference };
        assert_eq!(reference.digest(), PreprocessSpec::reference().digest());
        assert_ne!(reference.digest(), other.digest());
    }

    #[test]
    fn unknown_values_and_fields_are_refused() {
        assert!(serde_json::from_str::<WindowRule>(r#""sideways""#).is_err());
        assert!(serde_json::from_str::<InputShape>(r#"{"rows":1,"columns":1,"depth":1}"#).is_err());
    }
}
