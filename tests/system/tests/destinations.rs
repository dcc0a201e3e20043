//! Destinations that refuse, lie or are away, on a real device: complaints 1, 4 and 5.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use phantom::Size;
use serde_json::Value;
use system_tests::{Answer, Device, Instance, Pacs, PacsSettings, Settings, exam, reports_in, send, until};

/// Four images of the network and everything around them, on a shared machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// A device whose destination `pacs` has these keys beside its address, a PACS, and four images that it was sent.
struct Scene {
    device: Device,
    pacs: Pacs,
    images: Vec<Instance>,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new(seed: u64, attempts_max: u32, more: &'static str, prepare: impl FnOnce(&mut Pacs)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut pacs = Pacs::new(&folder.path().join("pacs"));
        prepare(&mut pacs);
        let to_pacs = PacsSettings { address: pacs.address(), attempts_max, more };
        let settings = Settings { pacs: Some(to_pacs), ..Settings::new(folder.path()) };
        let device = Device::started(folder.path(), settings);
        let images = exam(folder.path(), seed, Size::Small);
        assert!(Answer::are_all_success(&send(device.address(), &images)));
        Self { device, pacs, images, _folder: folder }
    }

    /// The PACS's line in the status.
    fn line(&self) -> Value {
        let status = self.device.status();
        let lines = status["destinations"].as_array().unwrap();
        lines.iter().find(|line| line["name"] == "pacs").unwrap().clone()
    }

    fn until_line(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        until(what, SETTLED_WITHIN, || Some(self.line()).filter(|line| self.is_reported() && condition(line)))
    }

    fn is_reported(&self) -> bool {
        let study = self.images[0].study.0.as_str();
        reports_in(&self.device.settings().reports).iter().any(|report| report.study.as_deref() == Some(study))
    }
}

#[test]
fn complaint_01_result_does_not_show_on_my_workstation() {
    // It takes neither of the structured reports: the page goes instead.
    let more = "objects = [[\"cad_sr\", \"comprehensive_sr\", \"summary\"], \"heatmap\"]";
    let mut scene = Scene::new(60, 3, more, |_| {});
    scene.device.settle(SETTLED_WITHIN);
    let line = scene.until_line("nothing is left to send", |line| line["due"] == 0);
    assert_eq!(line["parked"], 0, "{line}");
    let received = || scene.pacs.records().into_iter().map(|record| record.received.sop_class.as_str().to_owned());
    assert_eq!(received().collect::<Vec<_>>(), vec![SECONDARY_CAPTURE; 5], "a page and four heat maps");
    let before: Vec<_> = scene.pacs.records().into_iter().map(|record| record.received.key).collect();
    scene.device.kill();
    scene.device.start();
    scene.device.settle(SETTLED_WITHIN);
    let after: Vec<_> = scene.pacs.records().into_iter().map(|record| record.received.key).collect();
    assert_eq!(after, before, "what was decided about kinds survives a restart");
}

#[test]
fn complaint_04_sent_but_not_stored() {
    // It takes everything and offers no commitment: that is no delivery, and a person is told.
    let scene = &mut Scene::new(61, 3, "commitment = \"required\"", |_| {});
    let line = scene.until_line("a person is asked", |line| line["parked"] == 5);
    assert_eq!(line["last_error"], "destination does not offer storage commitment");
    assert_eq!(scene.device.status()["queue"]["deliveries_uncommitted"], 0);
    // Mended: it says that it keeps what it has, and nothing is there twice.
    scene.pacs.committing();
    assert_eq!(scene.device.retry(), 5);
    scene.until_line("all are committed", |line| line["due"] == 0 && line["uncommitted"] == 0 && line["parked"] == 0);
    assert_eq!((scene.pacs.records().len(), scene.pacs.conflicts()), (5, 0));
}

#[test]
fn complaint_05_retry_loops_and_a_stuck_queue() {
    // It hangs up for ever: tries are bounded, and another destination has everything long before.
    let scene = &mut Scene::new(62, 4, "", Pacs::hanging_up);
    let line = scene.until_line("a person is asked", |line| line["parked"] == 5);
    assert_eq!(line["due"], 0, "{line}");
    for delivery in scene.device.queue() {
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&"parked".into(), &4.into()), "{delivery}");
    }
    scene.pacs.up();
    assert_eq!(scene.device.retry(), 5);
    scene.until_line("all are delivered", |line| line["due"] == 0 && line["parked"] == 0);
    assert_eq!((scene.pacs.records().len(), scene.pacs.conflicts()), (5, 0), "each once");
}
