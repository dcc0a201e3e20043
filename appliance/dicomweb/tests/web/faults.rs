//! Servers that break off, dawdle or never end.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dicomweb::{Answer, DocumentType, WebClient, WebConfig, WebTimeouts};

use crate::certificates::Authority;
use crate::server::{Connection, Server};
use crate::{AMPLE, Object, client, config, kind, sop, why};

/// What a server does to a connection.
type Script = fn(&mut Connection) -> io::Result<()>;

/// A deadline that a server on purpose does not keep.
const SHORT: WebTimeouts = WebTimeouts { connect_ms: 60_000, total_ms: 300 };
/// What nobody wants to read.
const ENDLESS: u64 = 1 << 30;
/// What the sockets of both sides may hold beyond what the client reads.
const IN_FLIGHT_MAX: u64 = 64 << 20;

/// The answer within the deadline, give or take what a busy machine adds.
fn store_in_time(url: &str, timeouts: WebTimeouts) -> Answer {
    in_time(&WebClient::new(&WebConfig { timeouts, ..config(url) }).unwrap())
}

fn in_time(client: &WebClient) -> Answer {
    let begin = Instant::now();
    let answer = client.store(&Object::of(&[7; 1 << 20]).path, &sop());
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    answer
}

#[test]
fn a_server_that_breaks_off_is_unreachable_at_every_place() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 9\r\n\r\n{";
    let scripts: [(&str, Script); 5] = [
        ("at once", |_| Ok(())),
        ("in the request's header", |connection| connection.read(20)),
        ("after the request's header", |connection| connection.head().map(drop)),
        ("in the request's body", |connection| {
            connection.head()?;
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            connection.read(1000)
        }),
        ("before the answer", |connection| connection.request().map(drop)),
    ];
    for (place, script) in scripts {
        let answer = store_in_time(&Server::http(script).url, AMPLE);
        assert_eq!(kind(&answer), "unreachable", "{place}: {answer:?}");
    }
    for length in 1..=whole.len() {
        let server = Server::http(move |connection| {
            connection.request()?;
            connection.write(&whole[..length])
        });
        let answer = Object::new().store(&server.url);
        assert_eq!(kind(&answer), "unreachable", "after {length} bytes of the answer: {answer:?}");
    }
}

#[test]
fn a_server_that_says_nothing_is_left_at_the_deadline() {
    let scripts: [(&str, Script); 4] = [
        ("from the beginning", |_| Ok(())),
        ("after the header", |connection| connection.head().map(drop)),
        ("in the body", |connection| {
            connection.head()?;
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        }),
        ("after the request", |connection| connection.request().map(drop)),
    ];
    for (place, script) in scripts {
        let server = Server::http(move |connection| {
            script(connection)?;
            connection.hang();
            Ok(())
        });
        let client = WebClient::new(&WebConfig { timeouts: SHORT, ..config(&server.url) }).unwrap();
        let begin = Instant::now();
        // More than the sockets hold, so that a server that does not read is noticed.
        let answer = client.store(&Object::of(&vec![7; 16 << 20]).path, &sop());
        assert!(begin.elapsed() < Duration::from_secs(20), "{place}: {:?}", begin.elapsed());
        assert_eq!(kind(&answer), "unreachable", "{place}");
        assert!(why(&answer).contains("300 ms"), "{place}: {answer:?}");
    }
}

/// Every single wait is short: only a deadline for everything ends it.
fn trickle(connection: &mut Connection, before: &[u8], byte: &[u8]) -> io::Result<()> {
    connection.request()?;
    connection.write(before)?;
    while connection.wait() {
        connection.write(byte)?;
    }
    Ok(())
}

#[test]
fn a_server_that_dawdles_is_left_at_the_deadline() {
    for (before, byte) in [
        (&b"HTTP/1.1 200 OK\r\nX: "[..], &b"a"[..]),
        (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let server = Server::http(move |connection| trickle(connection, before, byte));
        let answer = store_in_time(&server.url, SHORT);
        assert_eq!(kind(&answer), "unreachable", "{}: {answer:?}", String::from_utf8_lossy(before));
    }
}

#[test]
fn a_server_that_dawdles_under_tls_is_left_at_the_deadline() {
    let hospital = Authority::new("hospital");
    let server = Server::https(hospital.server("127.0.0.1", 2000, 4000), |connection| {
        connection.request()?;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        while connection.wait() {
            connection.write(b" ")?;
        }
        Ok(())
    });
    let ca_file = Some(hospital.file());
    let client = WebClient::new(&WebConfig { ca_file, timeouts: SHORT, ..config(&server.url) }).unwrap();
    let answer = in_time(&client);
    assert!(why(&answer).contains("300 ms"), "{answer:?}");
}

/// A TLS record, or a handshake, that never ends is one read to whoever asks for plain text.
#[test]
fn a_handshake_that_dawdles_is_left_at_the_deadline() {
    let server = Server::http(|connection| {
        // A handshake record of 16000 bytes.
        connection.write(&[22, 3, 3, 62, 128])?;
        // The client's hello is in the way of waiting.
        while connection.write(&[2]).is_ok() && (connection.wait() || connection.written < 100) {}
        Ok(())
    });
    let url = server.url.replace("http:", "https:");
    let hospital = Authority::new("hospital");
    for timeouts in [SHORT, WebTimeouts { connect_ms: 300, total_ms: 60_000 }] {
        let client = WebClient::new(&WebConfig { ca_file: Some(hospital.file()), timeouts, ..config(&url) }).unwrap();
        assert_eq!(kind(&in_time(&client)), "unreachable");
    }
}

#[test]
fn a_connection_that_nobody_accepts_is_left_at_its_deadline() {
    // It listens, but speaks no TLS: connecting includes the handshake.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let timeouts = WebTimeouts { connect_ms: 200, total_ms: 60_000 };
    let hospital = Authority::new("hospital");
    let client = WebClient::new(&WebConfig { ca_file: Some(hospital.file()), timeouts, ..config(&url) }).unwrap();
    let answer = in_time(&client);
    assert_eq!(kind(&answer), "unreachable");
    assert!(why(&answer).contains("200 ms"), "{answer:?}");
}

/// What is written of something endless until the client goes.
fn flood(head: &'static [u8], piece: &'static [u8]) -> (Server, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let count = written.clone();
    let server = Server::http(move |connection| {
        connection.request()?;
        connection.write(head)?;
        while connection.written < ENDLESS {
            let ended = connection.write(piece);
            count.store(connection.written, Ordering::SeqCst);
            ended?;
        }
        Ok(())
    });
    (server, written)
}

#[test]
fn answers_without_end_are_not_read() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 1073741824\r\n\r\n";
    for (name, head, piece, expected) in [
        ("one header", &b"HTTP/1.1 200 OK\r\nX: "[..], &[b'a'; 65_536][..], "unreachable"),
        ("headers", b"HTTP/1.1 200 OK\r\n", b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "unreachable"),
        ("a status line", b"HTTP/1.1 200 ", &[b'a'; 65_536], "unreachable"),
        ("no HTTP", b"", &[b'a'; 65_536], "unreachable"),
        ("a body", head, &[b' '; 65_536], "failed"),
        ("a body without length", b"HTTP/1.1 200 OK\r\n\r\n", &[b'['; 65_536], "failed"),
        ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8\r\n        \r\n", "failed"),
    ] {
        let (server, written) = flood(head, piece);
        let answer = store_in_time(&server.url, AMPLE);
        assert_eq!(kind(&answer), expected, "{name}: {answer:?}");
        drop(server);
        assert!(written.load(Ordering::SeqCst) < IN_FLIGHT_MAX, "{name}");
    }
}

#[test]
fn a_document_is_taken_by_the_status_whatever_follows() {
    let (server, written) = flood(b"HTTP/1.1 200 OK\r\n\r\n", &[b'a'; 65_536]);
    let begin = Instant::now();
    assert_eq!(client(&server.url).post(&Object::new().path, DocumentType::Json, "key"), Answer::Taken);
    assert!(begin.elapsed() < Duration::from_secs(20));
    drop(server);
    assert!(written.load(Ordering::SeqCst) < IN_FLIGHT_MAX);
}

#[test]
fn what_is_no_http_is_unreachable() {
    for answer in [
        &b"SSH-2.0-secret\r\n\r\n"[..],
        b"HTTP/2 200 secret\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 20000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nsecret header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        b"\0\0\0\0\0\0\r\n\r\n",
    ] {
        let server = Server::http(move |connection| {
            connection.request()?;
            connection.write(answer)
        });
        let got = Object::new().store(&server.url);
        assert!(matches!(kind(&got), "unreachable" | "failed"), "{}: {got:?}", String::from_utf8_lossy(answer));
    }
}

/// The server has its answer before it has the object, and goes: the answer counts, but never as success.
#[test]
fn an_answer_in_the_middle_of_the_object_is_seen_and_takes_nothing() {
    let hospital = Authority::new("hospital");
    for (status, expected, words) in [
        (413, "refused", "413"),
        (415, "not accepted", "415"),
        (401, "unreachable", "configured wrongly"),
        (503, "unreachable", "503"),
        (200, "unreachable", "before it had everything"),
        (204, "unreachable", "before it had everything"),
        (409, "refused", "409"),
    ] {
        let script = move |connection: &mut Connection| {
            connection.head()?;
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            connection.read(10)?;
            connection.answer(status, &[], b"")
        };
        for server in [Server::http(script), Server::https(hospital.server("127.0.0.1", 2000, 4000), script)] {
            let client = WebClient::new(&WebConfig { ca_file: Some(hospital.file()), ..config(&server.url) }).unwrap();
            let object = Object::of(&vec![7; 16 << 20]);
            for answer in [client.store(&object.path, &sop()), client.post(&object.path, DocumentType::Json, "key")] {
                assert_eq!(kind(&answer), expected, "{} {status}: {answer:?}", server.url);
                assert!(why(&answer).contains(words), "{answer:?}");
            }
        }
    }
}

/// The environment's proxy is asked for nothing. The variables are set before any client is made, and for this process.
#[test]
fn a_proxy_of_the_environment_is_not_obeyed() {
    if std::env::var_os("DICOMWEB_TEST_CHILD").is_some() {
        return child_behind_a_proxy();
    }
    let proxy = Server::answering(200, &[], b"");
    let server = Server::answering(200, &[], b"");
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "faults::a_proxy_of_the_environment_is_not_obeyed"])
        .env("DICOMWEB_TEST_CHILD", &server.url);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, format!("http://{}", proxy.address));
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((server.requests().len(), proxy.requests().len()), (1, 0));
}

fn child_behind_a_proxy() {
    let url = std::env::var("DICOMWEB_TEST_CHILD").unwrap();
    assert_eq!(Object::new().store(&url), Answer::Taken);
}
