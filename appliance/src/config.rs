//! All settings of the daemon, from one TOML file.

mod check;
mod console;
mod engine;
mod updates;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use decoding::WorkerLimits;
use domain::eligibility::EligibilityPolicy;
use domain::{AeTitle, AssemblyPolicy, DestinationName};
use forwarder::DestinationConfig;
use receiver::ReceiverConfig;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::model::ModelSource;
pub use check::{ConfigErrors, parse};
pub use console::ConsoleConfig;
pub use engine::{EngineConfig, EngineName, NvidiaConfig, PrecisionName, WhenLost};
pub use updates::{ConfirmedBy, UpdatesConfig};

/// The default configuration with every key explained.
pub const DEFAULT_TOML: &str = include_str!("config/default.toml");

/// The largest file that is read as a configuration, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// All settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where everything is kept.
    pub state_dir: PathBuf,
    /// What is logged.
    pub log: LogLevel,
    /// The DICOM receiver.
    pub receiver: ReceiverConfig,
    /// The decoder's worker processes.
    pub decoding: WorkerLimits,
    /// Which images are scored.
    pub eligibility: EligibilityPolicy,
    /// When a study is complete, and how its images become one score.
    pub assembly: AssemblyPolicy,
    /// The inference engine.
    pub engine: EngineConfig,
    /// The model.
    pub model: ModelSource,
    /// Models that are installed while the device is in use.
    pub updates: UpdatesConfig,
    /// The technician's page and the machine interfaces.
    pub console: ConsoleConfig,
    /// What result objects say and how.
    pub results: results::Settings,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// Where results go.
    pub destinations: Vec<DestinationConfig>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs a person.
    Error,
    /// And what went wrong but is dealt with.
    Warn,
    /// And each study's way.
    #[default]
    Info,
    /// And details.
    Debug,
}

/// How long things are kept of studies that are reported and whose results are all delivered, in hours after the last
/// arrival or delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Received images and heat maps.
    pub images_hours: u64,
    /// Results, and everything that is known of the study; not less than `images_hours`.
    pub results_hours: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { images_hours: 72, results_hours: 90 * 24 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("mamoru-data"),
            log: LogLevel::default(),
            receiver: ReceiverConfig::default(),
            decoding: WorkerLimits::default(),
            eligibility: EligibilityPolicy::default(),
            assembly: AssemblyPolicy::default(),
            engine: EngineConfig::default(),
            model: ModelSource::default(),
            updates: UpdatesConfig::default(),
            console: ConsoleConfig::default(),
            results: results::Settings::default(),
            retention: RetentionConfig::default(),
            destinations: DestinationName::parse("reports").ok().map(default_destination).into_iter().collect(),
        }
    }
}

fn default_destination(name: DestinationName) -> DestinationConfig {
    DestinationConfig { folder: Some(PathBuf::from("mamoru-data/reports")), ..DestinationConfig::named(name) }
}

impl Config {
    /// The configuration in `path`, or the default without one.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong in it ([`ConfigErrors`]).
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let unreadable = || format!("configuration {} cannot be read", path.display());
        let length = std::fs::metadata(path).with_context(unreadable)?.len();
        anyhow::ensure!(length <= FILE_BYTES_MAX, "configuration {} is larger than 1 MiB", path.display());
        let text = std::fs::read_to_string(path).with_context(unreadable)?;
        Ok(parse(&text)?)
    }

    /// The settings as a table, defaults included, as they would be written in a file.
    #[must_use]
    pub fn to_table(&self) -> Table {
        let mut table = Table::new();
        let mut put = |key: &str, value: Result<Value, toml::ser::Error>| {
            // Every section is one that was read, or a default: a test writes them all.
            table.extend(value.ok().map(|value| (key.to_owned(), value)));
        };
        put("state_dir", Value::try_from(&self.state_dir));
        put("log", Value::try_from(self.log));
        put("model", Value::try_from(&self.model));
        put("updates", Value::try_from(self.updates));
        put("console", Value::try_from(&self.console));
        put("receiver", Value::try_from(&self.receiver));
        put("decoding", Value::try_from(&self.decoding));
        put("eligibility", Value::try_from(self.eligibility));
        put("assembly", Value::try_from(self.assembly));
        put("engine", Value::try_from(&self.engine));
        put("results", Value::try_from(self.results));
        put("retention", Value::try_from(self.retention));
        put("destinations", Value::try_from(&self.destinations));
        table
    }

    /// The receiver's AE title.
    ///
    /// # Errors
    /// When it is none.
    pub fn ae_title(&self) -> Result<AeTitle, domain::ids::AeTitleError> {
        AeTitle::parse(&self.receiver.ae_title)
    }
}
