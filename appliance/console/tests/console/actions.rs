//! What technicians can do, what viewers cannot, and what stays of it in the audit file.

use std::io::Write as _;

use crate::client::{Running, between, start, start_with};

fn id_of(page: &str, before: &str) -> String {
    between(page, before, "/").to_owned()
}

/// A form of the models' page; `token` is what it holds as the session's.
fn bundle(token: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\n{token}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"bundle\"; filename=\"m.mbundle\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    ("Content-Type: multipart/form-data; boundary=b\r\n".into(), [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat())
}

fn upload(running: &Running, (session, csrf): &(String, String), bytes: &[u8]) -> (u16, String) {
    let (kind, body) = bundle(csrf, bytes);
    let answer = running.post("/models/install", &format!("{session}{kind}"), &body);
    let page = if answer.status == 303 { running.get("/models", session).text() } else { answer.text() };
    (answer.status, page)
}

#[test]
fn viewers_see_no_button_and_are_refused() {
    let running = start();
    let (technician, viewer) = (running.sign_in("ann"), running.sign_in("bob"));
    let deliveries = running.get("/deliveries", &technician.0).text();
    let retry = format!("/deliveries/{}/retry", id_of(&deliveries, "action=\"/deliveries/"));
    let models = running.get("/models", &technician.0).text();
    let change = between(&models, "action=\"", "\"").to_owned();
    let paths = [retry.as_str(), &change, "/destinations/pacs/echo", "/destinations/pacs/test-send"];
    for path in paths {
        assert_eq!(running.form(path, &viewer.0, &format!("form={}", viewer.1)).status, 403, "{path}");
    }
    assert_eq!(
        running.form("/account/tokens", &viewer.0, &format!("form={}&name=a&role=viewer", viewer.1)).status,
        403
    );
    assert_eq!(upload(&running, &viewer, b"good").0, 403);
    assert_eq!(running.audit().matches("\"who\":\"bob\"").count(), 1 + paths.len() + 2, "{}", running.audit());
    assert_eq!(running.audit().matches("not permitted").count(), paths.len() + 2);
    for page in ["/deliveries", "/models", "/destinations"] {
        let text = running.get(page, &viewer.0).text();
        assert!(
            text.contains("Only technicians") && text.matches("method=\"post\"").count() == 1,
            "{page}: only sign out"
        );
    }
}

#[test]
fn nothing_is_done_without_the_forms_token() {
    let running = start();
    let (technician, other) = (running.sign_in("ann"), running.sign_in("bob"));
    let before = running.audit();
    let deliveries = running.get("/deliveries", &technician.0).text();
    let retry = format!("/deliveries/{}/retry", id_of(&deliveries, "action=\"/deliveries/"));
    let model = id_of(&running.get("/models", &technician.0).text(), "action=\"/models/");
    let forms = [
        (retry.as_str(), ""),
        (&format!("/models/{model}/roll-back"), ""),
        ("/destinations/pacs/echo", ""),
        ("/destinations/pacs/test-send", ""),
        ("/account/password", "&old=a&new=b&again=b"),
        ("/account/identifiers", "&shown=false"),
        ("/account/tokens", "&name=a&role=viewer"),
        ("/account/tokens/a/remove", ""),
    ];
    for (path, more) in forms {
        for token in ["", "wrong", other.1.as_str()] {
            assert_eq!(running.form(path, &technician.0, &format!("form={token}{more}")).status, 403, "{path} {token}");
        }
        assert_eq!(running.form(path, "", &format!("form={}{more}", technician.1)).status, 303, "{path}: to sign in");
    }
    assert_eq!(upload(&running, &(technician.0.clone(), other.1), b"good").0, 403);
    assert_eq!(running.audit(), before, "nothing was begun");
}

#[test]
fn a_parked_delivery_is_retried() {
    let running = start();
    let technician = running.sign_in("ann");
    let page = running.get("/deliveries?state=parked", &technician.0).text();
    let id = id_of(&page, "action=\"/deliveries/");
    let page = running.act(&format!("/deliveries/{id}/retry"), &technician, "");
    assert!(page.contains("✓ Done. </strong>The delivery is tried again now."), "{page}");
    assert!(!running.get("/deliveries", &technician.0).text().contains("tried again now"), "said once");
    let page = running.act(&format!("/deliveries/{id}/retry"), &technician, "");
    assert!(page.contains("✕ Not done. </strong>This delivery is done or under way."));
    let audit = running.audit();
    for outcome in ["asked", "done", "failed"] {
        let line = format!("\"action\":\"retry delivery {}\",\"outcome\":\"{outcome}\"", &id[..12]);
        assert!(audit.contains(&line), "{line} in {audit}");
    }
    assert_eq!(running.form("/deliveries/ff/retry", &technician.0, &format!("form={}", technician.1)).status, 404);
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let running = start();
    let technician = running.sign_in("ann");
    let page = running.get("/deliveries?state=parked", &technician.0).text();
    let retry = format!("/deliveries/{}/retry", id_of(&page, "action=\"/deliveries/"));
    let audit = running.path().join("audit.jsonl");
    std::fs::remove_file(&audit).unwrap();
    std::fs::create_dir(&audit).unwrap();
    let ask =
        |path: &str, body: &str| running.form(path, &technician.0, &format!("form={}{body}", technician.1)).status;
    assert_eq!(ask(&retry, ""), 500);
    assert_eq!(ask("/account/tokens", "&name=a&role=viewer"), 500);
    assert_eq!(upload(&running, &technician, b"a bundle").0, 303, "told on the next page");
    let study = between(&page, "href=\"/studies/", "\"").to_owned();
    let page = running.get(&format!("/studies/{study}"), &technician.0).text();
    assert!(
        page.contains("Not shown: the audit file cannot be written") && !page.contains(crate::fake::MARKER),
        "{page}"
    );
    assert_eq!(running.device.patients_asked.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(
        running.get("/deliveries?state=parked", &technician.0).text().matches(">Retry<").count(),
        2,
        "not retried"
    );
    assert_eq!(running.device.model_count(), 4);
    assert!(!running.path().join("tokens.json").exists());
}

#[test]
fn destinations_are_asked_and_sent_to() {
    let running = start();
    let technician = running.sign_in("ann");
    let page = running.act("/destinations/pacs/echo", &technician, "");
    assert!(page.contains("✓ Done. </strong>pacs: It answered the C-ECHO. (12 ms)"), "{page}");
    let page = running.act("/destinations/archive/echo", &technician, "");
    assert!(page.contains("✕ Not done. </strong>archive: Nobody listens"));
    let page = running.act("/destinations/folder/test-send", &technician, "");
    assert!(page.contains("folder: It took the result of a synthetic exam."));
    let ask = |path| running.form(path, &technician.0, &format!("form={}", technician.1)).status;
    assert_eq!(ask("/destinations/folder/echo"), 501);
    assert_eq!(ask("/destinations/nobody/echo"), 404);
    assert_eq!(ask("/destinations/A%20B/echo"), 404);
}

#[test]
fn a_model_is_installed_activated_confirmed_rolled_back_and_removed() {
    let running = start();
    let technician = running.sign_in("ann");
    let large: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (status, page) = upload(&running, &technician, &large);
    assert_eq!(status, 303);
    assert!(page.contains("✓ Done. </strong>Installed as ") && page.contains("mammo-birads 1.5.0"), "{page}");
    let short = between(&page, "Installed as ", ".").to_owned();
    let id = format!("{short}{}", id_of(&page, &format!("action=\"/models/{short}")));
    for (change, badge) in
        [("activate", "On trial"), ("confirm", "Active"), ("roll-back", "Installed"), ("shadow", "Shadow")]
    {
        let page = running.act(&format!("/models/{id}/{change}"), &technician, "");
        assert!(page.contains("✓ Done. </strong>"), "{change}: {page}");
        let card = page.split("<h3>").find(|card| card.starts_with("mammo-birads 1.5.0 ")).unwrap();
        assert!(card.split("</h3>").next().unwrap().contains(badge), "{change}: {card}");
    }
    let page = running.act(&format!("/models/{id}/confirm"), &technician, "");
    assert!(page.contains("✕ Not done. </strong>Confirm") && page.contains("not in the state for that"));
    let page = running.act(&format!("/models/{id}/remove"), &technician, "");
    assert!(!page.contains("<h3>mammo-birads 1.5.0 "));
    let odd = running.form(&format!("/models/{id}/explode"), &technician.0, &format!("form={}", technician.1));
    assert_eq!(odd.status, 404);
    let audit = running.audit();
    for action in ["install a bundle", "activate model", "confirm model", "roll back model", "remove model"] {
        assert!(audit.matches(action).count() >= 2, "{action}: asked, and how it ended: {audit}");
    }
}

#[test]
fn bad_bundles_are_refused_with_their_reason() {
    let running = start_with(|settings| settings.limits.bundle_bytes_max = 100_000);
    let technician = running.sign_in("ann");
    let (status, page) = upload(&running, &technician, b"BAD bundle");
    assert!(status == 303 && page.contains("✕ Not done. </strong>B07: no trusted key signed"), "{page}");
    // Only the head: what is too large is refused by what it says of itself.
    let large = format!("POST /models/install HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}", technician.0);
    let answer = running.ask(format!("{large}{}Content-Length: 100001\r\n\r\n", bundle("", b"").0));
    assert!(answer.status == 413 && answer.text().contains("larger than 100000 bytes"), "{}", answer.text());
    let (kind, mut body) = bundle(&technician.1, b"");
    let at = body.windows(19).position(|window| window == b"filename=\"m.mbundle").unwrap();
    body.splice(at..at + 20, *b"filename=\"\"");
    let answer = running.post("/models/install", &format!("{}{kind}", technician.0), &body);
    assert!(answer.status == 400 && answer.text().contains("No bundle was chosen"), "{}", answer.text());
    let chunked = format!("{}{kind}Transfer-Encoding: chunked\r\n", technician.0);
    let answer = running.ask(format!(
        "POST /models/install HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{chunked}\r\n0\r\n\r\n"
    ));
    assert_eq!(answer.status, 411);
    assert_eq!(running.device.model_count(), 4, "no model was added");
}

#[test]
fn an_upload_that_breaks_off_installs_nothing_and_makes_room_for_the_next() {
    let running = start();
    let technician = running.sign_in("ann");
    let (kind, body) = bundle(&technician.1, &[7; 50_000]);
    let head = format!(
        "POST /models/install HTTP/1.1\r\nHost: localhost\r\n{}{kind}Content-Length: {}\r\n\r\n",
        technician.0,
        body.len()
    );
    let mut stream = running.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..20_000]).unwrap();
    stream.flush().unwrap();
    running.until(|| running.get("/models", &technician.0).text().contains("Under way"));
    let (_, page) = upload(&running, &technician, b"another");
    assert!(page.contains("Install a bundle is under way. Wait until it ends"), "{page}");
    drop(stream);
    running.until(|| running.get("/models", &technician.0).text().contains("The bundle ended too early"));
    assert_eq!(running.device.model_count(), 4);
    assert!(upload(&running, &technician, b"another").1.contains("Installed as"));
}

#[test]
fn long_work_is_shown_while_it_is_under_way_and_there_is_one_at_a_time() {
    let running = start();
    let technician = running.sign_in("ann");
    let page = running.get("/models", &technician.0).text();
    let shadow = page.split("<h3>").find(|card| card.contains("1.5.0-rc1")).unwrap();
    let id = id_of(shadow, "action=\"/models/");
    let gate = running.device.gate.lock().unwrap();
    let page = running.act(&format!("/models/{id}/activate"), &technician, "");
    assert!(page.contains("Under way") && page.contains("Self-test") && page.contains("<progress"), "{page}");
    let page = running.act(&format!("/models/{id}/remove"), &technician, "");
    assert!(page.contains("is under way. Wait until it ends"));
    drop(gate);
    running.until(|| running.get("/models", &technician.0).text().contains("On trial"));
}

#[test]
fn the_own_password_is_changed_with_the_old_one() {
    let running = start();
    let user = running.sign_in("bob");
    let change = |old: &str, new: &str, again: &str| {
        running.act("/account/password", &user, &format!("&old={old}&new={new}&again={again}"))
    };
    assert!(
        change("a+long+password", "another+password", "an+other+password").contains("The two new passwords differ")
    );
    assert!(change("a+wrong+password", "another+password", "another+password").contains("The old password is wrong"));
    assert!(change("a+long+password", "short", "short").contains("12 to 128 characters"));
    assert!(change("a+long+password", "another+password", "another+password").contains("Sign in"));
    assert_eq!(running.get("/", &user.0).status, 303, "the session has ended");
    let audit = running.audit();
    for outcome in ["refused", "unfit", "done"] {
        assert!(audit.contains(&format!("change own password\",\"outcome\":\"{outcome}\"")), "{audit}");
    }
    assert!(!audit.contains("another"));
    console::set_user(running.path(), "bob", console::Role::Viewer, "a long password").unwrap();
    let user = running.sign_in("bob");
    for _ in 0..5 {
        running.act("/account/password", &user, "&old=wrong&new=another+password&again=another+password");
    }
    let page =
        running.act("/account/password", &user, "&old=a+long+password&new=another+password&again=another+password");
    assert!(page.contains("the name is locked"), "guessing is limited");
}
