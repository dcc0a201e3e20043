//! A finished plot: its SVG, and the shapes from which its PNG is drawn.

use contract::NOTICE;

use super::svg::{Anchor, Font, Stroke};
use crate::canvas::{Canvas, LETTER_COLUMNS, Lettering, Place, Rgb};
use crate::error::EvaluationError;

/// Pixels of the PNG for one of the SVG, along each side: the built-in font then has the size of the SVG's text.
const SCALE: f64 = 2.0;

/// Lengths of a dash and of the gap after it.
const DASH: (f64, f64) = (5.0 * SCALE, 4.0 * SCALE);

/// What is drawn, in the SVG's pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Line { points: Vec<Place>, stroke: Stroke },
    Area { corners: Vec<Place>, colour: &'static str, opacity: f64 },
    Text { at: Place, anchor: Anchor, font: Font, text: String, upright: bool },
}

/// A finished plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub(super) svg: String,
    pub(super) size: (f64, f64),
    pub(super) shapes: Vec<Shape>,
}

impl Plot {
    /// The plot as an SVG file.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The plot as a PNG file with two pixels for each of the SVG's along each side; the notice is in it as text too.
    ///
    /// # Errors
    /// [`EvaluationError::Png`] never happens in memory.
    pub fn to_png(&self) -> Result<Vec<u8>, EvaluationError> {
        let side = |length: f64| (length * SCALE).round() as usize;
        let mut canvas = Canvas::new(side(self.size.0), side(self.size.1), [255; 3]);
        for shape in &self.shapes {
            draw(&mut canvas, shape);
        }
        canvas.to_png(NOTICE)
    }
}

fn draw(canvas: &mut Canvas, shape: &Shape) {
    let scaled = |points: &[Place]| -> Vec<Place> { points.iter().map(|&point| place(point)).collect() };
    match shape {
        Shape::Line { points, stroke } => {
            let (points, colour, width) = (scaled(points), rgb(stroke.colour), stroke.width * SCALE);
            let parts = if stroke.dashed { dashes(&points) } else { vec![points] };
            parts.iter().for_each(|part| canvas.line(part, colour, width));
        }
        Shape::Area { corners, colour, opacity } => canvas.fill(&scaled(corners), rgb(colour), *opacity),
        Shape::Text { at, anchor, font, text, upright } => {
            let anchor = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => 0.5,
                Anchor::End => 1.0,
            };
            let factor = if font.size * SCALE > 4.0 * LETTER_COLUMNS as f64 { 2 } else { 1 };
            let lettering = Lettering { colour: rgb(font.colour), bold: font.bold, factor, anchor, upright: *upright };
            canvas.text(place(*at), lettering, text);
        }
    }
}

fn place(point: Place) -> Place {
    (point.0 * SCALE, point.1 * SCALE)
}

/// A colour as the SVG names it, `#0072b2`; black for what is none.
fn rgb(colour: &str) -> Rgb {
    let channel = |at: usize| colour.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    [1, 3, 5].map(|at| channel(at).unwrap_or(0))
}

/// A line cut into dashes that go around its corners.
fn dashes(points: &[Place]) -> Vec<Vec<Place>> {
    let mut parts: Vec<Vec<Place>> = vec![points.iter().copied().take(1).collect()];
    let (mut is_dash, mut left) = (true, DASH.0);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left || length.is_nan() {
                left -= length;
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if is_dash {
                parts.iter_mut().rev().take(1).for_each(|part| part.push(from));
            } else {
                parts.push(vec![from]);
            }
            is_dash = !is_dash;
            left = if is_dash { DASH.0 } else { DASH.1 };
        }
        if is_dash {
            parts.iter_mut().rev().take(1).for_each(|part| part.push(to));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_have_their_length_and_go_around_corners() {
        let parts = dashes(&[(0.0, 0.0), (6.0, 0.0), (6.0, 30.0)]);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], [(0.0, 0.0), (6.0, 0.0), (6.0, 4.0)]);
        assert_eq!(parts[1], [(6.0, 12.0), (6.0, 22.0)]);
        assert_eq!(dashes(&[]), [vec![]]);
    }

    #[test]
    fn colours_are_the_svgs() {
        assert_eq!([rgb("#0072b2"), rgb("#ffffff"), rgb("none")], [[0, 0x72, 0xb2], [255; 3], [0; 3]]);
    }
}
