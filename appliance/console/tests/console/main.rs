//! The console as a client meets it, over TLS on loopback.

#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use console::{Console, Role, Settings, set_user};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::sync::watch;

#[path = "../../examples/console_on_fake/fake.rs"]
#[allow(dead_code)]
mod fake;

use fake::Fake;

fn ask(address: SocketAddr, folder: &Path, request: &str) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("console.pem")).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(client, TcpStream::connect(address).unwrap());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn get(path: &str, cookies: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n")
}

fn send(path: &str, cookies: &str, body: &str) -> String {
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookies}\r\n");
    format!("{head}{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn health_sign_in_sign_out_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    set_user(&path, "ann", Role::Technician, "a long password").unwrap();
    let mut settings = Settings::new(path.clone());
    assert!(settings.listen.ip().is_loopback());
    settings.listen.set_port(0);
    let console = Console::bind(settings, Arc::new(Fake::new())).await.unwrap();
    let address = console.address().unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(console.run(stopped));
    tokio::task::spawn_blocking(move || conversation(address, &path)).await.unwrap();
    stop.send(true).unwrap();
    running.await.unwrap();
    assert!(TcpStream::connect(address).is_err());
}

fn conversation(address: SocketAddr, folder: &Path) {
    let ask = |request: String| ask(address, folder, &request);
    assert!(ask(get("/healthz", "")).starts_with("HTTP/1.1 200"));
    let ready = ask(get("/readyz", ""));
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(r#""reason":"full""#), "{ready}");
    assert!(ask(get("/metrics", "")).contains("# TYPE mamoru_up gauge\nmamoru_up 1\n"));
    let page = ask(get("/", ""));
    assert!(page.starts_with("HTTP/1.1 303") && !page.contains("wait for a person"), "{page}");
    let form = ask(get("/sign-in", ""));
    assert!(form.contains("content-security-policy: default-src 'none'") && form.contains("not a medical device"));
    let token = between(&form, "name=\"form\" value=\"", "\"").to_owned();
    let cookie = format!("__Host-mamoru-form={token}");
    let body = |password: &str| format!("form={token}&name=ann&password={password}");
    assert!(ask(send("/sign-in", "", &body("a+long+password"))).starts_with("HTTP/1.1 403"));
    assert!(ask(send("/sign-in", &cookie, &body("a+wrong+password"))).starts_with("HTTP/1.1 401"));
    assert!(ask(send("/sign-in", &cookie, &body(&"a".repeat(20_000)))).starts_with("HTTP/1.1 413"));
    let done = ask(send("/sign-in", &cookie, &body("a+long+password")));
    assert!(done.starts_with("HTTP/1.1 303") && done.contains("Secure; HttpOnly; SameSite=Strict"), "{done}");
    let session = between(&done, "set-cookie: ", ";").to_owned();
    let page = ask(get("/", &session));
    assert!(
        page.contains("Needs attention")
            && page.contains("tract in place of nvidia")
            && page.contains("not a medical device")
    );
    let csrf = between(&page, "name=\"form\" value=\"", "\"").to_owned();
    assert!(ask(send("/sign-out", &session, "form=wrong")).starts_with("HTTP/1.1 403"));
    assert!(ask(send("/sign-out", &session, &format!("form={csrf}"))).starts_with("HTTP/1.1 303"));
    assert!(ask(get("/", &session)).starts_with("HTTP/1.1 303"), "the session has ended");
    for _ in 0..5 {
        assert!(ask(send("/sign-in", &cookie, &body("a+wrong+password"))).starts_with("HTTP/1.1 401"));
    }
    assert!(ask(send("/sign-in", &cookie, &body("a+long+password"))).starts_with("HTTP/1.1 401"), "locked");
    let audit = std::fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    assert!(audit.contains(r#""outcome":"locked""#) && !audit.contains("password"), "{audit}");
}
