use std::sync::Mutex;
use std::sync::mpsc::{Receiver as Gate, Sender, channel};

use domain::AeTitle;
use inference::{Engine, EngineError, EngineInfo, Engines, Loaded, ModelFiles, Unavailable};
use phantom::{Exam, Size};
use receiver::ReceiverConfig;
use scu::{Peer, Timeouts};

use super::*;
use crate::commands::send::send_all;
use crate::engine::health::HealthBoard;
use crate::model::{Model, ModelSource};

/// An engine that is made ready for ever, as if its plan were being built: until the gate's other end is dropped.
struct Endless(Mutex<Gate<()>>);

impl Engine for Endless {
    fn name(&self) -> &'static str {
        "nvidia"
    }

    fn probe(&self) -> Result<EngineInfo, Unavailable> {
        Ok(EngineInfo { description: "an endless build".into() })
    }

    fn load(&self, _: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError> {
        let _ = self.0.lock().unwrap().recv();
        Err(EngineError::Load("the build was given up".into()))
    }
}

/// A device whose engine is being made ready until the sender is dropped.
async fn building(folder: &std::path::Path) -> (Device, Sender<()>) {
    let (release, gate) = channel();
    let board = Arc::new(HealthBoard::new("nvidia"));
    let heard = Arc::clone(&board);
    let scorer = Model::open(&ModelSource::Untrained)
        .unwrap()
        .scorer(Engines::only(Box::new(Endless(Mutex::new(gate)))))
        .watched_by(Box::new(move |health| heard.set(health)));
    let receiver =
        ReceiverConfig { listen: "127.0.0.1:0".parse().unwrap(), disk_free_bytes_min: 0, ..ReceiverConfig::default() };
    let config = Config { state_dir: folder.join("state"), receiver, destinations: Vec::new(), ..Config::default() };
    (Device::start(config, Served::for_good((scorer, board)), false).await.unwrap(), release)
}

async fn send_exam(device: &Device, folder: &std::path::Path) {
    let paths = Exam::new(1, Size::Small).write_into(folder).unwrap();
    let title = |text| AeTitle::parse(text).unwrap();
    let address = device.facts.address.to_string();
    let peer = Peer::plain(address, title("MAMORU"), title("UNIT"));
    let sent = send_all(&peer, &paths, Timeouts::default(), |_| {}).await;
    assert!(sent.files.len() == 4 && sent.files.iter().all(|file| file.ok), "{:?}", sent.files);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_plan_is_built_images_are_taken_and_wait_and_a_stop_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (device, release) = building(folder.path()).await;
    assert!(device.facts.current.running().board.is_preparing());
    send_exam(&device, folder.path()).await;
    let counts = device.queue.counts().unwrap();
    assert_eq!((counts.waiting, counts.decided), (4, 0));
    let stopping = Instant::now();
    assert!(device.stop().await, "everything else came to its end");
    assert!(stopping.elapsed() < STOP_WAIT / 2, "{:?}", stopping.elapsed());
    drop(release);
}
