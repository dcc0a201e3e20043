//! Result objects: which kinds there are, and their DICOM names.

use contract::Uid;
use serde::{Deserialize, Serialize};

/// Which kind of result object. Only ever appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultKind {
    /// The study's report as JSON.
    Json,
    /// A page with the study's scores, as DICOM Secondary Capture.
    Summary,
    /// An image with its heat map, as DICOM Secondary Capture.
    Heatmap,
    /// Marks and scores as Mammography CAD SR.
    CadSr,
    /// Regions and scores as Comprehensive 3D SR with a measurement report.
    ComprehensiveSr,
    /// The outline and the score over an image, as Grayscale Softcopy Presentation State.
    PresentationState,
    /// Scores as FHIR R4 bundle, in JSON.
    Fhir,
}

impl ResultKind {
    /// All kinds, in the order in which objects are made.
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Summary,
        Self::Heatmap,
        Self::CadSr,
        Self::ComprehensiveSr,
        Self::PresentationState,
        Self::Fhir,
    ];

    /// Is it a DICOM object? Others cannot be sent to a DICOM destination.
    #[must_use]
    pub const fn is_dicom(self) -> bool {
        !matches!(self, Self::Json | Self::Fhir)
    }

    /// The name in configurations and stored rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Summary => "summary",
            Self::Heatmap => "heatmap",
            Self::CadSr => "cad_sr",
            Self::ComprehensiveSr => "comprehensive_sr",
            Self::PresentationState => "presentation_state",
            Self::Fhir => "fhir",
        }
    }
}

/// A structured report that was handed over: the next revision's names it as its predecessor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Which kind.
    pub kind: ResultKind,
    /// Its DICOM names.
    pub sop: Sop,
}

/// The DICOM names of a result object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sop {
    /// SOP Class UID.
    pub class: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_names() {
        let names = ["json", "summary", "heatmap", "cad_sr", "comprehensive_sr", "presentation_state", "fhir"];
        assert_eq!(ResultKind::ALL.map(ResultKind::name), names);
        for kind in ResultKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.name()));
        }
        let not_dicom = ResultKind::ALL.into_iter().filter(|kind| !kind.is_dicom());
        assert_eq!(not_dicom.collect::<Vec<_>>(), [ResultKind::Json, ResultKind::Fhir]);
    }
}
