//! The command line, as clap sees it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Mamoru's trainer. What it makes is for research only, not a medical device.
#[derive(Debug, Parser)]
#[command(name = "mamoru-train", version, about)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the layer table of a network
    Summary(SummaryArgs),
    /// Read an EfficientNet-B0 and grow it into a larger network that computes the same
    Grow(GrowArgs),
    /// Train, or go on with a run that was stopped
    Fit(FitArgs),
    /// Write the probability of each image of a split as CSV
    Predict(PredictArgs),
    /// Write trained weights as a model folder for the appliance
    Pack(PackArgs),
}

/// `mamoru-train summary`
#[derive(Debug, Args)]
pub struct SummaryArgs {
    /// efficientnet_b4 or efficientnet_b0
    #[arg(long, default_value = "efficientnet_b4")]
    pub topology: String,
}

/// `mamoru-train grow`
#[derive(Debug, Args)]
pub struct GrowArgs {
    /// EfficientNet-B0: by torchvision's names, or TensorFlow's with folded batch norms (.npz)
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// efficientnet_b4, or efficientnet_b0 to read and rename only
    #[arg(long, default_value = "efficientnet_b4")]
    pub to: String,
    /// Where to write: .safetensors, .npz or .ot
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Noise that breaks copies up, as a share of each tensor's standard deviation
    #[arg(long, default_value_t = 0.01)]
    pub noise: f64,
    /// Take the batch norms' statistics over so many training images of the configuration's data
    #[arg(long, value_name = "IMAGES", default_value_t = 0)]
    pub calibrate: usize,
    /// Settings
    #[command(flatten)]
    pub settings: Settings,
}

/// Settings of a run.
#[derive(Debug, Args)]
pub struct Settings {
    /// Configuration in TOML; what it does not say is as in the reference method
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of images and labels (data.folder)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Any other setting, for example optimiser.rate=3e-4; after the file, may be repeated
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// `mamoru-train fit`
#[derive(Debug, Args)]
pub struct FitArgs {
    /// The run's folder, see `config.toml` in it for what was resolved
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Go on from the run's last checkpoint with the run's own configuration
    #[arg(long, conflicts_with_all = ["config", "data", "overrides"])]
    pub resume: bool,
    /// Settings
    #[command(flatten)]
    pub settings: Settings,
}

/// `mamoru-train predict`
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The run whose configuration and best weights are used
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Which split
    #[arg(long, value_enum, default_value = "validation")]
    pub split: trainer::data::Split,
    /// Where to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `mamoru-train pack`
#[derive(Debug, Args)]
pub struct PackArgs {
    /// The run whose configuration and best weights are packed
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// The model's folder; must be empty or not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A name for people
    #[arg(long)]
    pub name: String,
    /// A version for people
    #[arg(long)]
    pub model_version: String,
}
