//! A file to a prepared grey image, through `imaging` alone.
//!
//! DICOM files are decoded by [`imaging::decode`]; JPEG, PNG and PGM pictures become a [`DecodedImage`] without window,
//! and go the same way from there.

use std::io::Cursor;
use std::path::Path;

use contract::PreprocessSpec;
use contract::preprocess::Normalisation;
use image::{DynamicImage, ImageReader};
use imaging::{DecodedHeader, DecodedImage, Photometric};
use serde::{Deserialize, Serialize};

/// The most bytes of a file: an uncompressed 16-bit mammogram has up to 60 MB.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// The longest side of a picture in pixels.
const SIDE_MAX: u32 = 16_384;

/// The most bytes that a picture's decoder may take.
const PICTURE_BYTES_MAX: u64 = 1 << 30;

/// Where a picture (JPEG, PNG, PGM) has its background; DICOM files say it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// At black: the picture is taken as it is.
    Black,
    /// At white: the picture was made from MONOCHROME1 without inverting it.
    White,
    /// Wherever more pixels lie in the outer tenth of the range: around the breast is nothing, in all pictures.
    Detect,
}

/// Reads a file within the limit.
///
/// # Errors
/// Why it can't be read, for people.
pub fn read(file: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(file).map_err(|error| error.to_string())?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(format!("has more than {FILE_BYTES_MAX} bytes"));
    }
    std::fs::read(file).map_err(|error| error.to_string())
}

/// Decodes a file's bytes.
///
/// # Errors
/// Why it can't be decoded, for people.
pub fn decode(bytes: &[u8], background: Background) -> Result<DecodedImage, String> {
    let is_dicom = bytes.get(128..132) == Some(b"DICM".as_slice());
    if is_dicom {
        return imaging::decode(Cursor::new(bytes)).map_err(|error| error.to_string());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(PICTURE_BYTES_MAX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?;
    let (rows, columns) = (picture.height(), picture.width());
    let (bits, samples) = match picture {
        DynamicImage::ImageLuma16(picture) => (16, picture.into_raw()),
        picture => (8, picture.to_luma8().into_raw().into_iter().map(u16::from).collect()),
    };
    let decoded = DecodedImage::from_gray(rows, columns, bits, samples).map_err(|error| error.to_string())?;
    if !is_white(&decoded, background) {
        return Ok(decoded);
    }
    let (header, samples) = decoded.into_parts();
    let header = DecodedHeader { photometric: Photometric::Monochrome1, ..header };
    DecodedImage::from_parts(header, samples).map_err(|error| error.to_string())
}

/// Prepares a decoded image: its grey values in 0 to 1 as 16-bit steps, `rows × columns` of the spec's input. The spec's
/// normalisation is left to [`normalise`], which three channels of one grey value don't need to be stored for.
///
/// # Errors
/// Why it can't be prepared, for people.
pub fn prepare(image: &DecodedImage, spec: &PreprocessSpec) -> Result<Vec<u16>, String> {
    let spec = PreprocessSpec { normalisation: Normalisation::UnitRange, ..*spec };
    let input = imaging::prepare(image, &spec).map_err(|error| error.to_string())?;
    let pixels = spec.input.rows as usize * spec.input.columns as usize;
    Ok(input.tensor[..pixels].iter().map(|grey| (grey * f32::from(u16::MAX)).round() as u16).collect())
}

/// Grey values `[n, 1, rows, columns]` in 0 to 1 to the network's input `[n, 3, rows, columns]`, as `imaging` does it.
pub fn normalise(grey: &tch::Tensor, rule: Normalisation) -> tch::Tensor {
    let channels = rule.mean_and_deviation();
    let per_channel = |values: [f32; 3]| tch::Tensor::from_slice(&values).view([1, 3, 1, 1]).to_device(grey.device());
    let deviation = per_channel(channels.map(|(_, deviation)| deviation));
    (grey - per_channel(channels.map(|(mean, _)| mean))) / deviation
}

fn is_white(image: &DecodedImage, background: Background) -> bool {
    match background {
        Background::Black => false,
        Background::White => true,
        Background::Detect => {
            let greatest = u16::MAX >> (16 - image.header().bits_stored);
            let tenth = greatest / 10;
            let count = |within: fn(u16, u16, u16) -> bool| {
                image.samples().iter().filter(|&&sample| within(sample, tenth, greatest)).count()
            };
            count(|sample, tenth, greatest| sample >= greatest - tenth) > count(|sample, tenth, _| sample <= tenth)
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::preprocess::InputShape;

    use super::*;

    /// A binary PGM: a breast with values 100 to 140 on the left, background elsewhere.
    fn pgm(background: u8) -> Vec<u8> {
        let mut bytes = b"P5\n64 64\n255\n".to_vec();
        for _ in 0..64 {
            bytes.extend((0..64_u8).map(|column| if column < 20 { 100 + 2 * column } else { background }));
        }
        bytes
    }

    const SPEC: PreprocessSpec =
        PreprocessSpec { input: InputShape { rows: 32, columns: 16 }, ..PreprocessSpec::reference() };

    #[test]
    fn broken_and_blank_pictures_are_refused() {
        assert!(decode(b"", Background::Detect).is_err());
        assert!(decode(b"P5\n64 64\n255\nshort", Background::Detect).is_err());
        assert!(decode(b"P5\n60000 60000\n255\n", Background::Detect).is_err());
        let blank = decode(b"P5\n2 2\n255\naaaa", Background::Detect).unwrap();
        assert!(prepare(&blank, &SPEC).unwrap_err().contains("blank"));
    }

    #[test]
    fn a_white_background_is_found() {
        let photometric = |background, rule| decode(&pgm(background), rule).unwrap().header().photometric;
        assert_eq!(photometric(0, Background::Detect), Photometric::Monochrome2);
        assert_eq!(photometric(255, Background::Detect), Photometric::Monochrome1);
        assert_eq!(photometric(255, Background::Black), Photometric::Monochrome2);
        assert_eq!(photometric(0, Background::White), Photometric::Monochrome1);
    }

    #[test]
    fn what_is_stored_and_normalised_is_what_imaging_prepares() {
        let image = decode(&pgm(0), Background::Detect).unwrap();
        let spec = PreprocessSpec { normalisation: Normalisation::ImageNet, ..SPEC };
        let expected = imaging::prepare(&image, &spec).unwrap().tensor;
        let stored = prepare(&image, &spec).unwrap();
        let grey: Vec<f32> = stored.iter().map(|&grey| f32::from(grey) / f32::from(u16::MAX)).collect();
        let input = normalise(&tch::Tensor::from_slice(&grey).view([1, 1, 32, 16]), spec.normalisation);
        let expected = tch::Tensor::from_slice(&expected).view([1, 3, 32, 16]);
        let difference = f64::try_from((input - expected).abs().max()).unwrap();
        assert!(difference < 1e-4, "{difference}");
    }
}
