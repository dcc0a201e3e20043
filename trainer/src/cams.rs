//! Pages of examples: the best and the worst cases of each class, image beside class activation map.
//!
//! Best is what the network is surest of and right, worst what it is surest of and wrong. A case is named by the image id
//! of the data's table, and by nothing else of it.

mod heat;

use std::path::{Path, PathBuf};

use contract::geometry::Extent;
use contract::preprocess::InputShape;
use contract::{Geometry, NOTICE, PreprocessSpec};
use evaluation::canvas::{Canvas, LETTER_COLUMNS, LETTER_ROWS, Lettering, Rgb};
use tch::{Kind, Tensor};

use crate::data::picture;
use crate::error::{Result, TrainerError};
use crate::predict::{Predicted, Subject};
use crate::run::replace;
use heat::Surface;

/// Height of an image on a page.
const ROWS: u32 = 420;
/// Widest image on a page.
const COLUMNS_MAX: u32 = 420;
/// Cases beside each other.
const CASES_PER_LINE: usize = 4;
/// Between cases.
const GAP: usize = 14;
/// Lines of text below a case, and above a page.
const TEXT_ROWS: usize = 2 * LETTER_ROWS + 8;
/// The most cases of a page.
pub const COUNT_MAX: usize = 40;

const INK: Rgb = [34; 3];
const PAPER: Rgb = [255; 3];

/// Writes four pages, `best-positive.png` and so on, with up to `count` (at most 40) cases each. Gives those written; a
/// class without an image has none.
///
/// # Errors
/// When an image cannot be read any more or a page cannot be written.
pub fn write(subject: &Subject, predicted: &Predicted, count: usize, folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(TrainerError::file("create", folder))?;
    let mut written = Vec::new();
    for (name, title, positive, high) in [
        ("best-positive", "Cancer, scored highest", true, true),
        ("worst-positive", "Cancer, scored lowest", true, false),
        ("best-negative", "No cancer, scored lowest", false, false),
        ("worst-negative", "No cancer, scored highest", false, true),
    ] {
        let chosen = choose(predicted, positive, high, count.clamp(1, COUNT_MAX));
        if chosen.is_empty() {
            continue;
        }
        let cases = chosen.into_iter().map(|index| case(subject, predicted, index)).collect::<Result<Vec<_>>>()?;
        let path = folder.join(format!("{name}.png"));
        replace(&path, &page(&format!("{title}: {}", subject.title), &cases).to_png(NOTICE)?)?;
        written.push(path);
    }
    Ok(written)
}

/// Indices of the class's images with the highest or the lowest logits, the most extreme first.
fn choose(predicted: &Predicted, positive: bool, high: bool, count: usize) -> Vec<usize> {
    let rows = predicted.predictions.rows();
    let mut of_class: Vec<usize> = (0..rows.len()).filter(|&index| rows[index].label == positive).collect();
    of_class.sort_by(|&one, &other| {
        let rising = rows[one].logit.total_cmp(&rows[other].logit);
        if high { rising.reverse() } else { rising }
    });
    of_class.truncate(count);
    of_class
}

/// One case: the image, its map over it, and the lines below.
struct Case {
    pictures: [Vec<Rgb>; 2],
    columns: u32,
    lines: [String; 2],
}

fn case(subject: &Subject, predicted: &Predicted, index: usize) -> Result<Case> {
    let (usable, row) = (&predicted.samples[index], &predicted.predictions.rows()[index]);
    let spec = &subject.config.preprocess;
    let file = &usable.sample.file;
    let wrong = |problem: String| TrainerError::data(file, problem);
    let image = picture::decode(&picture::read(file).map_err(wrong)?, subject.config.data.background).map_err(wrong)?;
    let input = imaging::prepare(&image, spec).map_err(|error| wrong(error.to_string()))?;
    let (rows, columns) = (i64::from(spec.input.rows), i64::from(spec.input.columns));
    let cam = subject.network.evaluate(&Tensor::from_slice(&input.tensor).view([1, 3, rows, columns])).cam;
    let values = Vec::<f32>::try_from(cam.view([-1]).to_kind(Kind::Float))?;
    let extent = subject.network.topology().cam_extent(spec.input);
    let original = input.geometry.original;
    let shown = u64::from(original.columns) * u64::from(ROWS) / u64::from(original.rows.max(1));
    let columns = u32::try_from(shown).unwrap_or(COLUMNS_MAX).clamp(1, COLUMNS_MAX);
    let display = PreprocessSpec::display(InputShape { rows: ROWS, columns });
    let grey = imaging::prepare(&image, &display).map_err(|error| wrong(error.to_string()))?.tensor;
    let grey = &grey[..(ROWS * columns) as usize];
    let overlaid = overlay(grey, columns, &Surface::new(&values, extent), extent, &input.geometry);
    let probability = subject.calibration.apply(row.logit);
    let truth = if row.label { "cancer" } else { "no cancer" };
    Ok(Case {
        pictures: [grey.iter().map(|&value| [(value * 255.0) as u8; 3]).collect(), overlaid],
        columns,
        lines: [
            format!("{} {} {}", row.image_id, row.laterality.code(), row.view),
            format!("{truth}, {probability:.3}"),
        ],
    })
}

/// The map over the image; rows and columns that the network never saw carry none.
fn overlay(grey: &[f32], columns: u32, surface: &Surface, extent: Extent, geometry: &Geometry) -> Vec<Rgb> {
    let original = geometry.original;
    let pixel = |(index, &value): (usize, &f32)| {
        let (x, y) = (index % columns as usize, index / columns as usize);
        let point = contract::Point {
            x: (x as f64 + 0.5) * f64::from(original.columns) / f64::from(columns),
            y: (y as f64 + 0.5) * f64::from(original.rows) / f64::from(ROWS),
        };
        let strength = geometry.grid_of_original(extent, point).map_or(0.0, |point| surface.at(point));
        heat::blend(value * 255.0, strength)
    };
    grey.iter().enumerate().map(pixel).collect()
}

/// The cases in lines below the title, with the notice at the end.
fn page(title: &str, cases: &[Case]) -> Canvas {
    let widest = cases.iter().map(|case| 2 * case.columns as usize + 2).max().unwrap_or(0);
    let letters = cases.iter().flat_map(|case| &case.lines).map(|line| line.chars().count()).max().unwrap_or(0);
    let cell = (widest.max(letters * LETTER_COLUMNS) + GAP, ROWS as usize + TEXT_ROWS + GAP);
    let across = cases.len().clamp(1, CASES_PER_LINE);
    let lines = cases.len().div_ceil(CASES_PER_LINE);
    let text = title.chars().count().max(NOTICE.chars().count()) * (LETTER_COLUMNS + 1);
    let mut canvas = Canvas::new((across * cell.0 + GAP).max(text + 2 * GAP), lines * cell.1 + 2 * TEXT_ROWS, PAPER);
    let bold = Lettering { bold: true, ..Lettering::plain(INK) };
    canvas.text((GAP as f64, LETTER_ROWS as f64), bold, title);
    for (index, case) in cases.iter().enumerate() {
        let left = GAP + index % CASES_PER_LINE * cell.0;
        let top = TEXT_ROWS + index / CASES_PER_LINE * cell.1;
        for (number, picture) in case.pictures.iter().enumerate() {
            let start = left + number * (case.columns as usize + 2);
            for (place, &colour) in picture.iter().enumerate() {
                canvas.set(start + place % case.columns as usize, top + place / case.columns as usize, colour);
            }
        }
        for (number, line) in case.lines.iter().enumerate() {
            let baseline = top + ROWS as usize + (number + 1) * LETTER_ROWS;
            canvas.text((left as f64, baseline as f64), Lettering::plain(INK), line);
        }
    }
    let end = canvas.rows() as f64 - 10.0;
    canvas.text((GAP as f64, end), Lettering::plain([107; 3]), NOTICE);
    canvas
}

#[cfg(test)]
mod tests;
