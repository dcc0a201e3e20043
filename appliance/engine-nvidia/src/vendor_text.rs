//! Text that a vendor's library says, made fit for one line of a log or an error.

/// Bytes of a text that are looked at.
pub(crate) const BYTES_MAX: usize = 1_000;

/// One line: control characters are spaces, what is no UTF-8 is replaced, spaces at the ends go, and what is longer than
/// [`BYTES_MAX`] bytes ends with an ellipsis.
pub(crate) fn line(bytes: &[u8]) -> String {
    let (kept, cut) = match bytes.get(..BYTES_MAX) {
        Some(start) if bytes.len() > BYTES_MAX => (start, true),
        _ => (bytes, false),
    };
    let text = String::from_utf8_lossy(kept);
    let text: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let text = text.trim();
    if cut { format!("{text}…") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_escapes_are_spaces() {
        assert_eq!(line(b" a\nb\x1b[31mc\0d\x7f "), "a b [31mc d");
        assert_eq!(line("a\u{85}b".as_bytes()), "a b", "controls above ASCII too");
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(line(&[b'a', 0xFF, b'b']), "a\u{FFFD}b");
        assert_eq!(line(b""), "");
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        assert_eq!(line(&[b'a'; BYTES_MAX]).len(), BYTES_MAX);
        let long = line(&[b'a'; BYTES_MAX + 1]);
        assert_eq!(long.chars().count(), BYTES_MAX + 1);
        assert!(long.ends_with("a…"));
    }

    #[test]
    fn a_character_that_the_limit_cuts_is_replaced() {
        let mut bytes = vec![b'a'; BYTES_MAX - 1];
        bytes.extend("ü".as_bytes());
        assert!(line(&bytes).ends_with("a\u{FFFD}…"));
    }
}
