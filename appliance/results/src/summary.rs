//! The page of a study: a score per breast, and a line per image.

use domain::{BreastFinding, InstanceOutcome, Laterality, ReportedImage, ResultKind, StudyReport, StudyState, Tally};
use drawing::{Picture, Size};

use crate::capture::Capture;
use crate::civil::Civil;
use crate::page::{self, ALARM, BANNER_ROWS, CARD, MARGIN, QUIET, RULE, TEXT, WARNING};
use crate::{ResultError, ResultObject, marks, wording};

const COLUMNS: u32 = 1000;
const ROWS: u32 = 1500;
const ROOM: u32 = COLUMNS - 2 * MARGIN;
/// Where the breasts' cards begin.
const CARDS_TOP: u32 = 290;
const CARD_ROWS: u32 = 240;
const CARD_COLUMNS: u32 = (ROOM - MARGIN / 2) / 2;
/// Where the lines of the images begin.
const IMAGES_TOP: u32 = 792;
const LINE_ROWS: u32 = 28;
/// Lines that fit.
const LINES_MAX: usize = 19;
/// Height of a line of the words between cards and images, and how many of them fit.
const WORDS_ROWS: u32 = 24;
const WORDS_MAX: usize = 8;
/// Where the words on model and engine begin.
const FOOTER_TOP: u32 = 1350;

/// The page of `report` as object.
pub(crate) fn object(report: &StudyReport) -> Result<ResultObject, ResultError> {
    let is_scored = |image: &&ReportedImage| matches!(image.outcome, InstanceOutcome::Scored(_));
    let capture = Capture {
        report,
        kind: ResultKind::Summary,
        name: "summary".to_owned(),
        number: 0,
        page: draw(report),
        drawn: None,
        sources: report.images.iter().filter(is_scored).collect(),
        shown: None,
        comments: comments(report),
    };
    capture.into_object()
}

fn comments(report: &StudyReport) -> Vec<String> {
    let breast = |breast: &BreastFinding| {
        format!(
            "{} {} from {}.",
            wording::side(breast.laterality),
            wording::score(breast.score),
            wording::basis(breast)
        )
    };
    let mut comments: Vec<String> = report.breasts.iter().map(breast).collect();
    if report.breasts.is_empty() {
        comments.push("No image was scored.".to_owned());
    }
    for side in [Laterality::Right, Laterality::Left] {
        let missing = wording::missing(report, side);
        if !missing.is_empty() {
            comments.push(format!("{} without a scored image: {}.", wording::side(side), wording::views(missing)));
        }
    }
    let Tally { scored, excluded, failed } = report.tally();
    comments.push(format!("State: {}.", wording::state(report.state)));
    comments.push(format!("Images: {scored} scored, {excluded} excluded, {failed} failed."));
    comments.extend(rule(report));
    comments.push(wording::meaning(report).to_owned());
    comments
}

fn draw(report: &StudyReport) -> Picture {
    let mut page = page::blank(report, COLUMNS, ROWS);
    draw_title(&mut page, report);
    for (side, left) in [(Laterality::Right, MARGIN), (Laterality::Left, COLUMNS - MARGIN - CARD_COLUMNS)] {
        draw_breast(&mut page, report, side, left);
    }
    let method = report.breasts.first().map(|breast| wording::aggregation(report, breast));
    let words = [
        rule(report),
        Some(format!("Scores from 0 to 1. {}", wording::meaning(report))),
        method.map(|text| format!("Score of a breast: {text}.")),
        Some("Scores of breasts with different numbers of images do not compare.".to_owned()),
    ];
    let lines = words.iter().flatten().flat_map(|text| page::wrapped(text, ROOM, 3)).take(WORDS_MAX);
    for (line, top) in lines.zip((CARDS_TOP + CARD_ROWS + 14..).step_by(WORDS_ROWS as usize)) {
        page.write((MARGIN, top), ROOM, &line, Size::Normal, QUIET);
    }
    draw_images(&mut page, report);
    draw_footer(&mut page, report);
    page
}

/// By which rule images were called, if one was scored.
fn rule(report: &StudyReport) -> Option<String> {
    wording::findings(report).next().map(marks::rule)
}

fn draw_title(page: &mut Picture, report: &StudyReport) {
    page.write((MARGIN, BANNER_ROWS + 24), ROOM, "MAMORU  MAMMOGRAPHY AI RESULTS", Size::Large, TEXT);
    let arrived = Civil::of(report.last_received_at).text();
    let study = format!("Study {}. Last image received {arrived}.", report.study.0.redacted());
    page.write((MARGIN, BANNER_ROWS + 76), ROOM, &study, Size::Normal, QUIET);
    let revision = wording::supersedes(report).unwrap_or_else(|| "Revision 1".to_owned());
    let is_quiet = report.revision == 1 && report.state != StudyState::Provisional;
    let line = format!("{revision}, {}; {}.", wording::state(report.state), wording::trigger(report.trigger));
    page.write((MARGIN, BANNER_ROWS + 104), ROOM, &line, Size::Normal, if is_quiet { QUIET } else { WARNING });
    let alarm = match &report.model {
        Some(model) => wording::untrained(model),
        None => Some("NO IMAGE WAS SCORED"),
    };
    if let Some(text) = alarm {
        page.fill(MARGIN, BANNER_ROWS + 144, ROOM, 56, ALARM);
        page::centred(page, MARGIN, ROOM, BANNER_ROWS + 152, text, Size::Large, TEXT);
    }
}

fn draw_breast(page: &mut Picture, report: &StudyReport, side: Laterality, left: u32) {
    page.fill(left, CARDS_TOP, CARD_COLUMNS, CARD_ROWS, CARD);
    let (left, room) = (left + 24, CARD_COLUMNS - 48);
    page.write((left, CARDS_TOP + 18), room, &format!("{} BREAST", wording::side(side)), Size::Normal, QUIET);
    let finding = report.breasts.iter().find(|breast| breast.laterality == side);
    match finding {
        Some(breast) => {
            page.write((left, CARDS_TOP + 54), room, &wording::score(breast.score), Size::Huge, TEXT);
            page.write((left, CARDS_TOP + 146), room, &wording::basis(breast), Size::Normal, TEXT);
            let of_breast = wording::findings(report).filter(|finding| finding.laterality == side);
            let called = of_breast.filter(|finding| marks::is_marked(finding)).count();
            let text = format!("{called} of {} called", breast.images);
            let colour = if called > 0 { WARNING } else { TEXT };
            page.write((left, CARDS_TOP + 174), room, &text, Size::Normal, colour);
        }
        None => page.write((left, CARDS_TOP + 74), room, "NO SCORE", Size::Large, WARNING),
    }
    let missing = wording::missing(report, side);
    let (text, colour) = match missing.is_empty() {
        true => ("No view is missing".to_owned(), QUIET),
        false => (format!("MISSING: {}", wording::views(missing)), WARNING),
    };
    page.write((left, CARDS_TOP + 202), room, &text, Size::Normal, colour);
}

fn draw_images(page: &mut Picture, report: &StudyReport) {
    let Tally { scored, excluded, failed } = report.tally();
    let title = format!("IMAGES: {scored} scored, {excluded} excluded, {failed} failed");
    page.write((MARGIN, IMAGES_TOP - 46), ROOM, &title, Size::Normal, TEXT);
    page.fill(MARGIN, IMAGES_TOP - 16, ROOM, 2, RULE);
    let images = in_order_of_interest(report);
    let fitting = if images.len() > LINES_MAX { LINES_MAX - 1 } else { images.len() };
    let (shown, rest) = images.split_at(fitting);
    let mut top = IMAGES_TOP;
    for (number, image) in shown {
        draw_image(page, *number, image, top);
        top += LINE_ROWS;
    }
    if !rest.is_empty() {
        let text = format!("and {} more: the JSON report lists every image", rest.len());
        page.write((MARGIN, top), ROOM, &text, Size::Normal, WARNING);
    }
}

fn draw_image(page: &mut Picture, number: usize, image: &ReportedImage, top: u32) {
    page.write((MARGIN, top), 50, &format!("{number:3}"), Size::Normal, QUIET);
    let left = MARGIN + 60;
    let (side_and_view, colour) = match &image.outcome {
        InstanceOutcome::Scored(finding) => (wording::view(finding), TEXT),
        InstanceOutcome::Excluded { .. } => ("-".to_owned(), QUIET),
        InstanceOutcome::Failed { .. } => ("-".to_owned(), WARNING),
    };
    page.write((left, top), 80, &side_and_view, Size::Normal, colour);
    let notes = image.notes.iter().map(|note| format!("; {}", note.text()));
    let line = wording::outcome(&image.outcome) + &notes.collect::<String>();
    page.write((left + 90, top), ROOM - 150, &line, Size::Normal, colour);
}

/// Images with their numbers from 1: scored ones by side and view, then failed, then excluded ones.
fn in_order_of_interest(report: &StudyReport) -> Vec<(usize, &ReportedImage)> {
    let mut images: Vec<(usize, &ReportedImage)> = (1..).zip(&report.images).collect();
    images.sort_by_key(|(_, image)| match &image.outcome {
        InstanceOutcome::Scored(finding) => (0, Some((finding.laterality, finding.view))),
        InstanceOutcome::Failed { .. } => (1, None),
        InstanceOutcome::Excluded { .. } => (2, None),
    });
    images
}

fn draw_footer(page: &mut Picture, report: &StudyReport) {
    page.fill(MARGIN, FOOTER_TOP - 18, ROOM, 2, RULE);
    let lines = match &report.model {
        Some(model) => {
            let engine = report.engine.as_deref().unwrap_or("-");
            let colour = if wording::is_stand_in(engine) { WARNING } else { QUIET };
            vec![
                (format!("Model {}", wording::model(model)), QUIET),
                (format!("Network SHA-256 {}", model.network), QUIET),
                (format!("Preprocessing   {}", model.preprocess), QUIET),
                (format!("Engine {engine}, Mamoru {}", env!("CARGO_PKG_VERSION")), colour),
            ]
        }
        None => vec![(format!("Mamoru {}", env!("CARGO_PKG_VERSION")), QUIET)],
    };
    for ((line, colour), top) in lines.iter().zip((FOOTER_TOP..).step_by(26)) {
        page.write((MARGIN, top), ROOM, line, Size::Normal, *colour);
    }
}
