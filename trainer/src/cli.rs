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
    /// Evaluate a run's best weights or a packed model: figures with intervals, groups, thresholds, plots, model card
    Evaluate(EvaluateArgs),
    /// Draw the best and the worst cases of each class with their class activation maps
    Cams(CamsArgs),
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
#[derive(Debug, Clone, Args)]
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
    #[arg(long, conflicts_with_all = ["config", "data", "overrides", "cache_features"])]
    pub resume: bool,
    /// Compute the frozen part's output once for so many changed variants of each image, and train the rest from it
    /// (data.cache_features)
    #[arg(long, value_name = "VARIANTS")]
    pub cache_features: Option<u32>,
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

/// What is evaluated.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SubjectArgs {
    /// A run: its configuration and best weights
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// A packed model: the weights of its network file, its preprocessing and its calibration
    #[arg(long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,
}

/// On which images.
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Folder of images and labels; a run has its own
    #[arg(long, value_name = "DIR", required_unless_present = "run")]
    pub data: Option<PathBuf>,
    /// Which split
    #[arg(long, value_enum, default_value = "validation")]
    pub split: trainer::data::Split,
    /// For a packed model: data settings in TOML (background, share for validation, cache); not its preprocessing
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub config: Option<PathBuf>,
    /// For a packed model: one such setting, for example data.background=black; may be repeated
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE", conflicts_with = "run")]
    pub overrides: Vec<String>,
}

/// How figures are made.
#[derive(Debug, Args)]
pub struct FiguresArgs {
    /// Calibration that is fitted to the split: temperature, isotonic or none; a packed model keeps its own
    #[arg(long, value_enum, default_value = "temperature")]
    pub calibration: CalibrationMethod,
    /// Choose an operating point with at least this sensitivity; may be repeated [default: 0.8 and 0.9]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub sensitivity: Vec<f64>,
    /// Choose an operating point with at least this specificity; may be repeated [default: 0.8 and 0.9]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub specificity: Vec<f64>,
    /// Resamples of patients for the intervals
    #[arg(long, default_value_t = 2000)]
    pub resamples: usize,
}

/// How a calibration is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CalibrationMethod {
    /// One divisor of the logit
    Temperature,
    /// A rising map; needs hundreds of positive images
    Isotonic,
    /// The network's own probability
    None,
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("is not in 0 to 1".into()) }
}

/// `mamoru-train evaluate`
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Of what
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// No model: the mean grey of the prepared image, to compare with. Of meaning is what depends on the ranking only
    #[arg(long, group = "SubjectArgs")]
    pub brightness: bool,
    /// On what
    #[command(flatten)]
    pub images: ImagesArgs,
    /// How
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Write predictions.csv, report.json, MODEL_CARD.md and plots/ into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print everything as JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// `mamoru-train cams`
#[derive(Debug, Args)]
pub struct CamsArgs {
    /// Of what
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// On what
    #[command(flatten)]
    pub images: ImagesArgs,
    /// Cases of each page, at most 40
    #[arg(long, default_value_t = 10)]
    pub count: usize,
    /// Where to write the pages
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WeightsStorage {
    /// 32-bit floats
    Fp32,
    /// 16-bit floats, cast where they are used: half the file; the measured change goes into the model card
    Fp16,
}

/// How a breast's images become one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AggregationChoice {
    /// The reference method: 1 - (1 - mean of squares)^n
    Reference,
    /// The mean
    Mean,
    /// The largest
    Max,
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
    /// How the device shall make one score of a breast's images
    #[arg(long, value_enum, default_value = "reference")]
    pub aggregation: AggregationChoice,
    /// How the weights are stored
    #[arg(long, value_enum, default_value = "fp32")]
    pub weights: WeightsStorage,
    /// Do not look at the data: the model is neither evaluated nor calibrated and has no operating points
    #[arg(long)]
    pub no_data: bool,
    /// Where the training data is from
    #[arg(long, default_value = "not stated by who packed it")]
    pub data_source: String,
    /// Under which terms the training data was used
    #[arg(long, default_value = "not stated by who packed it")]
    pub data_licence: String,
    /// Licence of the weights
    #[arg(long, default_value = trainer::report::card::LICENCE)]
    pub licence: String,
    /// How the weights came about with which the run began
    #[arg(long, default_value = "", hide_default_value = true)]
    pub history: String,
    /// What the model is for
    #[arg(long, default_value = trainer::report::card::INTENDED_USE)]
    pub intended_use: String,
    /// How
    #[command(flatten)]
    pub figures: FiguresArgs,
}
