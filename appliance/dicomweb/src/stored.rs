//! What a server says about an object that it was sent (PS3.18 section 10.5.3 and annex I).
//!
//! The rule, for the one object of a request:
//!
//! - An object that is listed as failed is judged by its reason, whatever the status.
//! - 200 says that everything was stored, and its body has to be a Store Instances Response Module. So the object is taken
//!   when the module lists it as referenced, and also when there is no body, or the body is of DICOM in XML, which was not
//!   asked for and is not read. A module without the object, and a body of anything else (the page of a portal that the URL
//!   leads to by mistake), is no proof: the object is sent again.
//! - 202 and other success: only a module that lists the object as referenced, with or without a warning, takes it.
//! - 409: nothing was stored. Without a reason that can be read the object is refused.

use serde_json::Value;

use crate::Answer;

const REFERENCED_SOP_SEQUENCE: &str = "00081199";
const FAILED_SOP_SEQUENCE: &str = "00081198";
/// Failures that belong to no instance, so here to the only one that was sent.
const OTHER_FAILURES_SEQUENCE: &str = "0008119A";
const FAILURE_REASON: &str = "00081197";
const REFERENCED_SOP_INSTANCE_UID: &str = "00081155";

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// There is none.
    Empty,
    /// More bytes than are read.
    TooLarge,
    /// These.
    Bytes(Vec<u8>),
}

/// What a body says about our object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    /// It is stored.
    Referenced,
    /// It is not, for the reason, if there is one.
    Failed(Option<u16>),
    /// The module does not name it.
    Absent,
    /// No body.
    Nothing,
    /// DICOM in XML.
    Xml,
    /// Anything else.
    Unreadable,
}

/// What status (2xx or 409) and body mean for the object with SOP Instance UID `instance`.
pub(crate) fn judge(status: u16, content_type: Option<&[u8]>, reply: &Reply, instance: &str) -> Answer {
    match (status, statement(content_type, reply, instance)) {
        (_, Statement::Failed(Some(reason))) => by_reason(reason),
        (409, Statement::Failed(None) | Statement::Nothing | Statement::Xml | Statement::Unreadable) => {
            Answer::Refused { why: "the destination refused the object without a reason (status 409)".into() }
        }
        (409, _) => Answer::failed("the destination contradicts itself about the object (status 409)"),
        (_, Statement::Failed(None)) => {
            Answer::failed(format!("the destination failed to store the object and gives no reason (status {status})"))
        }
        (_, Statement::Referenced) | (200, Statement::Nothing | Statement::Xml) => Answer::Taken,
        (_, Statement::Absent) => {
            Answer::failed(format!("the destination's answer does not list the object (status {status})"))
        }
        (_, Statement::Nothing | Statement::Xml | Statement::Unreadable) => {
            let why = "the destination's answer cannot be read as one to a store request: is the URL right?";
            Answer::failed(format!("{why} (status {status})"))
        }
    }
}

/// What a Failure Reason (PS3.18 table I.2-2, PS3.7 annex C) means.
fn by_reason(reason: u16) -> Answer {
    let why = format!("the destination gives failure reason {reason:04X}");
    match reason {
        // Duplicate SOP instance: our UIDs are made from the content, so it is this object that is there.
        0x0111 => Answer::Taken,
        // Out of resources; processing failure; resource limitation.
        0xA700..=0xA7FF | 0x0110 | 0x0213 => Answer::Failed { why },
        // SOP class not supported; transfer syntax not supported.
        0x0122 | 0xC122 => Answer::NotAccepted { why },
        // Not authorised, data set does not match SOP class, cannot understand, and what is not known.
        _ => Answer::Refused { why },
    }
}

fn statement(content_type: Option<&[u8]>, reply: &Reply, instance: &str) -> Statement {
    let bytes = match reply {
        Reply::Empty => return Statement::Nothing,
        Reply::TooLarge => return Statement::Unreadable,
        Reply::Bytes(bytes) if bytes.trim_ascii().is_empty() => return Statement::Nothing,
        Reply::Bytes(bytes) => bytes,
    };
    let media_type = content_type.map(|value| value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii());
    let is = |name: &[u8]| media_type.is_some_and(|value| value.eq_ignore_ascii_case(name));
    if is(b"application/dicom+xml") {
        return Statement::Xml;
    }
    if media_type.is_some() && !is(b"application/dicom+json") && !is(b"application/json") {
        return Statement::Unreadable;
    }
    // serde_json ends at 128 levels, and the size is bounded: no answer can exhaust the stack or the memory.
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(module)) => in_module(&module.into(), instance),
        // Some servers send an array of data sets, as in queries.
        Ok(Value::Array(modules)) => match modules.as_slice() {
            [module @ Value::Object(_)] => in_module(module, instance),
            _ => Statement::Unreadable,
        },
        _ => Statement::Unreadable,
    }
}

fn in_module(module: &Value, instance: &str) -> Statement {
    let known = [REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE, OTHER_FAILURES_SEQUENCE];
    // JSON of something else is no module that lacks our object.
    if !known.iter().any(|tag| module.get(tag).is_some()) {
        return Statement::Unreadable;
    }
    // A failure without a UID is of the only object that was sent.
    let failed = items(module, FAILED_SOP_SEQUENCE).find(|item| uid(item).is_none_or(|uid| uid == instance));
    if let Some(item) = failed.or_else(|| items(module, OTHER_FAILURES_SEQUENCE).next()) {
        return Statement::Failed(reason(item));
    }
    let is_ours = |item: &Value| uid(item) == Some(instance);
    if items(module, REFERENCED_SOP_SEQUENCE).any(is_ours) { Statement::Referenced } else { Statement::Absent }
}

/// The items of a sequence (PS3.18 annex F).
fn items<'a>(module: &'a Value, tag: &str) -> impl Iterator<Item = &'a Value> {
    module.get(tag).and_then(|element| element.get("Value")).and_then(Value::as_array).into_iter().flatten()
}

fn first<'a>(item: &'a Value, tag: &str) -> Option<&'a Value> {
    item.get(tag)?.get("Value")?.get(0)
}

fn uid(item: &Value) -> Option<&str> {
    let uid = first(item, REFERENCED_SOP_INSTANCE_UID)?.as_str()?.trim_matches(['\0', ' ']);
    Some(uid).filter(|uid| !uid.is_empty())
}

fn reason(item: &Value) -> Option<u16> {
    first(item, FAILURE_REASON)?.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "1.2.3";

    fn say(text: &str) -> Statement {
        statement(Some(b"application/dicom+json"), &Reply::Bytes(text.into()), OURS)
    }

    #[test]
    fn modules_are_read_as_servers_write_them() {
        let uid = r#""00081155":{"vr":"UI","Value":["1.2.3"]}"#;
        let other = r#""00081155":{"vr":"UI","Value":["1.2.3.4"]}"#;
        let why = r#""00081197":{"vr":"US","Value":[272]}"#;
        for (text, expected) in [
            (format!(r#"{{"00081199":{{"vr":"SQ","Value":[{{{uid}}}]}}}}"#), Statement::Referenced),
            (format!(r#"[{{"00081199":{{"vr":"SQ","Value":[{{{other}}},{{{uid}}}]}}}}]"#), Statement::Referenced),
            (r#"{"00081199":{"Value":[{"00081155":{"Value":["1.2.3\u0000"]}}]}}"#.into(), Statement::Referenced),
            (format!(r#"{{"00081199":{{"vr":"SQ","Value":[{{{other}}}]}}}}"#), Statement::Absent),
            (r#"{"00081199":{"vr":"SQ"}}"#.into(), Statement::Absent),
            (r#"{"00081199":{"vr":"SQ","Value":[{}]}}"#.into(), Statement::Absent),
            (format!(r#"{{"00081198":{{"Value":[{{{uid},{why}}}]}}}}"#), Statement::Failed(Some(272))),
            (format!(r#"{{"00081198":{{"Value":[{{{other},{why}}}]}}}}"#), Statement::Absent),
            (format!(r#"{{"00081198":{{"Value":[{{{why}}}]}}}}"#), Statement::Failed(Some(272))),
            (format!(r#"{{"0008119A":{{"Value":[{{{why}}}]}}}}"#), Statement::Failed(Some(272))),
            (format!(r#"{{"00081198":{{"Value":[{{{uid}}}]}}}}"#), Statement::Failed(None)),
            // What is listed in both is not stored.
            (
                format!(r#"{{"00081199":{{"Value":[{{{uid}}}]}},"00081198":{{"Value":[{{{uid},{why}}}]}}}}"#),
                Statement::Failed(Some(272)),
            ),
        ] {
            assert_eq!(say(&text), expected, "{text}");
        }
    }

    #[test]
    fn reasons_that_are_no_number_of_16_bits_are_none() {
        for value in ["65536", "-1", "1.5", "\"272\"", "null", "[]", "1e3"] {
            let text = format!(r#"{{"00081198":{{"Value":[{{"00081197":{{"Value":[{value}]}}}}]}}}}"#);
            assert_eq!(say(&text), Statement::Failed(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_module_is_unreadable_and_never_stored() {
        let deep = format!(r#"{{"00081199":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for text in [
            "null",
            "1",
            "\"00081199\"",
            "{}",
            "[]",
            "[{},{}]",
            "{\"status\":\"ok\"}",
            "{\"00081199\":",
            "\u{feff}{}",
            &deep,
        ] {
            assert_eq!(say(text), Statement::Unreadable, "{}", &text[..text.len().min(40)]);
        }
        for text in ["{\"00081199\":1}", "{\"00081199\":{\"Value\":{}}}", "{\"00081199\":{\"Value\":[[],1,null]}}"] {
            assert_eq!(say(text), Statement::Absent, "{text}");
        }
        assert_eq!(say(" \r\n"), Statement::Nothing);
    }

    #[test]
    fn every_reason_means_something_and_only_a_duplicate_is_stored() {
        for reason in 0..=u16::MAX {
            assert_eq!(by_reason(reason) == Answer::Taken, reason == 0x0111, "{reason:04X}");
        }
    }
}
