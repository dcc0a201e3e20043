//! What all pages look like.

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
/// Height of the banner.
pub(crate) const BANNER_ROWS: u32 = 64;

/// An empty page with the banner on top. At least 900 columns hold the banner.
pub(crate) fn blank(columns: u32, rows: u32) -> Picture {
    let mut page = Picture::new(columns, rows, BACKGROUND);
    page.fill(0, 0, columns, BANNER_ROWS, WARNING);
    centred(&mut page, 0, columns, 12, wording::BANNER, Size::Large, BACKGROUND);
    page
}

/// Writes `text` in the middle of the columns from `left` on.
pub(crate) fn centred(page: &mut Picture, left: u32, columns: u32, top: u32, text: &str, size: Size, colour: Colour) {
    let indent = columns.saturating_sub(size.columns_of(text)) / 2;
    page.write((left + indent, top), columns - indent, text, size, colour);
}
