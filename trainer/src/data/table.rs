//! The three layouts that are read, each a folder with a table beside the images:
//!
//! | layout | table | image |
//! | --- | --- | --- |
//! | RSNA 2022 | `train.csv` | `train_images/<patient_id>/<image_id>.dcm` |
//! | subset | `labels.csv` without a column `file` | `images/<patient_id>/<image_id>.jpg` (or `.png`, `.pgm`, `.dcm`) |
//! | labelled folder | `labels.csv` with a column `file` | that path below the folder |
//!
//! Columns: `patient_id`, `laterality` (L or R), `cancer` (0 or 1); `image_id` but for the labelled folder; `split`
//! (train or validation) where the table splits; all others are kept as groups. Without `split`, a share of the
//! patients is put apart, the same share of those with and without cancer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::{Sample, Split};
use crate::error::{Result, TrainerError};
use crate::seed::{Purpose, derive};

/// The most bytes of a table: RSNA's own has 4 MB.
const TABLE_BYTES_MAX: u64 = 256 << 20;

/// Endings that are tried for the subset layout, in this order.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "pgm", "dcm"];

/// How patients are put apart where the table doesn't say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PutApart {
    /// Share of the patients for validation, 0 to 1.
    pub validation_share: f64,
    /// Which ones.
    pub seed: u64,
}

/// Reads the table of the data in `folder`. Whether the files exist is not looked at.
///
/// # Errors
/// Missing columns, values that are none of the allowed ones, an image twice, one patient in two splits, one breast with
/// two labels: each with file and line.
pub fn read(folder: &Path, apart: PutApart) -> Result<Vec<Sample>> {
    let rsna = folder.join("train.csv");
    let path = if rsna.is_file() { rsna.clone() } else { folder.join("labels.csv") };
    let metadata =
        std::fs::metadata(&path).map_err(|_| TrainerError::data(folder, "has no train.csv or labels.csv"))?;
    if metadata.len() > TABLE_BYTES_MAX {
        return Err(TrainerError::data(&path, format!("has more than {TABLE_BYTES_MAX} bytes")));
    }
    let mut reader = csv::Reader::from_path(&path).map_err(|error| of_csv(&path, &error))?;
    let header = reader.headers().map_err(|error| of_csv(&path, &error))?.clone();
    let columns = Columns::new(&path, &header)?;
    let mut samples = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| of_csv(&path, &error))?;
        samples.push(columns.sample(&record, folder, path == rsna)?);
    }
    if columns.split.is_none() {
        put_apart(&mut samples, apart);
    }
    check(&path, &samples)?;
    Ok(samples)
}

/// Where each column stands.
struct Columns<'a> {
    path: &'a Path,
    patient: usize,
    laterality: usize,
    label: usize,
    image: Option<usize>,
    file: Option<usize>,
    split: Option<usize>,
    others: Vec<(usize, String)>,
}

impl<'a> Columns<'a> {
    fn new(path: &'a Path, header: &StringRecord) -> Result<Self> {
        let find = |name: &str| header.iter().position(|column| column.trim() == name);
        let problem = |problem: String| TrainerError::Table { path: path.into(), line: 1, problem };
        let need = |name: &str| find(name).ok_or_else(|| problem(format!("column {name} is missing")));
        let (image, file) = (find("image_id"), find("file"));
        if image.is_none() && file.is_none() {
            return Err(problem("column image_id or file is missing".into()));
        }
        let (patient, laterality, label) = (need("patient_id")?, need("laterality")?, need("cancer")?);
        let split = find("split");
        let known = [Some(patient), Some(laterality), Some(label), image, file, split];
        let others = header.iter().enumerate().filter(|(index, _)| !known.contains(&Some(*index)));
        let others = others.map(|(index, name)| (index, name.trim().to_owned())).collect();
        Ok(Self { path, patient, laterality, label, image, file, split, others })
    }

    fn sample(&self, record: &StringRecord, folder: &Path, is_rsna: bool) -> Result<Sample> {
        let line = record.position().map_or(0, csv::Position::line);
        let problem = |problem: String| TrainerError::Table { path: self.path.into(), line, problem };
        let value = |index: usize| record.get(index).unwrap_or_default().trim();
        let patient = value(self.patient);
        let laterality = value(self.laterality);
        if !is_name(patient) {
            return Err(problem("patient_id is empty or not a file name".into()));
        }
        if !matches!(laterality, "L" | "R") {
            return Err(problem(format!("laterality is {laterality:?}, not L or R")));
        }
        let label = match value(self.label) {
            "0" => false,
            "1" => true,
            other => return Err(problem(format!("cancer is {other:?}, not 0 or 1"))),
        };
        let split = match self.split.map(value) {
            None | Some("train") => Split::Train,
            Some("validation") => Split::Validation,
            Some(other) => return Err(problem(format!("split is {other:?}, not train or validation"))),
        };
        let (image, file) = match (self.file.map(value), self.image.map(value)) {
            (Some(file), _) if is_below(file) => (file, folder.join(file)),
            (Some(_), _) => return Err(problem("file is empty or leads out of the folder".into())),
            (None, Some(image)) if is_name(image) => (image, image_file(folder, patient, image, is_rsna)),
            (None, _) => return Err(problem("image_id is empty or not a file name".into())),
        };
        let groups = self.others.iter().map(|(index, name)| (name.clone(), value(*index).to_owned()));
        Ok(Sample {
            file,
            line,
            patient: patient.into(),
            image: image.into(),
            breast: format!("{patient}_{laterality}"),
            label,
            split,
            groups: groups.collect(),
        })
    }
}

/// The text is one component of a path.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\\', '\0'])
}

/// The text is a path that stays below where it starts.
fn is_below(text: &str) -> bool {
    let normal = |component| matches!(component, std::path::Component::Normal(_));
    !text.is_empty() && Path::new(text).components().all(normal)
}

fn image_file(folder: &Path, patient: &str, image: &str, is_rsna: bool) -> PathBuf {
    if is_rsna {
        return folder.join("train_images").join(patient).join(format!("{image}.dcm"));
    }
    let below = folder.join("images").join(patient);
    let candidates = ENDINGS.map(|ending| below.join(format!("{image}.{ending}")));
    candidates.iter().find(|file| file.is_file()).unwrap_or(&candidates[0]).clone()
}

/// Puts patients apart for validation: of those with and those without cancer the same share, in an order that follows
/// from the seed and their names alone.
fn put_apart(samples: &mut [Sample], apart: PutApart) {
    let mut patients: BTreeMap<String, bool> = BTreeMap::new();
    for sample in samples.iter() {
        *patients.entry(sample.patient.clone()).or_default() |= sample.label;
    }
    let mut validation = BTreeSet::new();
    for with_cancer in [false, true] {
        let group = patients.iter().filter(|(_, cancer)| **cancer == with_cancer).map(|(patient, _)| patient);
        let key = |patient: &String| {
            let place: Vec<u64> = patient.bytes().map(u64::from).collect();
            derive(apart.seed, Purpose::Split, &place)
        };
        let mut group: Vec<_> = group.map(|patient| (key(patient), patient.clone())).collect();
        group.sort();
        let count = (group.len() as f64 * apart.validation_share).round() as usize;
        validation.extend(group.into_iter().take(count).map(|(_, patient)| patient));
    }
    for sample in samples.iter_mut() {
        sample.split = if validation.contains(&sample.patient) { Split::Validation } else { Split::Train };
    }
}

/// Rules over more than one line.
fn check(path: &Path, samples: &[Sample]) -> Result<()> {
    let mut splits: BTreeMap<&str, (Split, u64)> = BTreeMap::new();
    let mut labels: BTreeMap<&str, (bool, u64)> = BTreeMap::new();
    let mut files: BTreeMap<&Path, u64> = BTreeMap::new();
    for sample in samples {
        let line = sample.line;
        let problem = |problem: String| TrainerError::Table { path: path.into(), line, problem };
        if let Some(first) = files.insert(&sample.file, line) {
            return Err(problem(format!("the image of line {first} again")));
        }
        let (split, first) = *splits.entry(&sample.patient).or_insert((sample.split, line));
        if split != sample.split {
            let (here, there) = (sample.split.word(), split.word());
            return Err(problem(format!("the patient is in {here}, but in {there} on line {first}")));
        }
        let (label, first) = *labels.entry(&sample.breast).or_insert((sample.label, line));
        if label != sample.label {
            return Err(problem(format!("the breast has another label than on line {first}")));
        }
    }
    Ok(())
}

fn of_csv(path: &Path, error: &csv::Error) -> TrainerError {
    let line = error.position().map_or(1, csv::Position::line);
    TrainerError::Table { path: path.into(), line, problem: error.to_string() }
}

#[cfg(test)]
mod tests;
