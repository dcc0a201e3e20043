//! A run's best weights as a model folder for the appliance:
//!
//! ```text
//! manifest.json    contract::Manifest: preprocessing, topology, digest of the network
//! network.onnx     the network, from models/export
//! golden.json      inputs as seeds, with logit, probability and CAM that the trainer's network gives for them
//! ```

use std::path::Path;

use contract::manifest::{Manifest, ModelLabel};
use contract::{CONTRACT_VERSION, Digest, Golden, GoldenVector, golden_input};
use serde::Serialize;
use tch::{Kind, Tensor};

use crate::config::Config;
use crate::error::{Result, TrainerError};
use crate::network::Network;
use crate::run::{Run, replace};
use crate::weights;

/// Number of golden vectors.
const GOLDEN_VECTORS: u64 = 3;

/// How far an engine may be from a golden vector, see [`Golden::tolerance`].
const TOLERANCE: f64 = 1e-3;

/// Packs the run's best weights into `out`, which must be empty or not there.
///
/// # Errors
/// When the run has no best weights yet, they are not finite, or the folder cannot be written.
pub fn pack(run: &Run, config: &Config, name: &str, version: &str, out: &Path) -> Result<Manifest> {
    std::fs::create_dir_all(out).map_err(TrainerError::file("create", out))?;
    let mut entries = std::fs::read_dir(out).map_err(TrainerError::file("read", out))?;
    if entries.next().is_some() {
        return Err(TrainerError::data(out, "is not empty"));
    }
    let best = run.best_file();
    let network = Network::new(config.topology()?, weights::read(&best)?, &best)?;
    let onnx = export::to_onnx(network.topology(), &weights::to_export(&network)?, config.preprocess.input)?;
    let manifest = Manifest {
        contract: CONTRACT_VERSION,
        name: name.into(),
        version: version.into(),
        label: ModelLabel::Research,
        preprocess: config.preprocess,
        topology: network.topology().clone(),
        network: Digest::of(&onnx),
        calibration: None,
        operating_points: Vec::new(),
        provenance: None,
    };
    let golden = golden(&network, config)?;
    replace(&out.join("network.onnx"), &onnx)?;
    replace(&out.join("golden.json"), &json(&golden, out)?)?;
    // Last: a folder with a manifest is whole.
    replace(&out.join("manifest.json"), &json(&manifest, out)?)?;
    Ok(manifest)
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
