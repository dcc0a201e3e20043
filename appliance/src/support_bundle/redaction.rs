//! Takes secrets and UIDs out of texts: a second net, behind documents that hold none in the first place.

use toml::{Table, Value};

/// What stands in the place of a secret.
const REMOVED: &str = "[removed]";
/// What stands in the place of a UID.
const UID: &str = "[uid]";
/// Words of keys whose values are secrets.
const SECRETS: [&str; 6] = ["password", "passphrase", "secret", "token", "authorization", "credential"];
/// Components from which on a dotted number is a UID: addresses have four, versions at most four.
const COMPONENTS_MIN: usize = 5;
/// Digits in one component that no address and no version has (UIDs from UUIDs, PS3.5 section B.2).
const DIGITS_MIN: usize = 10;

/// The configuration without values of keys that name secrets. The path of a secret's file is none.
pub fn without_secrets(table: Table) -> Table {
    let clean = |(key, value): (String, Value)| {
        let lower = key.to_ascii_lowercase();
        let is_secret = SECRETS.iter().any(|word| lower.contains(word)) && !lower.ends_with("_file");
        let value = if is_secret { Value::String(REMOVED.into()) } else { clean_value(value) };
        (key, value)
    };
    table.into_iter().map(clean).collect()
}

fn clean_value(value: Value) -> Value {
    match value {
        Value::Table(table) => Value::Table(without_secrets(table)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean_value).collect()),
        other => other,
    }
}

/// `text` without UIDs, and without names and passwords in URLs.
pub fn scrub(text: &str) -> String {
    without_user_names(&without_uids(text))
}

fn without_uids(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        clean.push_str(before);
        clean.push_str(if is_uid(run) { UID } else { run });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn is_uid(run: &str) -> bool {
    let components: Vec<&str> = run.split('.').filter(|component| !component.is_empty()).collect();
    let is_long = || components.iter().any(|component| component.len() >= DIGITS_MIN);
    components.len() >= COMPONENTS_MIN || (components.len() >= 3 && is_long())
}

/// `scheme://user:password@host` becomes `scheme://[removed]@host`.
fn without_user_names(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        clean.push_str(before);
        let is_end = |character: char| character == '/' || character == '"' || character.is_whitespace();
        let authority = &after[..after.find(is_end).unwrap_or(after.len())];
        match authority.rfind('@') {
            Some(at) => {
                clean.push_str(REMOVED);
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_go_and_addresses_versions_and_numbers_stay() {
        for (text, clean) in [
            ("study 1.2.840.10008.5.1.4.1.1.1.2, again", "study [uid], again"),
            ("\"2.25.329800735698586629295641978511506172918\"", "\"[uid]\""),
            ("1.2.3.4.5 2.25.1234567890 1.2.840.113619.2.1", "[uid] [uid] [uid]"),
            ("pacs:1.2.840.1.1.", "pacs:[uid]"),
            (
                "192.0.2.7:104, 10.16.2.11, 0.1.0, 0.3313, 1790000000001",
                "192.0.2.7:104, 10.16.2.11, 0.1.0, 0.3313, 1790000000001",
            ),
            ("2026-11-25T13:06:05.123456789Z", "2026-11-25T13:06:05.123456789Z"),
            ("grün 1.2.3.4.5ü", "grün [uid]ü"),
            ("", ""),
        ] {
            assert_eq!(scrub(text), clean);
        }
    }

    #[test]
    fn names_and_passwords_in_urls_go() {
        for (text, clean) in [
            ("url = \"https://anna:hunter2@pacs/a@b\"", "url = \"https://[removed]@pacs/a@b\""),
            ("https://a@b@c https://d", "https://[removed]@c https://d"),
            ("https://pacs.example/studies", "https://pacs.example/studies"),
            ("://", "://"),
        ] {
            assert_eq!(scrub(text), clean);
        }
    }

    #[test]
    fn keys_that_name_secrets_lose_their_values_wherever_they_stand() {
        let text = "password = 'hunter2'\nauthorization_file = 'token.txt'\n[a]\nApiToken = { b = 'hunter2' }\n\
                    [[d]]\nclient_secret = 'hunter2'\nname = 'pacs'";
        let clean = without_secrets(text.parse().unwrap());
        let shown = toml::to_string(&clean).unwrap();
        assert!(!shown.contains("hunter2") && shown.matches(REMOVED).count() == 3, "{shown}");
        assert!(shown.contains("token.txt") && shown.contains("pacs"), "{shown}");
    }
}
