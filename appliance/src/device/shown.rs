//! The device as the console shows it: reads the queue, the state folder and what everybody may know, and does what a
//! technician may ask for.

mod care;
mod deliveries;
mod drift;
mod metrics;
mod models;
mod overview;
mod pictures;
mod studies;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use console::{
    Answer, Check, Delivery, DeliveryFilter, Destination, Family, Fault, Finding, Histogram, Id, Listing, LogFilter,
    LogLine, ModelChange, Models, Name, Overview, Patient, Progress, Study, StudyLine, VersionLine, Window,
};
use contract::Digest;
use domain::{EligibilityPolicy, InstanceKey, StudyKey, StudyPolicy};
use queue::{Queue, QueueError, StateDir};
use tokio::sync::watch;

use super::Facts;
use super::control::Answerer;
use crate::config::Config;
use crate::control::Status;

/// A running device, for the console.
pub struct Shown {
    config: Config,
    config_file: Option<PathBuf>,
    answerer: Arc<Answerer>,
}

impl Shown {
    /// The device that `answerer` answers for, which runs with the `config` of `config_file`.
    pub const fn new(config: Config, config_file: Option<PathBuf>, answerer: Arc<Answerer>) -> Self {
        Self { config, config_file, answerer }
    }

    fn queue(&self) -> &Queue {
        &self.answerer.queue
    }

    fn state(&self) -> &StateDir {
        &self.answerer.state
    }

    fn facts(&self) -> &Facts {
        &self.answerer.facts
    }

    fn status(&self) -> Result<Status, Fault> {
        self.answerer.status().map_err(broken)
    }

    /// As the reporting stage decides.
    fn policy(&self) -> StudyPolicy {
        let mut assembly = self.config.assembly;
        assembly.aggregation = Some(assembly.aggregation.unwrap_or_else(|| self.facts().current.running().aggregation));
        StudyPolicy { assembly, eligibility: self.eligibility() }
    }

    const fn eligibility(&self) -> EligibilityPolicy {
        self.config.eligibility
    }
}

/// Digits of an id: its first eight are those of logs and of `mamoru status`.
const DIGITS: usize = 16;

/// The id of a study.
fn id_of(study: &StudyKey) -> Option<Id> {
    Id::parse(&Digest::of(study.0.as_str().as_bytes()).short(DIGITS))
}

/// The id of an image.
fn image_id(key: &InstanceKey) -> Option<Id> {
    Id::parse(&Digest::of(key.0.as_str().as_bytes()).short(DIGITS))
}

fn broken(error: QueueError) -> Fault {
    Fault::Broken(format!("the queue cannot be read ({error}); look at the health page"))
}

impl console::Device for Shown {
    fn overview(&self) -> Overview {
        overview::of(self)
    }

    fn readiness(&self) -> Vec<Check> {
        overview::readiness(self)
    }

    fn metrics(&self) -> Vec<Family> {
        metrics::families(self)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.queue().changes()
    }

    fn studies(&self, window: Window) -> Result<Listing<StudyLine>, Fault> {
        studies::list(self, window)
    }

    fn study(&self, study: &Id) -> Result<Study, Fault> {
        studies::one(self, study)
    }

    fn patient(&self, study: &Id) -> Result<Option<Patient>, Fault> {
        studies::patient(self, study)
    }

    fn picture(&self, study: &Id, image: &Id) -> Result<Vec<u8>, Fault> {
        pictures::draw(self, study, image, pictures::Side::Plain)
    }

    fn heat_map(&self, study: &Id, image: &Id) -> Result<Vec<u8>, Fault> {
        pictures::draw(self, study, image, pictures::Side::HeatMap)
    }

    fn deliveries(&self, filter: &DeliveryFilter, window: Window) -> Result<Listing<Delivery>, Fault> {
        deliveries::list(self, filter, window)
    }

    fn retry(&self, delivery: &Id) -> Result<(), Fault> {
        deliveries::retry(self, delivery)
    }

    fn destinations(&self) -> Result<Vec<Destination>, Fault> {
        deliveries::destinations(self)
    }

    fn echo(&self, destination: &Name) -> Result<Answer, Fault> {
        deliveries::echo(self, destination)
    }

    fn test_send(&self, destination: &Name) -> Result<Answer, Fault> {
        deliveries::test_send(self, destination)
    }

    fn models(&self) -> Result<Models, Fault> {
        models::list(self)
    }

    fn install(&self, bundle: &mut dyn Read, bytes_max: u64, progress: &mut dyn FnMut(Progress)) -> Result<Id, Fault> {
        models::install(self, bundle, bytes_max, progress)
    }

    fn change_model(&self, model: &Id, change: ModelChange, progress: &mut dyn FnMut(Progress)) -> Result<(), Fault> {
        models::change(self, model, change, progress)
    }

    fn doctor(&self) -> Result<Vec<Finding>, Fault> {
        care::doctor(self)
    }

    fn logs(&self, filter: &LogFilter) -> Result<Vec<LogLine>, Fault> {
        Ok(care::logs(filter))
    }

    fn settings(&self) -> Result<String, Fault> {
        care::settings(self)
    }

    fn drift(&self) -> Result<Vec<Histogram>, Fault> {
        drift::histograms(self)
    }

    fn versions(&self) -> Vec<VersionLine> {
        care::versions(self)
    }
}
