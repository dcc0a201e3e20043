//! May this instance be scored?
//!
//! Rules run in a fixed order and the first one that applies is the reason. They look at the header alone; nothing is
//! ever guessed from pixels. Patient data is no part of a rule.

pub mod codes;
mod reason;
mod views;

use contract::InstanceAttributes;
use serde::{Deserialize, Serialize};

use crate::{Laterality, View};
pub use reason::{ExclusionReason, ImageNote};

/// Digital Mammography X-Ray Image Storage, for presentation.
const MG_FOR_PRESENTATION: &str = "1.2.840.10008.5.1.4.1.1.1.2";
/// Digital Mammography X-Ray Image Storage, for processing.
const MG_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.1.2.1";
/// Breast Projection X-Ray Image Storage, for presentation.
const BREAST_PROJECTION: &str = "1.2.840.10008.5.1.4.1.1.13.1.4";
/// The same, for processing.
const BREAST_PROJECTION_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.13.1.5";
/// Key Object Selection Document Storage.
const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// Secondary Capture Image Storage.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Magnified beyond what geometry alone makes of a contact view.
const MAGNIFICATION_MAX: f64 = 1.2;

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

/// Titles of Key Object Selection Documents that reject what they name (PS3.16 CID 7011): for quality, for patient safety,
/// and for a wrong entry of the modality worklist.
pub const REJECTION_TITLES: [&str; 3] = ["113001", "113037", "113038"];

/// What becomes of a breast with an implant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImplantPolicy {
    /// No image of the breast is scored, whichever of them shows the implant.
    #[default]
    ExcludeBreast,
    /// Only images with the implant displaced are scored.
    ScoreDisplaced,
    /// All are scored.
    Score,
}

/// What becomes of several images of one view of one breast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatedViewPolicy {
    /// The one that was acquired last counts. Where the headers do not say which one that is, all of them do.
    #[default]
    KeepLatest,
    /// All are scored.
    ScoreAll,
}

/// What becomes of an image whose header says that text is burned into its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnedInPolicy {
    /// It is scored, with a note.
    #[default]
    Note,
    /// It is excluded.
    Exclude,
}

/// What a site decides for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EligibilityPolicy {
    /// Score Secondary Capture objects of modality MG, as digitised film is stored.
    pub accept_secondary_capture: bool,
    /// Breasts with an implant.
    pub implants: ImplantPolicy,
    /// Several images of one view.
    pub repeated_views: RepeatedViewPolicy,
    /// Burned-in annotation.
    pub burned_in_annotation: BurnedInPolicy,
    /// Where no view is given, take it from Patient Orientation: a column direction towards the feet alone or with
    /// right or left is an MLO, right or left alone a CC.
    pub view_from_patient_orientation: bool,
}

/// Judges one instance by its header. `hint` is a laterality from outside the image's own attributes, which a site may
/// allow; the image's own always wins. What only the whole study shows is decided at its assembly
/// ([`crate::study_rules`]).
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

/// What is said beside the image, if it is scored.
#[must_use]
pub fn notes(attributes: &InstanceAttributes) -> Vec<ImageNote> {
    let rules = [
        (is(&attributes.lossy_compression, "01"), ImageNote::LossyCompression),
        (is(&attributes.burned_in_annotation, "YES"), ImageNote::BurnedInAnnotation),
        (shows_implant(attributes), ImageNote::Implant),
    ];
    rules.into_iter().filter_map(|(applies, note)| applies.then_some(note)).collect()
}

/// The breast in which this mammogram shows an implant: `Some(None)` when it shows one and does not say in which.
#[must_use]
pub fn implant_side(attributes: &InstanceAttributes) -> Option<Option<Laterality>> {
    let counts = is(&attributes.modality, "MG") && !is_for_quality_control(attributes);
    (counts && shows_implant(attributes)).then(|| views::laterality(attributes, None).ok())
}

/// Does the image show an implant, displaced or not?
fn shows_implant(attributes: &InstanceAttributes) -> bool {
    is(&attributes.breast_implant, "YES") || views::is_implant_displaced(attributes)
}

fn exclusion(attributes: &InstanceAttributes, policy: &EligibilityPolicy) -> Option<ExclusionReason> {
    let sop_class = attributes.sop_class.as_ref().map_or("", |uid| uid.as_str());
    if sop_class == KEY_OBJECT_SELECTION {
        return Some(document(attributes));
    }
    let for_processing = matches!(sop_class, MG_FOR_PROCESSING | BREAST_PROJECTION_FOR_PROCESSING);
    let wanted_intent = if for_processing { "FOR PROCESSING" } else { "FOR PRESENTATION" };
    let has_other = |value: &Option<String>, wanted: &str| value.is_some() && !is(value, wanted);
    let has_other_region = attributes.anatomic_region.as_ref().is_some_and(codes::is_other_region);
    let rules = [
        (!is(&attributes.modality, "MG"), ExclusionReason::NotMammography),
        (has_other(&attributes.presentation_intent, wanted_intent), ExclusionReason::IntentContradiction),
        (for_processing, ExclusionReason::ForProcessing),
        (!is_scored_class(sop_class, policy), ExclusionReason::SopClassNotScored),
        (!attributes.has_pixel_data, ExclusionReason::NoPixelData),
        (is_for_quality_control(attributes), ExclusionReason::QualityControl),
        (has_other(&attributes.body_part, "BREAST") || has_other_region, ExclusionReason::NotBreast),
    ];
    let first =
        |rules: &[(bool, ExclusionReason)]| rules.iter().find_map(|(applies, reason)| applies.then_some(*reason));
    first(&rules).or_else(|| first(&implants(attributes, policy))).or_else(|| first(&kind_of_view(attributes, policy)))
}

/// A rejection note, or another selection of key objects.
fn document(attributes: &InstanceAttributes) -> ExclusionReason {
    let title = attributes.key_objects.as_ref().and_then(|document| document.title.as_ref());
    match title {
        Some(title) if title.scheme == "DCM" && REJECTION_TITLES.contains(&title.value.as_str()) => {
            ExclusionReason::RejectionNote
        }
        _ => ExclusionReason::KeyObjectSelection,
    }
}

fn implants(attributes: &InstanceAttributes, policy: &EligibilityPolicy) -> [(bool, ExclusionReason); 2] {
    let is_displaced = views::is_implant_displaced(attributes);
    let is_excluded = match policy.implants {
        ImplantPolicy::ExcludeBreast => true,
        ImplantPolicy::ScoreDisplaced => !is_displaced,
        ImplantPolicy::Score => false,
    };
    [
        (is_displaced && is(&attributes.breast_implant, "NO"), ExclusionReason::ImplantContradiction),
        (is_excluded && shows_implant(attributes), ExclusionReason::Implant),
    ]
}

fn kind_of_view(attributes: &InstanceAttributes, policy: &EligibilityPolicy) -> [(bool, ExclusionReason); 8] {
    let is_partial = is(&attributes.partial_view, "YES") || attributes.has_partial_view_code;
    // Where images with a displaced implant are scored, that modifier is no reason: the policy was asked before.
    let modifiers = attributes.view_modifiers.iter().map(codes::modifier);
    let modifier = modifiers.into_iter().find(|modifier| *modifier != codes::Modifier::ImplantDisplaced);
    let is_burned_in = is(&attributes.burned_in_annotation, "YES");
    let may_be_burned_in = policy.burned_in_annotation == BurnedInPolicy::Note;
    [
        (is_partial, ExclusionReason::PartialView),
        (attributes.magnification.is_some_and(|factor| factor > MAGNIFICATION_MAX), ExclusionReason::Magnification),
        (modifier.is_some(), modifier.map_or(ExclusionReason::ViewModifier, codes::Modifier::reason)),
        (is_burned_in && !may_be_burned_in, ExclusionReason::BurnedInAnnotation),
        (!is_grey(attributes), ExclusionReason::NotGrey),
        (attributes.frames.unwrap_or(1) > 1, ExclusionReason::SeveralFrames),
        (!is_readable(attributes), ExclusionReason::PixelFormat),
        (contradicts_itself(attributes), ExclusionReason::PixelContradiction),
    ]
}

fn is(value: &Option<String>, wanted: &str) -> bool {
    value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(wanted))
}

fn is_scored_class(sop_class: &str, policy: &EligibilityPolicy) -> bool {
    matches!(sop_class, MG_FOR_PRESENTATION | BREAST_PROJECTION)
        || policy.accept_secondary_capture && sop_class == SECONDARY_CAPTURE
}

fn is_for_quality_control(attributes: &InstanceAttributes) -> bool {
    is(&attributes.quality_control, "YES")
        || is(&attributes.calibration_image, "YES")
        || is(&attributes.body_part, "PHANTOM")
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

/// More bits stored than allocated, or a Pixel Representation that is neither unsigned nor two's complement.
fn contradicts_itself(attributes: &InstanceAttributes) -> bool {
    let too_many = attributes.bits_stored.zip(attributes.bits_allocated).is_some_and(|(stored, all)| stored > all);
    too_many || attributes.pixel_representation.is_some_and(|representation| representation > 1)
}

fn view_of_breast(
    attributes: &InstanceAttributes,
    policy: &EligibilityPolicy,
    hint: Option<Laterality>,
) -> Result<(Laterality, View), ExclusionReason> {
    let laterality = views::laterality(attributes, hint)?;
    Ok((laterality, views::view(attributes, policy.view_from_patient_orientation)?))
}

#[cfg(test)]
mod tests;
