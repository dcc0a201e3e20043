//! What all pages look like.

use domain::StudyReport;
use drawing::{Colour, Picture, Size};

use crate::wording;

pub(crate) const BACKGROUND: Colour = [12, 14, 18];
pub(crate) const CARD: Colour = [30, 34, 42];
pub(crate) const RULE: Colour = [74, 82, 96];
pub(crate) const TEXT: Colour = [240, 242, 245];
pub(crate) const QUIET: Colour = [170, 178, 190];
pub(crate) const WARNING: Colour = [255, 190, 60];
pub(crate) const ALARM: Colour = [196, 30, 40];

/// Empty columns at both sides.
pub(crate) const MARGIN: u32 = 40;
/// Longer than all that a page has room for.
const TEXT_CHARACTERS_MAX: usize = 4_096;
/// Height of the banner.
pub(crate) const BANNER_ROWS: u32 = 64;

/// An empty page with the banner on top. At least 900 columns hold the banner.
pub(crate) fn blank(report: &StudyReport, columns: u32, rows: u32) -> Picture {
    let mut page = Picture::new(columns, rows, BACKGROUND);
    page.fill(0, 0, columns, BANNER_ROWS, WARNING);
    let above = match (report.synthetic, report.self_test_failed) {
        (true, _) => Some(wording::SYNTHETIC),
        (false, true) => Some(wording::DOUBT),
        (false, false) => None,
    };
    match above {
        Some(above) => {
            for (top, text) in [(6, above), (34, wording::BANNER)] {
                centred(&mut page, 0, columns, top, text, Size::Normal, BACKGROUND);
            }
        }
        None => centred(&mut page, 0, columns, 12, wording::BANNER, Size::Large, BACKGROUND),
    }
    page
}

/// `text` in at most `lines_max` lines of normal size that are `columns` wide. What does not fit stands on the last one, where
/// it is cut when it is written.
pub(crate) fn wrapped(text: &str, columns: u32, lines_max: usize) -> Vec<String> {
    let characters = (columns / Size::Normal.columns()) as usize;
    // No more is looked at than is needed: a text from outside may be long.
    let text = drawing::clipped(text, TEXT_CHARACTERS_MAX);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= characters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let rest = lines.split_off(lines_max.min(lines.len())).join(" ");
    if let (Some(last), false) = (lines.last_mut(), rest.is_empty()) {
        last.push(' ');
        last.push_str(&rest);
    }
    lines
}

/// Writes `text` in the middle of the columns from `left` on.
pub(crate) fn centred(page: &mut Picture, left: u32, columns: u32, top: u32, text: &str, size: Size, colour: Colour) {
    let indent = columns.saturating_sub(size.columns_of(text)) / 2;
    page.write((left + indent, top), columns - indent, text, size, colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_and_what_is_left_stays_on_the_last_line() {
        assert_eq!(wrapped("one two three", 70, 3), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 70, 1), ["one two three"]);
        assert_eq!(wrapped("one two three", 10, 2), ["one", "two three"]);
        assert_eq!(wrapped("a-word-without-end and", 70, 3), ["a-word-without-end", "and"]);
        assert_eq!(wrapped(&"word ".repeat(100_000), 70, 2)[1].len(), TEXT_CHARACTERS_MAX - 5);
        assert_eq!(wrapped("", 70, 2), [""]);
    }
}
