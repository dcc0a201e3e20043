//! The picture of a class activation map: the image beside the same image with the map over it.

use contract::PreprocessSpec;
use contract::geometry::Point;
use contract::preprocess::{AspectRule, CropRule, InputShape, Normalisation, PaddingRule, ResizeFilter, WindowRule};
use domain::findings::Cam;
use imaging::{DecodedImage, PrepareError, prepare};
use thiserror::Error;

use crate::cam::Surface;

/// Height of the picture: enough for a look, small enough for a page.
const ROWS_MAX: u32 = 1024;
/// Black pixels between the two images.
const GAP_COLUMNS: u32 = 16;
/// How much of the image the strongest place hides.
const OPACITY_MAX: f32 = 0.65;

/// A colour for each quarter of the map's range, dark to bright, readable without colour vision as lightness rises.
const COLOURS: [[f32; 3]; 5] =
    [[45.0, 20.0, 95.0], [140.0, 35.0, 105.0], [220.0, 70.0, 55.0], [250.0, 160.0, 40.0], [252.0, 250.0, 160.0]];

/// Why no picture was made.
#[derive(Debug, Error)]
pub enum HeatmapError {
    /// The image has no grey values.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The PNG could not be written.
    #[error("heat map could not be written as PNG: {0}")]
    Encode(#[from] png::EncodingError),
}

/// An 8-bit RGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width.
    pub columns: u32,
    /// Height.
    pub rows: u32,
    /// Red, green, blue, row by row.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The picture as PNG.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn to_png(&self) -> Result<Vec<u8>, HeatmapError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.columns, self.rows);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// Draws `image` as its own window shows it, reduced to at most 1024 rows, and beside it the same with the thresholded
/// map of `cam` over it. Rows and columns that the network never saw carry no map.
///
/// # Errors
/// [`HeatmapError`].
pub fn draw(image: &DecodedImage, cam: &Cam, geometry: &contract::Geometry) -> Result<Picture, HeatmapError> {
    let original = geometry.original;
    let rows = original.rows.min(ROWS_MAX);
    let columns = (u64::from(original.columns) * u64::from(rows) / u64::from(original.rows)).max(1) as u32;
    let grey = reduced(image, rows, columns)?;
    let surface = Surface::new(cam);
    let width = 2 * columns + GAP_COLUMNS;
    let mut rgb = vec![0_u8; width as usize * rows as usize * 3];
    for (y, (line, grey)) in
        rgb.chunks_exact_mut(width as usize * 3).zip(grey.chunks_exact(columns as usize)).enumerate()
    {
        let (plain, overlaid) = line.split_at_mut((columns + GAP_COLUMNS) as usize * 3);
        for (x, &value) in grey.iter().enumerate() {
            let level = value * 255.0;
            plain[3 * x..3 * x + 3].fill(level as u8);
            let point = Point {
                x: (x as f64 + 0.5) * f64::from(original.columns) / f64::from(columns),
                y: (y as f64 + 0.5) * f64::from(original.rows) / f64::from(rows),
            };
            let strength = geometry.grid_of_original(cam.extent, point).map_or(0.0, |point| surface.at(point));
            overlaid[3 * x..3 * x + 3].copy_from_slice(&blend(level, strength));
        }
    }
    Ok(Picture { columns: width, rows, rgb })
}

/// The image by its own window, in 0 to 1.
fn reduced(image: &DecodedImage, rows: u32, columns: u32) -> Result<Vec<f32>, PrepareError> {
    let display = PreprocessSpec {
        window: WindowRule::DicomVoi,
        padding: PaddingRule::Exclude,
        crop: CropRule::None,
        aspect: AspectRule::Stretch,
        filter: ResizeFilter::Area,
        normalisation: Normalisation::UnitRange,
        input: InputShape { rows, columns },
    };
    let mut grey = prepare(image, &display)?.tensor;
    grey.truncate(rows as usize * columns as usize);
    Ok(grey)
}

fn blend(level: f32, strength: f32) -> [u8; 3] {
    let strength = strength.clamp(0.0, 1.0);
    let opacity = OPACITY_MAX * strength.sqrt();
    colour(strength).map(|channel| (level * (1.0 - opacity) + channel * opacity) as u8)
}

fn colour(strength: f32) -> [f32; 3] {
    let place = strength * (COLOURS.len() - 1) as f32;
    let below = (place as usize).min(COLOURS.len() - 2);
    let part = place - below as f32;
    std::array::from_fn(|channel| COLOURS[below][channel] * (1.0 - part) + COLOURS[below + 1][channel] * part)
}

#[cfg(test)]
mod tests {
    use contract::geometry::{Extent, Rectangle, Runs};

    use super::*;

    #[test]
    fn the_map_is_drawn_where_it_belongs() {
        let (rows, columns) = (200_u32, 100_u32);
        let samples = (0..rows * columns).map(|index| (index % 4096) as u16).collect();
        let image = DecodedImage::from_gray(rows, columns, 12, samples).unwrap();
        // Only the lower half was kept: the map's only hot cell is its lower right one.
        let geometry = contract::Geometry {
            original: Extent { rows, columns },
            kept_rows: Runs::span(100, 100),
            kept_columns: Runs::all(columns),
            input: Extent { rows: 40, columns: 40 },
            placed: Rectangle { top: 0, left: 0, rows: 40, columns: 40 },
        };
        let mut values = vec![0.0; 16];
        values[15] = 1.0;
        let picture = draw(&image, &Cam { extent: Extent { rows: 4, columns: 4 }, values }, &geometry).unwrap();
        assert_eq!((picture.rows, picture.columns), (200, 216));
        let pixel = |x: usize, y: usize| &picture.rgb[(y * 216 + x) * 3..][..3];
        let is_grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        assert!(is_grey(pixel(90, 190)), "the left image is plain");
        assert!(!is_grey(pixel(116 + 90, 190)), "the hot cell is coloured");
        assert!(is_grey(pixel(116 + 90, 90)), "rows that were removed carry no map");
        assert!(is_grey(pixel(116 + 10, 190)), "cold cells carry no map");
        assert!(picture.to_png().unwrap().starts_with(b"\x89PNG"));
    }
}
