//! A finding for tests.

use contract::geometry::{Extent, Rectangle};
use contract::{Digest, Geometry, ModelLabel, Runs};

use super::{Cam, ImageFinding, ImageTimings, Laterality, ModelId, View};

/// A finding on an image of one pixel by an untrained model.
pub(crate) fn finding(laterality: Laterality, view: View, score: f64) -> ImageFinding {
    let extent = Extent { rows: 1, columns: 1 };
    ImageFinding {
        laterality,
        view,
        score,
        logit: 0.0,
        calibrated_probability: None,
        operating_points: Vec::new(),
        peak: None,
        cam: Cam { extent, values: vec![0.0] },
        geometry: Geometry {
            original: extent,
            kept_rows: Runs::all(1),
            kept_columns: Runs::all(1),
            input: extent,
            placed: Rectangle { top: 0, left: 0, rows: 1, columns: 1 },
        },
        model: ModelId {
            name: "model".into(),
            version: "1".into(),
            label: ModelLabel::Untrained,
            network: Digest::of(b"n"),
            preprocess: Digest::of(b"p"),
        },
        engine: "tract".into(),
        timings: ImageTimings::default(),
    }
}
