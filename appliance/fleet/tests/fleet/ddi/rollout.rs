//! Actions from the offer to their end.

use contract::Digest;
use fleet::ddi::{Consent, Standing, Urgency};
use serde_json::json;

use super::device::refusal;
use super::hawkbit::Action;
use super::{Site, TOKEN, turn};

#[test]
fn a_bundle_is_fetched_installed_tried_and_reported() {
    let site = Site::new();
    let file = vec![7; 300_000];
    site.server.roll_out(Action::of(8, &file));
    site.device.models().trial_looks = 2;
    assert_eq!(site.until_closed(8), "success");
    assert_eq!(site.device.standing_of(&file), Standing::Active);
    let models = site.device.models();
    assert_eq!((models.installs, models.activations, models.admits.as_slice()), (1, 1, &[Urgency::Forced][..]));
    let heard = site.server.heard();
    let percents: Vec<_> = heard.iter().filter(|line| line.contains("percent downloaded")).collect();
    assert!((2..=11).contains(&percents.len()), "{heard:?}");
    assert!(heard.iter().all(|line| line.starts_with("deploymentBase/8 ")), "{heard:?}");
    let progress = &site.server.rollouts().heard[0].1["status"]["result"]["progress"];
    assert!(progress["of"] == 100 && (10..=100).contains(&progress["cnt"].as_u64().unwrap()), "{progress}");
    let stages = heard.iter().filter(|line| !line.contains("percent")).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        stages,
        [
            "deploymentBase/8 proceeding none the model is being checked and installed",
            "deploymentBase/8 proceeding none the model is installed and will run on trial",
            "deploymentBase/8 proceeding none the model runs on trial",
            "deploymentBase/8 closed success the model is installed, confirmed and runs",
        ]
    );
    assert!(!site.store.text().contains(TOKEN));
}

#[test]
fn the_box_says_what_it_is_when_asked() {
    let site = Site::new();
    site.server.rollouts().wants_facts = true;
    let mut agent = site.agent();
    assert_eq!(turn(&mut agent).trouble, None);
    let facts = site.server.rollouts().facts.take();
    assert_eq!(facts, Some(json!({"mode": "merge", "data": {"serial": "7".repeat(128), "engine": "cpu"}})));
    turn(&mut agent);
    assert_eq!(site.server.rollouts().facts, None, "once");
}

#[test]
fn a_refused_bundle_is_not_taken_again() {
    let site = Site::new();
    let file = b"a bundle of a stranger".to_vec();
    site.device.models().refuses = Some(refusal("B203", true));
    site.server.roll_out(Action::of(8, &file));
    assert_eq!(site.until_closed(8), "failure B203: this is why");
    assert_eq!(site.server.rollouts().downloads.len(), 1);
    // The same bundle in another rollout, also after a restart.
    site.device.models().refuses = None;
    site.server.roll_out(Action::of(9, &file));
    let end = site.until_closed(9);
    assert!(end.starts_with("failure F105: this box refused this bundle before (B203: this is why)"), "{end}");
    assert_eq!((site.server.rollouts().downloads.len(), site.device.models().installs), (1, 0));
    // Another bundle is taken.
    site.server.roll_out(Action::of(10, b"another"));
    assert_eq!(site.until_closed(10), "success");
}

#[test]
fn what_the_device_lacked_is_tried_again_in_another_rollout() {
    let site = Site::new();
    site.device.models().refuses = Some(refusal("U201", false));
    site.server.roll_out(Action::of(8, b"bundle"));
    assert_eq!(site.until_closed(8), "failure U201: this is why");
    site.device.models().refuses = None;
    site.server.roll_out(Action::of(9, b"bundle"));
    assert_eq!(site.until_closed(9), "success");
}

#[test]
fn a_model_that_is_taken_back_is_told_and_not_taken_again() {
    let site = Site::new();
    site.device.models().trial_fails = true;
    site.server.roll_out(Action::of(8, b"bundle"));
    assert_eq!(site.until_closed(8), "failure U301: this is why");
    site.server.roll_out(Action::of(9, b"bundle"));
    assert!(site.until_closed(9).starts_with("failure F105: "), "{:?}", site.server.heard());
    assert_eq!(site.device.models().installs, 1);
}

#[test]
fn a_model_that_a_person_removes_during_its_trial_is_told() {
    let site = Site::new();
    site.device.models().trial_looks = 1000;
    site.server.roll_out(Action::of(8, b"bundle"));
    let mut agent = site.agent();
    while site.device.standing_of(b"bundle") != Standing::OnTrial {
        turn(&mut agent);
    }
    site.device.models().standings.insert(Digest::of(b"bundle"), Standing::Installed);
    drop(agent);
    assert!(site.until_closed(8).starts_with("failure F110: the model was taken back"), "{:?}", site.server.heard());
}

#[test]
fn a_bundle_that_runs_already_is_a_success_without_an_installation() {
    let site = Site::new();
    site.device.models().standings.insert(Digest::of(b"bundle"), Standing::Active);
    site.server.roll_out(Action::of(8, b"bundle"));
    assert_eq!(site.until_closed(8), "success");
    assert_eq!(site.device.models().installs, 0);
}

#[test]
fn maintenance_windows_are_kept() {
    let site = Site::new();
    let action = Action { download: "skip", update: "skip", window: Some("unavailable"), ..Action::of(8, b"bundle") };
    site.server.roll_out(action);
    let mut agent = site.agent();
    let mut turns = || (0..3).for_each(|_| assert_eq!(turn(&mut agent).trouble, None));
    turns();
    assert!(site.server.rollouts().downloads.is_empty());
    site.server.rollouts().action.as_mut().unwrap().download = "forced";
    turns();
    assert_eq!((site.server.rollouts().downloads.len(), site.device.models().installs), (1, 0));
    // The server says that it may, its window does not.
    site.server.rollouts().action.as_mut().unwrap().update = "forced";
    turns();
    // Whoever cleans up meanwhile costs a download.
    std::fs::remove_file(site.staging()).unwrap();
    turns();
    assert_eq!((site.server.rollouts().downloads.len(), site.device.models().installs), (2, 0));
    site.server.rollouts().action.as_mut().unwrap().window = Some("available");
    turns();
    assert_eq!(site.server.closed(8).as_deref(), Some("success"));
    assert_eq!(site.server.rollouts().downloads.len(), 2);
}

#[test]
fn a_soft_update_waits_until_it_suits_and_a_forced_one_does_not() {
    let site = Site::new();
    site.device.models().is_busy = true;
    site.server.roll_out(Action { update: "attempt", ..Action::of(8, b"bundle") });
    let mut agent = site.agent();
    (0..3).for_each(|_| drop(turn(&mut agent)));
    assert_eq!(site.device.models().admits, [Urgency::Soft; 3]);
    assert_eq!((site.device.models().installs, site.server.rollouts().downloads.len()), (0, 1));
    site.device.models().is_busy = false;
    (0..3).for_each(|_| drop(turn(&mut agent)));
    assert_eq!(site.server.closed(8).as_deref(), Some("success"));
}

#[test]
fn what_needs_a_confirmation_is_confirmed_or_not() {
    let site = Site::new();
    site.device.models().consents = Some(Consent::Wait);
    site.server.roll_out(Action { needs_confirmation: true, ..Action::of(8, b"bundle") });
    let mut agent = site.agent();
    (0..2).for_each(|_| drop(turn(&mut agent)));
    assert_eq!((site.device.models().offers.len(), site.server.heard().len()), (2, 0));
    let offer = site.device.models().offers[0];
    assert_eq!((offer.action, offer.bytes, offer.sha256), (8, 6, Digest::of(b"bundle")));
    site.device.models().consents = Some(Consent::Deny("not before Monday".into()));
    (0..3).for_each(|_| drop(turn(&mut agent)));
    assert_eq!(site.server.heard(), ["confirmationBase/8 denied  not before Monday"], "once");
    // Another one, of another mind.
    site.device.models().consents = None;
    site.server.roll_out(Action { needs_confirmation: true, ..Action::of(9, b"bundle") });
    drop(agent);
    assert_eq!(site.until_closed(9), "success");
    assert_eq!(site.server.heard()[1], "confirmationBase/9 confirmed  ");
}

#[test]
fn what_could_never_be_installed_is_not_confirmed() {
    let site = Site::new();
    let mut action = Action { needs_confirmation: true, ..Action::of(8, b"bundle") };
    action.artifacts[0]["size"] = json!(2 << 20);
    site.server.roll_out(action);
    turn(&mut site.agent());
    assert!(site.server.heard()[0].starts_with("confirmationBase/8 denied  F102: "), "{:?}", site.server.heard());
    assert!(site.device.models().offers.is_empty());
}

#[test]
fn a_cancellation_is_done_before_the_installation_and_rejected_after_it() {
    let site = Site::new();
    site.server.roll_out(Action { update: "skip", ..Action::of(8, b"bundle") });
    let mut agent = site.agent();
    turn(&mut agent);
    assert!(site.staging().exists());
    site.server.rollouts().cancel = Some((11, 8));
    turn(&mut agent);
    assert_eq!(site.server.heard().last().unwrap(), "cancelAction/11 closed success cancelled; nothing was changed");
    assert!(!site.staging().exists() && site.server.rollouts().action.is_none());
    // One that the box never saw, or has forgotten.
    site.server.rollouts().cancel = Some((12, 77));
    turn(&mut agent);
    assert!(site.server.heard().last().unwrap().starts_with("cancelAction/12 closed success "));
    // On trial.
    site.device.models().trial_looks = 10;
    site.server.roll_out(Action::of(9, b"bundle"));
    while site.device.standing_of(b"bundle") != Standing::OnTrial {
        turn(&mut agent);
    }
    site.server.rollouts().cancel = Some((13, 9));
    drop(agent);
    assert_eq!(site.until_closed(9), "success");
    let heard = site.server.heard();
    assert!(
        heard.iter().any(|line| line.starts_with("cancelAction/13 rejected none the model is being tried")),
        "{heard:?}"
    );
    // After its end.
    site.server.rollouts().cancel = Some((14, 9));
    turn(&mut site.agent());
    let heard = site.server.heard();
    assert!(heard.last().unwrap().starts_with("cancelAction/14 rejected none the update has ended"), "{heard:?}");
    assert_eq!(site.device.models().installs, 1);
}

#[test]
fn a_cancellation_ends_a_download_that_runs() {
    let site = Site::new();
    site.server.rollouts().cancels_at_feedback = Some((11, 8));
    site.server.roll_out(Action::of(8, &vec![1; 1 << 20]));
    let mut agent = site.agent();
    turn(&mut agent);
    assert!(std::fs::metadata(site.staging()).unwrap().len() < 1 << 20, "it stopped");
    turn(&mut agent);
    assert!(site.server.heard().last().unwrap().starts_with("cancelAction/11 closed success"));
    assert!(!site.staging().exists());
}

#[test]
fn a_rollout_that_the_server_takes_back_or_replaces_is_dropped() {
    let site = Site::new();
    site.server.roll_out(Action { update: "skip", ..Action::of(8, b"bundle") });
    let mut agent = site.agent();
    turn(&mut agent);
    site.server.rollouts().action = None;
    turn(&mut agent);
    assert!(!site.staging().exists());
    site.server.roll_out(Action { update: "skip", ..Action::of(9, b"one") });
    turn(&mut agent);
    site.server.roll_out(Action::of(10, b"another"));
    drop(agent);
    assert_eq!(site.until_closed(10), "success");
    assert_eq!((site.device.standing_of(b"one"), site.device.models().installs), (Standing::Unknown, 1));
}

#[test]
fn an_end_that_the_server_has_forgotten_is_told_again_without_an_installation() {
    let site = Site::new();
    site.server.roll_out(Action::of(8, b"bundle"));
    assert_eq!(site.until_closed(8), "success");
    // A server that was set back to yesterday.
    let ends = |site: &Site| site.server.heard().iter().filter(|line| line.contains("closed success")).count();
    site.server.forget(8);
    site.server.roll_out(Action::of(8, b"bundle"));
    turn(&mut site.agent());
    assert_eq!((ends(&site), site.device.models().installs, site.server.rollouts().downloads.len()), (2, 1, 1));
}
