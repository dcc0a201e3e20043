//! Why an image has no score, and what is said beside one that has.

use serde::{Deserialize, Serialize};

/// Why an instance is not for the network. The serde names are stable and machine-readable; variants are only added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExclusionReason {
    /// Modality is not MG.
    NotMammography,
    /// Raw detector data: accepted, kept, never scored.
    ForProcessing,
    /// SOP class and Presentation Intent Type contradict each other.
    IntentContradiction,
    /// No image of a kind that is scored, for instance a structured report or a tomosynthesis volume.
    SopClassNotScored,
    /// No attribute gives the side.
    NoLaterality,
    /// The header says "both breasts".
    BothBreasts,
    /// The side is given by a value that is not in the standard.
    LateralityUnknown,
    /// Two attributes give different sides.
    LateralityContradiction,
    /// The view is not given.
    NoView,
    /// The view's code is not one of CID 4014, or of another coding scheme.
    ViewCodeUnknown,
    /// There is no code, and View Position holds something that is no view.
    ViewTextUnknown,
    /// Code and View Position name different views.
    ViewContradiction,
    /// A view other than CC and MLO.
    NotScreeningView,
    /// A view modifier without a reason of its own, such as cleavage or a roll.
    ViewModifier,
    /// A view modifier whose code is not one of CID 4015.
    ViewModifierUnknown,
    /// Spot compression.
    SpotCompression,
    /// A tangential view.
    Tangential,
    /// A specimen.
    Specimen,
    /// An implant is in the breast.
    Implant,
    /// The implant is displaced for the view, but the header says that there is none.
    ImplantContradiction,
    /// Another image shows an implant in this breast, or in a breast that it does not name. Decided for the whole study.
    ImplantInBreast,
    /// A part of a breast that needs several exposures.
    PartialView,
    /// A magnification view.
    Magnification,
    /// A quality control or calibration image, or a phantom.
    QualityControl,
    /// Another part of the body.
    NotBreast,
    /// Text is burned into the pixels, and the site wants no such image scored.
    BurnedInAnnotation,
    /// Neither MONOCHROME1 nor MONOCHROME2, or several samples per pixel.
    NotGrey,
    /// Several frames.
    SeveralFrames,
    /// Bits Stored other than 8 to 16, or no rows or columns.
    PixelFormat,
    /// The attributes of the pixels contradict each other.
    PixelContradiction,
    /// No pixel data.
    NoPixelData,
    /// A later image of the same view of the same breast is scored instead. Decided for the whole study.
    RepeatedView,
    /// A rejection note names it. Decided for the whole study.
    RejectedByNote,
    /// A rejection note: a document, no image.
    RejectionNote,
    /// A Key Object Selection Document that is no rejection note.
    KeyObjectSelection,
    /// A result object of our own that came back.
    OwnResult,
}

impl ExclusionReason {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 36] = [
        Self::NotMammography,
        Self::ForProcessing,
        Self::IntentContradiction,
        Self::SopClassNotScored,
        Self::NoLaterality,
        Self::BothBreasts,
        Self::LateralityUnknown,
        Self::LateralityContradiction,
        Self::NoView,
        Self::ViewCodeUnknown,
        Self::ViewTextUnknown,
        Self::ViewContradiction,
        Self::NotScreeningView,
        Self::ViewModifier,
        Self::ViewModifierUnknown,
        Self::SpotCompression,
        Self::Tangential,
        Self::Specimen,
        Self::Implant,
        Self::ImplantContradiction,
        Self::ImplantInBreast,
        Self::PartialView,
        Self::Magnification,
        Self::QualityControl,
        Self::NotBreast,
        Self::BurnedInAnnotation,
        Self::NotGrey,
        Self::SeveralFrames,
        Self::PixelFormat,
        Self::PixelContradiction,
        Self::NoPixelData,
        Self::RepeatedView,
        Self::RejectedByNote,
        Self::RejectionNote,
        Self::KeyObjectSelection,
        Self::OwnResult,
    ];

    /// What a reader is told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::OwnResult => "result of this appliance",
            Self::NotMammography => "modality is not mammography",
            Self::ForProcessing => "raw image for processing",
            Self::IntentContradiction => "presentation intent contradicts the kind of object",
            Self::SopClassNotScored => "kind of object is not scored",
            Self::NoLaterality => "laterality is not given",
            Self::BothBreasts => "laterality is both breasts",
            Self::LateralityUnknown => "laterality is not a known value",
            Self::LateralityContradiction => "lateralities contradict each other",
            Self::NoView => "view is not given",
            Self::ViewCodeUnknown => "view code is not known",
            Self::ViewTextUnknown => "view position is not known",
            Self::ViewContradiction => "view code contradicts the view position",
            Self::NotScreeningView => "view is neither CC nor MLO",
            Self::ViewModifier => "view is modified",
            Self::ViewModifierUnknown => "view modifier is not known",
            Self::SpotCompression => "spot compression",
            Self::Tangential => "tangential view",
            Self::Specimen => "specimen",
            Self::Implant => "breast implant",
            Self::ImplantContradiction => "implant is displaced, but said not to be there",
            Self::ImplantInBreast => "another image shows an implant in this breast",
            Self::PartialView => "partial view",
            Self::Magnification => "magnification view",
            Self::QualityControl => "quality control or calibration image",
            Self::NotBreast => "body part is not the breast",
            Self::BurnedInAnnotation => "annotation is burned in",
            Self::NotGrey => "image is not grey-scale",
            Self::SeveralFrames => "image has several frames",
            Self::PixelFormat => "pixel format is not supported",
            Self::PixelContradiction => "attributes of the pixels contradict each other",
            Self::NoPixelData => "object has no pixel data",
            Self::RepeatedView => "a later image of the same view is scored",
            Self::RejectedByNote => "rejected by a note",
            Self::RejectionNote => "rejection note",
            Self::KeyObjectSelection => "key object selection, not a rejection",
        }
    }

    /// Does it stand for a document about images, rather than for an image?
    #[must_use]
    pub const fn is_document(self) -> bool {
        matches!(self, Self::RejectionNote | Self::KeyObjectSelection)
    }
}

/// What a reader should know of a scored image. The serde names are stable and machine-readable; variants are only added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageNote {
    /// Lossy Image Compression is 01.
    LossyCompression,
    /// Burned In Annotation is YES.
    BurnedInAnnotation,
    /// The breast has an implant; the site has such images scored.
    Implant,
    /// It is the latest of several images of this view; the earlier ones are excluded.
    LatestOfView,
    /// Several images of this view are scored.
    SeveralOfView,
}

impl ImageNote {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 5] =
        [Self::LossyCompression, Self::BurnedInAnnotation, Self::Implant, Self::LatestOfView, Self::SeveralOfView];

    /// What a reader is told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::LossyCompression => "lossy compression",
            Self::BurnedInAnnotation => "annotation burned in",
            Self::Implant => "breast implant",
            Self::LatestOfView => "latest of several images of this view",
            Self::SeveralOfView => "several images of this view are scored",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_are_all_with_a_name_and_a_text_of_their_own() {
        // The last variants: whoever adds one behind them is sent here by this count.
        assert_eq!(ExclusionReason::ALL.len(), ExclusionReason::OwnResult as usize + 1);
        assert_eq!(ImageNote::ALL.len(), ImageNote::SeveralOfView as usize + 1);
        assert!(ExclusionReason::ALL.iter().enumerate().all(|(index, reason)| *reason as usize == index));
        assert!(ImageNote::ALL.iter().enumerate().all(|(index, note)| *note as usize == index));
        let texts: BTreeSet<&str> = ExclusionReason::ALL.into_iter().map(ExclusionReason::text).collect();
        assert_eq!(texts.len(), ExclusionReason::ALL.len());
    }
}
