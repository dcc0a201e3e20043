//! How long are the certificates valid that the configuration names?
//!
//! They are found by their keys wherever they stand: `certificate` with `key`, which must belong together, and the files of
//! authorities.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secure_transport::{CertificateFacts, FileFault, WARN_DAYS, inspect_authorities, inspect_pair};
use toml::{Table, Value};

use super::Finding;

const CHECK: &str = "certificates";
/// Keys that name a file of authorities.
const AUTHORITIES: [&str; 3] = ["ca", "ca_file", "client_ca"];

/// Files of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Files {
    Pair { certificate: PathBuf, key: PathBuf },
    Authorities(PathBuf),
}

/// One finding per certificate that the configuration names.
pub fn check(config: &Table, now: SystemTime) -> Vec<Finding> {
    let mut named = Vec::new();
    collect(config, "", &mut named);
    if named.is_empty() {
        return vec![Finding::ok(CHECK, "the configuration names none")];
    }
    named.iter().map(|(place, files)| of_files(place, files, now)).collect()
}

/// All that `table` names, each with the place where it stands.
fn collect(table: &Table, place: &str, named: &mut Vec<(String, Files)>) {
    let path = |key: &str| table.get(key).and_then(Value::as_str).map(PathBuf::from);
    let at = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    if let (Some(certificate), Some(key)) = (path("certificate"), path("key")) {
        named.push((at("certificate"), Files::Pair { certificate, key }));
    }
    for key in AUTHORITIES {
        named.extend(path(key).map(|file| (at(key), Files::Authorities(file))));
    }
    for (key, value) in table {
        match value {
            Value::Table(inner) => collect(inner, &at(key), named),
            Value::Array(items) => {
                for inner in items.iter().filter_map(Value::as_table) {
                    let name = inner.get("name").and_then(Value::as_str).unwrap_or(key);
                    collect(inner, name, named);
                }
            }
            _ => {}
        }
    }
}

fn of_files(place: &str, files: &Files, now: SystemTime) -> Finding {
    let (file, facts) = match files {
        Files::Pair { certificate, key } => (certificate, inspect_pair(certificate, key)),
        Files::Authorities(file) => (file, inspect_authorities(file)),
    };
    judge(&format!("certificate {place}"), file, facts, now)
}

fn judge(check: &str, file: &Path, facts: Result<Option<CertificateFacts>, FileFault>, now: SystemTime) -> Finding {
    let shown = file.display();
    let renew = "put the renewed certificate, and its key, in the place of these files; no restart is needed";
    let facts = match facts {
        Ok(Some(facts)) => facts,
        Ok(None) => return Finding::attention(check, format!("{shown} does not say how long it is valid"), renew),
        Err(fault) => {
            let next = "mend the file, its rights, or its place in the configuration";
            return Finding::failed(check, fault.to_string(), next);
        }
    };
    let days = facts.days_left(now);
    if days < 0 {
        return Finding::failed(check, format!("{shown} has expired {} days ago", -days), renew);
    }
    if !facts.is_valid(now) {
        return Finding::failed(check, format!("{shown} is not valid yet"), "see whether the clock is right");
    }
    let found = format!("{shown} is valid for {days} days");
    if days < WARN_DAYS { Finding::attention(check, found, renew) } else { Finding::ok(check, found) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::doctor::Verdict;

    const DAY: u64 = 24 * 60 * 60;

    #[test]
    fn the_days_that_are_left_decide() {
        let facts = CertificateFacts { not_before: DAY as i64, not_after: 100 * DAY as i64 };
        let verdict = |days: u64| {
            let now = UNIX_EPOCH + Duration::from_secs(days * DAY + 1);
            judge("certificate a", Path::new("a.pem"), Ok(Some(facts)), now).verdict
        };
        assert_eq!((verdict(0), verdict(1), verdict(69)), (Verdict::Failed, Verdict::Ok, Verdict::Ok));
        assert_eq!((verdict(70), verdict(99)), (Verdict::Attention, Verdict::Attention));
        assert_eq!((verdict(100), verdict(4000)), (Verdict::Failed, Verdict::Failed));
        assert_eq!(judge("certificate a", Path::new("a.pem"), Ok(None), UNIX_EPOCH).verdict, Verdict::Attention);
    }

    #[test]
    fn certificates_are_found_wherever_they_stand() {
        let text = "[receiver.tls]\ncertificate = 'a.pem'\nkey = 'a.key'\nclient_ca = 'b.pem'\n\
                    [[destinations]]\nname = 'pacs'\ntls = { ca = 'c.pem' }\n\
                    [[destinations]]\nname = 'web'\nstow = { url = 'https://x', ca_file = 'd.pem' }";
        let mut named = Vec::new();
        collect(&text.parse().unwrap(), "", &mut named);
        let places: Vec<_> = named.iter().map(|(place, _)| place.as_str()).collect();
        let expected = ["pacs.tls.ca", "receiver.tls.certificate", "receiver.tls.client_ca", "web.stow.ca_file"];
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert!(
            named
                .iter()
                .any(|(_, files)| { *files == Files::Pair { certificate: "a.pem".into(), key: "a.key".into() } })
        );
        let findings = check(&text.parse().unwrap(), UNIX_EPOCH);
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Failed), "none of the files is there");
        assert_eq!(check(&Table::new(), UNIX_EPOCH)[0].verdict, Verdict::Ok);
    }
}
