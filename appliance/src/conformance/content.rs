//! Eligibility, grey scale, character sets, private attributes and codes.

use domain::eligibility::ImageNote;
use domain::eligibility::codes::{MODIFIERS, Modifier, OTHER_WORDS, SCHEMES, VIEWS};
use domain::report::EXPECTED_VIEWS;
use domain::{ExclusionReason, View};

use super::table::{code, name, table};

pub(super) fn eligibility() -> String {
    let reasons = ExclusionReason::ALL.map(|reason| [name(reason), reason.text().to_owned()]);
    let notes = ImageNote::ALL.map(|note| [name(note), note.text().to_owned()]);
    let expected: Vec<String> =
        EXPECTED_VIEWS.iter().map(|(side, view)| format!("{} {}", side.letter(), view.term())).collect();
    format!(
        "## 8 Which images are scored

Scored are the views {} of modality MG. Each instance that is not scored is listed with one of these reasons, in JSON under its
name, elsewhere in words. The header alone decides; nothing is guessed from pixels. The first rule that applies gives the reason.

{}
Beside a score may stand:

{}",
        expected.join(", "),
        table(["reason", "in words"], reasons),
        table(["note", "in words"], notes)
    )
}

pub(super) fn grey_scale() -> String {
    "## 9 Grey scale

Stored values are read as Bits Stored and Pixel Representation say, 8 to 16 bits; MONOCHROME1 and MONOCHROME2. What the network
sees is decided by the model's manifest, whose digest is in each result. Pages show an image by its own VOI LUT or first window, with
its VOI LUT Function, else over its full range. No display is calibrated.
"
    .to_owned()
}

pub(super) fn character_sets() -> String {
    "## 10 Character sets

Patient and study texts are repeated byte by byte with their Specific Character Set (0008,0005), whichever it is, code extensions
included. Where the images have ASCII or none, objects are ASCII, or ISO_IR 192 (UTF-8) if a text of Mamoru's own needs it. Texts of
Mamoru's own are English; beside another character set than UTF-8 they are ASCII, with ? for what is not. Pages name no person.
"
    .to_owned()
}

pub(super) fn private_attributes() -> String {
    "## 11 Private attributes, SOP classes and transfer syntaxes

None are written. Private attributes of images are kept in the received files and are neither read nor repeated.
"
    .to_owned()
}

pub(super) fn codes_read() -> String {
    let is_scored =
        |view: &str| [View::CranioCaudal, View::MedioLateralOblique].iter().any(|scored| scored.term() == view);
    let views = VIEWS.map(|(view, sct, legacy)| {
        let scored = if is_scored(view) { "yes" } else { "no" };
        [view.to_owned(), code(sct), code(legacy), scored.to_owned()]
    });
    let modifiers = MODIFIERS.map(|(modifier, sct, legacy)| {
        let reason = match modifier {
            Modifier::ImplantDisplaced => format!("as `eligibility.implants` says: {}", name(modifier.reason())),
            _ => name(modifier.reason()),
        };
        [code(sct), code(legacy), reason]
    });
    format!(
        "## 12 Codes that are read

In the schemes {}, either form of a code under either scheme. View Code Sequence (0054,0220), CID 4014; View Position (0018,5101)
counts where there is no code, as these terms or as {}:

{}
View Modifier Code Sequence (0054,0222), CID 4015, inside the view's item or beside it:

{}
An unknown view or modifier excludes the image.
",
        SCHEMES.map(code).join(", "),
        OTHER_WORDS.join(", "),
        table(["view", "SNOMED CT", "legacy", "scored"], views),
        table(["SNOMED CT", "legacy", "excludes as"], modifiers)
    )
}

pub(super) fn codes_written() -> String {
    let rows = results::coded_concepts()
        .into_iter()
        .map(|(value, scheme, meaning)| [code(value), scheme.into(), meaning.into()]);
    format!(
        "## 13 Codes that are written

In DICOM objects and in FHIR; FHIR alone has (71651007, SCT).

{}",
        table(["Code Value", "Coding Scheme Designator", "Code Meaning"], rows)
    )
}
