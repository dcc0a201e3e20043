//! The part of ONNX's protobuf messages that is written (onnx.proto3, IR version 8).
//!
//! Field numbers are ONNX's. Repeated integers are written unpacked (`packed = "false"`), because some readers of the
//! proto2 schema take nothing else.

use prost::Message;

/// `TensorProto.FLOAT` and `TypeProto.Tensor.elem_type`.
pub(crate) const FLOAT: i32 = 1;
/// `TensorProto.FLOAT16`.
pub(crate) const FLOAT16: i32 = 10;
/// `AttributeProto.INT` and `INTS`.
const ATTRIBUTE_INT: i32 = 2;
const ATTRIBUTE_INTS: i32 = 7;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(string, tag = "3")]
    pub(crate) producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<Property>,
}

/// A [`Model`] of which only the properties are read: the weights are skipped, not copied.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProperties {
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<Property>,
}

/// A [`Model`] of which only the initialisers are read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelWeights {
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphWeights>,
}

/// The initialisers of a [`Graph`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphWeights {
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<Initializer>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Property {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<Initializer>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int64, tag = "3")]
    pub(crate) i: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub(crate) kind: i32,
}

impl Attribute {
    pub(crate) fn int(name: &str, i: i64) -> Self {
        Self { name: name.into(), i, ints: Vec::new(), kind: ATTRIBUTE_INT }
    }

    pub(crate) fn ints(name: &str, ints: Vec<i64>) -> Self {
        Self { name: name.into(), i: 0, ints, kind: ATTRIBUTE_INTS }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Initializer {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    /// Little-endian values.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value_type: Option<ValueType>,
}

impl ValueInfo {
    /// A float tensor whose first dimension is the batch.
    pub(crate) fn batch_of(name: &str, dims: &[u32]) -> Self {
        let batch = Dimension { value: Some(DimensionValue::Name("batch".into())) };
        let fixed = dims.iter().map(|&dim| Dimension { value: Some(DimensionValue::Size(i64::from(dim))) });
        let shape = Shape { dim: std::iter::once(batch).chain(fixed).collect() };
        let tensor = TensorType { elem_type: FLOAT, shape: Some(shape) };
        Self { name: name.into(), value_type: Some(ValueType { tensor: Some(tensor) }) }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueType {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(crate) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub(crate) value: Option<DimensionValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum DimensionValue {
    #[prost(int64, tag = "1")]
    Size(i64),
    #[prost(string, tag = "2")]
    Name(String),
}
