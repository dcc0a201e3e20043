//! Where results come from.

use contract::Digest;
use serde_json::Value;

/// Does the site want patient data in its results?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatientData {
    /// No.
    Without,
    /// Yes, it asked for it.
    With,
}

/// A result that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The source's own name for it.
    pub key: u64,
    /// Of [`study_digest`].
    pub study: Digest,
    /// A JSON object.
    pub json: Vec<u8>,
}

/// The name of a study on the broker: SHA-256 of its Study Instance UID.
#[must_use]
pub fn study_digest(study_instance_uid: &str) -> Digest {
    Digest::of(study_instance_uid.as_bytes())
}

/// Results that wait, durable where they are until they were sent. Called from the publisher's thread; may block.
pub trait Source: Send {
    /// The result that is to be sent next, with patient data or without; the same one until it was sent or parked. Results
    /// of one study come in the order in which they were made. `None` when nothing waits.
    ///
    /// # Errors
    /// Why it cannot be had, in words without patient data; asked again later.
    fn next(&mut self, patient_data: PatientData) -> Result<Option<Document>, String>;

    /// The broker has this one. When that is not remembered, it is sent again.
    ///
    /// # Errors
    /// Why it cannot be remembered, in words without patient data.
    fn sent(&mut self, key: u64) -> Result<(), String>;

    /// This one can never be sent: a person has to look at it, the others go on.
    ///
    /// # Errors
    /// Why it cannot be remembered, in words without patient data.
    fn park(&mut self, key: u64, why: &str) -> Result<(), String>;
}

/// Why a document is not one that may be sent.
pub(super) fn unfit(json: &[u8], bytes_max: u64, patient_data: PatientData) -> Option<&'static str> {
    if json.len() as u64 > bytes_max {
        return Some("the result is larger than `document_bytes_max` or than the broker takes");
    }
    match serde_json::from_slice::<Value>(json) {
        Ok(value) if !value.is_object() => Some("the result is no JSON object"),
        Ok(value) if patient_data == PatientData::Without && names_a_patient(&value) => {
            Some("the result has patient data, which the site does not ask for (`patient_data`)")
        }
        Ok(_) => None,
        Err(_) => Some("the result is no JSON"),
    }
}

/// Has it a key that begins with "patient" and says something? The depth of JSON is bounded by its reader.
fn names_a_patient(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.iter().any(|(key, value)| {
            let is_empty = value.is_null() || value.as_str() == Some("");
            (key.to_ascii_lowercase().starts_with("patient") && !is_empty) || names_a_patient(value)
        }),
        Value::Array(values) => values.iter().any(names_a_patient),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patient_data_goes_only_where_it_is_wanted() {
        for (json, is_fit) in [
            (r#"{"study": "digest", "breasts": [{"score": 0.5}]}"#, true),
            (r#"{"patient": null, "patient_name": ""}"#, true),
            (r#"{"patient": {"name": "A^B"}}"#, false),
            (r#"{"a": [{"PatientID": "17"}]}"#, false),
            (r#"{"a": {"b": {"patient_birth_date": "19600101"}}}"#, false),
        ] {
            assert_eq!(unfit(json.as_bytes(), 1000, PatientData::Without).is_none(), is_fit, "{json}");
            assert_eq!(unfit(json.as_bytes(), 1000, PatientData::With), None);
        }
    }

    #[test]
    fn only_json_objects_within_the_limit_are_sent() {
        for json in ["", "7", "[]", "{", "{} {}", "\u{0}"] {
            assert!(unfit(json.as_bytes(), 1000, PatientData::With).is_some(), "{json}");
        }
        assert!(unfit(&b"[".repeat(900), 1000, PatientData::With).is_some());
        assert_eq!(unfit(b"{}", 2, PatientData::With), None);
        assert!(unfit(b"{}", 1, PatientData::With).unwrap().contains("document_bytes_max"));
    }
}
