//! Bundles that do not come as they should.

use std::fs;

use fleet::ddi::Standing;
use serde_json::json;

use super::hawkbit::{Action, Hawkbit};
use super::{Site, TOKEN, turn};
use crate::http::{Reply, Server};

const FILE: &str = "softwaremodules";

fn bundle() -> Vec<u8> {
    (0..200_000_u32).map(|index| (index / 7) as u8).collect()
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_was() {
    let site = Site::new();
    site.server.roll_out(Action::of(8, &bundle()));
    site.server.fault(FILE, Reply::Cut(vec![], bundle(), 150_000, 200));
    let mut agent = site.agent();
    let trouble = turn(&mut agent).trouble.unwrap();
    assert!(trouble.contains("connection"), "{trouble}");
    assert_eq!(fs::metadata(site.staging()).unwrap().len(), 150_000);
    // And once more, in another process.
    let range = vec![("Content-Range".into(), "bytes 150000-199999/200000".into())];
    site.server.fault(FILE, Reply::Cut(range, bundle()[150_000..].to_vec(), 40_000, 206));
    drop(agent);
    assert_eq!(site.until_closed(8), "success");
    let ranges = [None, Some("bytes=150000-".to_owned()), Some("bytes=190000-".to_owned())];
    assert_eq!(site.server.rollouts().downloads, ranges);
    assert_eq!(site.device.standing_of(&bundle()), Standing::Active);
}

#[test]
fn a_server_that_cannot_go_on_begins_anew() {
    let site = Site::new();
    site.server.rollouts().has_ranges = false;
    site.server.roll_out(Action::of(8, &bundle()));
    site.server.fault(FILE, Reply::Cut(vec![], bundle(), 150_000, 200));
    assert_eq!(site.until_closed(8), "success");
    assert_eq!(site.server.rollouts().downloads.len(), 2);
}

#[test]
fn parts_that_a_power_cut_spoiled_are_fetched_again() {
    let site = Site::new();
    site.server.roll_out(Action::of(8, &bundle()));
    site.server.fault(FILE, Reply::Cut(vec![], bundle(), 150_000, 200));
    turn(&mut site.agent());
    fs::write(site.staging(), vec![0; 150_000]).unwrap();
    assert_eq!(site.until_closed(8), "success");
    assert_eq!(site.server.rollouts().downloads, [None, Some("bytes=150000-".to_owned()), None]);
    // What is too long is none of it.
    let site = Site::new();
    site.server.roll_out(Action::of(8, &bundle()));
    site.server.fault(FILE, Reply::status(500));
    turn(&mut site.agent());
    fs::write(site.staging(), vec![0; 300_000]).unwrap();
    assert_eq!(site.until_closed(8), "success");
}

#[test]
fn another_content_than_declared_is_refused() {
    let site = Site::new();
    let mut action = Action::of(8, b"bundle");
    action.artifacts[0]["hashes"]["sha256"] = "ab".repeat(32).into();
    site.server.roll_out(action);
    assert!(site.until_closed(8).starts_with("failure F106: "), "{:?}", site.server.heard());
    // Cut and resumed it is fetched once more in one piece, and no more often.
    let mut action = Action::of(9, &bundle());
    action.artifacts[0]["hashes"]["sha256"] = "ab".repeat(32).into();
    site.server.roll_out(action);
    site.server.fault(FILE, Reply::Cut(vec![], bundle(), 150_000, 200));
    assert!(site.until_closed(9).starts_with("failure F106: "), "{:?}", site.server.heard());
    assert_eq!(site.server.rollouts().downloads.len(), 1 + 3);
    assert_eq!(site.device.models().installs, 0);
}

#[test]
fn another_size_than_declared_is_refused_and_never_written() {
    let chunked = vec![("Transfer-Encoding".to_owned(), "chunked".to_owned())];
    let endless = [b"1000\r\n".to_vec(), vec![b'x'; 0x1000], b"\r\n".to_vec()].concat().repeat(60);
    for (number, reply) in [
        Reply::Whole(200, vec![], vec![1; 199_999]),
        Reply::Whole(200, vec![], vec![1; 200_001]),
        Reply::Whole(200, chunked, endless),
        Reply::Whole(206, vec![("Content-Range".into(), "bytes 7-199999/200000".into())], vec![1; 199_993]),
        Reply::Whole(206, vec![("Content-Range".into(), "bytes 0-199999/300000".into())], bundle()),
        Reply::status(416),
    ]
    .into_iter()
    .enumerate()
    {
        let site = Site::new();
        site.server.roll_out(Action::of(8, &bundle()));
        site.server.fault(FILE, reply);
        assert!(site.until_closed(8).starts_with("failure F107: "), "{number}: {:?}", site.server.heard());
        assert!(!site.staging().exists());
    }
}

#[test]
fn deployments_that_are_no_bundle_are_refused_without_a_download() {
    for (change, code) in [
        (json!({"size": 2 << 20}), "F102"),
        (json!({"size": 0}), "F102"),
        (json!({"filename": "model.swu"}), "F101"),
        (json!({"hashes": {"sha1": "ab"}}), "F103"),
        (json!({"_links": {"download": {"href": "https://elsewhere.example/x"}}}), "F104"),
        (json!({"_links": {"download": {"href": "http://10.0.0.1/x"}}}), "F104"),
        (json!({"_links": {"download": {"href": "file:///etc/passwd"}}}), "F104"),
    ] {
        let site = Site::new();
        let mut action = Action::of(8, b"bundle");
        let artifact = action.artifacts[0].as_object_mut().unwrap();
        artifact.extend(change.as_object().unwrap().clone());
        site.server.roll_out(action);
        let end = site.until_closed(8);
        assert!(end.starts_with(&format!("failure {code}: ")), "{change}: {end}");
        assert!(site.server.rollouts().downloads.is_empty());
    }
}

#[test]
fn a_place_that_the_site_allows_is_not_shown_the_token() {
    let elsewhere = Server::start(None, |request| {
        assert_eq!((request.header("authorization"), request.path.as_str()), (None, "/bundles/a.mbundle"));
        Reply::Whole(200, vec![], b"bundle".to_vec())
    });
    let mut site = Site::new();
    let mut action = Action::of(8, b"bundle");
    action.artifacts[0]["_links"]["download"]["href"] = format!("{}/bundles/a.mbundle", elsewhere.url).into();
    site.server.roll_out(action.clone());
    assert!(site.until_closed(8).starts_with("failure F104: "));
    site.config.artifact_origins = vec![elsewhere.url.clone()];
    site.server.roll_out(Action { id: 9, ..action });
    assert_eq!(site.until_closed(9), "success");
}

#[test]
fn a_redirect_is_not_followed() {
    let site = Site::new();
    site.server.roll_out(Action::of(8, b"bundle"));
    let elsewhere = vec![("Location".to_owned(), "https://elsewhere.example/".to_owned())];
    site.server.fault(FILE, Reply::Whole(302, elsewhere, vec![]));
    let trouble = turn(&mut site.agent()).trouble.unwrap();
    assert!(trouble.contains("redirect") && !trouble.contains("elsewhere"), "{trouble}");
}

#[test]
fn a_server_that_falls_silent_is_left_and_what_came_is_kept() {
    let mut site = Site::with(Hawkbit::start);
    site.config.silence_ms_max = 300;
    site.server.roll_out(Action::of(8, &bundle()));
    site.server.fault(FILE, Reply::Stall(vec![], bundle(), 120_000, 200));
    let trouble = turn(&mut site.agent()).trouble.unwrap();
    assert_eq!(trouble, "the server did not answer in time");
    assert_eq!(fs::metadata(site.staging()).unwrap().len(), 120_000);
    site.config.silence_ms_max = 20_000;
    assert_eq!(site.until_closed(8), "success");
    assert_eq!(site.server.rollouts().downloads[1].as_deref(), Some("bytes=120000-"));
}

#[test]
fn a_download_that_never_gets_further_is_given_up() {
    let site = Site::new();
    site.server.rollouts().has_ranges = false;
    site.server.roll_out(Action::of(8, &bundle()));
    for _ in 0..20 {
        site.server.fault(FILE, Reply::Cut(vec![], bundle(), 100_000, 200));
    }
    let end = site.until_closed(8);
    assert!(end.starts_with("failure F109: the bundle could not be downloaded in 10 tries"), "{end}");
    assert_eq!(site.server.rollouts().downloads.len(), 11, "one that got somewhere, ten that got no further");
    // The next rollout has all its tries again.
    site.server.rollouts().faults.clear();
    site.server.roll_out(Action::of(9, &bundle()));
    site.server.fault(FILE, Reply::status(500));
    assert_eq!(site.until_closed(9), "success");
}

#[test]
fn a_stop_ends_a_download_and_nothing_is_lost() {
    let site = Site::new();
    site.server.roll_out(Action::of(8, &bundle()));
    site.stop.stop();
    site.agent().run();
    assert!(fs::metadata(site.staging()).unwrap().len() < 200_000);
    assert_eq!(site.device.models().installs, 0);
    assert!(!site.store.text().contains(TOKEN));
    let site = Site { stop: fleet::Stop::default(), ..site };
    assert_eq!(site.until_closed(8), "success");
}
