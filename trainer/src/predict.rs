//! The probability of each image of a split, as CSV: what evaluation starts from.

use std::path::Path;

use crate::config::Config;
use crate::data::Split;
use crate::error::{Result, TrainerError};
use crate::fit::session;
use crate::fit::validation::{logits, sigmoid};
use crate::network::Network;
use crate::run::{Run, replace};
use crate::weights;

/// Runs the run's best weights over a split and writes `image,patient,breast,label,logit,probability` and the table's
/// other columns. Gives the number of images.
///
/// # Errors
/// Bad data or weights, or a file that cannot be written.
pub fn predict(run: &Run, config: &Config, split: Split, out: &Path) -> Result<usize> {
    let best = run.best_file();
    let network = Network::new(config.topology()?, weights::read(&best)?, &best)?;
    let (store, prepared) = session::prepare(run.folder(), config)?;
    let samples: Vec<_> = prepared.usable.into_iter().filter(|usable| usable.sample.split == split).collect();
    let logits = logits(&network, 0, config.data.loader_threads, &store, None, &samples)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let wrong = |error: &dyn std::fmt::Display| TrainerError::data(out, error);
    let fixed = ["image", "patient", "breast", "label", "logit", "probability"].map(str::to_owned);
    let groups = samples.first().map(|usable| usable.sample.groups.clone()).unwrap_or_default();
    let header = fixed.into_iter().chain(groups.into_iter().map(|(name, _)| name));
    writer.write_record(header).map_err(|error| wrong(&error))?;
    for (usable, logit) in samples.iter().zip(&logits) {
        let sample = &usable.sample;
        let label = u8::from(sample.label).to_string();
        let scores = [logit.to_string(), sigmoid(*logit).to_string()];
        let fixed = [sample.image.clone(), sample.patient.clone(), sample.breast.clone(), label];
        let groups = sample.groups.iter().map(|(_, value)| value.clone());
        let record = fixed.into_iter().chain(scores).chain(groups);
        writer.write_record(record).map_err(|error| wrong(&error))?;
    }
    replace(out, &writer.into_inner().map_err(|error| wrong(&error))?)?;
    Ok(samples.len())
}
