//! The predictions file: CSV with a header, columns in any order, others ignored.
//!
//! `patient_id, laterality, view, image_id, site, machine, density, label, logit, probability`. Reading needs `logit` or
//! `probability`; when both are there they must agree, so that a file put together from two models is refused. RSNA's own
//! names `site_id`, `machine_id` and `cancer` are read too.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use contract::calibration::sigmoid;
use csv::StringRecord;

use crate::error::{EvaluationError, RowProblem};
use crate::prediction::{Laterality, Prediction, Predictions, ROWS_MAX, group};

/// Bytes of a predictions file that are read.
pub const BYTES_MAX: u64 = 256 << 20;

/// How far `probability` may be from the sigmoid of `logit`: what the sixth decimal and FP32 lose.
const CONTRADICTION_MIN: f64 = 1e-4;

/// A probability without a logit is kept this far from 0 and 1, whose logits are infinite: the spacing of FP32 below 1.
const PROBABILITY_MARGIN: f64 = 1.0 / 16_777_216.0;

const HEADER: [&str; 10] =
    ["patient_id", "laterality", "view", "image_id", "site", "machine", "density", "label", "logit", "probability"];

/// Reads a predictions file and checks it.
///
/// # Errors
/// [`EvaluationError::File`], [`EvaluationError::TooLarge`], [`EvaluationError::Empty`], or [`EvaluationError::Line`]
/// with file and line of the first bad row.
pub fn read(path: &Path) -> Result<Predictions, EvaluationError> {
    let broken = |source| EvaluationError::File { path: path.into(), source };
    let file = File::open(path).map_err(broken)?;
    let mut text = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut text).map_err(broken)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(EvaluationError::TooLarge { path: path.into(), bytes_max: BYTES_MAX });
    }
    let (rows, lines) =
        parse(&text).map_err(|(line, problem)| EvaluationError::Line { path: path.into(), line, problem })?;
    if let Err((row, problem)) = group(&rows) {
        let line_of = |row: usize| row.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or(0);
        // Other rows are named by their line too.
        let problem = match problem {
            RowProblem::Duplicate { first } => RowProblem::Duplicate { first: line_of(first) as usize },
            RowProblem::LabelConflict { first } => RowProblem::LabelConflict { first: line_of(first) as usize },
            other => other,
        };
        return Err(EvaluationError::Line { path: path.into(), line: line_of(row), problem });
    }
    Predictions::new(rows)
}

/// Writes a predictions file, which [`read`] reads to equal values.
///
/// # Errors
/// [`EvaluationError::File`].
pub fn write(path: &Path, rows: &[Prediction]) -> Result<(), EvaluationError> {
    let broken = |source| EvaluationError::File { path: path.into(), source };
    let text = to_csv(rows).map_err(broken)?;
    File::create(path).and_then(|mut file| file.write_all(&text)).map_err(broken)
}

fn to_csv(rows: &[Prediction]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for row in rows {
        let label = if row.label { "1" } else { "0" };
        // `{}` of an f64 is the shortest text that reads back to the same value.
        let (logit, probability) = (row.logit.to_string(), sigmoid(row.logit).to_string());
        let place = [row.laterality.code(), &row.view, &row.image_id, &row.site, &row.machine, &row.density];
        let record = std::iter::once(row.patient_id.as_str()).chain(place).chain([label, &logit, &probability]);
        writer.write_record(record)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

type Parsed = (Vec<Prediction>, Vec<u64>);

/// The rows with their lines, or the first bad line.
fn parse(text: &[u8]) -> Result<Parsed, (u64, RowProblem)> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = reader.headers().map_err(|error| malformed(text, &error))?.clone();
    let columns = Columns::of(&header).map_err(|problem| (1, problem))?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| malformed(text, &error))?;
        let line = line(text, record.position());
        if rows.len() == ROWS_MAX {
            return Err((line, RowProblem::TooMany(ROWS_MAX)));
        }
        rows.push(columns.row(&record).map_err(|problem| (line, problem))?);
        lines.push(line);
    }
    Ok((rows, lines))
}

/// The line of a record: its position is before the empty lines that are skipped on the way to it.
fn line(text: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let rest = usize::try_from(position.byte()).ok().and_then(|start| text.get(start..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n');
    position.line() + skipped.count() as u64
}

fn malformed(text: &[u8], error: &csv::Error) -> (u64, RowProblem) {
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".into(),
        _ => "not CSV".into(),
    };
    (line(text, error.position()), RowProblem::Malformed(what))
}

/// Where each column stands.
struct Columns {
    patient_id: usize,
    laterality: usize,
    image_id: usize,
    label: usize,
    view: Option<usize>,
    site: Option<usize>,
    machine: Option<usize>,
    density: Option<usize>,
    logit: Option<usize>,
    probability: Option<usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, RowProblem> {
        let find = |name: &'static str, other: &'static str| {
            let mut places = header.iter().enumerate().filter(|(_, column)| *column == name || *column == other);
            let first = places.next().map(|(index, _)| index);
            if places.next().is_some() { Err(RowProblem::DoubleColumn(name)) } else { Ok(first) }
        };
        let need = |name, other| find(name, other)?.ok_or(RowProblem::MissingColumn(name));
        let columns = Self {
            patient_id: need("patient_id", "patient_id")?,
            laterality: need("laterality", "laterality")?,
            image_id: need("image_id", "image_id")?,
            label: need("label", "cancer")?,
            view: find("view", "view")?,
            site: find("site", "site_id")?,
            machine: find("machine", "machine_id")?,
            density: find("density", "density")?,
            logit: find("logit", "logit")?,
            probability: find("probability", "probability")?,
        };
        let has_score = columns.logit.is_some() || columns.probability.is_some();
        if has_score { Ok(columns) } else { Err(RowProblem::MissingColumn("logit")) }
    }

    fn row(&self, record: &StringRecord) -> Result<Prediction, RowProblem> {
        let text = |column: usize| record.get(column).unwrap_or_default();
        let optional = |column: Option<usize>| column.map(text).unwrap_or_default().to_owned();
        let laterality = match text(self.laterality) {
            "L" => Laterality::Left,
            "R" => Laterality::Right,
            _ => return Err(RowProblem::Field { name: "laterality", rule: "L or R" }),
        };
        let label = match text(self.label) {
            "1" => true,
            "0" => false,
            _ => return Err(RowProblem::Field { name: "label", rule: "0 or 1" }),
        };
        let logit = score(self.logit.map(text), self.probability.map(text))?;
        Ok(Prediction {
            patient_id: text(self.patient_id).to_owned(),
            laterality,
            view: optional(self.view),
            image_id: text(self.image_id).to_owned(),
            site: optional(self.site),
            machine: optional(self.machine),
            density: optional(self.density),
            label,
            logit,
        })
    }
}

/// The logit, from the logit or the probability.
fn score(logit: Option<&str>, probability: Option<&str>) -> Result<f64, RowProblem> {
    let number = |text: &str, name| match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(RowProblem::Field { name, rule: "a finite number" }),
    };
    let logit = logit.map(|text| number(text, "logit")).transpose()?;
    let probability = probability.map(|text| number(text, "probability")).transpose()?;
    if probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return Err(RowProblem::Field { name: "probability", rule: "in 0 to 1" });
    }
    match (logit, probability) {
        (Some(logit), Some(probability)) if (sigmoid(logit) - probability).abs() > CONTRADICTION_MIN => {
            Err(RowProblem::Contradiction)
        }
        (Some(logit), _) => Ok(logit),
        (None, Some(probability)) => {
            let probability = probability.clamp(PROBABILITY_MARGIN, 1.0 - PROBABILITY_MARGIN);
            Ok((probability / (1.0 - probability)).ln())
        }
        (None, None) => Err(RowProblem::MissingColumn("logit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Predictions, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        std::fs::write(&path, text).unwrap();
        let shown = |error: EvaluationError| error.to_string().split_once("predictions.csv").unwrap().1.to_owned();
        let start = |error: EvaluationError| {
            if matches!(error, EvaluationError::Empty) { error.to_string() } else { shown(error) }
        };
        read(&path).map_err(start)
    }

    #[test]
    fn bad_files_are_refused_with_their_line() {
        const HEAD: &str = "patient_id,laterality,image_id,label,logit,probability\n";
        for (rows, error) in [
            ("1,L,a,0,0\n", ":2: not a row of this table: 5 fields, the header has 6"),
            ("1,L,a,0,0,0.5\n1,X,b,0,0,0.5\n", ":3: laterality must be L or R"),
            ("1,L,a,yes,0,0.5\n", ":2: label must be 0 or 1"),
            ("1,L,a,0,nan,0.5\n", ":2: logit must be a finite number"),
            ("1,L,a,0,,0.5\n", ":2: logit must be a finite number"),
            ("1,L,a,0,0,1.5\n", ":2: probability must be in 0 to 1"),
            ("1,L,a,0,0,0.6\n", ":2: probability is not the sigmoid of logit"),
            ("1,L,a,0,0,0.5\n\n1,L,a,0,0,0.5\n", ":4: this image is already at 2"),
            ("1,L,a,0,0,0.5\n1,L,b,1,0,0.5\n", ":3: another label than at 2, for the same breast"),
            (",L,a,0,0,0.5\n", ":2: patient_id is empty"),
            ("", "no predictions"),
        ] {
            assert_eq!(read_text(&format!("{HEAD}{rows}")).unwrap_err(), error);
        }
        assert_eq!(read_text("patient_id,laterality,image_id,label\n").unwrap_err(), ":1: column logit is missing");
        assert_eq!(read_text("patient_id,label,cancer\n").unwrap_err(), ":1: column laterality is missing");
        let double = "patient_id,laterality,image_id,label,cancer,logit\n";
        assert_eq!(read_text(double).unwrap_err(), ":1: column label is there twice");
        assert!(matches!(read(Path::new("/nowhere.csv")), Err(EvaluationError::File { .. })));
    }

    #[test]
    fn names_of_rsna_and_probabilities_alone_are_read() {
        let text = "site_id,patient_id,image_id,laterality,view,age,cancer,machine_id,probability\n\
                    2,10,7,R,MLO,61,1,49,0.731058578630005\n2,10,8,R,CC,61,1,49,1\n";
        let predictions = read_text(text).unwrap();
        let row = &predictions.rows()[0];
        assert_eq!((row.site.as_str(), row.machine.as_str(), row.label), ("2", "49", true));
        assert!((row.logit - 1.0).abs() < 1e-9);
        assert!(predictions.rows()[1].logit.is_finite(), "a probability of 1 has a finite logit");
    }

    #[test]
    fn what_is_written_is_read_back_equal() {
        let row = |image: &str, logit| Prediction {
            patient_id: "a,\"b\"".into(),
            laterality: Laterality::Left,
            view: "CC".into(),
            image_id: image.into(),
            site: "Süd, 2".into(),
            machine: String::new(),
            density: "B".into(),
            label: true,
            logit,
        };
        let rows = vec![row("1", 0.1 + 0.2), row("2", -1e-17), row("3", 40.0)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap().rows(), rows);
        assert!(matches!(write(folder.path(), &rows), Err(EvaluationError::File { .. })));
    }
}
