//! A small rasteriser for plots and pages of pictures: anti-aliased lines, areas and discs, a built-in font, PNG out.
//!
//! Our own, because a page needs four shapes: `resvg` is forty crates and takes its letters from the fonts of the machine
//! that draws. The same calls give the same bytes.

use embedded_graphics::Pixel;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::{Dimensions, DrawTarget, Drawable as _, Point};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::Text;

use crate::error::EvaluationError;

/// Pixels per side of a canvas.
const SIDE_MAX: usize = 16_384;

/// Lines of a pixel's height on which areas are sampled.
const SAMPLES: usize = 4;

/// Width of a letter of the built-in font in pixels, with the gap.
pub const LETTER_COLUMNS: usize = 10;
/// Height of the built-in font in pixels.
pub const LETTER_ROWS: usize = 20;

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// A point in pixels: `x` to the right, `y` down; the first pixel's middle is at 0.5.
pub type Place = (f64, f64);

/// How text lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lettering {
    /// Its colour.
    pub colour: Rgb,
    /// Drawn twice, a pixel apart.
    pub bold: bool,
    /// Each pixel of a letter becomes a square of so many.
    pub factor: usize,
    /// Share of the text that lies before its place: 0 begins there, 0.5 is around it, 1 ends there.
    pub anchor: f64,
    /// Runs upwards.
    pub upright: bool,
}

impl Lettering {
    /// Plain text that begins at its place.
    #[must_use]
    pub const fn plain(colour: Rgb) -> Self {
        Self { colour, bold: false, factor: 1, anchor: 0.0, upright: false }
    }
}

/// A picture that is drawn on.
#[derive(Debug, Clone)]
pub struct Canvas {
    columns: usize,
    rows: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    /// A picture in one colour, each side at most 16,384 pixels.
    #[must_use]
    pub fn new(columns: usize, rows: usize, colour: Rgb) -> Self {
        let (columns, rows) = (columns.clamp(1, SIDE_MAX), rows.clamp(1, SIDE_MAX));
        Self { columns, rows, pixels: vec![colour; columns * rows] }
    }

    /// Width in pixels.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// Height in pixels.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Sets one pixel; outside nothing happens.
    pub fn set(&mut self, column: usize, row: usize, colour: Rgb) {
        if column < self.columns && row < self.rows {
            self.pixels[row * self.columns + column] = colour;
        }
    }

    /// The colour of a pixel; `None` outside.
    #[must_use]
    pub fn get(&self, column: usize, row: usize) -> Option<Rgb> {
        if column < self.columns { self.pixels.get(row * self.columns + column).copied() } else { None }
    }

    fn blend(&mut self, column: usize, row: usize, colour: Rgb, share: f64) {
        let Some(before) = self.get(column, row) else { return };
        let mix = |channel: usize| {
            (f64::from(before[channel]) * (1.0 - share) + f64::from(colour[channel]) * share).round() as u8
        };
        self.set(column, row, std::array::from_fn(mix));
    }

    /// Fills the inside of a polygon by the even-odd rule; `opacity` in 0 to 1.
    pub fn fill(&mut self, corners: &[Place], colour: Rgb, opacity: f64) {
        let Some((first, last)) = span(corners.iter().map(|corner| corner.1), self.rows) else { return };
        for row in first..=last {
            let mut covered = vec![0.0; self.columns];
            for sample in 0..SAMPLES {
                let y = row as f64 + (sample as f64 + 0.5) / SAMPLES as f64;
                let mut crossings: Vec<f64> = edges(corners).filter_map(|edge| crossing(edge, y)).collect();
                crossings.sort_by(f64::total_cmp);
                crossings.as_chunks::<2>().0.iter().for_each(|&[left, right]| cover(&mut covered, left, right));
            }
            for (column, covered) in covered.into_iter().enumerate().filter(|(_, covered)| *covered > 0.0) {
                self.blend(column, row, colour, opacity * covered / SAMPLES as f64);
            }
        }
    }

    /// Draws a line through points, `width` pixels wide with round ends.
    pub fn line(&mut self, points: &[Place], colour: Rgb, width: f64) {
        let mut covered = std::collections::BTreeMap::new();
        let reach = width / 2.0 + 0.5;
        let single = points.first().map(|&point| (point, point)).filter(|_| points.len() == 1);
        for (from, to) in points.windows(2).map(|pair| (pair[0], pair[1])).chain(single) {
            let around = |a: f64, b: f64| [a.min(b) - reach, a.max(b) + reach].into_iter();
            let columns = span(around(from.0, to.0), self.columns);
            let rows = span(around(from.1, to.1), self.rows);
            let (Some(columns), Some(rows)) = (columns, rows) else { continue };
            for row in rows.0..=rows.1 {
                for column in columns.0..=columns.1 {
                    let share = reach - distance((column as f64 + 0.5, row as f64 + 0.5), from, to);
                    if share > 0.0 {
                        let cell = covered.entry((row, column)).or_insert(0.0_f64);
                        *cell = cell.max(share.min(1.0));
                    }
                }
            }
        }
        for ((row, column), share) in covered {
            self.blend(column, row, colour, share);
        }
    }

    /// Writes one line of text with its baseline at `at`. Letters that the font lacks are written as `?`.
    pub fn text(&mut self, at: Place, lettering: Lettering, text: &str) {
        let mut dots = Dots(Vec::new());
        let style = MonoTextStyle::new(&FONT_10X20, BinaryColor::On);
        let text = printable(text);
        let Ok(_) = Text::new(&text, Point::zero(), style).draw(&mut dots);
        let factor = lettering.factor.max(1) as i64;
        let width = (text.chars().count() * LETTER_COLUMNS) as i64 * factor;
        let before = (width as f64 * lettering.anchor).round() as i64;
        let (left, baseline) = (at.0.round() as i64, at.1.round() as i64);
        let shifts = if lettering.bold { 0..=1 } else { 0..=0 };
        for dot in dots.0 {
            for (across, down) in (0..factor * factor).map(|index| (index % factor, index / factor)) {
                for shift in shifts.clone() {
                    let along = i64::from(dot.x) * factor + across + shift - before;
                    let below = i64::from(dot.y) * factor + down;
                    let (x, y) = if lettering.upright {
                        (left + below, baseline - along)
                    } else {
                        (left + along, baseline + below)
                    };
                    if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) {
                        self.set(x, y, lettering.colour);
                    }
                }
            }
        }
    }

    /// The picture as PNG, with `notice` as its text `Disclaimer`.
    ///
    /// # Errors
    /// [`EvaluationError::Png`] never happens in memory.
    pub fn to_png(&self, notice: &str) -> Result<Vec<u8>, EvaluationError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.columns as u32, self.rows as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.add_text_chunk("Disclaimer".into(), notice.into())?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// Cells from the least to the greatest value, within `0..count`; `None` when that is none.
fn span(values: impl Iterator<Item = f64>, count: usize) -> Option<(usize, usize)> {
    let range = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let is_inside = range.0 <= range.1 && range.1 >= 0.0 && range.0 < count as f64;
    is_inside.then(|| (range.0.max(0.0) as usize, (range.1 as usize).min(count - 1)))
}

fn edges(corners: &[Place]) -> impl Iterator<Item = (Place, Place)> + '_ {
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

/// Where an edge crosses a height.
fn crossing((from, to): (Place, Place), y: f64) -> Option<f64> {
    ((from.1 <= y) != (to.1 <= y)).then(|| from.0 + (y - from.1) / (to.1 - from.1) * (to.0 - from.0))
}

/// Adds to each cell the share of it between `left` and `right`.
fn cover(cells: &mut [f64], left: f64, right: f64) {
    let Some((first, last)) = span([left, right].into_iter(), cells.len()) else { return };
    for (column, cell) in cells.iter_mut().enumerate().take(last + 1).skip(first) {
        let start = column as f64;
        *cell += (right.min(start + 1.0) - left.max(start)).max(0.0);
    }
}

/// From a point to a line between two.
fn distance(point: Place, from: Place, to: Place) -> f64 {
    let (along, away) = ((to.0 - from.0, to.1 - from.1), (point.0 - from.0, point.1 - from.1));
    let square = along.0 * along.0 + along.1 * along.1;
    let share = if square > 0.0 { ((along.0 * away.0 + along.1 * away.1) / square).clamp(0.0, 1.0) } else { 0.0 };
    (away.0 - share * along.0).hypot(away.1 - share * along.1)
}

/// Dashes and the minus sign are one sign in the font; what it lacks is a question mark.
fn printable(text: &str) -> String {
    let letter = |letter: char| match letter {
        '–' | '−' | '—' => '-',
        ' '..='~' | '\u{a0}'..='ÿ' => letter,
        _ => '?',
    };
    text.chars().map(letter).collect()
}

/// The dots of a text.
struct Dots(Vec<Point>);

impl Dimensions for Dots {
    fn bounding_box(&self) -> Rectangle {
        Rectangle::new(Point::new(-32_768, -32_768), embedded_graphics::prelude::Size::new_equal(65_535))
    }
}

impl DrawTarget for Dots {
    type Color = BinaryColor;
    type Error = std::convert::Infallible;

    fn draw_iter<Pixels>(&mut self, pixels: Pixels) -> Result<(), Self::Error>
    where
        Pixels: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        self.0.extend(pixels.into_iter().filter(|pixel| pixel.1.is_on()).map(|pixel| pixel.0));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Rgb = [255; 3];
    const BLACK: Rgb = [0; 3];

    fn inked(canvas: &Canvas) -> f64 {
        canvas.pixels.iter().map(|pixel| 1.0 - f64::from(pixel[0]) / 255.0).sum()
    }

    #[test]
    fn an_area_inks_its_area() {
        for (corners, area) in [
            (vec![(2.5, 3.25), (12.5, 3.25), (12.5, 8.25), (2.5, 8.25)], 50.0),
            (vec![(0.0, 0.0), (20.0, 0.0), (0.0, 20.0)], 200.0),
            (vec![(-10.0, -10.0), (30.0, -10.0), (30.0, 30.0), (-10.0, 30.0)], 400.0),
            (vec![(50.0, 50.0), (60.0, 50.0), (60.0, 60.0)], 0.0),
        ] {
            let mut canvas = Canvas::new(20, 20, WHITE);
            canvas.fill(&corners, BLACK, 1.0);
            assert!((inked(&canvas) - area).abs() < 0.02 * area + 0.1, "{area}: {}", inked(&canvas));
        }
    }

    #[test]
    fn a_line_inks_length_times_width() {
        let mut canvas = Canvas::new(60, 60, WHITE);
        canvas.line(&[(10.0, 10.0), (50.0, 40.0)], BLACK, 2.0);
        let area = 50.0 * 2.0 + std::f64::consts::PI;
        assert!((inked(&canvas) - area).abs() < 0.05 * area, "{}", inked(&canvas));
        let before = inked(&canvas);
        canvas.line(&[(f64::NAN, 0.0), (f64::NAN, 1.0)], BLACK, 2.0);
        canvas.line(&[], BLACK, 2.0);
        assert_eq!(inked(&canvas), before, "nothing is nowhere");
    }

    #[test]
    fn text_lies_as_it_is_anchored() {
        let place = |anchor: f64, upright: bool| {
            let mut canvas = Canvas::new(100, 100, WHITE);
            canvas.text((50.0, 50.0), Lettering { anchor, upright, ..Lettering::plain(BLACK) }, "H-–");
            let dark = (0..10_000).filter(|&index| canvas.pixels[index] == BLACK);
            let sums = dark.fold((0, 0, 0), |sums, index| (sums.0 + index % 100, sums.1 + index / 100, sums.2 + 1));
            (sums.0 / sums.2, sums.1 / sums.2)
        };
        let (begins, ends, upright) = (place(0.0, false), place(1.0, false), place(0.0, true));
        assert!(begins.0 > 50 && ends.0 < 50 && begins.1 == ends.1 && begins.1 < 50, "{begins:?} {ends:?}");
        assert!(upright.1 < 50 && upright.0 < 50, "{upright:?}");
        let mut canvas = Canvas::new(10, 10, WHITE);
        canvas.text((-1e9, f64::NAN), Lettering::plain(BLACK), "outside \u{1F600}");
    }

    #[test]
    fn the_png_is_read_back_with_its_notice() {
        let mut canvas = Canvas::new(3, 2, WHITE);
        canvas.set(2, 1, [1, 2, 3]);
        canvas.set(3, 1, BLACK);
        let bytes = canvas.to_png("notice").unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels[15..18], [1, 2, 3]);
        assert_eq!(reader.info().uncompressed_latin1_text[0].text, "notice");
        assert_eq!(canvas.get(3, 0), None);
    }
}
