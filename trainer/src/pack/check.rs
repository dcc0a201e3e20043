//! The packed file, run by tract as the appliance's CPU engine runs it: a bundle that it would refuse is never written.

use contract::{Golden, INPUT_IMAGE, OUTPUT_CAM, OUTPUT_LOGIT, OUTPUT_PROBABILITY, PreprocessSpec, golden_channels};
use tract_onnx::prelude::*;

use crate::error::{Result, TrainerError};

/// Runs each golden vector and compares.
///
/// # Errors
/// [`TrainerError::Check`] with the first difference beyond the tolerance, or why tract cannot run the file.
pub(super) fn check(onnx: &[u8], golden: &Golden, spec: PreprocessSpec) -> Result<()> {
    let failed = |error: TractError| TrainerError::Check(format!("{error:#}"));
    golden.check().map_err(|error| TrainerError::Check(error.to_string()))?;
    let plan = plan(onnx, spec).map_err(failed)?;
    for vector in &golden.vectors {
        let outputs = plan.run(tvec![input(vector.seed, spec).map_err(failed)?.into()]).map_err(failed)?;
        let outputs: Vec<Vec<f32>> = outputs.iter().map(values).collect::<TractResult<_>>().map_err(failed)?;
        let [probability, logit, cam] = &outputs[..] else {
            return Err(TrainerError::Check(format!("has {} outputs instead of 3", outputs.len())));
        };
        let (Some(&probability), Some(&logit)) = (probability.first(), logit.first()) else {
            return Err(TrainerError::Check("has an empty output".into()));
        };
        let compared = vector.compare(logit, probability, cam, golden.tolerance);
        compared.map_err(|error| TrainerError::Check(error.to_string()))?;
    }
    Ok(())
}

fn plan(onnx: &[u8], spec: PreprocessSpec) -> TractResult<std::sync::Arc<TypedRunnableModel>> {
    let shape = tvec![1, 3, spec.input.rows as usize, spec.input.columns as usize];
    tract_onnx::onnx()
        .with_ignore_output_shapes(true)
        .model_for_read(&mut std::io::Cursor::new(onnx))?
        .with_input_names([INPUT_IMAGE])?
        .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?
        .with_outputs_by_name([OUTPUT_PROBABILITY, OUTPUT_LOGIT, OUTPUT_CAM])?
        .into_optimized()?
        .into_runnable()
}

/// A golden input, normalised as the spec says.
fn input(seed: u64, spec: PreprocessSpec) -> TractResult<Tensor> {
    let (rows, columns) = (spec.input.rows as usize, spec.input.columns as usize);
    Tensor::from_shape(&[1, 3, rows, columns], &golden_channels(seed, &spec))
}

fn values(output: &TValue) -> TractResult<Vec<f32>> {
    Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}
