//! The weights of a network file that [`crate::to_onnx`] wrote, by the topology's names: what evaluates the very model that
//! is shipped, and not the run from which it was made.
//!
//! The file is a stranger's: its size, its tensors and their shapes are checked, and nothing is allocated by what it says
//! of itself alone.

use std::collections::BTreeMap;

use contract::Topology;
use contract::topology::{BATCH_NORM_EPSILON, TensorRole};
use half::f16;
use prost::Message as _;
use thiserror::Error;

use crate::graph::HALF_SUFFIX;
use crate::onnx::{FLOAT, FLOAT16, Initializer, ModelWeights};
use crate::weights::{Tensor, Weights, WeightsError};

/// The most bytes of a network file: three times a B4 with 32-bit weights.
pub const NETWORK_BYTES_MAX: usize = 256 << 20;

/// Why a network file's weights were not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// More bytes than [`NETWORK_BYTES_MAX`].
    #[error("network has more than {NETWORK_BYTES_MAX} bytes")]
    TooLarge,
    /// No ONNX file.
    #[error("network is not an ONNX file: {0}")]
    Malformed(String),
    /// A tensor whose values are neither 32-bit nor 16-bit floats.
    #[error("tensor {0} has values of a type that is not supported")]
    Unsupported(String),
    /// A tensor that has not the values that its shape says, or stands twice in the file.
    #[error("tensor {0} contradicts itself")]
    Contradiction(String),
    /// Not the tensors of the topology.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Reads the weights of `network`, which was written from `topology`. The batch norms were folded into the convolutions:
/// they come back as ones that only add the folded bias, so that the network computes what the file computes.
///
/// # Errors
/// [`ReadError`] names the tensor.
pub fn read_weights(network: &[u8], topology: &Topology) -> Result<Weights, ReadError> {
    let mut stored = read_tensors(network)?;
    let mut tensors = BTreeMap::new();
    for spec in topology.tensors() {
        // A norm's name ends in its index, one after its convolution's: `features.0.1.weight` and `features.0.0.weight`.
        let is_norm = matches!(spec.role, TensorRole::Scale | TensorRole::RunningMean | TensorRole::RunningVariance);
        let values = match spec.role {
            TensorRole::Scale => vec![1.0; spec.len() as usize],
            TensorRole::RunningMean => vec![0.0; spec.len() as usize],
            TensorRole::RunningVariance => vec![(1.0 - BATCH_NORM_EPSILON) as f32; spec.len() as usize],
            TensorRole::Weight | TensorRole::Bias => Vec::new(),
        };
        if is_norm {
            tensors.insert(spec.name, Tensor { shape: spec.shape, values });
            continue;
        }
        let folded = spec.name.strip_suffix(".1.bias").map(|prefix| format!("{prefix}.0.bias"));
        let name = folded.filter(|name| stored.contains_key(name)).unwrap_or_else(|| spec.name.clone());
        let mut tensor = stored.remove(&name).ok_or(WeightsError::Missing(name))?;
        if spec.name == "classifier.1.weight" && tensor.shape == [1, spec.shape[1], 1, 1] {
            // Stored as the kernel of the map.
            tensor.shape.truncate(2);
        }
        tensors.insert(spec.name, tensor);
    }
    if let Some(name) = stored.into_keys().next() {
        return Err(WeightsError::Unknown(name).into());
    }
    Ok(Weights::new(topology, tensors)?)
}

/// All initialisers of an ONNX file as 32-bit floats; one that is stored in 16 bits has the name of its cast.
///
/// # Errors
/// [`ReadError`] names the tensor.
pub fn read_tensors(network: &[u8]) -> Result<BTreeMap<String, Tensor>, ReadError> {
    if network.len() > NETWORK_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    let model = ModelWeights::decode(network).map_err(|error| ReadError::Malformed(error.to_string()))?;
    let mut tensors = BTreeMap::new();
    for initializer in model.graph.unwrap_or_default().initializer {
        let name = initializer.name.strip_suffix(HALF_SUFFIX).unwrap_or(&initializer.name).to_owned();
        let tensor = tensor(&initializer)?;
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(ReadError::Contradiction(name));
        }
    }
    Ok(tensors)
}

fn tensor(initializer: &Initializer) -> Result<Tensor, ReadError> {
    let contradiction = || ReadError::Contradiction(initializer.name.clone());
    let dims = initializer.dims.iter().map(|&dim| u32::try_from(dim).ok());
    let shape: Vec<u32> = dims.collect::<Option<_>>().ok_or_else(contradiction)?;
    let values: Vec<f32> = match initializer.data_type {
        FLOAT => {
            let (values, rest) = initializer.raw_data.as_chunks::<4>();
            rest.is_empty().then(|| values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
        }
        FLOAT16 => {
            let (values, rest) = initializer.raw_data.as_chunks::<2>();
            rest.is_empty().then(|| values.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect())
        }
        _ => return Err(ReadError::Unsupported(initializer.name.clone())),
    }
    .ok_or_else(contradiction)?;
    let count = shape.iter().try_fold(1_u64, |count, &dim| count.checked_mul(u64::from(dim)));
    if count != Some(values.len() as u64) {
        return Err(contradiction());
    }
    Ok(Tensor { shape, values })
}

#[cfg(test)]
mod tests {
    use contract::preprocess::PreprocessSpec;

    use super::*;
    use crate::graph::{Storage, to_onnx_stored};
    use crate::onnx::{GraphWeights, Model};
    use crate::untrained::untrained_weights;

    fn network(storage: Storage) -> (Topology, Vec<u8>) {
        let topology = Topology::efficientnet_b0();
        let weights = untrained_weights(&topology).unwrap();
        let network = to_onnx_stored(&topology, &weights, PreprocessSpec::reference().input, storage).unwrap();
        (topology, network)
    }

    fn file(tensors: Vec<Initializer>) -> Vec<u8> {
        ModelWeights { graph: Some(GraphWeights { initializer: tensors }) }.encode_to_vec()
    }

    fn named(name: &str, dims: Vec<i64>, data_type: i32, bytes: usize) -> Initializer {
        Initializer { dims, data_type, name: name.into(), raw_data: vec![0; bytes] }
    }

    #[test]
    fn what_is_read_writes_the_same_file() {
        for storage in [Storage::Float, Storage::Half] {
            let (topology, network) = network(storage);
            let weights = read_weights(&network, &topology).unwrap();
            let again = to_onnx_stored(&topology, &weights, PreprocessSpec::reference().input, storage).unwrap();
            let (one, other) = (read_tensors(&network).unwrap(), read_tensors(&again).unwrap());
            assert_eq!(one.len(), other.len());
            for (name, tensor) in one {
                assert_eq!(tensor.shape, other[&name].shape, "{name}");
                // The norm's variance is off by the last bit of 1 − ε.
                let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-7 * a.abs();
                let is_near = tensor.values.iter().zip(&other[&name].values).all(near);
                assert!(is_near || storage == Storage::Half, "{name}");
            }
        }
    }

    #[test]
    fn half_storage_halves_the_file_and_keeps_three_digits() {
        let (_, whole) = network(Storage::Float);
        let (_, half) = network(Storage::Half);
        assert!(half.len() < whole.len() * 52 / 100, "{} of {}", half.len(), whole.len());
        let (whole, half) = (read_tensors(&whole).unwrap(), read_tensors(&half).unwrap());
        assert_eq!(whole.len(), half.len());
        for (name, tensor) in whole {
            for (a, b) in tensor.values.iter().zip(&half[&name].values) {
                // Half the last of 11 bits, or half of the smallest step near 0.
                assert!((a - b).abs() <= a.abs() / 2048.0 + 3e-8, "{name}: {a} {b}");
            }
        }
    }

    #[test]
    fn the_classifier_and_biases_keep_their_bits() {
        let (topology, network) = network(Storage::Half);
        let graph = Model::decode(network.as_slice()).unwrap().graph.unwrap();
        let whole = graph.initializer.iter().filter(|tensor| tensor.data_type == FLOAT);
        assert!(whole.clone().all(|tensor| tensor.name.ends_with(".bias") || tensor.name == "classifier.1.weight"));
        assert_eq!(whole.filter(|tensor| tensor.name.starts_with("classifier")).count(), 2);
        let expected = untrained_weights(&topology).unwrap().classifier_bias();
        assert_eq!(read_weights(&network, &topology).unwrap().classifier_bias(), expected);
    }

    #[test]
    fn a_weight_beyond_16_bits_is_refused() {
        let topology = Topology::efficientnet_b0();
        let weights = untrained_weights(&topology).unwrap();
        let mut tensors: BTreeMap<String, Tensor> =
            weights.iter().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
        tensors.get_mut("features.1.0.block.1.fc1.weight").unwrap().values[0] = 70_000.0;
        let weights = Weights::new(&topology, tensors).unwrap();
        let input = PreprocessSpec::reference().input;
        assert!(to_onnx_stored(&topology, &weights, input, Storage::Float).is_ok());
        let error = to_onnx_stored(&topology, &weights, input, Storage::Half).unwrap_err();
        assert_eq!(
            error.to_string(),
            "weight features.1.0.block.1.fc1.weight holds a value that a 16-bit float cannot hold"
        );
    }

    #[test]
    fn hostile_files_are_refused() {
        assert!(matches!(read_tensors(&[0xFF; 40]), Err(ReadError::Malformed(_))));
        for (tensor, error) in [
            (named("a", vec![4], FLOAT, 15), ReadError::Contradiction("a".into())),
            (named("a", vec![4], FLOAT, 12), ReadError::Contradiction("a".into())),
            (named("a", vec![-1], FLOAT, 4), ReadError::Contradiction("a".into())),
            (named("a", vec![i64::from(u32::MAX); 3], FLOAT16, 4), ReadError::Contradiction("a".into())),
            (named("a", vec![1], 7, 8), ReadError::Unsupported("a".into())),
        ] {
            assert_eq!(read_tensors(&file(vec![tensor])), Err(error));
        }
        let twice = file(vec![named("a", vec![1], FLOAT, 4), named("a.half", vec![1], FLOAT16, 2)]);
        assert_eq!(read_tensors(&twice), Err(ReadError::Contradiction("a".into())));
        let (topology, network) = network(Storage::Float);
        let other = Topology::efficientnet_b4();
        assert!(matches!(read_weights(&network, &other), Err(ReadError::Weights(_))));
        let extra = [network, file(vec![named("extra", vec![1], FLOAT, 4)])].concat();
        let unknown = ReadError::Weights(WeightsError::Unknown("extra".into()));
        assert_eq!(read_weights(&extra, &topology), Err(unknown));
    }
}
