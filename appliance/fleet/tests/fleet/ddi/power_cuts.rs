//! The power is cut at each step: before and after each write of the record, each request and each doing of the installer.

use fleet::ddi::Standing;

use super::device::refusal;
use super::hawkbit::Action;
use super::{Site, turn};

/// Runs `prepare`d sites with a cut at each step and checks the end of action 8; the number of cuts.
fn matrix(prepare: impl Fn(&Site), check: impl Fn(&Site, &str)) -> u32 {
    for cut in 0.. {
        let site = Site::new();
        prepare(&site);
        site.power.cut_at(cut);
        let mut agent = site.agent();
        for _ in 0..40 {
            turn(&mut agent);
            if site.power.is_off() || (site.server.closed(8).is_some() && !site.staging().exists()) {
                break;
            }
        }
        let was_cut = site.power.is_off();
        drop(agent);
        site.power.cut_at(u32::MAX);
        // The end may have been heard and not be known here.
        let mut agent = site.agent();
        let is_over = || site.server.closed(8).is_some() && site.store.text().contains("\"action\":null");
        for _ in 0..40 {
            turn(&mut agent);
            if is_over() {
                break;
            }
        }
        drop(agent);
        let end = site.server.closed(8).unwrap_or_else(|| panic!("cut at {cut}: {:?}", site.server.heard()));
        check(&site, &end);
        assert!(!site.staging().exists(), "cut at {cut}: the staging file stays");
        assert!(site.store.text().contains("\"action\":null"), "cut at {cut}: {}", site.store.text());
        if !was_cut {
            return cut;
        }
    }
    0
}

#[test]
fn nothing_is_installed_twice_and_no_report_is_forgotten() {
    let file = vec![5; 150_000];
    let cuts = matrix(
        |site| {
            site.device.models().trial_looks = 1;
            site.server.roll_out(Action::of(8, &file));
        },
        |site, end| {
            assert_eq!((end, site.device.standing_of(&file)), ("success", Standing::Active));
            let models = site.device.models();
            assert_eq!((models.installs, models.activations), (1, 1));
        },
    );
    assert!(cuts > 40, "{cuts} cuts");
    println!("{cuts} power cuts");
}

#[test]
fn a_refusal_is_told_and_remembered() {
    let cuts = matrix(
        |site| {
            site.device.models().refuses = Some(refusal("B203", true));
            site.server.roll_out(Action::of(8, b"bundle"));
        },
        |site, end| {
            assert_eq!(end, "failure B203: this is why");
            site.server.roll_out(Action::of(9, b"bundle"));
            assert!(site.until_closed(9).starts_with("failure F105: "));
        },
    );
    assert!(cuts > 20, "{cuts} cuts");
}

#[test]
fn a_model_that_was_taken_back_is_told_and_remembered() {
    let cuts = matrix(
        |site| {
            site.device.models().trial_fails = true;
            site.server.roll_out(Action::of(8, b"bundle"));
        },
        |site, end| {
            assert_eq!((end, site.device.models().installs), ("failure U301: this is why", 1));
            site.server.roll_out(Action::of(9, b"bundle"));
            assert!(site.until_closed(9).starts_with("failure F105: "));
            assert_eq!(site.device.models().installs, 1);
        },
    );
    assert!(cuts > 30, "{cuts} cuts");
}

#[test]
fn a_record_that_is_damaged_costs_a_download_and_no_installation() {
    let site = Site::new();
    site.device.models().trial_looks = 1000;
    site.server.roll_out(Action::of(8, b"bundle"));
    let mut agent = site.agent();
    while site.device.standing_of(b"bundle") != Standing::OnTrial {
        turn(&mut agent);
    }
    drop(agent);
    site.device.models().trial_looks = 0;
    site.store.set(b"{\"sha256\": damaged");
    assert_eq!(site.until_closed(8), "success");
    assert_eq!((site.device.models().installs, site.server.rollouts().downloads.len()), (1, 2));
}

#[test]
fn a_record_that_cannot_be_written_stops_before_anything_is_done() {
    let site = Site::new();
    site.server.roll_out(Action::of(8, b"bundle"));
    // Poll and deployment are two steps each; the record comes next.
    site.power.cut_at(4);
    let trouble = turn(&mut site.agent()).trouble.unwrap();
    assert!(trouble.starts_with("updates cannot be kept on the disk"), "{trouble}");
    assert!(site.server.rollouts().downloads.is_empty());
}
