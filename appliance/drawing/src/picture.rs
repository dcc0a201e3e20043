//! An RGB picture, and PNG.

use std::io::Cursor;

use thiserror::Error;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// The longest PNG that is read.
pub const BYTES_MAX: usize = 32 << 20;
/// The widest PNG that is read.
pub const COLUMNS_MAX: u32 = 4096;
/// The highest PNG that is read.
pub const ROWS_MAX: u32 = 2048;

/// Why a PNG was not read or written.
#[derive(Debug, Error)]
pub enum PictureError {
    /// Longer, wider or higher than the limits.
    #[error("picture is too large")]
    TooLarge,
    /// Another kind than 8-bit RGB.
    #[error("picture is not 8-bit RGB")]
    Unsupported,
    /// It is no PNG, or a damaged one.
    #[error("picture is damaged: {0}")]
    Decode(#[from] png::DecodingError),
    /// It could not be written.
    #[error("picture could not be written as PNG: {0}")]
    Encode(#[from] png::EncodingError),
}

/// An 8-bit RGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width.
    pub columns: u32,
    /// Height.
    pub rows: u32,
    /// Red, green, blue, row by row: `3 × columns × rows` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    #[must_use]
    pub fn new(columns: u32, rows: u32, colour: Colour) -> Self {
        Self { columns, rows, rgb: colour.repeat(columns as usize * rows as usize) }
    }

    /// Fills a rectangle, as far as it lies inside.
    pub fn fill(&mut self, left: u32, top: u32, columns: u32, rows: u32, colour: Colour) {
        for y in top..top.saturating_add(rows).min(self.rows) {
            for x in left..left.saturating_add(columns).min(self.columns) {
                self.set(x, y, colour);
            }
        }
    }

    /// Copies `other` to `(left, top)`, as far as it lies inside.
    pub fn place(&mut self, left: u32, top: u32, other: &Self) {
        let columns = other.columns.min(self.columns.saturating_sub(left)) as usize;
        let rows = other.rows.min(self.rows.saturating_sub(top)) as usize;
        if columns == 0 {
            return;
        }
        let source = other.rgb.chunks_exact(3 * other.columns as usize).take(rows);
        let target = self.rgb.chunks_exact_mut(3 * self.columns as usize).skip(top as usize);
        for (target, source) in target.zip(source) {
            let start = 3 * left as usize;
            target[start..start + 3 * columns].copy_from_slice(&source[..3 * columns]);
        }
    }

    /// The part of `columns` x `rows` pixels at `(left, top)`; `None` where that is not all inside, or nothing.
    #[must_use]
    pub fn part(&self, (left, top): (u32, u32), (columns, rows): (u32, u32)) -> Option<Self> {
        let is_inside = |start: u32, length: u32, all: u32| start.checked_add(length).is_some_and(|end| end <= all);
        if columns == 0 || rows == 0 || !is_inside(left, columns, self.columns) || !is_inside(top, rows, self.rows) {
            return None;
        }
        let lines = self.rgb.chunks_exact(3 * self.columns as usize).skip(top as usize).take(rows as usize);
        let start = 3 * left as usize;
        let rgb = lines.flat_map(|line| &line[start..start + 3 * columns as usize]).copied().collect();
        Some(Self { columns, rows, rgb })
    }

    /// Colours one pixel; nothing outside.
    pub fn set(&mut self, x: u32, y: u32, colour: Colour) {
        if x < self.columns && y < self.rows {
            let start = 3 * (y as usize * self.columns as usize + x as usize);
            if let Some(pixel) = self.rgb.get_mut(start..start + 3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    /// The picture as PNG, with `disclaimer` as the text that PNG has for it (tEXt, keyword `Disclaimer`).
    ///
    /// # Errors
    /// [`PictureError::Encode`], among others for a `disclaimer` that is not Latin-1.
    pub fn to_png(&self, disclaimer: &str) -> Result<Vec<u8>, PictureError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.columns, self.rows);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        encoder.add_text_chunk("Disclaimer".to_owned(), disclaimer.to_owned())?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(bytes)
    }

    /// Reads an 8-bit RGB PNG of at most [`COLUMNS_MAX`] × [`ROWS_MAX`].
    ///
    /// # Errors
    /// [`PictureError`]; nothing is allocated for a picture that is too large.
    pub fn from_png(bytes: &[u8]) -> Result<Self, PictureError> {
        if bytes.len() > BYTES_MAX {
            return Err(PictureError::TooLarge);
        }
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: BYTES_MAX });
        decoder.set_ignore_text_chunk(true);
        let mut reader = decoder.read_info()?;
        let (columns, rows) = reader.info().size();
        if columns > COLUMNS_MAX || rows > ROWS_MAX {
            return Err(PictureError::TooLarge);
        }
        if reader.output_color_type() != (png::ColorType::Rgb, png::BitDepth::Eight) {
            return Err(PictureError::Unsupported);
        }
        let mut rgb = vec![0; 3 * columns as usize * rows as usize];
        reader.next_frame(&mut rgb)?;
        reader.finish()?;
        Ok(Self { columns, rows, rgb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(columns: u32, rows: u32, colour: png::ColorType, bytes: &[u8]) -> Vec<u8> {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, columns, rows);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
        png
    }

    #[test]
    fn what_is_no_sound_rgb_png_is_refused() {
        assert!(matches!(Picture::from_png(b""), Err(PictureError::Decode(_))));
        assert!(matches!(Picture::from_png(b"\x89PNG\r\n\x1a\nnonsense"), Err(PictureError::Decode(_))));
        assert!(matches!(Picture::from_png(&vec![0; BYTES_MAX + 1]), Err(PictureError::TooLarge)));
        let grey = png_of(2, 2, png::ColorType::Grayscale, &[0; 4]);
        assert!(matches!(Picture::from_png(&grey), Err(PictureError::Unsupported)));
        let wide = png_of(COLUMNS_MAX + 1, 1, png::ColorType::Rgb, &vec![0; 3 * (COLUMNS_MAX as usize + 1)]);
        assert!(matches!(Picture::from_png(&wide), Err(PictureError::TooLarge)));
    }

    #[test]
    fn every_cut_of_a_png_is_an_error_and_never_a_panic() {
        let whole = Picture::new(20, 20, [1, 2, 3]).to_png("no").unwrap();
        for length in 0..whole.len() - 12 {
            assert!(Picture::from_png(&whole[..length]).is_err(), "cut to {length} bytes");
        }
    }

    #[test]
    fn a_png_is_the_same_picture_with_its_disclaimer() {
        let mut picture = Picture::new(9, 5, [10, 20, 30]);
        picture.fill(7, 3, 10, 10, [255, 0, 0]);
        let png = picture.to_png("for research").unwrap();
        assert!(png.windows(27).any(|window| window == b"tEXtDisclaimer\0for research"), "uncompressed text");
        assert_eq!(Picture::from_png(&png).unwrap(), picture);
    }

    #[test]
    fn what_lies_outside_is_cut() {
        let mut picture = Picture::new(4, 4, [0; 3]);
        let other = Picture::new(3, 3, [9; 3]);
        picture.place(2, 3, &other);
        picture.place(4, 0, &other);
        picture.place(0, u32::MAX, &other);
        picture.fill(u32::MAX - 1, 0, 9, 9, [1; 3]);
        picture.set(4, 0, [1; 3]);
        assert_eq!(picture.rgb.iter().filter(|value| **value == 9).count(), 6, "two pixels");
        assert!(!picture.rgb.contains(&1));
    }

    #[test]
    fn a_part_is_what_was_placed_there() {
        let mut page = Picture::new(5, 4, [9; 3]);
        let mut stamp = Picture::new(2, 3, [1; 3]);
        stamp.set(1, 2, [7, 8, 9]);
        page.place(3, 1, &stamp);
        assert_eq!(page.part((3, 1), (2, 3)), Some(stamp));
        for (place, size) in [((4, 1), (2, 3)), ((3, 2), (2, 3)), ((0, 0), (0, 1)), ((u32::MAX, 0), (2, 1))] {
            assert_eq!(page.part(place, size), None, "{place:?} {size:?}");
        }
    }
}
