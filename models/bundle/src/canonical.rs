//! Canonical JSON: keys sorted by their bytes, no spaces, no line feed at the end. There is one text for a value, so that a
//! text with a doubled key, another order or another way of writing a number is none.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A text that is not the canonical JSON of a value of its type.
#[derive(Debug, thiserror::Error)]
pub enum NotCanonical {
    /// Not JSON, or not of the type: a field is missing, unknown, doubled or of another form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// The value could be written in another way than it is.
    #[error("it is not written in canonical form")]
    Spelling,
}

/// The canonical JSON of `value`.
///
/// # Errors
/// When `value` cannot be written as JSON.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(value)?;
    // A no-op unless some crate of the build turned `preserve_order` on.
    value.sort_all_objects();
    serde_json::to_vec(&value)
}

/// Reads canonical JSON. What is read is written again and must give the same bytes, which finds every other spelling,
/// doubled keys of maps among them.
///
/// # Errors
/// [`NotCanonical`].
pub fn from_bytes<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, NotCanonical> {
    let value: T = serde_json::from_slice(bytes)?;
    if to_bytes(&value)? == bytes { Ok(value) } else { Err(NotCanonical::Spelling) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    type Map = BTreeMap<String, Value>;

    #[test]
    fn a_value_has_one_text() {
        let map: Map = from_bytes(br#"{"a":[1,{"b":null}],"b":"\n"}"#).unwrap();
        assert_eq!(to_bytes(&map).unwrap(), br#"{"a":[1,{"b":null}],"b":"\n"}"#);
        for other in [
            r#"{"b":1,"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a": 1}"#,
            "{\"a\":1}\n",
            r#"{"a":1.0e1}"#,
            r#"{"a":"\u0061"}"#,
        ] {
            assert!(matches!(from_bytes::<Map>(other.as_bytes()), Err(NotCanonical::Spelling)), "{other}");
        }
        for broken in ["", "{", r#"{"a":1}x"#, "[]", "\u{feff}{}", r#"{"a":NaN}"#] {
            assert!(matches!(from_bytes::<Map>(broken.as_bytes()), Err(NotCanonical::Form(_))), "{broken}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(matches!(from_bytes::<Value>(deep.as_bytes()), Err(NotCanonical::Form(_))));
    }
}
