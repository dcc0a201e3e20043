//! What can go wrong. Rows are named by their number, never by their patient.

use std::io;
use std::path::PathBuf;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// A file could not be read or written: broken.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file has more than is read.
    #[error("{}: larger than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// A file's line is invalid.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1, the header included.
        line: u64,
        /// What is wrong there.
        problem: RowProblem,
    },
    /// A row is invalid.
    #[error("row {row}: {problem}")]
    Row {
        /// From 1.
        row: usize,
        /// What is wrong there.
        problem: RowProblem,
    },
    /// There is nothing to evaluate.
    #[error("no predictions")]
    Empty,
    /// Scores, labels or weights that nothing can be fitted to.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// A picture could not be written as PNG.
    #[error("picture as PNG: {0}")]
    Png(#[from] png::EncodingError),
    /// A setting that cannot be.
    #[error("{name} must be {rule}")]
    Setting {
        /// Which setting.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// Not CSV, or not as many fields as the header has.
    #[error("not a row of this table: {0}")]
    Malformed(String),
    /// A column that must be there is not.
    #[error("column {0} is missing")]
    MissingColumn(&'static str),
    /// A column stands twice in the header.
    #[error("column {0} is there twice")]
    DoubleColumn(&'static str),
    /// A field that must be there is empty.
    #[error("{0} is empty")]
    EmptyField(&'static str),
    /// A field has none of its values.
    #[error("{name} must be {rule}")]
    Field {
        /// The column.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Logit and probability are of different predictions.
    #[error("probability is not the sigmoid of logit")]
    Contradiction,
    /// An image stands twice.
    #[error("this image is already at {first}")]
    Duplicate {
        /// Row, or line of the file, of its first appearance, from 1.
        first: usize,
    },
    /// The label belongs to the breast, so its images cannot differ.
    #[error("another label than at {first}, for the same breast")]
    LabelConflict {
        /// Row, or line of the file, of its first image, from 1.
        first: usize,
    },
    /// More than memory is meant for.
    #[error("more than {0} rows")]
    TooMany(usize),
}

/// Why nothing could be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing was given, or columns differ in length.
    #[error("scores and labels must be as many, and at least one")]
    Lengths,
    /// A score is not finite.
    #[error("a score is not a finite number")]
    NotFinite,
    /// All labels are the same.
    #[error("all labels are the same, both classes are needed")]
    OneClass,
    /// The scores separate the classes, so that the best temperature is 0.
    #[error("the scores separate the classes without error, there is no best temperature")]
    Separable,
    /// The scores run against the labels, so that no temperature above 0 is best.
    #[error("the scores do not rise with the labels, no temperature can calibrate them")]
    NoSignal,
    /// No threshold reaches the target.
    #[error("no threshold reaches the target")]
    Unreachable,
}
