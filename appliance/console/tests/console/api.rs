//! The machine interface, held to its own description.

use serde_json::Value;

use crate::client::{Running, between, start};
use crate::fake::MARKER;
use crate::schema;

/// A token that `ann` made on the account page.
fn token(running: &Running, role: &str) -> String {
    let (session, csrf) = running.sign_in("ann");
    let page =
        running.form("/account/tokens", &session, &format!("form={csrf}&name=monitor-{role}&role={role}")).text();
    format!("Authorization: Bearer {}\r\n", between(&page, "aria-label=\"Token\">", "<"))
}

fn document(running: &Running) -> Value {
    let answer = running.get("/api/v1/openapi.json", "");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

/// A path of the description with things that are there; bodies are empty, but of a bundle.
fn filled(running: &Running, token: &str, path: &str) -> String {
    let first =
        |list: &str, name: &str| running.get(list, token).json().pointer(name).unwrap().as_str().unwrap().to_owned();
    let studies = "/api/v1/studies?skip=3";
    let mut path = path.to_owned();
    if path.contains("{study}") {
        let study = first(studies, "/items/0/id");
        path = path
            .replace("{image}", &first(&format!("/api/v1/studies/{study}"), "/images/0/id"))
            .replace("{study}", &study);
    }
    if path.contains("{delivery}") {
        path = path.replace("{delivery}", &first("/api/v1/deliveries?state=parked", "/items/0/id"));
    }
    if path.contains("{model}") {
        path = path.replace("{model}", &first("/api/v1/models", "/models/2/id"));
    }
    path.replace("{change}", "activate").replace("{destination}", "pacs")
}

/// Only a bundle is long; what nobody reads could be cut off.
fn body(path: &str) -> &'static [u8] {
    if path == "/api/v1/models" { &[7; 300_000] } else { b"" }
}

#[test]
fn every_described_operation_answers_as_described() {
    let running = start();
    let token = token(&running, "technician");
    let document = document(&running);
    assert_eq!(document["openapi"], "3.1.0");
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let about = format!("{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            let (status, described) = responses.iter().find(|(status, _)| *status != "default").unwrap();
            seen += 1;
            if described.pointer("/content/text~1event-stream").is_some() {
                continue;
            }
            let place = filled(&running, &token, path);
            let answer =
                if method == "get" { running.get(&place, &token) } else { running.post(&place, &token, body(path)) };
            assert_eq!(answer.status.to_string(), *status, "{about}: {:?}", String::from_utf8_lossy(&answer.body));
            match described["content"].as_object().and_then(|content| content.iter().next()) {
                None => assert!(answer.body.is_empty(), "{about}"),
                Some((kind, content)) => {
                    assert_eq!(answer.header("content-type"), Some(kind.as_str()), "{about}");
                    if kind == "application/json" {
                        schema::check(&document, &content["schema"], &answer.json(), &about).unwrap();
                        assert!(!answer.text().contains(MARKER), "{about}: no identifiers");
                    }
                }
            }
        }
    }
    assert_eq!(seen, 20, "a new operation is looked at here");
}

#[test]
fn all_of_it_is_for_those_with_a_session_or_a_token() {
    let running = start();
    let document = document(&running);
    let wrong = format!("Authorization: Bearer mamoru_{}\r\n", "0".repeat(64));
    let (session, _) = running.sign_in("bob");
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{change}", "activate").replace("{destination}", "pacs");
        let path =
            path.replace("{study}", "ff").replace("{image}", "ff").replace("{delivery}", "ff").replace("{model}", "ff");
        for method in operations.as_object().unwrap().keys() {
            for headers in ["", &wrong, &format!("{wrong}{session}")] {
                let answer =
                    if method == "get" { running.get(&path, headers) } else { running.post(&path, headers, b"") };
                assert_eq!(answer.status, 401, "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                schema::check(&document, &document["components"]["schemas"]["Error"], &answer.json(), "error").unwrap();
            }
        }
    }
    let answer = running.get("/api/v1/nothing", &session);
    assert!(answer.status == 404 && answer.json()["error"].is_string());
}

#[test]
fn a_viewers_token_reads_and_does_not_act() {
    let running = start();
    let token = token(&running, "viewer");
    assert_eq!(running.get("/api/v1/overview", &token).status, 200);
    for path in [
        "/api/v1/deliveries/ff/retry",
        "/api/v1/destinations/pacs/echo",
        "/api/v1/models",
        "/api/v1/models/ff/activate",
    ] {
        assert_eq!(running.post(path, &token, b"").status, 403, "{path}");
    }
    assert!(running.audit().contains("\"who\":\"token monitor-viewer\""));
    let session = running.sign_in("ann");
    assert_eq!(
        running.post("/api/v1/destinations/pacs/echo", &session.0, b"").status,
        403,
        "a browser needs the form's token"
    );
    let with_token = format!("{}X-Form-Token: {}\r\n", session.0, session.1);
    assert_eq!(running.post("/api/v1/destinations/pacs/echo", &with_token, b"").status, 200);
}

#[test]
fn a_token_ends_with_its_removal_and_with_its_maker() {
    let running = start();
    let token = token(&running, "viewer");
    let works = || running.get("/api/v1/overview", &token).status == 200;
    assert!(works());
    console::set_user(running.path(), "ann", console::Role::Viewer, "a long password").unwrap();
    assert!(!works(), "its maker is no technician any more");
    console::set_user(running.path(), "ann", console::Role::Technician, "a long password").unwrap();
    assert!(works());
    let technician = running.sign_in("ann");
    let page = running.act("/account/tokens/monitor-viewer/remove", &technician, "");
    assert!(page.contains("good for nothing any more") && !works(), "{page}");
    let text = std::fs::read_to_string(running.path().join("audit.jsonl")).unwrap();
    assert!(!text.contains("mamoru_") && text.contains("make token monitor-viewer (viewer)"), "{text}");
}

#[test]
fn odd_parameters_are_named() {
    let running = start();
    let token = token(&running, "viewer");
    for (path, name) in [
        ("/api/v1/studies?take=many", "take"),
        ("/api/v1/studies?skip=-1", "skip"),
        ("/api/v1/deliveries?state=lost", "state"),
        ("/api/v1/deliveries?destination=A%20B", "destination"),
        ("/api/v1/logs?level=loud", "level"),
        ("/api/v1/logs?take=x", "take"),
    ] {
        let answer = running.get(path, &token);
        assert!(
            answer.status == 400 && answer.text().contains(&format!("parameter {name} ")),
            "{path}: {}",
            answer.text()
        );
    }
    let part = running.get("/api/v1/studies?skip=20&take=9000", &token).json();
    assert_eq!((part["items"].as_array().unwrap().len(), &part["total"]), (4, &24.into()));
    let refused = running.post("/api/v1/models", &{ self::token(&running, "technician") }, b"BAD");
    assert!(
        refused.status == 409 && refused.json()["error"].as_str().unwrap().starts_with("B07"),
        "{}",
        refused.text()
    );
}
