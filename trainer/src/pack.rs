//! A run's best weights as a model folder for the appliance:
//!
//! ```text
//! manifest.json    contract::Manifest: preprocessing, topology, digest of the network
//! network.onnx     the network, from models/export
//! golden.json      inputs as seeds, with logit, probability and CAM that the trainer's network gives for them
//! MODEL_CARD.md    what it was made of and what it is worth
//! plots/           the card's
//! ```

mod check;
mod date;

use std::path::{Path, PathBuf};

use contract::manifest::{Manifest, ModelLabel};
use contract::{Aggregation, CONTRACT_VERSION, Digest, Golden, GoldenVector, Provenance, golden_input};
use export::Storage;
use serde::Serialize;
use tch::{Kind, Tensor};

use crate::bundle;
use crate::config::Config;
use crate::data::Split;
use crate::error::{Result, TrainerError};
use crate::fit::validation;
use crate::network::Network;
use crate::predict::{self, Predicted, Subject};
use crate::report::card::{self, Identity};
use crate::report::{self, Calibrating, Choices, Report};
use crate::run::{Run, replace};
use crate::weights;

/// Number of golden vectors.
const GOLDEN_VECTORS: u64 = 3;

/// How far an engine may be from a golden vector, see [`Golden::tolerance`].
const TOLERANCE: f64 = 1e-3;

/// How a bundle is packed.
#[derive(Debug, Clone)]
pub struct Packing {
    /// How the weights are stored.
    pub storage: Storage,
    /// How the device shall aggregate a breast's images.
    pub aggregation: Aggregation,
    /// What the maker says of the model; its time is taken from the best weights' file.
    pub identity: Identity,
    /// Whether the validation split is evaluated, which calibrates the model and chooses its operating points.
    pub evaluation: Option<Choices>,
}

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// The manifest.
    pub manifest: Manifest,
    /// Figures of the packed network on the validation split.
    pub report: Option<Report>,
    /// Largest and mean change of a validation image's probability by the storage of the weights; 0 for 32 bits.
    pub change: Option<(f64, f64)>,
}

/// Packs the run's best weights into `out`, which must be empty or not there. It appears whole or not at all.
///
/// The steps: 1. export; 2. read the weights back from the file, so that all that follows is of what is shipped; 3. golden
/// vectors by the trainer's network; 4. the file, run by tract, must give them within their tolerance; 5. the validation
/// split: calibration, operating points, figures, and the change by the storage; 6. the folder.
///
/// # Errors
/// When the run has no best weights yet, they are not finite or do not fit into 16 bits, tract gives other outputs, the
/// data cannot be used, or the folder cannot be written.
pub fn pack(run: &Run, config: &Config, packing: Packing, out: &Path) -> Result<Packed> {
    check_out(out)?;
    let best = run.best_file();
    let trained = Network::new(config.topology()?, weights::read(&best)?, &best)?;
    let input = config.preprocess.input;
    let exported = weights::to_export(&trained)?;
    let onnx = export::to_onnx_stored(trained.topology(), &exported, input, packing.storage)?;
    let shipped = bundle::network_of(&onnx, trained.topology())?;
    let golden = golden(&shipped, config)?;
    check::check(&onnx, &golden, config.preprocess)?;
    let mut identity = packing.identity;
    identity.trained = date::modified(&best)?;
    let evaluated = match &packing.evaluation {
        Some(choices) => Some(evaluate(run, config, shipped, &trained, packing.storage, choices, &identity)?),
        None => None,
    };
    let report = evaluated.as_ref().map(|evaluated| &evaluated.report);
    let manifest = Manifest {
        contract: CONTRACT_VERSION,
        name: identity.name.clone(),
        version: identity.version.clone(),
        label: ModelLabel::Research,
        preprocess: config.preprocess,
        topology: trained.topology().clone(),
        network: Digest::of(&onnx),
        calibration: report.map(|report| report.evaluation.settings.calibration.clone()),
        operating_points: report.map(image_points).unwrap_or_default(),
        aggregation: packing.aggregation,
        provenance: Some(provenance(&identity, config, evaluated.as_ref())),
    };
    manifest.check(&onnx).map_err(|error| TrainerError::Check(error.to_string()))?;
    let part = part_of(out)?;
    let written = write(&part, &manifest, &onnx, &golden, evaluated.as_ref(), &identity, config, run);
    if let Err(error) = written.and_then(|()| std::fs::rename(&part, out).map_err(TrainerError::file("write", out))) {
        // What is not whole is of no use; the error that matters is the first one.
        let _ = std::fs::remove_dir_all(&part);
        return Err(error);
    }
    let (report, change) = evaluated.map(|evaluated| (evaluated.report, evaluated.change)).unzip();
    Ok(Packed { manifest, report, change })
}

fn check_out(out: &Path) -> Result<()> {
    match std::fs::read_dir(out) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(TrainerError::file("read", out)(error)),
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(TrainerError::data(out, "is not empty")),
            None => Ok(()),
        },
    }
}

/// An empty folder beside `out`, so that renaming it is one step.
fn part_of(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().ok_or_else(|| TrainerError::data(out, "is no name for a folder"))?;
    let part = out.with_file_name(format!(".part-{}", name.to_string_lossy()));
    if part.exists() {
        // Of a pack that was cut off.
        std::fs::remove_dir_all(&part).map_err(TrainerError::file("remove", &part))?;
    }
    std::fs::create_dir_all(&part).map_err(TrainerError::file("create", &part))?;
    Ok(part)
}

/// The validation split as the packed network sees it.
struct Evaluated {
    predicted: Predicted,
    report: Report,
    change: (f64, f64),
}

fn evaluate(
    run: &Run,
    config: &Config,
    shipped: Network,
    trained: &Network,
    storage: Storage,
    choices: &Choices,
    identity: &Identity,
) -> Result<Evaluated> {
    let subject = Subject {
        title: format!("{} {}", identity.name, identity.version),
        network: shipped,
        config: config.clone(),
        folder: run.folder().into(),
        calibration: contract::Calibration::Identity,
    };
    let (store, predicted) = predict::of_split(&subject, Split::Validation)?;
    let report = report::report(&subject.title, &predicted, Calibrating::Fitted, choices)?;
    let change = if storage == Storage::Float {
        (0.0, 0.0)
    } else {
        let threads = config.data.loader_threads;
        let before = validation::logits(trained, 0, threads, &store, None, &predicted.samples)?;
        let rows = predicted.predictions.rows().iter().zip(before);
        let changes: Vec<f64> =
            rows.map(|(row, before)| (validation::sigmoid(row.logit) - validation::sigmoid(before)).abs()).collect();
        (changes.iter().copied().fold(0.0, f64::max), changes.iter().sum::<f64>() / changes.len().max(1) as f64)
    };
    Ok(Evaluated { predicted, report, change })
}

/// The manifest's operating points are of an image's calibrated probability.
fn image_points(report: &Report) -> Vec<contract::OperatingPoint> {
    let of_images = report.operating_points.iter().filter(|point| point.level == evaluation::Level::Image);
    of_images.map(|point| point.point).collect()
}

fn provenance(identity: &Identity, config: &Config, evaluated: Option<&Evaluated>) -> Provenance {
    let counts = evaluated.map(|evaluated| {
        let parts = evaluated.predicted.parts.iter();
        let counts =
            parts.map(|part| format!("{}: {} images of {} patients", part.split.word(), part.images, part.patients));
        counts.collect::<Vec<_>>().join("; ")
    });
    Provenance {
        data: counts.map_or_else(|| identity.data.clone(), |counts| format!("{} ({counts})", identity.data)),
        licence: identity.licence.clone(),
        intended_use: identity.intended_use.clone(),
        trained: identity.trained.clone(),
        settings: Digest::of(config.to_toml().unwrap_or_default().as_bytes()),
    }
}

#[allow(clippy::too_many_arguments)] // each is one file
fn write(
    folder: &Path,
    manifest: &Manifest,
    onnx: &[u8],
    golden: &Golden,
    evaluated: Option<&Evaluated>,
    identity: &Identity,
    config: &Config,
    run: &Run,
) -> Result<()> {
    replace(&folder.join("network.onnx"), onnx)?;
    replace(&folder.join("golden.json"), &json(golden, folder)?)?;
    let mut facts = card::facts(config);
    if !identity.history.is_empty() {
        facts.push(("before this run".into(), identity.history.clone()));
    }
    facts.push(("network file".into(), format!("SHA-256 {}, {} bytes", manifest.network, onnx.len())));
    facts.push(("golden vectors".into(), format!("{}, reproduced by tract before packing", golden.vectors.len())));
    let text = match evaluated {
        Some(Evaluated { predicted, report, change: (largest, mean) }) => {
            let change = format!("largest {largest:.2e}, mean {mean:.2e}, over {} images", predicted.samples.len());
            facts.push(("change of the probability by the weights' storage".into(), change));
            let figures = report::files::plots(report, predicted, &run.metrics()?, folder)?;
            card::card(identity.clone(), report, predicted, facts, figures).to_markdown()
        }
        None => card::without_figures(identity, &facts),
    };
    replace(&folder.join("MODEL_CARD.md"), text.as_bytes())?;
    replace(&folder.join("manifest.json"), &json(manifest, folder)?)
}

fn golden(network: &Network, config: &Config) -> Result<Golden> {
    let input = config.preprocess.input;
    let (rows, columns) = (i64::from(input.rows), i64::from(input.columns));
    let vectors = (1..=GOLDEN_VECTORS).map(|seed| {
        let values = golden_input(seed, (rows * columns) as usize);
        let grey = Tensor::from_slice(&values).view([1, 1, rows, columns]);
        let normalised = crate::data::picture::normalise(&grey, config.preprocess.normalisation);
        let output = network.evaluate(&normalised);
        Ok(GoldenVector {
            seed,
            logit: output.logit.double_value(&[0, 0]) as f32,
            probability: output.probability.double_value(&[0, 0]) as f32,
            cam: Vec::<f32>::try_from(output.cam.view([-1]).to_kind(Kind::Float))?,
        })
    });
    Ok(Golden { tolerance: TOLERANCE, vectors: vectors.collect::<Result<_>>()? })
}

fn json(value: &impl Serialize, out: &Path) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|error| TrainerError::data(out, error))
}

#[cfg(test)]
mod tests;
