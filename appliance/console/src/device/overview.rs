//! The device in one glance, what must hold, and metrics.

use serde::Serialize;

/// How a device or a part of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Works.
    Good,
    /// Works, but a person should look.
    Attention,
    /// Does not work.
    Failed,
}

/// One thing that must hold.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Short, always the same: `model`, `queue`, `disk`.
    pub name: String,
    /// Whether it holds.
    pub ready: bool,
    /// Why not and what to do, in plain words; empty when it holds.
    pub reason: String,
}

/// The device in one glance.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// Of the worst part.
    pub health: Health,
    /// What is so, and what to do; one sentence each.
    pub sentences: Vec<String>,
    /// Version of the software.
    pub version: String,
    /// The model that scores.
    pub model: String,
    /// The engine that scores.
    pub engine: String,
    /// Images that wait to be scored.
    pub images_waiting: u64,
    /// Deliveries that wait to be sent.
    pub deliveries_waiting: u64,
    /// Deliveries that wait for a person.
    pub deliveries_parked: u64,
    /// Disk, temperature, memory and the like; at most 16.
    pub readings: Vec<Reading>,
}

/// One thing that is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    /// `Disk free`, `Temperature`.
    pub name: String,
    /// With its unit: `120 GiB of 460 GiB`, `51 °C`.
    pub value: String,
    /// Whether that is well.
    pub health: Health,
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises until a restart; its name ends in `_total`.
    Counter,
    /// Any value at any time.
    Gauge,
}

/// One metric with all its samples, in the text format of Prometheus. It is left out, with a line in the log, when a
/// name is against the convention: `mamoru_`, small letters, digits and underscores; counters end in `_total`.
#[derive(Clone, Debug)]
pub struct Family {
    /// Base units in the name: `_seconds`, `_bytes`.
    pub name: String,
    /// One line of help.
    pub help: String,
    /// Counter or gauge.
    pub kind: Kind,
    /// At most 256.
    pub samples: Vec<Sample>,
}

/// One value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Names and values; never of a patient, a study or an image.
    pub labels: Vec<(String, String)>,
    /// In the unit of the family's name.
    pub value: f64,
}
