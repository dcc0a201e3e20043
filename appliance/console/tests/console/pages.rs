//! What pages show, and to whom.

use std::sync::atomic::Ordering;

use crate::client::{between, start};
use crate::fake::MARKER;
use crate::markup::check;

const PAGES: [&str; 11] = [
    "/",
    "/studies",
    "/studies?skip=20",
    "/deliveries",
    "/models",
    "/destinations",
    "/health",
    "/logs",
    "/drift",
    "/settings",
    "/account",
];

#[test]
fn every_page_has_what_it_must_have() {
    let running = start();
    check("/sign-in", &running.get("/sign-in", "").text(), false);
    for name in ["ann", "bob"] {
        let (session, _) = running.sign_in(name);
        for path in PAGES {
            let answer = running.get(path, &session);
            assert_eq!(answer.status, 200, "{path}");
            check(path, &answer.text(), true);
        }
        let studies = running.get("/studies", &session).text();
        for study in studies.split("href=\"/studies/").skip(1).take(6).map(|rest| rest.split('"').next().unwrap()) {
            check("study", &running.get(&format!("/studies/{study}"), &session).text(), true);
        }
    }
    let (session, _) = running.sign_in("ann");
    for (path, status) in
        [("/nothing", 404), ("/studies/ff", 404), ("/studies/..%2f", 404), ("/studies/ff/ff/picture", 404)]
    {
        let answer = running.get(path, &session);
        assert_eq!(answer.status, status, "{path}");
        check(path, &answer.text(), false);
    }
    running.device.broken.store(true, Ordering::Relaxed);
    for path in ["/studies", "/deliveries", "/models", "/destinations", "/logs", "/drift", "/settings"] {
        let answer = running.get(path, &session);
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.text().contains("Restart the device."), "{path}");
        check(path, &answer.text(), false);
    }
    assert_eq!(running.get("/", &session).status, 200, "the overview says what is wrong");
}

#[test]
fn strangers_see_no_page_and_no_picture() {
    let running = start();
    let (session, _) = running.sign_in("bob");
    let page = running.get("/studies", &session).text();
    let study = between(&page, "href=\"/studies/", "\"").to_owned();
    let page = running.get(&format!("/studies/{study}"), &session).text();
    let picture = between(&page, "class=\"picture\" src=\"", "\"").to_owned();
    let studies = format!("/studies/{study}");
    for path in PAGES.into_iter().chain([studies.as_str(), picture.as_str()]) {
        for headers in ["", "Cookie: __Host-mamoru-session=0000\r\n"] {
            let answer = running.get(path, headers);
            assert!(answer.status == 303 && answer.body.is_empty(), "{path}");
            assert_eq!(answer.header("location"), Some("/sign-in"));
        }
    }
}

#[test]
fn what_the_device_says_is_text_and_never_markup() {
    let running = start();
    running.device.say("<script>alert(1)</script> & \"more\"");
    let (session, _) = running.sign_in("ann");
    let page = running.get("/", &session).text();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "), "{page}");
    check("/", &page, true);
    let page = running.get("/logs?containing=%22%3E%3Cscript%3E&level=debug", &session).text();
    assert!(!page.contains("\"><script>"));
    check("/logs", &page, true);
}

#[test]
fn the_overview_is_small_and_quick() {
    let running = start();
    let (session, _) = running.sign_in("ann");
    let files = ["/", "/style.css", "/live.js", "/icon.svg"];
    let answers = files.map(|path| running.get(path, &session));
    assert!(answers.iter().all(|answer| answer.status == 200));
    let bytes: usize = answers.iter().map(|answer| answer.head.len() + answer.body.len()).sum();
    assert!(bytes < 100 * 1024, "{bytes} bytes");
    let page = answers[0].text();
    for (attribute, from) in
        ["src=\"", "href=\""].into_iter().flat_map(|name| page.split(name).skip(1).map(move |rest| (name, rest)))
    {
        assert!(from.starts_with('/') || from.starts_with('#'), "{attribute}: nothing from elsewhere: {from:.40}");
    }
}

#[test]
fn a_study_shows_its_images_scores_reasons_and_deliveries() {
    let running = start();
    let (session, _) = running.sign_in("ann");
    let list = running.get("/studies", &session).text();
    let parked = list.split("<tr>").find(|row| row.contains("1 parked")).unwrap();
    let path = format!("/studies/{}", between(parked, "href=\"/studies/", "\""));
    let page = running.get(&path, &session).text();
    for text in ["Right CC", "Left MLO", "0.81", "above the operating point", "A spot compression view is not scored"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(
        page.contains("The pixel data is damaged") && page.contains("status A700") && page.contains("Show heat maps")
    );
    assert!(page.contains("id=\"heat\" type=\"checkbox\""));
    let first = running.get(&format!("/studies/{}", between(&list, "href=\"/studies/", "\"")), &session).text();
    assert!(first.contains("Missing: </strong>Left MLO") && first.contains("Waiting"), "{first}");
    for class in ["picture", "heat"] {
        let answer = running.get(between(&page, &format!("class=\"{class}\" src=\""), "\""), &session);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.body.starts_with(b"\x89PNG"));
    }
    running.device.odd_pictures.store(true, Ordering::Relaxed);
    let answer = running.get(between(&page, "class=\"picture\" src=\"", "\""), &session);
    assert!(answer.status == 500 && !answer.text().contains("onload"), "what is no PNG is not given on");
}

#[test]
fn identifiers_are_asked_for_only_when_they_are_shown() {
    let running = start();
    let signed_in = running.sign_in("bob");
    let asked = || running.device.patients_asked.load(Ordering::Relaxed);
    let list = running.get("/studies", &signed_in.0).text();
    let study = between(&list, "href=\"/studies/", "\"").to_owned();
    let path = format!("/studies/{study}");
    assert_eq!(asked(), 0, "lists hold none");
    assert!(running.get(&path, &signed_in.0).text().contains(MARKER));
    assert_eq!(asked(), 1);
    assert!(running.audit().contains(&format!("see who study {} is of", &study[..12])));
    let live = running.get(&path, &format!("{}X-Mamoru-Live: 1\r\n", signed_in.0)).text();
    assert!(!live.contains(MARKER) && asked() == 1, "not for a page that only looks for what is new");
    let page = running.act("/account/identifiers", &signed_in, &format!("&shown=false&study={study}"));
    assert!(!page.contains(MARKER) && page.contains("Hidden."), "{page}");
    assert_eq!(asked(), 1, "what is hidden is not even asked for");
    let page = running.act("/account/identifiers", &signed_in, &format!("&shown=true&study={study}"));
    assert!(page.contains(MARKER));
    assert!(!running.audit().contains(MARKER));
    assert_eq!(running.form("/account/identifiers", &signed_in.0, "form=wrong&shown=false").status, 403);
}

#[test]
fn long_lists_come_in_parts_and_filters_hold() {
    let running = start();
    let (session, _) = running.sign_in("ann");
    for _ in 0..60 {
        running.device.arrive();
    }
    let first = running.get("/studies", &session).text();
    assert!(first.contains("1 to 50 of 84") && first.contains("/studies?skip=50") && !first.contains("Newer"));
    let second = running.get("/studies?skip=50", &session).text();
    assert!(second.contains("51 to 84 of 84") && second.contains("Newer") && !second.contains("Older"));
    let parked = running.get("/deliveries?state=parked&destination=pacs", &session).text();
    assert!(parked.contains("1 to 2 of 2") && !parked.contains("folder"), "{parked}");
    let errors = running.get("/logs?level=error&containing=A700", &session).text();
    assert!(errors.contains("status=A700") && !errors.contains("image scored"));
}
