//! The picture of a class activation map: the image beside the same image with the map over it.

use std::borrow::Cow;

use contract::geometry::Extent;
use contract::preprocess::InputShape;
use contract::{HotSpot, Point, PreprocessSpec, Ring};
use domain::NOTICE;
use domain::findings::Cam;
use drawing::{PictureError, Size};
use imaging::{DecodedImage, PrepareError, prepare};
use thiserror::Error;

use crate::cam::CamSurface;

pub use drawing::Picture;

/// Height of the two images: enough for a look, small enough for a page.
const ROWS_MAX: u32 = 1024;
/// Black pixels between the two images.
pub const GAP_COLUMNS: u32 = 16;
/// Height of the strip below the images, with the notice in it.
const NOTICE_ROWS: u32 = 28;
/// Colour of the notice.
const NOTICE_COLOUR: [u8; 3] = [255, 190, 60];
/// Colour of the legend's words.
const LEGEND_COLOUR: [u8; 3] = [200, 205, 215];
/// Colour of the line around what stands out: far from all colours of the map.
const OUTLINE_COLOUR: [u8; 3] = [60, 230, 255];
/// Grey values below the colours of the legend.
const LEGEND_LEVEL: f32 = 70.0;
/// Columns and rows of the legend's bar.
const LEGEND_BAR: (u32, u32) = (160, 14);
/// Words at both ends of the legend's bar: colours say nothing across images.
const LEGEND_WORDS: [&str; 2] = ["weaker", "strongest place of this image"];
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
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// Rows and columns at which an image is drawn: at most 1024 rows.
#[must_use]
pub fn extent(original: Extent) -> Extent {
    let rows = original.rows.min(ROWS_MAX);
    let columns = (u64::from(original.columns) * u64::from(rows) / u64::from(original.rows)).max(1) as u32;
    Extent { rows, columns }
}

/// Draws `image` as its own window shows it, reduced to [`extent`], and beside it the same with the thresholded map of `cam`
/// over it: `surface`, where an engine made it for this extent already. Rows and columns that the network never saw carry no
/// map.
///
/// The picture is `2 × columns + 16` wide, for `columns` of the reduced image, and at least as wide as the notice, with
/// black to the right; below the images stand 28 rows with the notice and, where there is room, what the colours mean.
///
/// # Errors
/// [`HeatmapError`].
pub fn draw(
    image: &DecodedImage,
    cam: &Cam,
    geometry: &contract::Geometry,
    surface: Option<&CamSurface>,
) -> Result<Picture, HeatmapError> {
    let original = geometry.original;
    let extent = extent(original);
    let Extent { rows, columns } = extent;
    let grey = reduced(image, rows, columns)?;
    let made = surface.filter(|surface| surface.extent == extent && surface.values.len() == grey.len());
    let surface = made.map_or_else(|| Cow::Owned(CamSurface::of(cam, geometry, extent)), Cow::Borrowed);
    let width = (2 * columns + GAP_COLUMNS).max(Size::Tiny.columns_of(NOTICE) + GAP_COLUMNS);
    let mut picture = Picture::new(width, rows + NOTICE_ROWS, [0; 3]);
    let lines = picture.rgb.chunks_exact_mut(width as usize * 3);
    let (grey, strengths) = (grey.chunks_exact(columns as usize), surface.values.chunks_exact(columns as usize));
    for ((line, grey), strengths) in lines.zip(grey).zip(strengths) {
        let (plain, overlaid) = line.split_at_mut((columns + GAP_COLUMNS) as usize * 3);
        for (x, (&value, &strength)) in grey.iter().zip(strengths).enumerate() {
            let level = value * 255.0;
            plain[3 * x..3 * x + 3].fill(level as u8);
            overlaid[3 * x..3 * x + 3].copy_from_slice(&blend(level, strength));
        }
    }
    if let Some(hot_spot) = HotSpot::of(&cam.values, cam.extent, geometry, None) {
        let scale = Point {
            x: f64::from(columns) / f64::from(original.columns),
            y: f64::from(rows) / f64::from(original.rows),
        };
        hot_spot.rings.iter().for_each(|ring| draw_ring(&mut picture, ring, scale, (columns, rows)));
    }
    let left = write_notice(&mut picture, rows).max(columns) + GAP_COLUMNS;
    draw_legend(&mut picture, left, rows);
    Ok(picture)
}

/// The PNG of [`draw`], which also carries the notice as text.
///
/// # Errors
/// [`HeatmapError`].
pub fn draw_png(
    image: &DecodedImage,
    cam: &Cam,
    geometry: &contract::Geometry,
    surface: Option<&CamSurface>,
) -> Result<Vec<u8>, HeatmapError> {
    Ok(draw(image, cam, geometry, surface)?.to_png(NOTICE)?)
}

/// Draws the line that structured reports and presentation states carry onto the right image.
fn draw_ring(picture: &mut Picture, ring: &Ring, scale: Point, (columns, rows): (u32, u32)) {
    for pair in ring.points().windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|point| (point.x * scale.x, point.y * scale.y));
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0) as u32;
        for step in 0..steps {
            let share = f64::from(step) / f64::from(steps);
            let x = (from.0 + (to.0 - from.0) * share) as u32;
            let y = (from.1 + (to.1 - from.1) * share) as u32;
            picture.set(columns + GAP_COLUMNS + x.min(columns - 1), y.min(rows - 1), OUTLINE_COLOUR);
        }
    }
}

/// Returns the column behind the notice.
fn write_notice(picture: &mut Picture, top: u32) -> u32 {
    let room = picture.columns.saturating_sub(GAP_COLUMNS);
    let fits = |size: &Size| size.columns_of(NOTICE) <= room;
    let size = [Size::Normal, Size::Small].into_iter().find(fits).unwrap_or(Size::Tiny);
    let top = top + (NOTICE_ROWS - size.rows()) / 2;
    picture.write((GAP_COLUMNS / 2, top), room, NOTICE, size, NOTICE_COLOUR);
    GAP_COLUMNS / 2 + size.columns_of(NOTICE)
}

/// What the colours of the map mean, from column `left` on; nothing where it does not fit.
fn draw_legend(picture: &mut Picture, left: u32, top: u32) {
    let size = Size::Small;
    let [weak, strong] = LEGEND_WORDS.map(|words| size.columns_of(words));
    let ((bar, rows), gap) = (LEGEND_BAR, size.columns());
    if left + weak + gap + bar + gap + strong > picture.columns {
        return;
    }
    let words_top = top + (NOTICE_ROWS - size.rows()) / 2;
    picture.write((left, words_top), weak, LEGEND_WORDS[0], size, LEGEND_COLOUR);
    let left = left + weak + gap;
    for column in 0..bar {
        let colour = blend(LEGEND_LEVEL, column as f32 / (bar - 1) as f32);
        picture.fill(left + column, top + (NOTICE_ROWS - rows) / 2, 1, rows, colour);
    }
    picture.write((left + bar + gap, words_top), strong, LEGEND_WORDS[1], size, LEGEND_COLOUR);
}

/// The image by its own window, in 0 to 1.
fn reduced(image: &DecodedImage, rows: u32, columns: u32) -> Result<Vec<f32>, PrepareError> {
    let display = PreprocessSpec::display(InputShape { rows, columns });
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
mod colour_vision;

#[cfg(test)]
mod tests {
    use contract::geometry::{Rectangle, Runs};

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
        let picture = draw(&image, &Cam { extent: Extent { rows: 4, columns: 4 }, values }, &geometry, None).unwrap();
        assert_eq!((picture.rows, picture.columns), (200 + 28, 256));
        let pixel = |x: usize, y: usize| &picture.rgb[(y * 256 + x) * 3..][..3];
        let is_grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        assert!(is_grey(pixel(90, 190)), "the left image is plain");
        assert!(!is_grey(pixel(116 + 90, 190)), "the hot cell is coloured");
        assert!(is_grey(pixel(116 + 90, 90)), "rows that were removed carry no map");
        assert!(is_grey(pixel(116 + 10, 190)), "cold cells carry no map");
        let line = |left: usize, right: usize| (left..right).any(|x| pixel(x, 190) == OUTLINE_COLOUR);
        assert!(
            line(116 + 60, 116 + 99) && !line(0, 116 + 60),
            "the line is around the hot cell, on the right image only"
        );
    }

    #[test]
    fn a_surface_of_the_drawn_extent_is_taken_and_any_other_is_not() {
        let (rows, columns) = (60_u32, 40_u32);
        let image = DecodedImage::from_gray(rows, columns, 12, (0..rows as u16 * columns as u16).collect()).unwrap();
        let geometry = contract::Geometry {
            original: Extent { rows, columns },
            kept_rows: Runs::all(rows),
            kept_columns: Runs::all(columns),
            input: Extent { rows: 20, columns: 20 },
            placed: Rectangle { top: 0, left: 0, rows: 20, columns: 20 },
        };
        let cam = Cam { extent: Extent { rows: 2, columns: 2 }, values: vec![0.0, 0.0, 0.0, 1.0] };
        let drawn = |surface: Option<&CamSurface>| draw(&image, &cam, &geometry, surface).unwrap().rgb;
        let own = CamSurface::of(&cam, &geometry, extent(geometry.original));
        assert_eq!(drawn(Some(&own)), drawn(None));
        let mut other = own.clone();
        other.values[0] = 1.0;
        assert_ne!(drawn(Some(&other)), drawn(None));
        other.extent.rows -= 1;
        assert_eq!(drawn(Some(&other)), drawn(None));
        assert_eq!(extent(Extent { rows: 4096, columns: 3328 }), Extent { rows: 1024, columns: 832 });
    }

    #[test]
    fn every_picture_carries_the_notice() {
        for columns in [1_u32, 100, 300] {
            let image = DecodedImage::from_gray(50, columns, 16, (0..50 * columns as u16).collect()).unwrap();
            let geometry = contract::Geometry {
                original: Extent { rows: 50, columns },
                kept_rows: Runs::all(50),
                kept_columns: Runs::all(columns),
                input: Extent { rows: 40, columns: 40 },
                placed: Rectangle { top: 0, left: 0, rows: 40, columns: 40 },
            };
            let cam = Cam { extent: Extent { rows: 1, columns: 1 }, values: vec![0.0] };
            let picture = draw(&image, &cam, &geometry, None).unwrap();
            let strip = &picture.rgb[50 * 3 * picture.columns as usize..];
            assert!(strip.chunks_exact(3).filter(|pixel| **pixel == NOTICE_COLOUR).count() > 200, "visible words");
            let png = draw_png(&image, &cam, &geometry, None).unwrap();
            assert_eq!(Picture::from_png(&png).unwrap(), picture);
            assert!(png.windows(NOTICE.len()).any(|window| window == NOTICE.as_bytes()), "words for programs");
        }
    }
}
