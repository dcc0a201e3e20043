//! Title, axes, grid and legend around an area in which data is drawn.

use contract::NOTICE;

use super::svg::{Anchor, BODY, GREY, INK, NOTE, PALE, Stroke, Svg, TITLE};

/// Where the area begins: room for the title above and the axis on the left.
const LEFT: f64 = 66.0;
const TOP: f64 = 66.0;
/// Room on the right, and below for axis and notice.
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 76.0;

/// The range of an axis with its ticks.
pub(crate) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    decimals: usize,
    label: &'static str,
}

impl Axis {
    /// 0 to 1 in fifths.
    pub(crate) fn unit(label: &'static str) -> Self {
        Self { low: 0.0, high: 1.0, ticks: (0..=5).map(|tick| f64::from(tick) / 5.0).collect(), decimals: 1, label }
    }

    /// Around the values, with ticks at round numbers; `step_min` is 1 for what is counted.
    pub(crate) fn around(values: impl Iterator<Item = f64>, step_min: f64, label: &'static str) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // Equal values have no range of their own.
        let range = if high - low > 1e-9 * high.abs() { high - low } else { high.abs().max(1.0) };
        let step = round_step(range / 5.0).max(step_min);
        let (first, last) = ((low / step).floor(), (high / step).ceil().max((low / step).floor() + 1.0));
        let count = ((last - first) as usize).min(20);
        let ticks = (0..=count).map(|tick| (first + tick as f64) * step).collect();
        let decimals = (-step.log10()).ceil().clamp(0.0, 9.0) as usize;
        Self { low: first * step, high: last * step, ticks, decimals, label }
    }

    /// Where a value lies, as a share of the axis; values outside lie at its ends.
    fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A plot's title, and the line below it.
pub(crate) struct Titles<'a> {
    pub(crate) title: &'a str,
    pub(crate) subtitle: &'a str,
}

/// An area with axes.
pub(crate) struct Frame {
    pub(crate) svg: Svg,
    size: (f64, f64),
    x: Axis,
    y: Axis,
}

impl Frame {
    /// An area of this size, with everything around it.
    pub(crate) fn new(size: (f64, f64), titles: &Titles, x: Axis, y: Axis) -> Self {
        let mut svg = blank((LEFT + size.0 + RIGHT, TOP + size.1 + BOTTOM), titles);
        let bottom = TOP + size.1;
        for &tick in &x.ticks {
            let place = LEFT + x.share(tick) * size.0;
            svg.line((place, TOP), (place, bottom), Stroke::solid(PALE, 1.0));
            svg.text((place, bottom + 18.0), Anchor::Middle, BODY, &format!("{tick:.*}", x.decimals));
        }
        for &tick in &y.ticks {
            let place = bottom - y.share(tick) * size.1;
            svg.line((LEFT, place), (LEFT + size.0, place), Stroke::solid(PALE, 1.0));
            svg.text((LEFT - 8.0, place + 4.0), Anchor::End, BODY, &format!("{tick:.*}", y.decimals));
        }
        svg.path(&[(LEFT, TOP), (LEFT, bottom), (LEFT + size.0, bottom)], Stroke::solid(INK, 1.2));
        svg.text((LEFT + size.0 / 2.0, bottom + 38.0), Anchor::Middle, BODY, x.label);
        svg.upright_text((20.0, TOP + size.1 / 2.0), BODY, y.label);
        Self { svg, size, x, y }
    }

    /// A data point in pixels.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (LEFT + self.x.share(x) * self.size.0, TOP + (1.0 - self.y.share(y)) * self.size.1)
    }

    /// A line through data points; breaks where a value is not finite.
    pub(crate) fn curve(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
        for part in points.split(|point| !finite(point)).filter(|part| !part.is_empty()) {
            let part: Vec<_> = part.iter().map(|&(x, y)| self.at(x, y)).collect();
            self.svg.path(&part, stroke);
        }
    }

    /// A filled area with data points as corners.
    pub(crate) fn area(&mut self, points: impl Iterator<Item = (f64, f64)>, colour: &'static str, opacity: f64) {
        let points: Vec<_> = points.map(|(x, y)| self.at(x, y)).collect();
        if !points.is_empty() {
            self.svg.area(&points, colour, opacity);
        }
    }

    /// A box from `(x0, y0)` to `(x1, y1)` in data.
    pub(crate) fn bar(&mut self, from: (f64, f64), to: (f64, f64), colour: &'static str, opacity: f64) {
        let ((left, low), (right, high)) = (self.at(from.0, from.1), self.at(to.0, to.1));
        self.svg.rect((left, high), (right - left, low - high), colour, opacity);
    }

    pub(crate) fn dot(&mut self, x: f64, y: f64, colour: &'static str) {
        let place = self.at(x, y);
        self.svg.circle(place, 5.0, colour);
    }

    /// Names of lines, in a column whose top left corner is at these shares of the area, from its top left.
    pub(crate) fn legend(&mut self, at: (f64, f64), entries: &[(Stroke, String)]) {
        let (x, y) = (LEFT + at.0 * self.size.0, TOP + at.1 * self.size.1);
        let width = entries.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0) as f64 * 6.4 + 44.0;
        self.svg.rect((x, y), (width, entries.len() as f64 * 19.0 + 8.0), "#ffffff", 0.85);
        for (index, (stroke, name)) in entries.iter().enumerate() {
            let line = y + 17.0 + index as f64 * 19.0;
            self.svg.line((x + 6.0, line - 4.0), (x + 30.0, line - 4.0), *stroke);
            self.svg.text((x + 38.0, line), Anchor::Start, BODY, name);
        }
    }
}

/// A picture with title, line below it and the notice, and nothing else.
pub(crate) fn blank(size: (f64, f64), titles: &Titles) -> Svg {
    let mut svg = Svg::new(size.0, size.1, titles.title);
    svg.text((16.0, 26.0), Anchor::Start, TITLE, titles.title);
    svg.text((16.0, 46.0), Anchor::Start, super::svg::Font { colour: GREY, ..BODY }, titles.subtitle);
    svg.text((16.0, size.1 - 10.0), Anchor::Start, super::svg::Font { size: 10.0, ..NOTE }, NOTICE);
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        for (low, high, step) in [(0.31, 0.69, 0.1), (1.0, 50.0, 10.0), (0.0, 0.0, 0.2), (7.0, 7.0, 2.0)] {
            let axis = Axis::around([low, high, f64::NAN].into_iter(), 0.0, "");
            assert!(axis.low <= low && high <= axis.high, "{low} {high}: {} {}", axis.low, axis.high);
            assert!(
                (axis.ticks[1] - axis.ticks[0] - step).abs() < 1e-6 * axis.high.abs().max(step),
                "{:?}",
                axis.ticks
            );
        }
        let epochs = Axis::around([1.0, 2.0].into_iter(), 1.0, "");
        assert_eq!(epochs.ticks, [1.0, 2.0]);
        assert_eq!(Axis::around(std::iter::empty(), 0.0, "").ticks.len(), 6, "nothing to show");
    }
}
