//! The logit of each image of a split: what evaluation starts from, and as CSV.

use std::path::{Path, PathBuf};

use evaluation::{Laterality, Prediction, Predictions};

use crate::bundle::Bundle;
use crate::config::Config;
use crate::data::{LeftOut, Sample, Split, Store, Usable};
use crate::error::{Result, TrainerError};
use crate::fit::session;
use crate::fit::validation::{logits, sigmoid};
use crate::network::Network;
use crate::run::{Run, replace};
use crate::weights;

/// A network with the way in which it wants its images.
#[derive(Debug)]
pub struct Subject {
    /// What it is called in reports.
    pub title: String,
    /// The network.
    pub network: Network,
    /// Data, preprocessing and threads; for a bundle the preprocessing is the bundle's.
    pub config: Config,
    /// Where prepared images are kept when the configuration names no folder.
    pub folder: PathBuf,
    /// The bundle's calibration; a run has none.
    pub calibration: contract::Calibration,
}

impl Subject {
    /// A run's best weights, on the run's own data or on that of `data`.
    ///
    /// # Errors
    /// When there is no run, or it has no best weights yet.
    pub fn of_run(folder: &Path, data: Option<&Path>) -> Result<Self> {
        let (run, mut config) = Run::open(folder)?;
        if let Some(data) = data {
            config.data.folder = data.into();
        }
        let best = run.best_file();
        let network = Network::new(config.topology()?, weights::read(&best)?, &best)?;
        let title = format!("best weights of run {}", name_of(folder));
        let calibration = contract::Calibration::Identity;
        Ok(Self { title, network, config, folder: folder.into(), calibration })
    }

    /// A packed bundle: network, preprocessing and calibration are the bundle's, the rest is as `config` says. Without a
    /// cache folder in `config` nothing is kept.
    ///
    /// # Errors
    /// When the folder holds no sound bundle.
    pub fn of_bundle(folder: &Path, mut config: Config) -> Result<Self> {
        let bundle = Bundle::open(folder)?;
        let Bundle { manifest, .. } = &bundle;
        config.preprocess = manifest.preprocess;
        without_cache(&mut config);
        Ok(Self {
            title: format!("bundle {} {} ({})", manifest.name, manifest.version, manifest.network.short(12)),
            network: bundle.network()?,
            config,
            folder: folder.into(),
            calibration: manifest.calibration.clone().unwrap_or_default(),
        })
    }
}

/// The last part of a path: a report names no folder of the machine that made it.
fn name_of(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "?".into(), |name| name.to_string_lossy().into_owned())
}

/// What a network says of a split.
#[derive(Debug)]
pub struct Predicted {
    /// Which split.
    pub split: Split,
    /// The data's folder, without its parents.
    pub source: String,
    /// The images, in the table's order.
    pub samples: Vec<Usable>,
    /// What it says of each.
    pub predictions: Predictions,
    /// Images of all splits that could not be used.
    pub left_out: Vec<LeftOut>,
    /// Images, positive images, breasts and patients of each split that has any.
    pub parts: Vec<Part>,
}

/// How much a split holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which one.
    pub split: Split,
    /// Images.
    pub images: usize,
    /// Images of positive breasts.
    pub positive: usize,
    /// Prediction ids.
    pub breasts: usize,
    /// Patients.
    pub patients: usize,
}

/// Reads and prepares the subject's data, and runs its network over a split.
///
/// # Errors
/// Bad data; a split without an image.
pub fn of_split(subject: &Subject, split: Split) -> Result<(Store, Predicted)> {
    let Subject { network, config, folder, .. } = subject;
    judged(folder, config, split, |store, samples| logits(network, 0, config.data.loader_threads, store, None, samples))
}

/// What the mean grey of the prepared image says of a split: a network must be better than this. Nothing is kept unless
/// `config` names a cache folder.
///
/// # Errors
/// Bad data; a split without an image.
pub fn brightness(mut config: Config, split: Split) -> Result<Predicted> {
    let folder = without_cache(&mut config);
    let mean = |store: &Store, samples: &[Usable]| {
        let mut bytes = Vec::new();
        let of_sample = |sample: &Usable| {
            bytes.clear();
            store.load(sample, &mut bytes)?;
            let greys =
                bytes.chunks_exact(4).map(|grey| f64::from(f32::from_ne_bytes([grey[0], grey[1], grey[2], grey[3]])));
            Ok(greys.sum::<f64>() / (bytes.len() / 4).max(1) as f64)
        };
        samples.iter().map(of_sample).collect::<Result<Vec<f64>>>()
    };
    Ok(judged(&folder, &config, split, mean)?.1)
}

/// Where prepared images go when nobody said it: nowhere.
fn without_cache(config: &mut Config) -> PathBuf {
    if config.data.cache.is_none() {
        config.data.cache_bytes_max = 0;
    }
    config.data.cache.get_or_insert_with(std::env::temp_dir).clone()
}

/// Reads and prepares a configuration's data, and judges the images of a split.
fn judged(
    folder: &Path,
    config: &Config,
    split: Split,
    judge: impl FnOnce(&Store, &[Usable]) -> Result<Vec<f64>>,
) -> Result<(Store, Predicted)> {
    if config.threads > 0 {
        tch::set_num_threads(i32::try_from(config.threads).unwrap_or(i32::MAX));
    }
    let (store, prepared) = session::prepare(folder, config)?;
    let parts = [Split::Train, Split::Validation].map(|split| part(split, &prepared.usable)).to_vec();
    let samples: Vec<Usable> = prepared.usable.into_iter().filter(|usable| usable.sample.split == split).collect();
    let predictions = predictions(&samples, &judge(&store, &samples)?)?;
    let source = name_of(&config.data.folder);
    Ok((store, Predicted { split, source, samples, predictions, left_out: prepared.left_out, parts }))
}

fn part(split: Split, usable: &[Usable]) -> Part {
    let samples: Vec<&Sample> =
        usable.iter().map(|usable| &usable.sample).filter(|sample| sample.split == split).collect();
    let count = |of: fn(&Sample) -> &str| {
        samples.iter().map(|sample| of(sample)).collect::<std::collections::BTreeSet<_>>().len()
    };
    Part {
        split,
        images: samples.len(),
        positive: samples.iter().filter(|sample| sample.label).count(),
        breasts: count(|sample| &sample.breast),
        patients: count(|sample| &sample.patient),
    }
}

/// Samples with their logits as `evaluation` wants them.
///
/// # Errors
/// No sample, or a logit that is not finite.
pub fn predictions(samples: &[Usable], logits: &[f64]) -> Result<Predictions> {
    let rows = samples.iter().zip(logits).map(|(usable, &logit)| {
        let sample = &usable.sample;
        let group = |names: [&str; 2]| {
            let found = sample.groups.iter().find(|(name, _)| names.contains(&name.as_str()));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Prediction {
            patient_id: sample.patient.clone(),
            laterality: if sample.breast.ends_with("_L") { Laterality::Left } else { Laterality::Right },
            view: group(["view", "view"]),
            image_id: sample.image.clone(),
            site: group(["site_id", "site"]),
            machine: group(["machine_id", "machine"]),
            density: group(["density", "density"]),
            label: sample.label,
            logit,
        }
    });
    Ok(Predictions::new(rows.collect())?)
}

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
