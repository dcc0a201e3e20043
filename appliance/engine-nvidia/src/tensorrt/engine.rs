//! An engine and its tensors.

use std::sync::{Arc, Mutex, PoisonError};

use super::context::Context;
use super::error::{Failure, Said, TensorRtError};
use super::library::TensorRt;
use super::object::{EngineKind, Object};
use super::shim::Described;

/// More inputs and outputs than any network of ours has.
const TENSORS_MAX: i32 = 64;

/// Type of a tensor's elements, of those that our networks have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// 32 bits.
    Float,
    /// 16 bits.
    Half,
}

impl DataType {
    /// Bytes of an element.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Float => 4,
            Self::Half => 2,
        }
    }
}

/// Which way a tensor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the network.
    Input,
    /// Out of it.
    Output,
}

/// An input or output: linear, on the device, of fixed shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Input or output.
    pub direction: Direction,
    /// Its elements' type.
    pub data_type: DataType,
    /// Its dimensions, the slowest first; each is at least 1.
    pub shape: Vec<u64>,
    bytes: u64,
}

impl Tensor {
    /// Bytes of all its elements.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A tensor that can be used, or why not.
    fn from_described(described: Described) -> Result<Self, TensorRtError> {
        let Described { name, is_input, data_type, format, location, dimensions } = described;
        let fault = |reason: String| TensorRtError::Tensor { name: name.clone(), reason };
        let data_type = match data_type {
            0 => DataType::Float,
            1 => DataType::Half,
            other => return Err(fault(format!("its type is {other}, neither single nor half precision"))),
        };
        if format != 0 {
            return Err(fault(format!("its format is {format} and not linear")));
        }
        if location != 0 {
            return Err(fault("it is not on the device".into()));
        }
        let shape: Option<Vec<u64>> =
            dimensions.iter().map(|&side| u64::try_from(side).ok().filter(|&side| side > 0)).collect();
        let shape = shape.ok_or_else(|| fault(format!("its shape {dimensions:?} is not fixed")))?;
        let bytes = shape.iter().try_fold(data_type.bytes(), |bytes, &side| bytes.checked_mul(side));
        let bytes = bytes.ok_or_else(|| fault(format!("its shape {dimensions:?} is too large")))?;
        let direction = if is_input { Direction::Input } else { Direction::Output };
        Ok(Self { name, direction, data_type, shape, bytes })
    }
}

/// An engine that is loaded. Its contexts may run on several threads.
pub struct Engine {
    tensorrt: TensorRt,
    object: Arc<Object<EngineKind>>,
    tensors: Arc<[Tensor]>,
    /// TensorRT lets one thread at a time make a context.
    creating: Mutex<()>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("tensors", &self.tensors).finish_non_exhaustive()
    }
}

impl Engine {
    pub(super) fn new(tensorrt: TensorRt, object: Arc<Object<EngineKind>>) -> Result<Self, TensorRtError> {
        let what = "describe the engine";
        let count = tensorrt.call(what, |shim| shim.tensor_count(&object))?;
        if !(1..=TENSORS_MAX).contains(&count) {
            let said = Said(vec![format!("{count} inputs and outputs")]);
            return Err(TensorRtError::Failed { what, failure: Failure::Refused, said });
        }
        let tensors: Result<Vec<Tensor>, TensorRtError> = (0..count)
            .map(|index| Tensor::from_described(tensorrt.call(what, |shim| shim.tensor(&object, index))?))
            .collect();
        Ok(Self { tensorrt, object, tensors: tensors?.into(), creating: Mutex::new(()) })
    }

    /// Inputs and outputs.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensor of a name.
    ///
    /// # Errors
    /// [`TensorRtError::UnknownTensor`].
    pub fn tensor(&self, name: &str) -> Result<&Tensor, TensorRtError> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name);
        found.ok_or_else(|| TensorRtError::UnknownTensor { name: name.into() })
    }

    /// A context, which takes memory of the device.
    ///
    /// # Errors
    /// [`TensorRtError::Failed`].
    pub fn create_context(&self) -> Result<Context, TensorRtError> {
        let _one_at_a_time = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let object = self.tensorrt.call("make a context", |shim| shim.context(&self.object))?;
        Ok(Context::new(self.tensorrt.clone(), object, Arc::clone(&self.tensors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(change: impl FnOnce(&mut Described)) -> Result<Tensor, TensorRtError> {
        let mut described = Described {
            name: "image".into(),
            is_input: true,
            data_type: 1,
            format: 0,
            location: 0,
            dimensions: vec![1, 3, 955, 500],
        };
        change(&mut described);
        Tensor::from_described(described)
    }

    #[test]
    fn a_linear_tensor_of_fixed_shape_on_the_device_is_taken() {
        let tensor = described(|_| {}).unwrap();
        assert_eq!((tensor.direction, tensor.data_type), (Direction::Input, DataType::Half));
        assert_eq!(tensor.bytes(), 3 * 955 * 500 * 2);
        assert_eq!(described(|tensor| tensor.data_type = 0).unwrap().bytes(), 3 * 955 * 500 * 4);
        assert_eq!(described(|tensor| tensor.dimensions.clear()).unwrap().bytes(), 2, "a scalar");
    }

    #[test]
    fn every_other_tensor_is_refused_with_its_reason() {
        let reason = |change: fn(&mut Described)| match described(change) {
            Err(TensorRtError::Tensor { name, reason }) if name == "image" => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(|tensor| tensor.data_type = 2).contains("type is 2"));
        assert!(reason(|tensor| tensor.format = 4).contains("not linear"));
        assert!(reason(|tensor| tensor.location = 1).contains("not on the device"));
        assert!(reason(|tensor| tensor.dimensions[0] = -1).contains("not fixed"));
        assert!(reason(|tensor| tensor.dimensions[2] = 0).contains("not fixed"));
        assert!(reason(|tensor| tensor.dimensions = vec![i64::MAX; 2]).contains("too large"));
    }
}
