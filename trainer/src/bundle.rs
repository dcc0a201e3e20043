//! A packed model, read back: what is evaluated is what is shipped.

use std::io::Read as _;
use std::path::Path;

use contract::Manifest;
use tch::Tensor;

use crate::error::{Result, TrainerError};
use crate::network::{Network, Tensors};

/// The most bytes of a manifest: the topology and an isotonic map have some thousand.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// A bundle's manifest and its network file, which belong together.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The manifest.
    pub manifest: Manifest,
    /// The network in ONNX.
    pub onnx: Vec<u8>,
}

impl Bundle {
    /// Reads a bundle's folder and checks that the network is the manifest's.
    ///
    /// # Errors
    /// A file that is missing, too large or broken, a contract that is not known, a network with another digest.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("manifest.json");
        let manifest: Manifest = serde_json::from_slice(&bounded(&path, MANIFEST_BYTES_MAX)?)
            .map_err(|error| TrainerError::data(&path, error))?;
        let onnx = bounded(&folder.join("network.onnx"), export::read::NETWORK_BYTES_MAX as u64)?;
        manifest.check(&onnx).map_err(|error| TrainerError::data(folder, error))?;
        Ok(Self { manifest, onnx })
    }

    /// The network with the weights of the file.
    ///
    /// # Errors
    /// When the file does not hold the weights of the manifest's topology.
    pub fn network(&self) -> Result<Network> {
        network_of(&self.onnx, &self.manifest.topology)
    }
}

/// The network that an ONNX file of `export` holds, its weights rounded as they are in the file.
///
/// # Errors
/// When the file does not hold the weights of the topology.
pub fn network_of(onnx: &[u8], topology: &contract::Topology) -> Result<Network> {
    let source = Path::new("network.onnx");
    let weights = export::read_weights(onnx, topology).map_err(|error| TrainerError::weights(source, error))?;
    let tensors: Tensors = weights
        .iter()
        .map(|(name, tensor)| {
            let shape: Vec<i64> = tensor.shape.iter().map(|&side| i64::from(side)).collect();
            (name.to_owned(), Tensor::from_slice(&tensor.values).reshape(shape))
        })
        .collect();
    Network::new(topology.clone(), tensors, source)
}

fn bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(TrainerError::file("read", path))?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(TrainerError::file("read", path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(TrainerError::data(path, format!("has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use contract::Topology;
    use contract::preprocess::InputShape;
    use export::Storage;
    use tch::{Kind, Tensor};

    use super::*;
    use crate::weights;

    #[test]
    fn the_network_of_the_file_computes_what_was_exported() {
        let topology = Topology::efficientnet_b0();
        let mut tensors = weights::untrained(&topology).unwrap();
        // Norms that do something, so that folding is tried.
        for (index, (name, tensor)) in tensors.iter_mut().enumerate() {
            if name.ends_with("running_mean") || (name.ends_with(".1.bias") && name.starts_with("features")) {
                *tensor = Tensor::full_like(tensor, 0.01 * (index % 5) as f64);
            } else if name.ends_with("running_var") {
                *tensor = Tensor::full_like(tensor, 0.8 + 0.1 * (index % 4) as f64);
            }
        }
        let network = Network::new(topology.clone(), tensors, Path::new("test")).unwrap();
        let input = InputShape { rows: 64, columns: 32 };
        let exported = weights::to_export(&network).unwrap();
        let image =
            Tensor::from_slice(&contract::golden_input(7, 64 * 32)).view([1, 1, 64, 32]).expand([1, 3, 64, 32], false);
        let logit = |network: &Network| network.evaluate(&image).logit.to_kind(Kind::Double).double_value(&[0, 0]);
        let expected = logit(&network);
        for (storage, tolerance) in [(Storage::Float, 1e-5), (Storage::Half, 2e-2)] {
            let onnx = export::to_onnx_stored(&topology, &exported, input, storage).unwrap();
            let found = logit(&network_of(&onnx, &topology).unwrap());
            let difference = (found - expected).abs() / expected.abs().max(1.0);
            assert!(difference < tolerance, "{storage:?}: {found} {expected}");
            assert!((difference > 0.0) || storage == Storage::Float, "rounded weights change something");
        }
    }

    #[test]
    fn a_folder_that_is_no_bundle_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = |folder: &Path| Bundle::open(folder).unwrap_err().to_string();
        assert!(error(folder.path()).contains("manifest.json"));
        std::fs::write(folder.path().join("manifest.json"), "{}").unwrap();
        assert!(error(folder.path()).contains("manifest.json") && error(folder.path()).contains("missing field"));
        let (manifest, mut onnx) =
            export::untrained_model(&Topology::efficientnet_b0(), contract::PreprocessSpec::reference()).unwrap();
        std::fs::write(folder.path().join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        assert!(error(folder.path()).contains("network.onnx"));
        std::fs::write(folder.path().join("network.onnx"), &onnx).unwrap();
        assert_eq!(Bundle::open(folder.path()).unwrap().manifest, manifest);
        onnx[1000] ^= 1;
        std::fs::write(folder.path().join("network.onnx"), &onnx).unwrap();
        assert!(error(folder.path()).contains("digest"), "{}", error(folder.path()));
    }
}
