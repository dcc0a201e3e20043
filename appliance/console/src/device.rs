//! What the console shows of a device and asks of it; the composition root implements [`Device`].

mod care;
mod delivery;
mod model;
mod overview;
mod study;

use std::fmt;
use std::io::Read;

use serde::{Serialize, Serializer};
use tokio::sync::watch;

pub use care::{Band, Finding, Histogram, Level, LogFilter, LogLine, Measure, Source, Verdict, VersionLine};
pub use delivery::{Answer, Delivery, DeliveryFilter, DeliveryState, Destination, Happening};
pub use model::{Model, ModelChange, Models, Progress, Role as ModelRole, SelfTest};
pub use overview::{Check, Family, Health, Kind, Overview, Reading, Sample};
pub use study::{Breast, Image, ImageState, Laterality, Patient, Study, StudyLine, StudyState, View};

/// A device as the console sees it. The methods may block; they are called away from the runtime, several at once.
///
/// Nothing that they return may hold patient data, but [`Device::patient`] and the pixels of [`Device::picture`] and
/// [`Device::heat_map`]: it goes to pages that stay open and to machines that keep it. Times are milliseconds since 1970 UTC
/// by the device's clock.
pub trait Device: Send + Sync + 'static {
    /// The device in one glance; within 20 ms, for it is asked for often.
    fn overview(&self) -> Overview;

    /// All that must hold before the device can take and score images.
    fn readiness(&self) -> Vec<Check>;

    /// What a monitoring system asks for; see [`Family`].
    fn metrics(&self) -> Vec<Family>;

    /// Another number after each change of the overview, a study, a delivery or a model; live views wait for it.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Studies, the one that received an image last first.
    ///
    /// # Errors
    /// [`Fault`], as everywhere below.
    fn studies(&self, window: Window) -> Result<Listing<StudyLine>, Fault>;

    /// All that is known of a study, but who it is of.
    ///
    /// # Errors
    /// [`Fault::NotFound`] when the device does not have it (any more).
    fn study(&self, study: &Id) -> Result<Study, Fault>;

    /// Who a study is of; `None` when its headers do not say. Asked for only when a signed-in user is to see it.
    ///
    /// # Errors
    /// [`Fault::NotFound`].
    fn patient(&self, study: &Id) -> Result<Option<Patient>, Fault>;

    /// An image of a study as a PNG of at most [`PNG_BYTES_MAX`] bytes, without burned-in or other text.
    ///
    /// # Errors
    /// [`Fault::NotFound`] also when the pixels are not kept any more.
    fn picture(&self, study: &Id, image: &Id) -> Result<Vec<u8>, Fault>;

    /// The same image with its heat map drawn over it, in the same size.
    ///
    /// # Errors
    /// [`Fault::NotFound`] also when it has none.
    fn heat_map(&self, study: &Id, image: &Id) -> Result<Vec<u8>, Fault>;

    /// Deliveries: those that wait for a person first, then those under way, then the rest, the youngest first.
    ///
    /// # Errors
    /// [`Fault`].
    fn deliveries(&self, filter: &DeliveryFilter, window: Window) -> Result<Listing<Delivery>, Fault>;

    /// Has a delivery tried again at once.
    ///
    /// # Errors
    /// [`Fault::NotFound`]; [`Fault::Refused`] when it is done.
    fn retry(&self, delivery: &Id) -> Result<(), Fault>;

    /// All destinations of the configuration.
    ///
    /// # Errors
    /// [`Fault`].
    fn destinations(&self) -> Result<Vec<Destination>, Fault>;

    /// Asks a destination whether it is there, within a minute.
    ///
    /// # Errors
    /// [`Fault::NotFound`], [`Fault::Unsupported`]. That it does not answer is an [`Answer`].
    fn echo(&self, destination: &Name) -> Result<Answer, Fault>;

    /// Sends the result of a synthetic exam, marked as such, within two minutes.
    ///
    /// # Errors
    /// As [`Device::echo`].
    fn test_send(&self, destination: &Name) -> Result<Answer, Fault>;

    /// The models on the device.
    ///
    /// # Errors
    /// [`Fault`].
    fn models(&self) -> Result<Models, Fault>;

    /// Takes a bundle and checks it; nothing runs with it yet. At most `bytes_max` bytes come: what the sender declared.
    /// An error of the reader means that the sender is gone. Gives the id of the installed model.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the reason and its code; then nothing has changed. [`Fault::Busy`].
    fn install(&self, bundle: &mut dyn Read, bytes_max: u64, progress: &mut dyn FnMut(Progress)) -> Result<Id, Fault>;

    /// Changes what a model is. It may take minutes: a self-test, or an engine that is built.
    ///
    /// # Errors
    /// [`Fault::NotFound`]; [`Fault::Refused`] when it is not in the state for that, or fails its self-test; [`Fault::Busy`].
    fn change_model(&self, model: &Id, change: ModelChange, progress: &mut dyn FnMut(Progress)) -> Result<(), Fault>;

    /// Everything that can be looked at without touching a patient's images, within a minute.
    ///
    /// # Errors
    /// [`Fault`].
    fn doctor(&self) -> Result<Vec<Finding>, Fault>;

    /// The last lines of the log that pass the filter, the youngest last; at most `filter.lines_max`.
    ///
    /// # Errors
    /// [`Fault`].
    fn logs(&self, filter: &LogFilter) -> Result<Vec<LogLine>, Fault>;

    /// The effective configuration as text, secrets replaced.
    ///
    /// # Errors
    /// [`Fault`].
    fn settings(&self) -> Result<String, Fault>;

    /// How scores, exclusions and intensities lie now and lay before.
    ///
    /// # Errors
    /// [`Fault`].
    fn drift(&self) -> Result<Vec<Histogram>, Fault>;

    /// Versions of all parts: software, engine, contract, operating system, driver.
    fn versions(&self) -> Vec<VersionLine>;
}

/// Larger pictures are not given to browsers.
pub const PNG_BYTES_MAX: usize = 16 << 20;

/// Why a device does not do what it was asked. The texts are for people, without patient data, and say the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such study, image, delivery, destination or model.
    #[error("the device does not have this (any more); go back to the list")]
    NotFound,
    /// This device, or this part of it, cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// Not now, because of what it is or holds; trying again alone does not help.
    #[error("{0}")]
    Refused(String),
    /// Something else is under way; try again later.
    #[error("{0}")]
    Busy(String),
    /// The device is broken in this part.
    #[error("{0}")]
    Broken(String),
}

/// Names a study, an image, a delivery or a model: 1 to 64 hexadecimal digits, small, that tell nothing of a patient (the start
/// of a digest).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// Parses `text`; `None` when it is no id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        ((1..=64).contains(&text.len()) && text.bytes().all(sound)).then(|| Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, enough for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }
}

/// Names a destination, as the configuration does: 1 to 32 small letters, digits, dashes and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Parses `text`; `None` when it is no name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        ((1..=32).contains(&text.len()) && text.bytes().all(sound)).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A part of a long list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many are left out at the start.
    pub skip: usize,
    /// How many are wanted at most; never above [`Window::TAKE_MAX`].
    pub take: usize,
}

impl Window {
    /// The most that is asked for at once.
    pub const TAKE_MAX: usize = 200;
}

/// A part of a long list, and how long it is.
#[derive(Clone, Debug, Serialize)]
pub struct Listing<T> {
    /// In order; at most as many as were asked for.
    pub items: Vec<T>,
    /// Of all that pass the filter.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_parsed_at_the_border() {
        for bad in ["", "A", "g", "0 1", "../0", "ä", &"0".repeat(65)] {
            assert!(Id::parse(bad).is_none(), "{bad}");
        }
        for bad in ["", "A", "a b", "a.b", "../a", "ä", &"a".repeat(33)] {
            assert!(Name::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Id::parse("0123456789abcdef").unwrap().short(), "0123456789ab");
        assert_eq!(Id::parse("0a").unwrap().short(), "0a");
        assert_eq!(Name::parse("pacs-1_a").unwrap().as_str(), "pacs-1_a");
    }
}
