//! Text of one line in a built-in bitmap font with the characters of Latin-1.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size as Extent};
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_8X13, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::text::Baseline;
use embedded_graphics::text::renderer::TextRenderer;

use crate::{Colour, Picture};

/// Stands at the end of a text that was cut.
const CUT: &str = "...";

/// Height and width of a character: all are equally wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 6 × 10 pixels.
    Tiny,
    /// 8 × 13 pixels.
    Small,
    /// 10 × 20 pixels.
    Normal,
    /// 20 × 40 pixels.
    Large,
    /// 40 × 80 pixels.
    Huge,
}

impl Size {
    const fn font(self) -> &'static MonoFont<'static> {
        match self {
            Self::Tiny => &FONT_6X10,
            Self::Small => &FONT_8X13,
            Self::Normal | Self::Large | Self::Huge => &FONT_10X20,
        }
    }

    /// How often the font is doubled.
    const fn doublings(self) -> u32 {
        match self {
            Self::Tiny | Self::Small | Self::Normal => 0,
            Self::Large => 1,
            Self::Huge => 2,
        }
    }

    /// Width of a character in pixels, the gap to the next included.
    #[must_use]
    pub const fn columns(self) -> u32 {
        self.font().character_size.width << self.doublings()
    }

    /// Height of a line in pixels.
    #[must_use]
    pub const fn rows(self) -> u32 {
        self.font().character_size.height << self.doublings()
    }

    /// How many characters stand in `columns` pixels.
    #[must_use]
    pub const fn characters_in(self, columns: u32) -> usize {
        (columns / self.columns()) as usize
    }

    /// Width of `text` in pixels.
    #[must_use]
    pub fn columns_of(self, text: &str) -> u32 {
        u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_mul(self.columns())
    }
}

impl Picture {
    /// Writes one line with its upper left corner at `(left, top)`, in at most `columns_max` pixels: a longer text is
    /// cut and ends in dots. Characters outside Latin-1, and control characters, stand as question marks.
    pub fn write(&mut self, (left, top): (u32, u32), columns_max: u32, text: &str, size: Size, colour: Colour) {
        let columns = columns_max.min(self.columns.saturating_sub(left));
        let text = clipped(text, size.characters_in(columns));
        let mut bitmap = Bitmap::of(&text, size.font());
        for _ in 0..size.doublings() {
            bitmap = bitmap.doubled();
        }
        for y in 0..bitmap.rows {
            for x in (0..bitmap.columns).filter(|x| bitmap.at(i64::from(*x), i64::from(y))) {
                self.set(left + x, top.saturating_add(y), colour);
            }
        }
    }
}

/// `text` with control characters and those outside Latin-1 as question marks; where it has more than `characters_max`
/// characters, its beginning and dots.
#[must_use]
pub fn clipped(text: &str, characters_max: usize) -> String {
    // No more is looked at than is needed: a text from outside may be long.
    let mut characters: Vec<char> = text.chars().take(characters_max.saturating_add(1)).map(drawable).collect();
    if characters.len() > characters_max {
        characters.truncate(characters_max.saturating_sub(CUT.len()));
        characters.extend(CUT.chars().take(characters_max));
    }
    characters.into_iter().collect()
}

fn drawable(character: char) -> char {
    if matches!(character, ' '..='~' | '\u{a0}'..='\u{ff}') { character } else { '?' }
}

/// Which pixels of a line are set.
struct Bitmap {
    columns: u32,
    rows: u32,
    bits: Vec<bool>,
}

impl Bitmap {
    fn new(columns: u32, rows: u32) -> Self {
        Self { columns, rows, bits: vec![false; columns as usize * rows as usize] }
    }

    fn of(text: &str, font: &MonoFont) -> Self {
        let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let mut bitmap = Self::new(count.saturating_mul(font.character_size.width), font.character_size.height);
        let style = MonoTextStyle::new(font, BinaryColor::On);
        // Infallible, as the type says.
        let Ok(_) = style.draw_string(text, Point::zero(), Baseline::Top, &mut bitmap);
        bitmap
    }

    fn at(&self, x: i64, y: i64) -> bool {
        let inside = (0..i64::from(self.columns)).contains(&x) && (0..i64::from(self.rows)).contains(&y);
        inside && self.bits[y as usize * self.columns as usize + x as usize]
    }

    /// Twice as large, with slanted edges kept slanted (the rule is known as Scale2x or EPX).
    fn doubled(&self) -> Self {
        let mut doubled = Self::new(2 * self.columns, 2 * self.rows);
        for y in 0..self.rows {
            for x in 0..self.columns {
                let [column, row] = [i64::from(x), i64::from(y)];
                let here = self.at(column, row);
                let [up, down] = [self.at(column, row - 1), self.at(column, row + 1)];
                let [before, after] = [self.at(column - 1, row), self.at(column + 1, row)];
                let corners = [
                    if before == up && before != down && up != after { up } else { here },
                    if up == after && up != before && after != down { after } else { here },
                    if down == before && down != after && before != up { before } else { here },
                    if after == down && after != up && down != before { down } else { here },
                ];
                let start = 2 * y as usize * doubled.columns as usize + 2 * x as usize;
                let next = start + doubled.columns as usize;
                doubled.bits[start..start + 2].copy_from_slice(&corners[..2]);
                doubled.bits[next..next + 2].copy_from_slice(&corners[2..]);
            }
        }
        doubled
    }
}

impl OriginDimensions for Bitmap {
    fn size(&self) -> Extent {
        Extent::new(self.columns, self.rows)
    }
}

impl DrawTarget for Bitmap {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            if self.at_is_inside(x, y) {
                self.bits[y as usize * self.columns as usize + x as usize] = colour.is_on();
            }
        }
        Ok(())
    }
}

impl Bitmap {
    fn at_is_inside(&self, x: i32, y: i32) -> bool {
        x >= 0 && y >= 0 && x.unsigned_abs() < self.columns && y.unsigned_abs() < self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [Size; 5] = [Size::Tiny, Size::Small, Size::Normal, Size::Large, Size::Huge];

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(clipped("mammography", 11), "mammography");
        assert_eq!(clipped("mammography", 10), "mammogr...");
        assert_eq!(clipped("mammography", 2), "..");
        assert_eq!(clipped("mammography", 0), "");
        assert_eq!(clipped("a\u{1b}[31m\n\u{4e00}é", 20), "a?[31m??é");
    }

    #[test]
    fn text_stays_in_its_columns_and_rows() {
        for size in SIZES {
            let mut picture = Picture::new(300, 120, [0; 3]);
            picture.write((20, 20), 200, &"W".repeat(10_000), size, [9; 3]);
            for (index, value) in picture.rgb.chunks_exact(3).map(|pixel| pixel[0]).enumerate() {
                let (x, y) = (index as u32 % 300, index as u32 / 300);
                let inside = (20..220).contains(&x) && (20..20 + size.rows()).contains(&y);
                assert!(value == 0 || inside, "{size:?} at {x}, {y}");
            }
            assert!(picture.rgb.contains(&9), "{size:?} is drawn");
        }
    }

    #[test]
    fn text_outside_the_picture_is_nothing() {
        let mut picture = Picture::new(10, 10, [0; 3]);
        picture.write((10, 0), 100, "W", Size::Tiny, [9; 3]);
        picture.write((0, u32::MAX), 100, "W", Size::Tiny, [9; 3]);
        picture.write((u32::MAX, 0), 100, "W", Size::Tiny, [9; 3]);
        assert!(!picture.rgb.contains(&9));
    }

    #[test]
    fn a_doubled_slant_stays_a_slant() {
        let mut slant = Bitmap::new(3, 3);
        for index in 0..3 {
            slant.bits[index * 4] = true;
        }
        let doubled = slant.doubled();
        let rows: Vec<String> =
            doubled.bits.chunks(6).map(|row| row.iter().map(|bit| if *bit { '#' } else { '.' }).collect()).collect();
        assert_eq!(rows, ["##....", "###...", ".###..", "..###.", "...###", "....##"]);
    }
}
