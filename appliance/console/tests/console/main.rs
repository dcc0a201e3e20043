//! The console as a client meets it, over TLS on loopback, on a made-up device.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod api;
mod client;
mod events;
#[path = "../../examples/console_on_fake/fake.rs"]
#[allow(dead_code)]
mod fake;
mod markup;
mod pages;
mod schema;

use std::net::TcpStream;

use client::{between, start};

#[test]
fn health_sign_in_sign_out_and_stop() {
    let mut running = start();
    assert_eq!(running.get("/healthz", "").status, 200);
    let ready = running.get("/readyz", "");
    assert!(ready.status == 503 && ready.text().contains(r#""reason":"full""#), "{ready:?}");
    assert!(running.get("/metrics", "").text().contains("# TYPE mamoru_up gauge\nmamoru_up 1\n"));
    let page = running.get("/", "");
    assert!(page.status == 303 && page.body.is_empty(), "{page:?}");
    let form = running.get("/sign-in", "");
    assert!(form.head.contains("content-security-policy: default-src 'none'"), "{}", form.head);
    assert!(!form.head.contains("unsafe-inline") && form.text().contains("not a medical device"));
    let form = form.text();
    let token = between(&form, "name=\"form\" value=\"", "\"");
    let cookie = format!("Cookie: __Host-mamoru-form={token}\r\n");
    let body = |password: &str| format!("form={token}&name=ann&password={password}");
    let sign_in = |cookie: &str, password: &str| running.form("/sign-in", cookie, &body(password));
    assert_eq!(sign_in("", "a+long+password").status, 403);
    assert_eq!(sign_in(&cookie, "a+wrong+password").status, 401);
    assert_eq!(sign_in(&cookie, &"a".repeat(20_000)).status, 413);
    let done = sign_in(&cookie, "a+long+password");
    assert!(done.status == 303 && done.head.contains("Secure; HttpOnly; SameSite=Strict"), "{done:?}");
    let session = format!("Cookie: {}\r\n", done.header("set-cookie").unwrap().split(';').next().unwrap());
    let page = running.get("/", &session).text();
    assert!(page.contains("Needs attention") && page.contains("not a medical device"), "{page}");
    let csrf = between(&page, "name=\"form\" value=\"", "\"");
    assert_eq!(running.form("/sign-out", &session, "form=wrong").status, 403);
    assert_eq!(running.form("/sign-out", &session, &format!("form={csrf}")).status, 303);
    assert_eq!(running.get("/", &session).status, 303, "the session has ended");
    for _ in 0..5 {
        assert_eq!(sign_in(&cookie, "a+wrong+password").status, 401);
    }
    assert_eq!(sign_in(&cookie, "a+long+password").status, 401, "locked");
    let audit = running.audit();
    assert!(audit.contains(r#""outcome":"locked""#) && !audit.contains("password"), "{audit}");
    running.stop();
    assert!(TcpStream::connect(running.address).is_err());
}
