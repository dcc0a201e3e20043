//! One image beside itself with its map.

use contract::Digest;
use domain::{ImageFinding, ReportedImage, ResultKind, StudyReport};
use drawing::{Picture, Size};

use crate::capture::Capture;
use crate::page::{self, ALARM, BANNER_ROWS, MARGIN, QUIET, TEXT, WARNING};
use crate::{ResultError, ResultObject, wording};

/// Holds the banner and most names of models.
const COLUMNS_MIN: u32 = 1000;
/// Height of the words between banner and picture.
const HEADER_ROWS: u32 = 150;
/// Height of the words where there is no picture.
const NO_PICTURE_ROWS: u32 = 240;

/// The page of image `number` (from 1) of the report. `png` is its heat map, if there still is one.
pub(crate) fn object(
    report: &StudyReport,
    number: u32,
    image: &ReportedImage,
    finding: &ImageFinding,
    png: Option<&[u8]>,
) -> Result<ResultObject, ResultError> {
    let picture = match png.map(Picture::from_png) {
        Some(Ok(picture)) => Ok(picture),
        Some(Err(_)) => Err("The heat map's file cannot be read: the map is not shown."),
        None => Err("The heat map's file is gone: the map is not shown."),
    };
    let comments = vec![
        format!("Heat map of {}, score of this image {}.", wording::view(finding), wording::score(finding.score)),
        wording::NOT_CALIBRATED.to_owned(),
    ];
    let capture = Capture {
        report,
        kind: ResultKind::Heatmap,
        name: format!("heatmap-{number:02}"),
        number,
        page: draw(report, number, finding, picture.as_ref().map_err(|why| *why)),
        drawn: png.map(Digest::of),
        sources: vec![image],
        shown: Some(finding),
        comments: comments.into_iter().chain(picture.err().map(str::to_owned)).collect(),
    };
    capture.into_object()
}

fn draw(report: &StudyReport, number: u32, finding: &ImageFinding, picture: Result<&Picture, &str>) -> Picture {
    let (picture_columns, picture_rows) =
        picture.map_or((0, NO_PICTURE_ROWS), |picture| (picture.columns, picture.rows));
    let columns = COLUMNS_MIN.max(picture_columns);
    let top = BANNER_ROWS + HEADER_ROWS;
    let mut page = page::blank(columns, top + picture_rows + MARGIN);
    let room = columns - 2 * MARGIN;
    let title = format!("{}  SCORE {}", wording::view(finding), wording::score(finding.score));
    page.write((MARGIN, BANNER_ROWS + 14), room, &title, Size::Large, TEXT);
    let revision = wording::supersedes(report).unwrap_or_else(|| format!("Revision {}", report.revision));
    let lines = [
        format!("Image {number} of {}. {revision}. Score of this image, not of the breast.", report.images.len()),
        format!("Model {}, engine {}.", wording::model(&finding.model), finding.engine),
        format!("{} Right: the map over the image on the left.", wording::NOT_CALIBRATED),
    ];
    for (line, row) in lines.iter().zip((BANNER_ROWS + 62..).step_by(26)) {
        page.write((MARGIN, row), room, line, Size::Normal, QUIET);
    }
    if let Some(text) = wording::untrained(&finding.model) {
        let left = MARGIN + Size::Large.columns_of(&title) + MARGIN;
        stamp(&mut page, left, BANNER_ROWS + 14, text);
    }
    match picture {
        Ok(picture) => page.place((columns - picture.columns) / 2, top, picture),
        Err(why) => page::centred(&mut page, 0, columns, top + NO_PICTURE_ROWS / 2 - 10, why, Size::Normal, WARNING),
    }
    page
}

/// White words on red.
fn stamp(page: &mut Picture, left: u32, top: u32, text: &str) {
    let columns = Size::Normal.columns_of(text) + 24;
    page.fill(left, top, columns, 36, ALARM);
    page.write((left + 12, top + 8), columns, text, Size::Normal, TEXT);
}
