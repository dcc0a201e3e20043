//! What a shadow's scores are beside the active model's: sums only, so that nobody reads a score of a model that is not in use.

use contract::Digest;
use contract::calibration::Target;
use domain::ImageFinding;
use domain::findings::{Call, ModelId};
use serde::{Deserialize, Serialize};

/// Differences of probabilities above which images are counted.
const FAR: f64 = 0.1;

/// What a model says of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Calibrated where the model is, 0 to 1.
    pub probability: f64,
    /// At each of its operating points.
    pub calls: Vec<Call>,
}

impl Opinion {
    /// What `finding` says.
    pub fn of(finding: &ImageFinding) -> Self {
        Self { probability: finding.probability(), calls: finding.operating_points.clone() }
    }
}

/// The comparison of a shadow with the model that was active. Part of the schema of `mamoru status --json`; fields are only
/// ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// SHA-256 of the shadow's bundle's manifest.
    pub bundle: Digest,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the active model's network: with another one the comparison begins anew.
    pub active: Digest,
    /// Images that both scored.
    pub images: u64,
    /// Images that only the active model scored.
    pub failed: u64,
    /// Images that came while too many waited for the shadow.
    pub skipped: u64,
    /// Mean of the shadow's probability minus the active model's, -1 to 1.
    pub shift_mean: f64,
    /// Mean of the differences without their sign, 0 to 1.
    pub difference_mean: f64,
    /// The greatest of them.
    pub difference_max: f64,
    /// Images whose probabilities are more than 0.1 apart.
    pub far: u64,
    /// By operating points that both have.
    pub agreements: Vec<Agreement>,
    /// Why it does not score, where it does not.
    pub why: Option<String>,
}

/// How often both models say the same of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// What the operating point was chosen for.
    pub target: Target,
    /// Images at which both have it.
    pub images: u64,
    /// Of those, where both call, or both do not.
    pub agreed: u64,
}

impl Comparison {
    /// Nothing is compared yet.
    pub fn new((bundle, name, version): (Digest, String, String), active: Digest) -> Self {
        Self {
            bundle,
            name,
            version,
            active,
            images: 0,
            failed: 0,
            skipped: 0,
            shift_mean: 0.0,
            difference_mean: 0.0,
            difference_max: 0.0,
            far: 0,
            agreements: Vec::new(),
            why: None,
        }
    }

    /// Is it of this shadow and this active model?
    pub fn is_of(&self, bundle: Digest, active: &ModelId) -> bool {
        self.bundle == bundle && self.active == active.network
    }

    /// Takes in an image that both scored.
    pub fn add(&mut self, active: &Opinion, shadow: &Opinion) {
        self.images += 1;
        let shift = shadow.probability - active.probability;
        let difference = shift.abs();
        self.shift_mean = mean(self.shift_mean, shift, self.images);
        self.difference_mean = mean(self.difference_mean, difference, self.images);
        self.difference_max = self.difference_max.max(difference);
        self.far += u64::from(difference > FAR);
        for call in &active.calls {
            let Some(other) = shadow.calls.iter().find(|other| other.target == call.target) else {
                continue;
            };
            let known = self.agreements.iter().position(|agreement| agreement.target == call.target);
            let place = known.unwrap_or_else(|| {
                self.agreements.push(Agreement { target: call.target, images: 0, agreed: 0 });
                self.agreements.len() - 1
            });
            let agreement = &mut self.agreements[place];
            agreement.images += 1;
            agreement.agreed += u64::from(other.called == call.called);
        }
    }

    /// The comparison in lines for people.
    pub fn text(&self) -> Vec<String> {
        let Self { images, failed, skipped, .. } = self;
        let mut lines = vec![format!(
            "{} {}: {images} images compared, {failed} failed, {skipped} skipped",
            self.name, self.version
        )];
        if let Some(why) = &self.why {
            lines.push(format!("it does not score: {why}"));
        }
        if self.images > 0 {
            lines.push(format!(
                "probabilities differ by {:.4} on average (shift {:+.4}), {:.4} at most; {} images by more than {FAR}",
                self.difference_mean, self.shift_mean, self.difference_max, self.far
            ));
        }
        for Agreement { target, images, agreed } in &self.agreements {
            lines.push(format!("{}: the same call on {agreed} of {images} images", words(*target)));
        }
        lines
    }
}

fn words(target: Target) -> String {
    match target {
        Target::Sensitivity(share) => format!("sensitivity {share}"),
        Target::Specificity(share) => format!("specificity {share}"),
    }
}

/// The mean of `count` values, of which `before` is the mean of all but the last.
fn mean(before: f64, last: f64, count: u64) -> f64 {
    before + (last - before) / count as f64
}

#[cfg(test)]
mod tests {
    use contract::calibration::Threshold;

    use super::*;

    fn opinion(probability: f64, thresholds: &[(f64, f64)]) -> Opinion {
        let call = |(share, threshold): &(f64, f64)| Call {
            target: Target::Sensitivity(*share),
            threshold: Threshold::new(*threshold).unwrap(),
            called: probability >= *threshold,
        };
        Opinion { probability, calls: thresholds.iter().map(call).collect() }
    }

    fn comparison() -> Comparison {
        Comparison::new((Digest::of(b"bundle"), "m".into(), "2".into()), Digest::of(b"network"))
    }

    #[test]
    fn sums_say_how_far_apart_two_models_are() {
        let mut comparison = comparison();
        for (active, shadow) in [(0.5, 0.75), (0.5, 0.375), (0.25, 0.25)] {
            let points = [(0.9, 0.4), (0.95, 0.3)];
            comparison.add(&opinion(active, &points), &opinion(shadow, &points[..1]));
        }
        assert_eq!((comparison.images, comparison.far), (3, 2));
        assert!(
            (comparison.shift_mean - 0.125 / 3.0).abs() < 1e-12 && (comparison.difference_mean - 0.125).abs() < 1e-12
        );
        assert!((comparison.difference_max - 0.25).abs() < 1e-12);
        // The second image is called by one of them alone; the second point is only one model's.
        assert_eq!(comparison.agreements, [Agreement { target: Target::Sensitivity(0.9), images: 3, agreed: 2 }]);
        let text = comparison.text();
        assert_eq!(text[0], "m 2: 3 images compared, 0 failed, 0 skipped");
        assert!(text[1].contains("0.1250 on average (shift +0.0417), 0.2500 at most; 2 images"), "{text:?}");
        assert_eq!(text[2], "sensitivity 0.9: the same call on 2 of 3 images");
    }

    #[test]
    fn another_shadow_or_another_active_model_begins_anew() {
        let comparison = comparison();
        let model = |network: &[u8]| ModelId {
            name: "m".into(),
            version: "1".into(),
            label: contract::ModelLabel::Research,
            network: Digest::of(network),
            preprocess: Digest::of(b"p"),
        };
        assert!(comparison.is_of(Digest::of(b"bundle"), &model(b"network")));
        assert!(!comparison.is_of(Digest::of(b"other"), &model(b"network")));
        assert!(!comparison.is_of(Digest::of(b"bundle"), &model(b"other")));
        assert_eq!(comparison.text(), ["m 2: 0 images compared, 0 failed, 0 skipped"]);
        let read: Comparison = serde_json::from_slice(&serde_json::to_vec(&comparison).unwrap()).unwrap();
        assert_eq!(read, comparison);
    }
}
