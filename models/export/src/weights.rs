//! Named weights, checked against a topology.

use std::collections::BTreeMap;

use contract::Topology;
use thiserror::Error;

/// A tensor of 32-bit floats, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<u32>,
    /// Its values.
    pub values: Vec<f32>,
}

/// Weights that are not those of a topology.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeightsError {
    /// A tensor of the topology is not there.
    #[error("weight {0} is missing")]
    Missing(String),
    /// A tensor is there that the topology doesn't know.
    #[error("weight {0} is not part of the topology")]
    Unknown(String),
    /// A tensor has another shape, or not as many values as its shape says.
    #[error("weight {name} has shape {found:?} with {values} values, the topology has {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<u32>,
        /// Number of values.
        values: usize,
        /// The topology's shape.
        expected: Vec<u32>,
    },
    /// A value is infinite or no number.
    #[error("weight {0} holds a value that is not finite")]
    NotFinite(String),
}

/// All tensors of a topology, by torchvision's names.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// Checks that `tensors` are exactly those of `topology`, finite and of the right shapes.
    ///
    /// # Errors
    /// [`WeightsError`] names the first one that is not.
    pub fn new(topology: &Topology, tensors: BTreeMap<String, Tensor>) -> Result<Self, WeightsError> {
        let specs = topology.tensors();
        for spec in &specs {
            let tensor = tensors.get(&spec.name).ok_or_else(|| WeightsError::Missing(spec.name.clone()))?;
            if tensor.shape != spec.shape || tensor.values.len() as u64 != spec.len() {
                return Err(WeightsError::Shape {
                    name: spec.name.clone(),
                    found: tensor.shape.clone(),
                    values: tensor.values.len(),
                    expected: spec.shape.clone(),
                });
            }
            if !tensor.values.iter().all(|value| value.is_finite()) {
                return Err(WeightsError::NotFinite(spec.name.clone()));
            }
        }
        if let Some(name) = tensors.keys().find(|name| !specs.iter().any(|spec| &spec.name == *name)) {
            return Err(WeightsError::Unknown(name.clone()));
        }
        Ok(Self(tensors))
    }

    /// All tensors with their names, in the names' order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensor called `name`.
    pub(crate) fn get(&self, name: &str) -> Result<&Tensor, WeightsError> {
        self.0.get(name).ok_or_else(|| WeightsError::Missing(name.into()))
    }

    /// Bias of the classifier: what `σ(mean(CAM) + bias)` needs.
    ///
    /// # Errors
    /// [`WeightsError::Missing`] never happens for checked weights.
    pub fn classifier_bias(&self) -> Result<f32, WeightsError> {
        let bias = self.get("classifier.1.bias")?;
        bias.values.first().copied().ok_or_else(|| WeightsError::Missing("classifier.1.bias".into()))
    }
}
