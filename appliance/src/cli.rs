//! The command line, as clap sees it.

mod console;
mod engine;
mod help;
mod service;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::{AeTitle, Aggregation};
use results::FindingCode;
use scu::{Peer, Timeouts};
use secure_transport::{Requestor, RequestorFiles};

use crate::exit_code::EXIT_CODES_HELP;
use crate::model::ModelSource;
pub use console::{ConsoleArgs, ConsoleCommand, RoleChoice};
pub use engine::{
    BenchArgs, BuildArgs, CheckArgs, EngineArgs, EngineCommand, EngineCommandArgs, PlanWorkerArgs, ProbeArgs,
};
pub use help::{CompletionsArgs, ManualArgs};
pub use service::{DoctorArgs, QueueArgs, QueueCommand, SelftestArgs, StatusArgs, SupportBundleArgs};

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
    /// Run the device: receive mammograms, score them, deliver the results
    Serve(ServeArgs),
    /// Send a study through a device that is started for it, and show what comes out
    Demo(DemoArgs),
    /// Analyse DICOM files without the network
    Analyze(AnalyzeArgs),
    /// Send DICOM files to a peer (C-STORE)
    Send(SendArgs),
    /// Ask whether a peer answers (C-ECHO)
    Echo(EchoArgs),
    /// Show how the running device is
    Status(StatusArgs),
    /// Show results that are on their way, or try parked ones again
    Queue(QueueArgs),
    /// Look at everything that the device needs, and say what to do next
    Doctor(DoctorArgs),
    /// Send a synthetic exam the whole way, and have the running device score it: are its scores what they were?
    Selftest(SelftestArgs),
    /// Write an archive for support: versions, settings, state, findings; no patient data and no secrets
    SupportBundle(SupportBundleArgs),
    /// Say who may use the page
    Console(ConsoleArgs),
    /// Try out what a destination makes of result objects
    Results(ResultsArgs),
    /// Make, check and install signed models
    Bundle(crate::commands::bundle::BundleArgs),
    /// Show what the NVIDIA engine finds, build its plan, measure and check an engine
    Engine(EngineCommandArgs),
    /// Show the default configuration, or check a file
    Config(ConfigArgs),
    /// Print the DICOM conformance statement of this software (Markdown)
    Conformance,
    /// Print what makes a shell complete this command's words
    Completions(CompletionsArgs),
    /// Write manual pages, one for each command
    Manual(ManualArgs),
    /// Build one plan for a supervising process
    #[command(hide = true)]
    PlanWorker(PlanWorkerArgs),
    /// Decode one image for a supervising process
    #[command(hide = true)]
    DecodeWorker(DecodeWorkerArgs),
}

/// Which model scores.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Score with the model that `mamoru-train pack` wrote into DIR, instead of the one that comes with this command
    #[arg(long, value_name = "DIR", conflicts_with = "untrained")]
    pub model: Option<PathBuf>,
    /// Score with the untrained model, whose scores mean nothing
    #[arg(long, hide = true)]
    pub untrained: bool,
}

impl ModelArgs {
    /// The model that is meant.
    pub fn source(&self) -> ModelSource {
        self.given().unwrap_or_default()
    }

    /// The model that is named.
    pub fn given(&self) -> Option<ModelSource> {
        match &self.model {
            Some(folder) => Some(ModelSource::Folder(folder.clone())),
            None => self.untrained.then_some(ModelSource::Untrained),
        }
    }
}

/// `mamoru serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration; without it the embedded default: 127.0.0.1:11112 as MAMORU, state in ./mamoru-data
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the ready line as JSON
    #[arg(long)]
    pub json: bool,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// `mamoru demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Send the DICOM files of DIR (digitised film too) instead of the built-in synthetic exam with a planted lesion
    #[arg(long, value_name = "DIR")]
    pub study: Option<PathBuf>,
    /// Keep result objects under DIR/results and heat maps under DIR/heatmaps; without it they go to a temporary folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// End when the results are delivered, instead of serving on
    #[arg(long)]
    pub exit: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// Which model
    #[command(flatten)]
    pub model: ModelArgs,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Processor threads; 0 takes all there are
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

/// A peer on the command line.
#[derive(Debug, Args)]
pub struct PeerArgs {
    /// The peer, for example PACS@192.0.2.7:104
    #[arg(long, value_name = "AET@HOST:PORT")]
    pub to: String,
    /// Our AE title
    #[arg(long, value_name = "AET", default_value = "MAMORU")]
    pub from: String,
    /// Call over TLS, and trust only the authorities of this PEM file
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Our certificate, a PEM file, for peers that want one
    #[arg(long, value_name = "FILE", requires = "tls_ca", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, a PEM file that nobody else may read
    #[arg(long, value_name = "FILE", requires = "tls_ca", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// The name in the peer's certificate where it is not HOST
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    pub tls_name: Option<String>,
    /// Seconds to wait for a response
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub timeout: u64,
}

impl PeerArgs {
    /// The peer that is meant.
    ///
    /// # Errors
    /// When the texts are no peer and no AE title, or options for TLS do not go together.
    pub fn peer(&self) -> anyhow::Result<Peer> {
        let peer = Peer::parse(&self.to, AeTitle::parse(&self.from)?)?;
        let Some(ca) = self.tls_ca.clone() else { return Ok(peer) };
        let (certificate, key) = (self.tls_certificate.clone(), self.tls_key.clone());
        let files = RequestorFiles { ca, certificate, key, server_name: self.tls_name.clone() };
        files.check()?;
        Ok(Peer { tls: Some(Requestor::new(files)), ..peer })
    }

    /// How long to wait.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts { response_ms: self.timeout.saturating_mul(1_000), ..Timeouts::default() }
    }
}

/// `mamoru send`
#[derive(Debug, Args)]
pub struct SendArgs {
    /// DICOM files, or folders that hold some
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// To whom
    #[command(flatten)]
    pub peer: PeerArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// `mamoru echo`
#[derive(Debug, Args)]
pub struct EchoArgs {
    /// To whom
    #[command(flatten)]
    pub peer: PeerArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// Which running device is meant.
#[derive(Debug, Args)]
pub struct RunningArgs {
    /// The configuration that the device runs with
    #[arg(long, value_name = "FILE", conflicts_with = "state", global = true)]
    pub config: Option<PathBuf>,
    /// Its state folder
    #[arg(long, value_name = "DIR", global = true)]
    pub state: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// `mamoru results`
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ResultsCommand,
}

/// `mamoru results ...`
#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    /// Send a destination the results of a synthetic exam, as it would get those of a patient, and show what it answers
    VerifyDestination(VerifyDestinationArgs),
}

/// `mamoru results verify-destination`
#[derive(Debug, Args)]
pub struct VerifyDestinationArgs {
    /// The destination's name in the configuration
    pub name: String,
    /// The configuration that the destination stands in; without it the embedded default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Also send the synthetic images: a workstation shows marks only on images that it has
    #[arg(long)]
    pub images: bool,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// `mamoru config`
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// `mamoru config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the default configuration with every key explained
    Default,
    /// Report everything that is wrong in FILE
    Check {
        /// The configuration
        file: PathBuf,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
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
    /// Write every result object of each study into DIR: JSON, FHIR, Secondary Captures, structured reports, presentation states
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// As what the Mammography CAD SR of --results codes a called region
    #[arg(long, value_enum, default_value = "selected-region", requires = "results")]
    pub finding_code: FindingCodeChoice,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// How the scores of a breast's images become one [default: as the model says]
    #[arg(long, value_enum)]
    pub aggregation: Option<AggregationChoice>,
    /// Also score digitised film: Secondary Capture objects of modality MG, with the view from Patient Orientation and
    /// the side from LEFT or RIGHT in the Patient ID where the image does not say
    #[arg(long)]
    pub digitised_film: bool,
    /// Which model
    #[command(flatten)]
    pub model: ModelArgs,
    /// Which engine
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Take the NVIDIA engine's settings from FILE, and its plan from the state folder that FILE names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Processor threads; 0 takes all there are
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

/// [`FindingCode`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingCodeChoice {
    /// What it is, but many workstations draw nothing for it
    SelectedRegion,
    /// What workstations draw
    BreastDensity,
}

impl From<FindingCodeChoice> for FindingCode {
    fn from(choice: FindingCodeChoice) -> Self {
        match choice {
            FindingCodeChoice::SelectedRegion => Self::SelectedRegion,
            FindingCodeChoice::BreastDensity => Self::BreastDensity,
        }
    }
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
