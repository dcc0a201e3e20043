//! The command line, as clap sees it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::Aggregation;

use crate::exit_code::EXIT_CODES_HELP;

/// Mamoru: mammography inference appliance. Research use only, not a medical device.
#[derive(Debug, Parser)]
#[command(name = "mamoru", version, about, after_help = EXIT_CODES_HELP)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse DICOM files without the network
    Analyze(AnalyzeArgs),
    /// Decode one image for a supervising process
    #[command(hide = true)]
    DecodeWorker(DecodeWorkerArgs),
}

/// `mamoru analyze`
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// DICOM files, or folders that hold some
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write heat maps (PNG) and the report (report.json) into DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// How the scores of a breast's images become one
    #[arg(long, value_enum, default_value = "reference")]
    pub aggregation: AggregationChoice,
    /// Also score digitised film: Secondary Capture objects of modality MG, with the view from Patient Orientation and
    /// the side from LEFT or RIGHT in the Patient ID where the image does not say
    #[arg(long)]
    pub digitised_film: bool,
    /// Processor threads; 0 takes all there are
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

/// [`Aggregation`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AggregationChoice {
    /// The reference method: 1 - (1 - mean of squares)^n
    Reference,
    /// The mean
    Mean,
    /// The largest
    Max,
}

impl From<AggregationChoice> for Aggregation {
    fn from(choice: AggregationChoice) -> Self {
        match choice {
            AggregationChoice::Reference => Self::Reference,
            AggregationChoice::Mean => Self::Mean,
            AggregationChoice::Max => Self::Max,
        }
    }
}

/// `mamoru decode-worker`
#[derive(Debug, Args)]
pub struct DecodeWorkerArgs {
    /// `inspect` or `decode`
    pub task: decoding::Task,
    /// Address space in bytes
    pub memory_bytes_max: u64,
    /// Processor time in seconds
    pub cpu_seconds_max: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
