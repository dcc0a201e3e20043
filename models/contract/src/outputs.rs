//! The network's inputs and outputs, by name.

/// Input, `f32 [batch, 3, rows, columns]`: the prepared image, in 0 to 1 unless the spec normalises it further.
pub const INPUT_IMAGE: &str = "image";

/// Output, `f32 [batch, 1]`: the probability, `σ(logit)`.
pub const OUTPUT_PROBABILITY: &str = "probability";

/// Output, `f32 [batch, 1]`: the logit, `mean(cam) + bias`.
pub const OUTPUT_LOGIT: &str = "logit";

/// Output, `f32 [batch, 1, cam rows, cam columns]`: the class activation map before any threshold.
pub const OUTPUT_CAM: &str = "cam";

/// Metadata property of the ONNX file that holds the classifier's bias, so that a reader can check
/// `σ(mean(CAM) + bias) = probability` without walking the graph.
pub const METADATA_BIAS: &str = "mamoru.classifier_bias";

/// Metadata property of the ONNX file that holds the topology's name.
pub const METADATA_TOPOLOGY: &str = "mamoru.topology";
