//! One file through the whole chain: header, eligibility, pixels, network, map.

use std::path::Path;
use std::time::Instant;

use contract::calibration::sigmoid;
use contract::{InstanceAttributes, PatientStudy, Uid};
use decoding::{DecodeFailure, Decoder, WorkerLimits};
use domain::eligibility::{Eligibility, EligibilityPolicy, judge};
use domain::findings::{Call, ImageTimings, ModelId};
use domain::{Aggregation, ExclusionReason, FailureReason, ImageFinding, InstanceOutcome, Laterality, StudyKey, View};
use inference::Scorer;

/// Everything that is said of one file.
pub struct Analysis {
    /// What its header says, when it could be read.
    pub header: Option<FileHeader>,
    /// What became of it.
    pub outcome: InstanceOutcome,
    /// The heat map as PNG, when it was scored.
    pub heatmap_png: Option<Vec<u8>>,
    /// Did this machine fail, rather than the file? Then the same file may do another time.
    pub is_transient: bool,
    /// Did the model or its engine fail on pixels that were read well, other than by being unavailable?
    pub is_models_fault: bool,
}

/// What a file's header says.
pub struct FileHeader {
    /// Study Instance UID.
    pub study: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// What the eligibility rules look at.
    pub attributes: InstanceAttributes,
    /// What result objects repeat.
    pub patient_study: PatientStudy,
}

/// Analyses files one after the other.
pub struct Analyst {
    decoder: Decoder,
    scorer: Scorer,
    policy: EligibilityPolicy,
    use_patient_id: bool,
}

impl Analyst {
    /// An analyst that scores with `scorer`.
    ///
    /// # Errors
    /// When the path of this command is not known.
    pub fn new(
        scorer: Scorer,
        limits: WorkerLimits,
        policy: EligibilityPolicy,
        use_patient_id: bool,
    ) -> std::io::Result<Self> {
        let decoder = Decoder::new(std::env::current_exe()?, limits);
        Ok(Self { decoder, scorer, policy, use_patient_id })
    }

    /// Which model scores.
    pub fn model(&self) -> ModelId {
        self.scorer.model()
    }

    /// How the model wants a breast's images aggregated.
    pub const fn aggregation(&self) -> Aggregation {
        self.scorer.manifest().aggregation
    }

    /// Which engine scores next, as far as it is known.
    pub fn engine(&self) -> String {
        self.scorer.engine()
    }

    /// Makes the engine ready, or the one that stands in for it; images fail while there is none. May take minutes.
    pub fn make_ready(&mut self) {
        if self.scorer.prepare().is_err() {
            // Why is on the board, and in each image that fails.
            let _ = self.scorer.stand_by();
        }
    }

    /// Analyses the Part 10 file at `path`. Never fails: what goes wrong is the file's outcome.
    pub fn analyze(&mut self, path: &Path) -> Analysis {
        let start = Instant::now();
        let inspection = match self.decoder.inspect(path) {
            Ok(inspection) => inspection,
            Err(failure) => return Analysis::not_decoded(None, failure),
        };
        let header = FileHeader {
            study: inspection.study,
            instance: inspection.instance,
            attributes: inspection.attributes,
            patient_study: inspection.patient_study,
        };
        let study = StudyKey(header.study.clone());
        if header.attributes.series.as_ref().is_some_and(|series| study.is_result_series(series)) {
            return Analysis::of(Some(header), InstanceOutcome::Excluded { reason: ExclusionReason::OwnResult });
        }
        let hint = self.use_patient_id.then(|| laterality_of_patient_id(&header.patient_study)).flatten();
        let (laterality, view) = match judge(&header.attributes, &self.policy, hint) {
            Eligibility::Score { laterality, view } => (laterality, view),
            Eligibility::Exclude(reason) => {
                return Analysis::of(Some(header), InstanceOutcome::Excluded { reason });
            }
        };
        let image = match self.decoder.decode(path) {
            Ok(image) => image,
            Err(failure) => return Analysis::not_decoded(Some(header), failure),
        };
        let decode_ms = start.elapsed().as_secs_f64() * 1e3;
        match self.scorer.score(&image) {
            Ok(scored) => {
                let finding = self.finding(&scored, (laterality, view), decode_ms);
                let outcome = InstanceOutcome::Scored(Box::new(finding));
                Analysis { heatmap_png: Some(scored.heatmap_png), ..Analysis::of(Some(header), outcome) }
            }
            Err(failure) => Analysis {
                is_models_fault: failure.is_models(),
                ..Analysis::failed(Some(header), failure.code().to_owned(), failure.to_string())
            },
        }
    }

    fn finding(
        &self,
        scored: &inference::Scored,
        (laterality, view): (Laterality, View),
        decode_ms: f64,
    ) -> ImageFinding {
        let outputs = &scored.outputs;
        let manifest = self.scorer.manifest();
        let logit = f64::from(outputs.logit);
        let calibrated = manifest.calibration.as_ref().map(|calibration| calibration.apply(logit));
        // Without a calibration the network's own probability is the best there is.
        let probability = calibrated.unwrap_or_else(|| sigmoid(logit));
        let calls = manifest.operating_points.iter().map(|point| Call::of(point, probability));
        ImageFinding {
            laterality,
            view,
            score: f64::from(outputs.probability),
            logit,
            calibrated_probability: calibrated,
            operating_points: calls.collect(),
            peak: inference::cam::peak(&outputs.cam, &outputs.geometry),
            cam: outputs.cam.clone(),
            geometry: outputs.geometry.clone(),
            model: self.scorer.model(),
            engine: scored.engine.clone(),
            timings: ImageTimings {
                decode_ms,
                preprocess_ms: outputs.preprocess_ms,
                network_ms: outputs.network_ms,
                render_ms: scored.render_ms,
            },
        }
    }
}

impl Analysis {
    fn of(header: Option<FileHeader>, outcome: InstanceOutcome) -> Self {
        Self { header, outcome, heatmap_png: None, is_transient: false, is_models_fault: false }
    }

    fn failed(header: Option<FileHeader>, code: String, text: String) -> Self {
        Self::of(header, InstanceOutcome::Failed { reason: FailureReason { code, text } })
    }

    fn not_decoded(header: Option<FileHeader>, failure: DecodeFailure) -> Self {
        Self { is_transient: failure.transient, ..Self::failed(header, failure.code, failure.text) }
    }
}

/// The side that a Patient ID names, as digitised collections do: `..._LEFT_...`.
fn laterality_of_patient_id(patient: &PatientStudy) -> Option<Laterality> {
    let mut words = patient.patient_id.as_deref()?.split(|character: char| !character.is_ascii_alphanumeric());
    words.find_map(|word| match word.to_ascii_uppercase().as_str() {
        "LEFT" => Some(Laterality::Left),
        "RIGHT" => Some(Laterality::Right),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_in_patient_ids() {
        let side = |id: &str| {
            laterality_of_patient_id(&PatientStudy { patient_id: Some(id.into()), ..PatientStudy::default() })
        };
        assert_eq!(side("Mass-Training_P_00001_LEFT_CC"), Some(Laterality::Left));
        assert_eq!(side("p_2_right"), Some(Laterality::Right));
        assert_eq!(side("BRIGHTON-7"), None);
    }
}
