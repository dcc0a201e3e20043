//! Codes of mammography: views (PS3.16 CID 4014) and view modifiers (CID 4015), in SNOMED CT and in the legacy codes of
//! SNOMED RT, which devices in the field still send.

use contract::CodedConcept;

use super::ExclusionReason;

/// View, SNOMED CT, legacy. The Y-X codes are from versions of CID 4014 before they were found to be no SNOMED codes.
pub const VIEWS: [(&str, &str, &str); 14] = [
    ("CC", "399162004", "R-10242"),
    ("MLO", "399368009", "R-10226"),
    ("ML", "399260004", "R-10224"),
    ("LM", "399352003", "R-10228"),
    ("LMO", "399099002", "R-10230"),
    ("FB", "399196006", "R-10244"),
    ("SIO", "399188001", "R-102D0"),
    ("ISO", "441555000", "R-40AAA"),
    ("XCCL", "399192008", "R-1024A"),
    ("XCCM", "399101009", "R-1024B"),
    ("XCC", "399265009", "399265009"),
    ("XCCL", "399192008", "Y-X1770"),
    ("XCCM", "399101009", "Y-X1771"),
    ("SPECIMEN", "127457009", "G-8310"),
];

/// Words of View Position (0018,5101) that name a view without having a code of their own above: they are known not to be
/// screening views.
pub const OTHER_WORDS: [&str; 8] = ["AT", "CV", "RL", "RM", "RI", "RS", "TAN", "AX"];

/// Modifier, SNOMED CT, legacy.
pub const MODIFIERS: [(Modifier, &str, &str); 14] = [
    (Modifier::Other, "399161006", "R-102D2"),
    (Modifier::Other, "399011000", "R-102D1"),
    (Modifier::Other, "399197002", "R-102D3"),
    (Modifier::Other, "399226006", "R-102D4"),
    (Modifier::Other, "414493004", "R-102CA"),
    (Modifier::Other, "415670009", "R-102C9"),
    (Modifier::Other, "442581004", "R-40AB3"),
    (Modifier::Other, "441752004", "P2-00161"),
    (Modifier::Other, "442593008", "R-40ABE"),
    (Modifier::Other, "442580003", "R-40AB2"),
    (Modifier::ImplantDisplaced, "399209000", "R-102D5"),
    (Modifier::Magnification, "399163009", "R-102D6"),
    (Modifier::SpotCompression, "399055006", "R-102D7"),
    (Modifier::Tangential, "399110001", "R-102C2"),
];

/// Coding Scheme Designators under which devices write these codes.
pub const SCHEMES: [&str; 4] = ["SCT", "SRT", "SNM3", "99SDM"];

/// Breast, right, left and both.
const BREASTS: [&str; 8] = ["76752008", "T-04000", "73056007", "T-04020", "80248007", "T-04030", "63762007", "T-04080"];

/// What a view modifier does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// An implant is displaced for the view.
    ImplantDisplaced,
    /// The view is magnified.
    Magnification,
    /// A part of the breast is compressed.
    SpotCompression,
    /// The view is tangential.
    Tangential,
    /// It is no breast, but a specimen.
    Specimen,
    /// One of CID 4015 without a reason of its own.
    Other,
    /// None of CID 4015.
    Unknown,
}

impl Modifier {
    /// Why an image with it is not scored.
    #[must_use]
    pub const fn reason(self) -> ExclusionReason {
        match self {
            Self::ImplantDisplaced => ExclusionReason::Implant,
            Self::Magnification => ExclusionReason::Magnification,
            Self::SpotCompression => ExclusionReason::SpotCompression,
            Self::Tangential => ExclusionReason::Tangential,
            Self::Specimen => ExclusionReason::Specimen,
            Self::Other => ExclusionReason::ViewModifier,
            Self::Unknown => ExclusionReason::ViewModifierUnknown,
        }
    }
}

/// The view that `code` stands for, `None` when it is not known.
pub(super) fn view(code: &CodedConcept) -> Option<&'static str> {
    VIEWS.iter().find(|(_, sct, legacy)| is(code, sct, legacy)).map(|(view, ..)| *view)
}

/// The view that `word` stands for.
pub(super) fn view_word(word: &str) -> Option<&'static str> {
    let coded = VIEWS.iter().map(|(view, ..)| *view);
    coded.chain(OTHER_WORDS).find(|view| *view == word)
}

pub(super) fn modifier(code: &CodedConcept) -> Modifier {
    if is(code, "127457009", "G-8310") {
        return Modifier::Specimen;
    }
    let known = MODIFIERS.iter().find(|(_, sct, legacy)| is(code, sct, legacy));
    known.map_or(Modifier::Unknown, |(modifier, ..)| *modifier)
}

/// Is it the breast? A region of a scheme that is not SNOMED is not known to be another one.
pub(super) fn is_other_region(code: &CodedConcept) -> bool {
    is_snomed(code) && !BREASTS.contains(&code.value.as_str())
}

fn is(code: &CodedConcept, sct: &str, legacy: &str) -> bool {
    is_snomed(code) && (code.value == sct || code.value == legacy)
}

/// A value means something in its scheme only. Devices write either form of code under either designator.
fn is_snomed(code: &CodedConcept) -> bool {
    SCHEMES.contains(&code.scheme.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_code_means_two_things() {
        let sct: Vec<_> = MODIFIERS.iter().map(|(_, sct, _)| *sct).collect();
        let legacy = VIEWS.iter().map(|(.., legacy)| *legacy).chain(MODIFIERS.iter().map(|(.., legacy)| *legacy));
        assert_eq!(sct.iter().collect::<BTreeSet<_>>().len(), sct.len());
        assert_eq!(legacy.clone().collect::<BTreeSet<_>>().len(), legacy.count());
        assert!(VIEWS.iter().all(|(_, code, _)| !sct.contains(code)));
    }
}
