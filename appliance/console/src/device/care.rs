//! What a technician looks at when something is wrong.

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Well.
    Ok,
    /// It works, but a person should look.
    Attention,
    /// It does not work.
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at: `disk`, `clock`, `destination pacs`.
    pub check: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty when it is well.
    pub next: String,
}

/// Levels of the log, from the loudest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something does not work.
    Error,
    /// A person should look.
    Warn,
    /// What happens.
    Info,
    /// For those who look for a fault.
    Debug,
}

impl Level {
    /// All, from the loudest.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// Its name in JSON and addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Which lines of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// This level and louder ones.
    pub level: Level,
    /// Only lines with this text, small and capital letters alike; at most 100 characters.
    pub containing: Option<String>,
    /// At most so many; never above 1000.
    pub lines_max: usize,
}

/// One line of the log. Holds no patient data, because the log holds none.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// When.
    pub at_ms: u64,
    /// How loud.
    pub level: Level,
    /// Which part of the software.
    pub target: String,
    /// What.
    pub text: String,
}

/// What a histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Images by score.
    Score,
    /// Images by why they were excluded.
    Exclusion,
    /// Images by mean intensity.
    Intensity,
}

/// What images have in common in a histogram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Software Versions (0018,1020).
    pub software: String,
}

/// How images of one source lie, now and before.
#[derive(Clone, Debug, Serialize)]
pub struct Histogram {
    /// Of which images.
    pub source: Source,
    /// By what.
    pub measure: Measure,
    /// What `before` and `now` are: `30 days before, last 7 days`.
    pub spans: String,
    /// In order; at most 20.
    pub bands: Vec<Band>,
    /// Why a person should look; `None` when all is as before.
    pub attention: Option<String>,
}

/// One bar of a histogram.
#[derive(Clone, Debug, Serialize)]
pub struct Band {
    /// `0.1 to 0.2`, `not a mammogram`.
    pub label: String,
    /// Images.
    pub before: u64,
    /// Images.
    pub now: u64,
}

/// A part and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionLine {
    /// `software`, `engine`, `operating system`.
    pub part: String,
    /// As the part says it.
    pub version: String,
}
