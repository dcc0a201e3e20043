//! A small SVG writer: the same calls give the same bytes.
//!
//! Our own, because the plots need five shapes and text: `plotters` brings a dozen crates, lays text out by the fonts of
//! the machine that draws, and its ticks and legends would have to be redone for print all the same.

use std::fmt::{Display, Write as _};

use super::shapes::{Plot, Shape};

/// Okabe and Ito's blue, told apart from [`ORANGE`] with every kind of colour vision, and in grey.
pub(crate) const BLUE: &str = "#0072b2";
/// Okabe and Ito's vermilion.
pub(crate) const ORANGE: &str = "#d55e00";
/// Text.
pub(crate) const INK: &str = "#222222";
/// Axes, notes and reference lines.
pub(crate) const GREY: &str = "#6b6b6b";
/// Grid lines.
pub(crate) const PALE: &str = "#e6e6e6";

/// Where text is tied to its point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Font {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) colour: &'static str,
}

/// Of titles.
pub(crate) const TITLE: Font = Font { size: 16.0, bold: true, colour: INK };
/// Of what is read.
pub(crate) const BODY: Font = Font { size: 12.0, bold: false, colour: INK };
/// Of notes.
pub(crate) const NOTE: Font = Font { size: 11.0, bold: false, colour: GREY };

/// A line's look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) colour: &'static str,
    pub(crate) width: f64,
    pub(crate) dashed: bool,
}

impl Stroke {
    pub(crate) fn solid(colour: &'static str, width: f64) -> Self {
        Self { colour, width, dashed: false }
    }

    pub(crate) fn dashed(colour: &'static str, width: f64) -> Self {
        Self { colour, width, dashed: true }
    }
}

/// A picture in pixels of 1/96 inch, white behind.
pub(crate) struct Svg {
    text: String,
    size: (f64, f64),
    shapes: Vec<Shape>,
}

impl Svg {
    /// With a title for readers aloud.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self { text: String::new(), size: (width, height), shapes: Vec::new() };
        svg.push(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            escaped(title)
        ));
        svg
    }

    /// The whole picture.
    pub(crate) fn finish(mut self) -> Plot {
        self.text.push_str("</svg>\n");
        Plot { svg: self.text, size: self.size, shapes: self.shapes }
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.path(&[from, to], stroke);
    }

    /// An open line through points.
    pub(crate) fn path(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        self.shapes.push(Shape::Line { points: points.to_vec(), stroke });
        let dash = if stroke.dashed { " stroke-dasharray=\"5 4\"" } else { "" };
        let (colour, width) = (stroke.colour, stroke.width);
        self.push(format_args!(
            "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dash}/>\n",
            course(points)
        ));
    }

    /// A filled area; `opacity` in 0 to 1.
    pub(crate) fn area(&mut self, points: &[(f64, f64)], colour: &'static str, opacity: f64) {
        self.shapes.push(Shape::Area { corners: points.to_vec(), colour, opacity });
        self.push(format_args!("<path d=\"{}Z\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>\n", course(points)));
    }

    /// A filled box; `opacity` in 0 to 1.
    pub(crate) fn rect(&mut self, at: (f64, f64), size: (f64, f64), colour: &'static str, opacity: f64) {
        let (right, bottom) = (at.0 + size.0, at.1 + size.1);
        self.shapes.push(Shape::Area {
            corners: vec![at, (right, at.1), (right, bottom), (at.0, bottom)],
            colour,
            opacity,
        });
        let ((x, y), (width, height)) = ((number(at.0), number(at.1)), (number(size.0), number(size.1)));
        self.push(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>\n"
        ));
    }

    pub(crate) fn circle(&mut self, at: (f64, f64), radius: f64, colour: &'static str) {
        // A white rim, as a wider dot below.
        for (width, colour) in [(2.0 * radius + 1.5, "#ffffff"), (2.0 * radius - 1.5, colour)] {
            self.shapes.push(Shape::Line { points: vec![at], stroke: Stroke::solid(colour, width) });
        }
        let (x, y) = (number(at.0), number(at.1));
        self.push(format_args!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"1.5\"/>\n"
        ));
    }

    /// One line of text, on its baseline.
    pub(crate) fn text(&mut self, at: (f64, f64), anchor: Anchor, font: Font, text: &str) {
        self.shapes.push(Shape::Text { at, anchor, font, text: text.into(), upright: false });
        self.write(at, anchor, font, text, "");
    }

    /// Text that runs upwards.
    pub(crate) fn upright_text(&mut self, at: (f64, f64), font: Font, text: &str) {
        self.shapes.push(Shape::Text { at, anchor: Anchor::Middle, font, text: text.into(), upright: true });
        let turn = format!(" transform=\"rotate(-90 {} {})\"", number(at.0), number(at.1));
        self.write(at, Anchor::Middle, font, text, &turn);
    }

    fn write(&mut self, at: (f64, f64), anchor: Anchor, font: Font, text: &str, more: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
        let (x, y, size, colour) = (number(at.0), number(at.1), font.size, font.colour);
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\"{weight}{more}>{}</text>\n",
            escaped(text)
        ));
    }

    fn push(&mut self, text: impl Display) {
        // Writing to a string does not fail.
        let _ = write!(self.text, "{text}");
    }
}

/// `M x y L x y ...`; points nearer than a third of a pixel to the one before are left out, but never the last.
fn course(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (index, &point) in points.iter().enumerate() {
        let near = |from: (f64, f64)| (from.0 - point.0).hypot(from.1 - point.1) < 0.33;
        if before.is_some_and(near) && index + 1 < points.len() {
            continue;
        }
        let command = if before.is_none() { 'M' } else { 'L' };
        let _ = write!(text, "{command}{} {}", number(point.0), number(point.1));
        before = Some(point);
    }
    text
}

/// At most two decimals; what is not finite is 0, so that the file stays readable.
fn number(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Text for XML; control characters, which XML does not have, are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_and_numbers_stay_text_and_numbers() {
        assert_eq!(escaped("<a & \"b\">\u{0}\u{1b}"), "&lt;a &amp; &quot;b&quot;&gt;");
        assert_eq!([f64::NAN, -0.001, 1.5, 2.0, 1.0 / 3.0].map(number), ["0", "0", "1.5", "2", "0.33"]);
    }

    #[test]
    fn near_points_are_left_out_but_the_last() {
        assert_eq!(course(&[(0.0, 0.0), (0.1, 0.1), (5.0, 0.0), (5.1, 0.0)]), "M0 0L5 0L5.1 0");
    }
}
