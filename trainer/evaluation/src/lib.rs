//! From scores and labels to figures, tables, plots and a model card.
//!
//! [`Predictions`] (a checked CSV, [`table::read`]) goes into [`evaluate`], which gives an [`Evaluation`]: per image and per
//! breast, at natural prevalence and on the paper's balanced draw, with patient bootstrap intervals, by site, machine, view
//! and density. [`fit`] and [`operating`] give the calibration and the thresholds that a model bundle holds, [`crossfit`] says what
//! the calibration is worth, [`text`] writes a page for a terminal. [`plot`]
//! draws SVG and PNG ([`canvas`]), [`card`] writes Markdown.
//!
//! No randomness but from a seed, no clock, IO only in [`table`].

pub mod bootstrap;
pub mod canvas;
pub mod card;
pub mod crossfit;
pub mod curves;
pub mod error;
pub mod fit;
pub mod metrics;
pub mod operating;
pub mod plot;
pub mod prediction;
pub mod report;
pub mod sample;
pub mod table;
pub mod text;

pub use bootstrap::{Bootstrap, Estimate, Figures, Interval};
pub use card::ModelCard;
pub use crossfit::{Fitted, Method, fit_and_judge};
pub use error::{EvaluationError, RowProblem, Unfit};
pub use metrics::{Confusion, Metric, Metrics};
pub use operating::{operating_point, threshold_table};
pub use prediction::{Laterality, Prediction, Predictions};
pub use report::{Evaluation, GroupReport, Grouping, LevelReport, Settings, evaluate};
pub use sample::{Counts, Level, Prevalence, Sample};
