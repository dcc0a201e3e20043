//! Servers that are in trouble, or are none.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use fleet::ddi::{Agent, StartFault, TokenKind};
use serde_json::json;

use super::hawkbit::{Action, Hawkbit};
use super::{Site, turn};
use crate::certificates::{Authority, secret};
use crate::http::{Reply, Server};

/// What a turn says after `reply` to the poll.
fn trouble(reply: Reply) -> (String, Duration) {
    let site = Site::new();
    site.server.fault("", reply);
    let turn = turn(&mut site.agent());
    (turn.trouble.unwrap(), turn.wait)
}

#[test]
fn servers_in_trouble_are_asked_again_later_and_later() {
    let site = Site::new();
    (0..8).for_each(|_| site.server.fault("", Reply::status(500)));
    let mut agent = site.agent();
    let waits: Vec<f64> = (0..8).map(|_| turn(&mut agent).wait.as_secs_f64()).collect();
    for (index, wait) in waits.iter().enumerate() {
        let middle = f64::from(15_u32 << index).min(3600.0);
        assert!((middle * 0.9..=middle * 1.1).contains(wait), "{waits:?}");
    }
    let (good, bad) = (turn(&mut agent), {
        site.server.fault("", Reply::status(500));
        turn(&mut agent)
    });
    assert!(good.trouble.is_none() && (270..=330).contains(&good.wait.as_secs()), "{good:?}");
    assert!(bad.wait.as_secs() < 20, "it begins anew: {bad:?}");
    let busy = Reply::Whole(429, vec![("Retry-After".into(), "1800".into())], vec![]);
    assert_eq!(trouble(busy).1, Duration::from_secs(1800));
}

#[test]
fn answers_that_are_none_are_said_in_words() {
    let object = |text: &str| Reply::Whole(200, vec![], text.as_bytes().to_vec());
    let large = Reply::Whole(200, vec![], vec![b' '; 257 * 1024]);
    for (reply, words) in [
        (Reply::status(401), "does not accept the token"),
        (Reply::status(404), "`tenant` and `controller`"),
        (Reply::status(302), "redirect"),
        (object("<html>secret</html>"), "not understood"),
        (object("{\"_links\": 7, \"a\": \"secret\"}"), "not understood"),
        (object(&"[".repeat(10_000)), "not understood"),
        (large, "larger than 256 KiB"),
        (Reply::Raw(b"SSH-2.0-secret\r\n".to_vec()), "no HTTP/1.1"),
        (Reply::Nothing, "connection"),
    ] {
        let (found, _) = trouble(reply);
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn intervals_of_the_server_are_kept_within_bounds() {
    for (asked, seconds) in [
        (json!("00:10:00"), 600),
        (json!("00:00:00"), 60),
        (json!("99:00:00"), 7200),
        (json!("nonsense"), 60),
        (json!(null), 60),
    ] {
        let mut site = Site::new();
        (site.config.interval_s_min, site.config.interval_s_max) = (60, 7200);
        site.server.rollouts().sleep = asked.clone();
        let wait = turn(&mut site.agent()).wait.as_secs();
        assert!((seconds * 9 / 10..=seconds * 11 / 10).contains(&wait), "{asked}: {wait} s");
    }
}

#[test]
fn a_server_that_never_tires_is_not_asked_without_an_end() {
    let site = Site::new();
    let mut agent = site.agent();
    let mut waited = 0;
    for id in 0..30 {
        site.server.rollouts().cancel = Some((id, 77));
        waited += u32::from(!turn(&mut agent).wait.is_zero());
    }
    assert!((2..=4).contains(&waited), "{waited}");
}

#[test]
fn faults_at_any_request_are_overcome() {
    for at in ["deploymentBase/8", "softwaremodules", "/feedback", "configData", "deploymentBase/8/feedback"] {
        for reply in [Reply::status(500), Reply::Nothing, Reply::Raw(b"nonsense".to_vec()), Reply::status(503)] {
            let site = Site::new();
            site.server.rollouts().wants_facts = true;
            site.server.roll_out(Action::of(8, &[3; 100_000]));
            (0..3).for_each(|_| site.server.fault(at, reply.clone()));
            assert_eq!(site.until_closed(8), "success", "{at} {reply:?}");
            assert_eq!(site.device.models().installs, 1);
        }
    }
}

#[test]
fn a_server_that_hangs_is_left_after_the_deadline() {
    let mut site = Site::new();
    site.config.silence_ms_max = 200;
    site.server.fault("", Reply::Stall(vec![], b"{\"config\": {}}".to_vec(), 5, 200));
    assert_eq!(turn(&mut site.agent()).trouble.unwrap(), "the server did not answer in time");
    let (url, closed) = {
        let server = Server::start(None, |_| Reply::Nothing);
        (server.url.clone(), server)
    };
    drop(closed);
    site.config.url = url;
    assert_eq!(turn(&mut site.agent()).trouble.unwrap(), "nothing listens at the server's address and port");
}

#[test]
fn the_token_is_read_at_each_request_and_must_be_its_owners_alone() {
    let mut site = Site::new();
    let mut agent = site.agent();
    assert_eq!(turn(&mut agent).trouble, None);
    let path = site.config.token_file.clone();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let found = turn(&mut agent).trouble.unwrap();
    assert!(found.contains("0644") && found.contains("0600"), "{found}");
    fs::remove_file(&path).unwrap();
    assert!(turn(&mut agent).trouble.unwrap().contains("cannot be read"));
    secret(&path, "another-secret");
    assert!(turn(&mut agent).trouble.unwrap().contains("token"));
    secret(&path, super::TOKEN);
    assert_eq!(turn(&mut agent).trouble, None);
    site.config.token = TokenKind::Gateway;
    site.server.rollouts().scheme = "GatewayToken";
    assert_eq!(turn(&mut site.agent()).trouble, None);
}

#[test]
fn a_hospitals_own_authority_is_trusted_and_no_other() {
    let authority = Authority::new();
    let tls = authority.server("127.0.0.1");
    let mut site = Site::with(|power| Hawkbit::start_with(power, Some(tls)));
    site.config.ca_file = Some(authority.file());
    site.server.roll_out(Action::of(8, b"bundle"));
    assert_eq!(site.until_closed(8), "success");
    let stranger = Authority::new();
    site.config.ca_file = Some(stranger.file());
    let found = turn(&mut site.agent()).trouble.unwrap();
    assert!(found.contains("signed by nobody who is trusted here"), "{found}");
    site.config.ca_file = Some("missing".into());
    let agent =
        Agent::new(site.config.clone(), site.staging(), site.store.clone(), site.device.clone(), site.stop.clone());
    assert!(matches!(agent, Err(StartFault::Trust(_))));
    let other = Authority::new();
    let tls = other.server("another.example");
    let mut site = Site::with(|power| Hawkbit::start_with(power, Some(tls)));
    site.config.ca_file = Some(other.file());
    let found = turn(&mut site.agent()).trouble.unwrap();
    assert!(found.contains("another name"), "{found}");
}
