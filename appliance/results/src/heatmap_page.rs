//! One image beside itself with its map.

use contract::{Digest, InstanceAttributes};
use domain::{ImageFinding, ReportedImage, ResultKind, StudyReport};
use drawing::{Picture, Size};

use crate::capture::Capture;
use crate::page::{self, ALARM, BANNER_ROWS, MARGIN, QUIET, TEXT, WARNING};
use crate::{ResultError, ResultObject, marks, wording};

/// Holds the banner and most names of models.
const COLUMNS_MIN: u32 = 1000;
/// Height of the title, from the banner to the words below it.
const TITLE_ROWS: u32 = 62;
/// Height of a line of words.
const LINE_ROWS: u32 = 26;
/// Between words and picture.
const GAP_ROWS: u32 = 10;
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
        format!("This image is {}.", marks::verdict(finding)),
        marks::rule(finding),
        wording::meaning_of(finding),
    ];
    let capture = Capture {
        report,
        kind: ResultKind::Heatmap,
        name: format!("heatmap-{number:02}"),
        number,
        page: draw(report, number, (image, finding), picture.as_ref().map_err(|why| *why)),
        drawn: png.map(Digest::of),
        sources: vec![image],
        shown: Some(finding),
        comments: comments.into_iter().chain(picture.err().map(str::to_owned)).collect(),
    };
    capture.into_object()
}

fn draw(
    report: &StudyReport,
    number: u32,
    (image, finding): (&ReportedImage, &ImageFinding),
    picture: Result<&Picture, &str>,
) -> Picture {
    let (picture_columns, picture_rows) =
        picture.map_or((0, NO_PICTURE_ROWS), |picture| (picture.columns, picture.rows));
    let columns = COLUMNS_MIN.max(picture_columns);
    let room = columns - 2 * MARGIN;
    let lines = words(report, number, image, finding);
    let wrapped = |(line, colour): &(String, [u8; 3])| {
        let colour = *colour;
        page::wrapped(line, room, 2).into_iter().map(move |line| (line, colour)).collect::<Vec<_>>()
    };
    let lines: Vec<(String, [u8; 3])> = lines.iter().flat_map(wrapped).collect();
    let top = BANNER_ROWS + TITLE_ROWS + LINE_ROWS * lines.len() as u32 + GAP_ROWS;
    let mut page = page::blank(report, columns, top + picture_rows + MARGIN);
    let untrained = wording::untrained(&finding.model);
    // What stands beside the title in its place has no room for both.
    let verdict = if untrained.is_none() { marks::verdict(finding).to_uppercase() } else { String::new() };
    let title = format!("{}  SCORE {}  {verdict}", wording::view(finding), wording::score(finding.score));
    page.write((MARGIN, BANNER_ROWS + 14), room, &title, Size::Large, TEXT);
    for ((line, colour), row) in lines.iter().zip((BANNER_ROWS + TITLE_ROWS..).step_by(LINE_ROWS as usize)) {
        page.write((MARGIN, row), room, line, Size::Normal, *colour);
    }
    if let Some(text) = untrained {
        let left = MARGIN + Size::Large.columns_of(&title);
        stamp(&mut page, left, BANNER_ROWS + 14, text);
    }
    match picture {
        Ok(picture) => page.place((columns - picture.columns) / 2, top, picture),
        Err(why) => page::centred(&mut page, 0, columns, top + NO_PICTURE_ROWS / 2 - 10, why, Size::Normal, WARNING),
    }
    page
}

/// What is said above the picture, and in which colours.
fn words(report: &StudyReport, number: u32, image: &ReportedImage, finding: &ImageFinding) -> Vec<(String, [u8; 3])> {
    let revision = wording::supersedes(report).unwrap_or_else(|| format!("Revision {}", report.revision));
    let quiet = |line: String| (line, QUIET);
    let model = format!("Model {}, engine {}.", wording::model(&finding.model), finding.engine);
    let mut lines = vec![
        quiet(format!(
            "Image {number} of {}. {revision}. Score of this image, not of the breast.",
            report.images.len()
        )),
        quiet(marks::rule(finding)),
        quiet(wording::meaning_of(finding)),
        (model, if wording::is_stand_in(&finding.engine) { WARNING } else { QUIET }),
        // A map of a low score is as bright as that of a high one.
        quiet(
            "Right: the map over the image on the left. Its colours compare places of this image only, not images."
                .into(),
        ),
    ];
    lines.extend(image.attributes.as_deref().and_then(orientation).map(quiet));
    lines
}

/// Where the edges of the picture lie in the patient: it is shown as it is stored, and not every unit stores the chest wall of a
/// right breast at the right edge.
fn orientation(attributes: &InstanceAttributes) -> Option<String> {
    let [row, column] = &attributes.patient_orientation[..] else { return None };
    let is_term = |term: &String| (1..=4).contains(&term.len()) && term.chars().all(|letter| "APRLHF".contains(letter));
    let said = format!("Shown as stored: the right edge is {row}, the lower edge is {column} (Patient Orientation).");
    [row, column].into_iter().all(is_term).then_some(said)
}

/// White words on red.
fn stamp(page: &mut Picture, left: u32, top: u32, text: &str) {
    let columns = Size::Normal.columns_of(text) + 24;
    page.fill(left, top, columns, 36, ALARM);
    page.write((left + 12, top + 8), columns, text, Size::Normal, TEXT);
}
