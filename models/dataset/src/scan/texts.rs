//! Texts of the patient and study modules, as bytes: what reads them into characters knows only some character sets.

use std::fmt;

use contract::SourceText;
use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// More than any legal value has (PN: three groups of 64 characters); longer ones are not kept.
pub(super) const BYTES_MAX: u32 = 1_024;

/// The elements whose value depends on Specific Character Set.
const TEXTS: [Tag; 7] = [
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::STUDY_ID,
    tags::STUDY_DESCRIPTION,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
];

/// Specific Character Set and the texts that it governs. `Debug` prints nothing of them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Texts(Vec<(Tag, Vec<u8>)>);

pub(super) fn wants(tag: Tag) -> bool {
    tag == tags::SPECIFIC_CHARACTER_SET || TEXTS.contains(&tag)
}

impl Texts {
    pub(super) fn keep(&mut self, tag: Tag, mut value: Vec<u8>) {
        while matches!(value.last(), Some(b' ' | 0)) {
            value.pop();
        }
        // The first one counts, as it does for what parses the data set.
        if self.get(tag).is_none() {
            self.0.push((tag, value));
        }
    }

    fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, value)| value.as_slice())
    }

    /// The texts with their character set; `None` where that is ASCII or UTF-8, or cannot be one.
    #[must_use]
    pub fn source(&self) -> Option<SourceText> {
        let character_set = std::str::from_utf8(self.get(tags::SPECIFIC_CHARACTER_SET)?).ok()?;
        let is_term = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" _\\".contains(&byte);
        let is_plain = |term: &str| matches!(term.trim(), "" | "ISO_IR 6" | "ISO 2022 IR 6" | "ISO_IR 192");
        if !character_set.bytes().all(is_term) || character_set.split('\\').all(is_plain) {
            return None;
        }
        let source = SourceText { character_set: character_set.to_owned(), ..SourceText::default() };
        let kept = TEXTS.into_iter().filter_map(|tag| Some((tag, self.get(tag)?)));
        Some(
            kept.filter(|(_, value)| !value.is_empty())
                .fold(source, |source, (tag, value)| source.with((tag.group(), tag.element()), value)),
        )
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Texts(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(character_set: &[u8]) -> Texts {
        let mut texts = Texts::default();
        texts.keep(tags::SPECIFIC_CHARACTER_SET, character_set.to_vec());
        texts.keep(tags::PATIENT_NAME, b"M\xFCller^J\xFCrgen ".to_vec());
        texts.keep(tags::PATIENT_NAME, b"SECOND".to_vec());
        texts.keep(tags::PATIENT_ID, Vec::new());
        texts
    }

    #[test]
    fn bytes_are_kept_with_their_character_set() {
        for set in ["ISO_IR 100", "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", "GB18030"] {
            let source = texts(set.as_bytes()).source().unwrap();
            assert_eq!(source.character_set, set);
            assert_eq!(source.bytes((0x0010, 0x0010)).unwrap(), b"M\xFCller^J\xFCrgen");
            assert_eq!(source.bytes((0x0010, 0x0020)), None, "an empty value is none");
        }
    }

    #[test]
    fn ascii_utf_8_and_what_is_no_character_set_leave_nothing() {
        for set in [&b""[..], b"ISO_IR 192 ", b"ISO_IR 6", b"\\ISO 2022 IR 6", b"\xFF\xFE", b"iso$(rm)"] {
            assert!(texts(set).source().is_none(), "{set:?}");
        }
        assert!(Texts::default().source().is_none());
        assert_eq!(format!("{:?}", texts(b"ISO_IR 100")), "Texts(redacted)");
    }
}
