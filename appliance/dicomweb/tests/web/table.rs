//! What each answer of a server means.

use std::time::Duration;

use dicomweb::{Answer, DocumentType};

use crate::server::Server;
use crate::{INSTANCE, Object, client, kind, why};

const JSON: (&str, &str) = ("Content-Type", "application/dicom+json");

fn referenced(instance: &str, warning: Option<u16>) -> String {
    let warning = warning.map(|reason| format!(r#","00081196":{{"vr":"US","Value":[{reason}]}}"#)).unwrap_or_default();
    format!(
        r#"{{"00081190":{{"vr":"UR","Value":["http://secret/"]}},"00081199":{{"vr":"SQ","Value":[{{
        "00081150":{{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]}},
        "00081155":{{"vr":"UI","Value":["{instance}"]}}{warning}}}]}}}}"#
    )
}

fn failed(instance: &str, reason: u16) -> String {
    format!(
        r#"{{"00081198":{{"vr":"SQ","Value":[{{"00081155":{{"vr":"UI","Value":["{instance}"]}},
        "00081197":{{"vr":"US","Value":[{reason}]}}}}]}}}}"#
    )
}

/// Stores an object at a server that gives this answer.
fn store(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let server = Server::answering(status, headers, body.as_bytes());
    let answer = Object::new().store(&server.url);
    assert_eq!(server.requests().len(), if status == 417 { 2 } else { 1 }, "{status}: {answer:?}");
    answer
}

#[test]
fn reasons_of_failure_decide_whatever_the_status() {
    for (reason, expected) in [
        (0x0111, "taken"),
        (0xA700, "failed"),
        (0xA7FF, "failed"),
        (0x0110, "failed"),
        (0x0213, "failed"),
        (0x0122, "not accepted"),
        (0xC122, "not accepted"),
        (0xA900, "refused"),
        (0xA800, "refused"),
        (0xC000, "refused"),
        (0xC123, "refused"),
        (0x0124, "refused"),
        (0x0000, "refused"),
        (0xFFFF, "refused"),
    ] {
        for status in [200, 202, 409] {
            let answer = store(status, &[JSON], &failed(INSTANCE, reason));
            assert_eq!(kind(&answer), expected, "{status} {reason:04X}");
            assert!(expected == "taken" || why(&answer).contains(&format!("{reason:04X}")), "{answer:?}");
        }
    }
}

#[test]
fn success_is_believed_when_it_names_the_object() {
    let page = "<html>secret portal: please log in</html>";
    let ours = referenced(INSTANCE, None);
    let warned = referenced(INSTANCE, Some(0xB000));
    let other = referenced("2.25.1", None);
    for (status, headers, body, expected) in [
        (200, &[JSON][..], ours.as_str(), "taken"),
        (200, &[("Content-Type", "application/dicom+json; charset=utf-8")], &ours, "taken"),
        (200, &[("Content-Type", "Application/JSON")], &ours, "taken"),
        (200, &[], &ours, "taken"),
        (200, &[JSON], &warned, "taken"),
        (202, &[JSON], &warned, "taken"),
        (202, &[JSON], &ours, "taken"),
        (201, &[JSON], &ours, "taken"),
        // What 200 alone says.
        (200, &[], "", "taken"),
        (200, &[JSON], "", "taken"),
        (200, &[("Content-Type", "application/dicom+xml")], "<secret/>", "taken"),
        // Other success says that not everything was stored.
        (202, &[], "", "failed"),
        (202, &[("Content-Type", "application/dicom+xml")], "<secret/>", "failed"),
        (204, &[], "", "failed"),
        // The object is not there, or something else answers.
        (200, &[JSON], &other, "failed"),
        (202, &[JSON], &other, "failed"),
        (200, &[JSON], &failed("2.25.1", 0x0110), "failed"),
        (200, &[("Content-Type", "text/html")], page, "failed"),
        (200, &[("Content-Type", "text/html")], &ours, "failed"),
        (200, &[JSON], page, "failed"),
        (200, &[], page, "failed"),
        (200, &[JSON], "{}", "failed"),
        (200, &[JSON], "{\"status\":\"secret\"}", "failed"),
        (202, &[JSON], page, "failed"),
        (200, &[JSON], &ours[..ours.len() - 1], "failed"),
        (200, &[JSON], &"[".repeat(200_000), "failed"),
        (200, &[JSON], &format!("{ours}{}", " ".repeat(256 * 1024)), "failed"),
        (200, &[JSON, ("Content-Encoding", "gzip")], "\u{1f}secret", "failed"),
    ] {
        let answer = store(status, headers, body);
        assert_eq!(kind(&answer), expected, "{status} {headers:?} {}: {answer:?}", &body[..body.len().min(60)]);
    }
}

#[test]
fn a_conflict_without_a_reason_is_refused() {
    let page = [("Content-Type", "text/html")];
    for (headers, body) in [(&[][..], ""), (&[JSON], "{}"), (&page, "secret"), (&[JSON], "secret")] {
        assert_eq!(kind(&store(409, headers, body)), "refused", "{body}");
    }
    // Nothing was stored, it says, and lists it as stored.
    assert_eq!(kind(&store(409, &[JSON], &referenced(INSTANCE, None))), "failed");
    assert_eq!(kind(&store(409, &[JSON], &failed("2.25.1", 0x0122))), "failed");
}

#[test]
fn other_statuses_need_no_body() {
    let configured = "configured wrongly";
    for (status, expected, words) in [
        (400, "refused", "400"),
        (406, "refused", "406"),
        (410, "refused", "410"),
        (413, "refused", "413"),
        (415, "not accepted", "415"),
        (417, "refused", "417"),
        (418, "refused", "418"),
        (422, "refused", "422"),
        (300, "unreachable", configured),
        (301, "unreachable", configured),
        (302, "unreachable", configured),
        (303, "unreachable", configured),
        (304, "unreachable", configured),
        (307, "unreachable", configured),
        (308, "unreachable", configured),
        (401, "unreachable", configured),
        (403, "unreachable", configured),
        (404, "unreachable", configured),
        (405, "unreachable", configured),
        (407, "unreachable", configured),
        (408, "unreachable", "408"),
        (425, "unreachable", "425"),
        (429, "unreachable", "429"),
        (500, "unreachable", "500"),
        (501, "unreachable", "501"),
        (502, "unreachable", "502"),
        (503, "unreachable", "503"),
        (507, "unreachable", "507"),
        (600, "unreachable", "600"),
        (999, "unreachable", "999"),
    ] {
        // What the body claims does not count.
        let body = if status == 304 { String::new() } else { referenced(INSTANCE, None) };
        let answer = store(status, &[JSON], &body);
        assert_eq!(kind(&answer), expected, "{status}: {answer:?}");
        assert!(why(&answer).contains(words) && why(&answer).contains(&status.to_string()), "{answer:?}");
        let server = Server::answering(status, &[], b"");
        let posted = client(&server.url).post(&Object::new().path, DocumentType::Json, "key");
        assert_eq!((kind(&posted), why(&posted)), (expected, why(&answer)), "posted: {status}");
    }
}

#[test]
fn a_wait_that_a_server_asks_for_is_handed_on() {
    let hour = Duration::from_secs(3600);
    for (status, value, expected) in [
        (503, Some("120"), Some(Duration::from_secs(120))),
        (429, Some("86400"), Some(hour)),
        (503, Some("Fri, 31 Dec 1999 23:59:59 GMT"), None),
        (503, Some("secret"), None),
        (503, None, None),
        // Not a matter of time.
        (403, Some("120"), None),
        (302, Some("120"), None),
    ] {
        let headers: Vec<_> = value.map(|value| ("Retry-After", value)).into_iter().collect();
        match store(status, &headers, "") {
            Answer::Unreachable { retry_after, .. } => assert_eq!(retry_after, expected, "{status} {value:?}"),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[test]
fn a_document_is_taken_by_any_success() {
    for (status, body) in [(200, ""), (201, "secret"), (202, "{"), (204, ""), (299, "x")] {
        let server = Server::answering(status, &[("Content-Type", "text/html")], body.as_bytes());
        assert_eq!(
            client(&server.url).post(&Object::new().path, DocumentType::FhirJson, "key"),
            Answer::Taken,
            "{status}"
        );
    }
    let server = Server::answering(409, &[], b"secret");
    assert_eq!(kind(&client(&server.url).post(&Object::new().path, DocumentType::Json, "key")), "refused");
}

#[test]
fn a_check_tells_what_only_a_person_can_mend() {
    for (status, is_good) in
        [(200, true), (204, true), (404, true), (405, true), (401, false), (403, false), (407, false)]
            .into_iter()
            .chain([(301, false), (500, false), (503, false)])
    {
        let server = Server::answering(status, &[], b"");
        let found = client(&server.url).check();
        assert_eq!(found.is_ok(), is_good, "{status}");
        assert!(found.map_or_else(|why| why, |status| status.to_string()).contains(&status.to_string()));
        let requests = server.requests();
        assert_eq!(requests[0].line, "OPTIONS /dicom-web HTTP/1.1");
        assert!(requests[0].body.is_empty());
    }
}
