//! Laterality and view of a header: by code first, by text second, and a reason where they contradict each other.

use contract::InstanceAttributes;

use super::{ExclusionReason, codes};
use crate::{Laterality, View};

/// What View Position (0018,5101) holds: some sites write the side there too, in one word or in two.
#[derive(Debug, Default)]
struct Words {
    sides: Vec<Laterality>,
    views: Vec<&'static str>,
    is_displaced: bool,
    has_unknown: bool,
}

impl Words {
    fn of(attributes: &InstanceAttributes) -> Self {
        let mut words = Self::default();
        let text = attributes.view_position.as_deref().unwrap_or_default().to_ascii_uppercase();
        for word in text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            if !words.take(word) {
                words.has_unknown = true;
            }
        }
        words
    }

    fn take(&mut self, word: &str) -> bool {
        if word == "ID" {
            self.is_displaced = true;
            return true;
        }
        let view_of = |text: &str| codes::view_word(text).map(|view| (view, false));
        // Implant displaced, as CCID and MLOID.
        let displaced = |text: &str| text.strip_suffix("ID").and_then(codes::view_word).map(|view| (view, true));
        let view = |text: &str| view_of(text).or_else(|| displaced(text));
        if let Some((view, is_displaced)) = view(word) {
            self.views.push(view);
            self.is_displaced |= is_displaced;
            return true;
        }
        // The long words first: R is the beginning of RIGHT.
        for (prefix, side) in [
            ("RIGHT", Laterality::Right),
            ("LEFT", Laterality::Left),
            ("R", Laterality::Right),
            ("L", Laterality::Left),
        ] {
            let Some(rest) = word.strip_prefix(prefix) else { continue };
            if let Some((view, is_displaced)) = view(rest) {
                self.views.push(view);
                self.is_displaced |= is_displaced;
            } else if !rest.is_empty() {
                continue;
            }
            self.sides.push(side);
            return true;
        }
        false
    }
}

/// One attribute that may give the side.
enum Side {
    One(Laterality),
    Both,
    Unknown,
}

fn side(value: Option<&String>) -> Option<Side> {
    let value = value?.trim().to_ascii_uppercase();
    Some(match value.as_str() {
        "R" | "RIGHT" => Side::One(Laterality::Right),
        "L" | "LEFT" => Side::One(Laterality::Left),
        "B" | "BOTH" => Side::Both,
        "" => return None,
        _ => Side::Unknown,
    })
}

/// Image Laterality, Frame Laterality, Laterality, and words in View Position, where some sites put it: all that give a
/// side must give the same. `hint` counts where none of them is there.
pub(super) fn laterality(
    attributes: &InstanceAttributes,
    hint: Option<Laterality>,
) -> Result<Laterality, ExclusionReason> {
    let image = side(attributes.image_laterality.as_ref());
    if matches!(image, Some(Side::Unknown)) {
        return Err(ExclusionReason::LateralityUnknown);
    }
    let words = Words::of(attributes).sides.into_iter().map(Side::One);
    let frame = side(attributes.frame_laterality.as_ref());
    let given: Vec<Side> =
        image.into_iter().chain(frame).chain(side(attributes.laterality.as_ref())).chain(words).collect();
    let mut sides = given.iter().filter_map(|side| match side {
        Side::One(side) => Some(*side),
        _ => None,
    });
    match sides.next() {
        Some(first) if sides.all(|side| side == first) => Ok(first),
        Some(_) => Err(ExclusionReason::LateralityContradiction),
        None if given.iter().any(|side| matches!(side, Side::Both)) => Err(ExclusionReason::BothBreasts),
        None if given.is_empty() => hint.ok_or(ExclusionReason::NoLaterality),
        None => Err(ExclusionReason::LateralityUnknown),
    }
}

/// View Code Sequence, then View Position, then, where the site allows it, Patient Orientation.
pub(super) fn view(attributes: &InstanceAttributes, use_orientation: bool) -> Result<View, ExclusionReason> {
    let words = Words::of(attributes);
    let word = words.views.first().copied();
    if words.views.iter().any(|view| Some(*view) != word) {
        return Err(ExclusionReason::ViewContradiction);
    }
    if let Some(code) = &attributes.view_code {
        let coded = codes::view(code).ok_or(ExclusionReason::ViewCodeUnknown)?;
        let view = screening(coded)?;
        // A word that is no view says nothing against the code.
        return if word.is_some_and(|word| word != coded) { Err(ExclusionReason::ViewContradiction) } else { Ok(view) };
    }
    match word {
        Some(word) => screening(word),
        None if words.has_unknown => Err(ExclusionReason::ViewTextUnknown),
        None => use_orientation.then(|| from_orientation(attributes)).flatten().ok_or(ExclusionReason::NoView),
    }
}

fn screening(view: &str) -> Result<View, ExclusionReason> {
    match view {
        "CC" => Ok(View::CranioCaudal),
        "MLO" => Ok(View::MedioLateralOblique),
        "SPECIMEN" => Err(ExclusionReason::Specimen),
        _ => Err(ExclusionReason::NotScreeningView),
    }
}

/// Is an implant displaced for this view, by a modifier or in words?
pub(super) fn is_implant_displaced(attributes: &InstanceAttributes) -> bool {
    let modifiers = &attributes.view_modifiers;
    modifiers.iter().any(|code| codes::modifier(code) == codes::Modifier::ImplantDisplaced)
        || Words::of(attributes).is_displaced
}

/// Patient Orientation (PS3.3 section C.7.6.1.1.1): rows of a mammogram run towards anterior or posterior; columns
/// towards the feet or head make it oblique, towards right or left alone cranio-caudal. Collections of digitised film
/// also write the view itself there.
fn from_orientation(attributes: &InstanceAttributes) -> Option<View> {
    let (row, column) = match &attributes.patient_orientation[..] {
        [row, column] => (row, column),
        [view] if view == "CC" => return Some(View::CranioCaudal),
        [view] if view == "MLO" => return Some(View::MedioLateralOblique),
        _ => return None,
    };
    if !row.starts_with(['A', 'P']) {
        return None;
    }
    match column.as_str() {
        "R" | "L" => Some(View::CranioCaudal),
        text if text.contains(['F', 'H']) => Some(View::MedioLateralOblique),
        _ => None,
    }
}
