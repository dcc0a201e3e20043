//! May this instance be scored?
//!
//! Rules run in a fixed order and the first one that applies is the reason. They look at the header alone; nothing is
//! ever guessed from pixels. Patient data is no part of a rule.

mod views;

use contract::InstanceAttributes;
use serde::{Deserialize, Serialize};

use crate::{Laterality, View};
use views::SeenView;

/// Digital Mammography X-Ray Image Storage, for presentation.
const MG_FOR_PRESENTATION: &str = "1.2.840.10008.5.1.4.1.1.1.2";
/// Digital Mammography X-Ray Image Storage, for processing.
const MG_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.1.2.1";
/// Breast Projection X-Ray Image Storage, for presentation.
const BREAST_PROJECTION: &str = "1.2.840.10008.5.1.4.1.1.13.1.4";
/// Secondary Capture Image Storage.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Magnified beyond what geometry alone makes of a contact view.
const MAGNIFICATION_MAX: f64 = 1.2;

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
    /// No image of a kind that is scored, for instance a note or a tomosynthesis volume.
    SopClassNotScored,
    /// Neither right nor left, or both.
    NoLaterality,
    /// The view is not given.
    NoView,
    /// A view other than CC and MLO.
    NotScreeningView,
    /// A view modifier such as spot compression or magnification.
    ViewModifier,
    /// An implant is in the breast.
    Implant,
    /// A part of a breast that needs several exposures.
    PartialView,
    /// A magnification view.
    Magnification,
    /// A quality control image or a phantom.
    QualityControl,
    /// Another part of the body.
    NotBreast,
    /// Neither MONOCHROME1 nor MONOCHROME2, or several samples per pixel.
    NotGrey,
    /// Several frames.
    SeveralFrames,
    /// Bits Stored other than 8 to 16, or no rows or columns.
    PixelFormat,
    /// No pixel data.
    NoPixelData,
    /// A result object of our own that came back.
    OwnResult,
}

impl ExclusionReason {
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
            Self::NoView => "view is not given",
            Self::NotScreeningView => "view is neither CC nor MLO",
            Self::ViewModifier => "view is modified, for instance by spot compression",
            Self::Implant => "breast implant",
            Self::PartialView => "partial view",
            Self::Magnification => "magnification view",
            Self::QualityControl => "quality control image",
            Self::NotBreast => "body part is not the breast",
            Self::NotGrey => "image is not grey-scale",
            Self::SeveralFrames => "image has several frames",
            Self::PixelFormat => "pixel format is not supported",
            Self::NoPixelData => "object has no pixel data",
        }
    }
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligibility {
    /// To be scored, as this view of this breast.
    Score {
        /// Which breast.
        laterality: Laterality,
        /// Which view.
        view: View,
    },
    /// Not for the network.
    Exclude(ExclusionReason),
}

/// What a site decides for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EligibilityPolicy {
    /// Score Secondary Capture objects of modality MG, as digitised film is stored.
    pub accept_secondary_capture: bool,
    /// Score breasts with an implant.
    pub accept_implants: bool,
    /// Where no view is given, take it from Patient Orientation: a column direction towards the feet alone or with
    /// right or left is an MLO, right or left alone a CC.
    pub view_from_patient_orientation: bool,
}

/// Judges one instance by its header. `hint` is a laterality from outside the image's own attributes, which a site may
/// allow; the image's own always wins.
#[must_use]
pub fn judge(attributes: &InstanceAttributes, policy: &EligibilityPolicy, hint: Option<Laterality>) -> Eligibility {
    match exclusion(attributes, policy) {
        Some(reason) => Eligibility::Exclude(reason),
        None => match view_of_breast(attributes, policy, hint) {
            Ok((laterality, view)) => Eligibility::Score { laterality, view },
            Err(reason) => Eligibility::Exclude(reason),
        },
    }
}

fn exclusion(attributes: &InstanceAttributes, policy: &EligibilityPolicy) -> Option<ExclusionReason> {
    let is =
        |value: &Option<String>, wanted: &str| value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let sop_class = attributes.sop_class.as_ref().map_or("", |uid| uid.as_str());
    let for_processing = is(&attributes.presentation_intent, "FOR PROCESSING");
    let rules = [
        (!is(&attributes.modality, "MG"), ExclusionReason::NotMammography),
        (sop_class == MG_FOR_PROCESSING, ExclusionReason::ForProcessing),
        (sop_class == MG_FOR_PRESENTATION && for_processing, ExclusionReason::IntentContradiction),
        (!is_scored_class(sop_class, policy), ExclusionReason::SopClassNotScored),
        (!attributes.has_pixel_data, ExclusionReason::NoPixelData),
        (is(&attributes.quality_control, "YES"), ExclusionReason::QualityControl),
        (attributes.body_part.is_some() && !is(&attributes.body_part, "BREAST"), ExclusionReason::NotBreast),
        (is(&attributes.breast_implant, "YES") && !policy.accept_implants, ExclusionReason::Implant),
        (is(&attributes.partial_view, "YES"), ExclusionReason::PartialView),
        (attributes.magnification.is_some_and(|factor| factor > MAGNIFICATION_MAX), ExclusionReason::Magnification),
        (
            !attributes.view_modifiers.is_empty() && views::changes_the_view(&attributes.view_modifiers),
            ExclusionReason::ViewModifier,
        ),
        (!is_grey(attributes), ExclusionReason::NotGrey),
        (attributes.frames.unwrap_or(1) > 1, ExclusionReason::SeveralFrames),
        (!is_readable(attributes), ExclusionReason::PixelFormat),
    ];
    rules.into_iter().find_map(|(applies, reason)| applies.then_some(reason))
}

fn is_scored_class(sop_class: &str, policy: &EligibilityPolicy) -> bool {
    matches!(sop_class, MG_FOR_PRESENTATION | BREAST_PROJECTION)
        || policy.accept_secondary_capture && sop_class == SECONDARY_CAPTURE
}

fn is_grey(attributes: &InstanceAttributes) -> bool {
    let photometric = attributes.photometric.as_deref();
    matches!(photometric, Some("MONOCHROME1" | "MONOCHROME2")) && attributes.samples_per_pixel.unwrap_or(1) == 1
}

fn is_readable(attributes: &InstanceAttributes) -> bool {
    let has_side = |side: Option<u16>| side.is_some_and(|side| side > 0);
    let bits = attributes.bits_stored.is_some_and(|bits| (8..=16).contains(&bits));
    has_side(attributes.rows) && has_side(attributes.columns) && bits
}

fn view_of_breast(
    attributes: &InstanceAttributes,
    policy: &EligibilityPolicy,
    hint: Option<Laterality>,
) -> Result<(Laterality, View), ExclusionReason> {
    let laterality = views::laterality(attributes).or(hint).ok_or(ExclusionReason::NoLaterality)?;
    let from_orientation =
        || policy.view_from_patient_orientation.then(|| views::from_orientation(attributes)).flatten();
    match views::view(attributes).or_else(from_orientation) {
        Some(SeenView::Screening(view)) => Ok((laterality, view)),
        Some(SeenView::Other) => Err(ExclusionReason::NotScreeningView),
        None => Err(ExclusionReason::NoView),
    }
}

#[cfg(test)]
mod tests;
