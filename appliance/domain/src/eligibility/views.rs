//! Laterality and view of a header: by code first, by text second.

use contract::{CodedConcept, InstanceAttributes};

use crate::{Laterality, View};

/// What a header says of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenView {
    Screening(View),
    Other,
}

/// Image Laterality, then Laterality, then words in View Position, where some sites put it.
pub(super) fn laterality(attributes: &InstanceAttributes) -> Option<Laterality> {
    let letter = |value: &Option<String>| match value.as_deref().map(str::trim) {
        Some("R") => Some(Laterality::Right),
        Some("L") => Some(Laterality::Left),
        _ => None,
    };
    let word = || match attributes.view_position.as_deref()?.to_ascii_uppercase() {
        text if text.contains("RIGHT") => Some(Laterality::Right),
        text if text.contains("LEFT") => Some(Laterality::Left),
        _ => None,
    };
    letter(&attributes.image_laterality).or_else(|| letter(&attributes.laterality)).or_else(word)
}

/// View Code Sequence (SNOMED CT, or the legacy SRT code), then View Position.
pub(super) fn view(attributes: &InstanceAttributes) -> Option<SeenView> {
    if let Some(CodedConcept { value, .. }) = &attributes.view_code {
        return Some(match value.as_str() {
            "399162004" | "R-10242" => SeenView::Screening(View::CranioCaudal),
            "399368009" | "R-10226" => SeenView::Screening(View::MedioLateralOblique),
            _ => SeenView::Other,
        });
    }
    let text = attributes.view_position.as_deref()?.to_ascii_uppercase();
    let terms: Vec<&str> =
        text.split([' ', '_', '-']).filter(|term| !matches!(*term, "RIGHT" | "LEFT" | "R" | "L" | "")).collect();
    match terms[..] {
        [] => None,
        ["CC" | "RCC" | "LCC"] => Some(SeenView::Screening(View::CranioCaudal)),
        ["MLO" | "RMLO" | "LMLO"] => Some(SeenView::Screening(View::MedioLateralOblique)),
        _ => Some(SeenView::Other),
    }
}

/// Patient Orientation (PS3.3 section C.7.6.1.1.1): rows of a mammogram run towards anterior or posterior; columns
/// towards the feet or head make it oblique, towards right or left alone cranio-caudal. Collections of digitised film
/// also write the view itself there.
pub(super) fn from_orientation(attributes: &InstanceAttributes) -> Option<SeenView> {
    let (row, column) = match &attributes.patient_orientation[..] {
        [row, column] => (row, column),
        [view] if view == "CC" => return Some(SeenView::Screening(View::CranioCaudal)),
        [view] if view == "MLO" => return Some(SeenView::Screening(View::MedioLateralOblique)),
        _ => return None,
    };
    if !row.starts_with(['A', 'P']) {
        return None;
    }
    match column.as_str() {
        "R" | "L" => Some(SeenView::Screening(View::CranioCaudal)),
        text if text.contains(['F', 'H']) => Some(SeenView::Screening(View::MedioLateralOblique)),
        _ => None,
    }
}

/// Do the modifiers make it another picture of the breast? Cleavage, axillary tail, rolls, tangential, spot compression,
/// magnification and implant displacement do (PS3.16 CID 4015), so any modifier that is given excludes the image; an
/// empty code is none.
pub(super) fn changes_the_view(modifiers: &[CodedConcept]) -> bool {
    modifiers.iter().any(|modifier| !modifier.value.is_empty())
}
