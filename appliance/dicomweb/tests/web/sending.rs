//! What a server is sent.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dicomweb::{Answer, DocumentType, WebClient, WebConfig};

use crate::server::{Request, Server};
use crate::{INSTANCE, Object, client, config, kind, sop, why};

/// What a server answers that has stored the object.
fn stored() -> String {
    format!(r#"{{"00081199":{{"vr":"SQ","Value":[{{"00081155":{{"vr":"UI","Value":["{INSTANCE}"]}}}}]}}}}"#)
}

/// A server that stores everything.
fn archive() -> Server {
    Server::answering(200, &[("Content-Type", "application/dicom+json")], stored().as_bytes())
}

/// The only part of a multipart body, as RFC 2046 section 5.1.1 has it, with its headers.
fn only_part(request: &Request) -> (Vec<String>, Vec<u8>) {
    let mut fields = request.header("content-type").unwrap().split("; ");
    assert_eq!(fields.next(), Some("multipart/related"));
    assert_eq!(fields.next(), Some("type=\"application/dicom\""));
    let boundary = fields.next().and_then(|field| field.strip_prefix("boundary=")).unwrap();
    assert_eq!(fields.next(), None);
    let delimiter = format!("\r\n--{boundary}");
    // A body may begin with a delimiter's line without the break before it.
    let whole = [b"\r\n", request.body.as_slice()].concat();
    let places: Vec<_> =
        whole.windows(delimiter.len()).enumerate().filter(|(_, at)| *at == delimiter.as_bytes()).collect();
    let [(begin, _), (end, _)] = places.as_slice() else { panic!("{} delimiters", places.len()) };
    assert_eq!((*begin, &whole[end + delimiter.len()..]), (0, &b"--\r\n"[..]));
    let part = whole[begin + delimiter.len()..*end].strip_prefix(b"\r\n").unwrap();
    let head_bytes = part.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(part[..head_bytes].to_vec()).unwrap();
    (head.split("\r\n").map(str::to_owned).collect(), part[head_bytes + 4..].to_vec())
}

#[test]
fn an_object_arrives_byte_for_byte_as_the_only_part() {
    for content in [&b""[..], b"x", b"\r\n--\r\n\r\n--", b"Content-Type: text/html\r\n\r\n", &[0, 255, 13, 10]] {
        let server = archive();
        assert_eq!(Object::of(content).store(&server.url), Answer::Taken);
        let requests = server.requests();
        let [request] = requests.as_slice() else { panic!("{}", requests.len()) };
        assert_eq!(request.line, "POST /dicom-web/studies HTTP/1.1");
        let (headers, part) = only_part(request);
        assert_eq!((headers, part.as_slice()), (vec!["Content-Type: application/dicom".to_owned()], content));
        assert_eq!(request.header("accept"), Some("application/dicom+json"));
        assert_eq!(request.header("expect"), Some("100-continue"));
        assert_eq!(request.header("host"), Some(server.address.to_string().as_str()));
        assert_eq!(request.header("connection"), Some("close"));
        for absent in ["authorization", "cookie", "accept-encoding", "idempotency-key", "referer"] {
            assert_eq!(request.header(absent), None, "{absent}");
        }
    }
}

#[test]
fn a_large_object_arrives_byte_for_byte() {
    let mut state = 1_u32;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(32 << 20)
    .collect();
    let server = archive();
    assert_eq!(Object::of(&content).store(&server.url), Answer::Taken);
    let requests = server.requests();
    assert!(only_part(&requests[0]).1 == content);
}

#[test]
fn a_slash_at_the_end_of_the_url_is_one_slash() {
    let server = archive();
    assert_eq!(Object::new().store(&format!("{}/", server.url)), Answer::Taken);
    assert_eq!(server.requests()[0].line, "POST /dicom-web/studies HTTP/1.1");
}

#[test]
fn the_same_object_is_the_same_request() {
    let (server, object) = (archive(), Object::new());
    let client = client(&server.url);
    assert_eq!(
        (client.store(&object.path, &sop()), client.store(&object.path, &sop())),
        (Answer::Taken, Answer::Taken)
    );
    let requests = server.requests();
    assert_eq!((&requests[0].headers, &requests[0].body), (&requests[1].headers, &requests[1].body));
}

#[test]
fn several_objects_at_a_time_do_not_mix() {
    let server = archive();
    let client = client(&server.url);
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let client = client.clone();
            scope.spawn(move || assert_eq!(client.store(&Object::of(&[number; 100_000]).path, &sop()), Answer::Taken));
        }
    });
    let mut parts: Vec<_> = server.requests().iter().map(|request| only_part(request).1).collect();
    parts.sort();
    assert_eq!(parts, (0..8).map(|number| vec![number; 100_000]).collect::<Vec<_>>());
}

#[test]
fn a_document_goes_to_the_url_itself_under_its_key() {
    for (document, media_type) in
        [(DocumentType::Json, "application/json"), (DocumentType::FhirJson, "application/fhir+json")]
    {
        let server = Server::answering(201, &[], b"");
        let object = Object::of(b"{\"a\": 1}");
        assert_eq!(client(&server.url).post(&object.path, document, "0123abcd"), Answer::Taken);
        let requests = server.requests();
        assert_eq!(requests[0].line, "POST /dicom-web HTTP/1.1");
        assert_eq!(requests[0].body, b"{\"a\": 1}");
        assert_eq!(requests[0].header("content-type"), Some(media_type));
        assert_eq!(requests[0].header("idempotency-key"), Some("\"0123abcd\""));
    }
}

#[test]
fn a_key_that_is_no_header_is_never_sent() {
    let server = Server::answering(201, &[], b"");
    let long = "k".repeat(256);
    for key in ["", "a b", "a\r\nX-Secret: 1", "a\"b", "a\\b", "\u{e9}", &long] {
        let answer = client(&server.url).post(&Object::new().path, DocumentType::Json, key);
        assert_eq!(kind(&answer), "refused", "{key:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn the_authorization_of_the_moment_is_sent() {
    let (server, object) = (archive(), Object::new());
    let token = object.folder.path().join("token");
    let authorization_file = Some(token.clone());
    let client = WebClient::new(&WebConfig { authorization_file, ..config(&server.url) }).unwrap();
    let store = || client.store(&object.path, &sop());
    // There is none yet: nothing is sent without it.
    let missing = store();
    assert_eq!(kind(&missing), "unreachable");
    assert!(why(&missing).contains("authorization file cannot be read"), "{missing:?}");
    for text in ["Bearer secret-1\n", "Bearer secret-2"] {
        std::fs::write(&token, text).unwrap();
        assert_eq!(store(), Answer::Taken);
    }
    std::fs::write(&token, "Bearer secret-3\nX-Header: secret").unwrap();
    assert_eq!(kind(&store()), "unreachable");
    std::fs::write(&token, "Basic secret-4").unwrap();
    assert_eq!(client.check(), Ok(200));
    let seen: Vec<_> =
        server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(seen, ["Bearer secret-1", "Bearer secret-2", "Basic secret-4"].map(|value| Some(value.to_owned())));
    assert!(!format!("{client:?}").contains("secret"), "{client:?}");
}

#[test]
fn a_file_that_is_gone_is_refused_and_one_that_cannot_be_read_is_tried_again() {
    let (server, object) = (archive(), Object::new());
    let client = client(&server.url);
    let gone = object.folder.path().join("secret-gone");
    assert_eq!(kind(&client.store(&gone, &sop())), "refused");
    assert_eq!(kind(&client.post(&gone, DocumentType::Json, "key")), "refused");
    assert_eq!(kind(&client.store(object.folder.path(), &sop())), "failed");
    assert!(server.requests().is_empty());
}

/// The file changes between the header and the body: what was announced cannot be sent, and nothing else is.
#[test]
fn a_file_that_shrinks_while_it_is_sent_is_not_filled_up() {
    let object = Object::of(&[7; 1 << 20]);
    let path = object.path.clone();
    let server = Server::http(move |connection| {
        connection.head()?;
        std::fs::write(&path, "short")?;
        connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        connection.drain();
        Ok(())
    });
    let answer = object.store(&server.url);
    assert_eq!(kind(&answer), "failed");
    assert!(why(&answer).contains("result file changed"), "{answer:?}");
}

/// Nothing of the object leaves when the server declines its header, however its answer is cut into pieces, and the answer
/// is seen although the server keeps the connection.
#[test]
fn an_object_is_not_sent_to_who_declines_its_header() {
    for (status, expected) in [(301, "unreachable"), (401, "unreachable"), (413, "refused"), (415, "not accepted")] {
        let whole = format!(
            "HTTP/1.1 {status} secret\r\nLocation: http://127.0.0.1:1/secret\r\nContent-Length: 6\r\n\r\nsecret"
        );
        for cut in [1, 9, 13, 25, 60, whole.len() - 7, whole.len()] {
            let rest = Arc::new(Mutex::new(None));
            let (seen, whole) = (rest.clone(), whole.clone());
            let server = Server::http(move |connection| {
                connection.head()?;
                connection.write(&whole.as_bytes()[..cut])?;
                // Only where the client waits for the rest.
                if cut < whole.len() - 6 {
                    connection.wait();
                }
                connection.write(&whole.as_bytes()[cut..])?;
                *seen.lock().unwrap() = Some(connection.read(1).map_err(|error| error.kind()));
                Ok(())
            });
            let begin = Instant::now();
            assert_eq!(kind(&Object::new().store(&server.url)), expected, "{status} in pieces of {cut}");
            assert!(begin.elapsed() < Duration::from_secs(30), "{status} in pieces of {cut}");
            drop(server);
            let rest = rest.lock().unwrap().take();
            let gone = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
            assert!(matches!(rest, Some(Err(kind)) if gone.contains(&kind)), "{status} in pieces of {cut}: {rest:?}");
        }
    }
}

#[test]
fn a_server_that_knows_no_expectations_is_asked_without() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = bodies.clone();
    let server = Server::http(move |connection| {
        let mut request = connection.head()?;
        if request.header("expect").is_some() {
            return connection.answer(417, &[], b"");
        }
        connection.body(&mut request)?;
        seen.lock().unwrap().push(request);
        connection.answer(200, &[("Content-Type", "application/dicom+json")], stored().as_bytes())
    });
    let object = Object::new();
    assert_eq!(object.store(&server.url), Answer::Taken);
    let requests = bodies.lock().unwrap();
    assert_eq!(only_part(&requests[0]).1, std::fs::read(&object.path).unwrap());
}

/// Silence is consent: a server may leave the expectation unanswered (RFC 9110 section 10.1.1).
#[test]
fn a_server_that_is_silent_about_the_expectation_is_sent_the_object() {
    let server = Server::http(move |connection| {
        let mut request = connection.head()?;
        connection.body(&mut request)?;
        // And then says it all the same.
        connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        connection.answer(200, &[("Content-Type", "application/dicom+json")], stored().as_bytes())
    });
    assert_eq!(Object::new().store(&server.url), Answer::Taken);
}
