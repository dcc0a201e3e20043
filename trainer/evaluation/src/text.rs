//! An evaluation as a page of plain text, for a terminal.

use contract::NOTICE;

use crate::bootstrap::Figures;
use crate::metrics::Metric;
use crate::operating::ThresholdRow;
use crate::plot::{counts_text, estimate_text, level_title};
use crate::report::{Evaluation, LevelReport};
use crate::sample::Level;

/// The page: figures of each level at natural prevalence and on the balanced draw, confusions, thresholds, groups.
#[must_use]
pub fn page(evaluation: &Evaluation) -> String {
    let levels: Vec<&LevelReport> = std::iter::once(&evaluation.images).chain(&evaluation.breasts).collect();
    let mut text = format!("{NOTICE}\n\n");
    text += &format!("{}\n", counts_text(Level::Image, evaluation.images.counts));
    if let Some(breasts) = evaluation.breasts.first() {
        text += &format!("{}\n", counts_text(breasts.level, breasts.counts));
    }
    let bootstrap = evaluation.settings.bootstrap;
    let percent = 100.0 * bootstrap.level;
    text += &format!("in brackets: {percent} % intervals of {} resamples of patients\n", bootstrap.resamples);
    text += &figures("natural prevalence", &levels, |level| Some(&level.natural));
    text += &figures("class-balanced draw", &levels, |level| level.balanced.as_ref());
    for level in levels {
        text += &format!("\n{}, threshold {:.3}\n", level_title(level.level), level.threshold);
        text += &thresholds(&level.thresholds);
        text += &groups(level);
    }
    text
}

/// Lines of the figures, a column for each level.
fn figures<'a>(title: &str, levels: &[&'a LevelReport], of: impl Fn(&'a LevelReport) -> Option<&'a Figures>) -> String {
    let head = std::iter::once(title.to_owned()).chain(levels.iter().map(|level| level_title(level.level).to_owned()));
    let mut rows = vec![head.collect::<Vec<_>>()];
    for metric in Metric::ALL {
        let cell = |level: &&'a LevelReport| {
            of(level).map_or_else(|| "–".into(), |figures| estimate_text(figures.estimates.get(&metric)))
        };
        rows.push(std::iter::once(metric.title().to_owned()).chain(levels.iter().map(cell)).collect());
    }
    for (name, pick) in [
        ("true positive", (|figures| figures.confusion.true_positive) as fn(&Figures) -> f64),
        ("false positive", |figures| figures.confusion.false_positive),
        ("false negative", |figures| figures.confusion.false_negative),
        ("true negative", |figures| figures.confusion.true_negative),
    ] {
        // Counts at natural prevalence, shares on the balanced draw.
        let number = |value: f64| if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.3}") };
        let cell = |level: &&'a LevelReport| of(level).map_or_else(|| "–".into(), |figures| number(pick(figures)));
        rows.push(std::iter::once(name.to_owned()).chain(levels.iter().map(cell)).collect());
    }
    format!("\n{}", aligned(&rows))
}

fn thresholds(table: &[ThresholdRow]) -> String {
    let mut rows = vec![["threshold", "sensitivity", "specificity", "PPV at prevalence"].map(str::to_owned).to_vec()];
    for row in table {
        let ppv = |value: &crate::operating::PredictiveValues| {
            let positive = value.positive.map_or_else(|| "–".into(), |positive| format!("{positive:.3}"));
            format!("{positive} at {:.1} %", 100.0 * value.prevalence)
        };
        let numbers = [row.threshold, row.sensitivity, row.specificity].map(|number| format!("{number:.3}"));
        let values: Vec<String> = row.values.iter().map(ppv).collect();
        rows.push(numbers.into_iter().chain([values.join(", ")]).collect());
    }
    if rows.len() > 1 { aligned(&rows) } else { String::new() }
}

fn groups(level: &LevelReport) -> String {
    let mut rows = vec![["group", "all", "positive", "AUC", "sensitivity", "specificity"].map(str::to_owned).to_vec()];
    for group in &level.groups {
        let counts = [group.counts.units, group.counts.positive].map(|count| count.to_string());
        let metrics = [Metric::Auc, Metric::Recall, Metric::Specificity];
        let cells = metrics.map(|metric| estimate_text(group.figures.estimates.get(&metric)));
        let name = format!("{} {}", group.by.title(), group.name);
        rows.push(std::iter::once(name).chain(counts).chain(cells).collect());
    }
    let left_out = level.groups_left_out;
    let more = if left_out > 0 { format!("{left_out} smaller groups are left out\n") } else { String::new() };
    if rows.len() > 1 { aligned(&rows) + &more } else { more }
}

/// Columns that are as wide as their widest cell, two spaces apart. Control characters of group names are left out.
fn aligned(rows: &[Vec<String>]) -> String {
    let clean = |cell: &String| cell.chars().filter(|letter| !letter.is_control()).collect::<String>();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(clean).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Bootstrap;
    use crate::prediction::{Laterality, Prediction, Predictions};
    use crate::report::{Settings, evaluate};

    #[test]
    fn the_page_has_every_level_and_group() {
        let row = |index: usize| Prediction {
            patient_id: (index / 2).to_string(),
            laterality: Laterality::Left,
            view: ["CC", "MLO"][index % 2].into(),
            image_id: index.to_string(),
            site: "1".into(),
            machine: "4\u{1b}[2J9".into(),
            density: String::new(),
            label: (index / 2).is_multiple_of(3),
            logit: (index % 7) as f64 - 3.0,
        };
        let predictions = Predictions::new((0..60).map(row).collect()).unwrap();
        let bootstrap = Bootstrap { resamples: 50, ..Bootstrap::default() };
        let settings = Settings { bootstrap, ..Settings::reference().unwrap() };
        let page = page(&evaluate(&predictions, &settings).unwrap());
        assert!(page.starts_with(NOTICE));
        for part in ["60 images, 20 positive", "per breast (reference)", "class-balanced draw", "view MLO", "site 1"] {
            assert!(page.contains(part), "{part} is missing:\n{page}");
        }
        assert!(!page.contains('\u{1b}'), "a group's name must not steer the terminal");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["–––".to_owned(), "c".to_owned()]];
        assert_eq!(aligned(&rows), "a    bb\n–––  c\n");
    }
}
