//! TLS: who is trusted, and what is said of who is not.

use std::net::TcpListener;
use std::path::PathBuf;

use dicomweb::{Answer, WebClient, WebConfig, WebError};
use rustls::ServerConfig;

use crate::certificates::Authority;
use crate::server::Server;
use crate::{Object, config, kind, sop, why};

/// A server that stores everything it gets over TLS.
fn archive(config: ServerConfig) -> Server {
    Server::https(config, |connection| {
        connection.request()?;
        connection.answer(200, &[], b"")
    })
}

fn store(url: &str, ca_file: PathBuf) -> Answer {
    let client = WebClient::new(&WebConfig { ca_file: Some(ca_file), ..config(url) }).unwrap();
    let answer = client.store(&Object::new().path, &sop());
    // The check says the same of the certificate.
    match &answer {
        Answer::Taken => assert_eq!(client.check(), Ok(200)),
        other => assert_eq!(client.check(), Err(why(other).to_owned())),
    }
    answer
}

#[test]
fn a_server_of_the_authority_is_trusted() {
    let hospital = Authority::new("hospital");
    let server = archive(hospital.server("127.0.0.1", 2000, 4000));
    assert_eq!(store(&server.url, hospital.file()), Answer::Taken);
}

#[test]
fn a_large_object_goes_over_tls() {
    let hospital = Authority::new("hospital");
    let server = Server::https(hospital.server("127.0.0.1", 2000, 4000), |connection| {
        let request = connection.request()?;
        assert!(request.body.windows(8 << 20).any(|bytes| bytes.iter().all(|byte| *byte == 7)));
        connection.answer(200, &[], b"")
    });
    let client = WebClient::new(&WebConfig { ca_file: Some(hospital.file()), ..config(&server.url) }).unwrap();
    assert_eq!(client.store(&Object::of(&[7; 8 << 20]).path, &sop()), Answer::Taken);
}

#[test]
fn another_authority_name_or_time_is_told_apart() {
    let (hospital, other) = (Authority::new("hospital"), Authority::new("hospital"));
    for (server, words) in [
        (other.server("127.0.0.1", 2000, 4000), "not trusted"),
        (hospital.server("secret.example", 2000, 4000), "another name"),
        (hospital.server("127.0.0.2", 2000, 4000), "another name"),
        (hospital.server("127.0.0.1", 2000, 2001), "expired"),
        (hospital.server("127.0.0.1", 3999, 4000), "not valid yet"),
    ] {
        let server = archive(server);
        let answer = store(&server.url, hospital.file());
        assert_eq!(kind(&answer), "unreachable", "{words}");
        assert!(why(&answer).contains(words), "{words}: {answer:?}");
    }
}

#[test]
fn without_a_file_only_the_operating_system_is_believed() {
    let server = archive(Authority::new("hospital").server("127.0.0.1", 2000, 4000));
    match WebClient::new(&config(&server.url)) {
        Ok(client) => {
            let answer = client.store(&Object::new().path, &sop());
            assert!(why(&answer).contains("not trusted"), "{answer:?}");
        }
        // A machine that trusts nobody says so at once.
        Err(error) => assert_eq!(error, WebError::NoRoots),
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let hospital = Authority::new("hospital");
    let plain = Server::http(|connection| connection.answer(400, &[], b"secret"));
    let answer = store(&plain.url.replace("http:", "https:"), hospital.file());
    assert_eq!(kind(&answer), "unreachable");
    assert!(why(&answer).contains("does not speak TLS"), "{answer:?}");
}

#[test]
fn tls_is_not_spoken_to_as_if_it_were_none() {
    let hospital = Authority::new("hospital");
    let server = archive(hospital.server("127.0.0.1", 2000, 4000));
    assert_eq!(kind(&Object::new().store(&server.url.replace("https:", "http:"))), "unreachable");
}

#[test]
fn nobody_there_is_said_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for url in [format!("http://{address}"), format!("https://{address}")] {
        let answer = store(&url, Authority::new("hospital").file());
        assert_eq!(kind(&answer), "unreachable");
        assert!(why(&answer).contains("connection refused"), "{answer:?}");
    }
}

#[test]
fn a_name_that_nobody_knows_is_said_as_that() {
    // Reserved never to exist (RFC 6761 section 6.4).
    let answer = store("https://pacs.invalid/dicom-web", Authority::new("hospital").file());
    assert_eq!(kind(&answer), "unreachable");
    assert!(why(&answer).contains("name is not known"), "{answer:?}");
}
