//! The update server's client.

mod device;
mod downloads;
mod hawkbit;
mod power_cuts;
mod rollout;
mod servers;

use std::path::PathBuf;
use std::sync::Arc;

use fleet::Stop;
use fleet::ddi::{Agent, DdiConfig, TokenKind, Turn};
use tempfile::TempDir;

use crate::certificates::secret;
use crate::power::Power;
use device::{Device, MemoryStore};
use hawkbit::Hawkbit;

/// What nobody may print.
const TOKEN: &str = "secret-token";

/// A box and its update server.
struct Site {
    server: Hawkbit,
    device: Device,
    store: MemoryStore,
    config: DdiConfig,
    stop: Stop,
    folder: TempDir,
    power: Arc<Power>,
}

impl Site {
    fn new() -> Self {
        Self::with(Hawkbit::start)
    }

    fn with(start: impl FnOnce(Arc<Power>) -> Hawkbit) -> Self {
        let power = Arc::<Power>::default();
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        secret(&token_file, TOKEN);
        let server = start(power.clone());
        let config = DdiConfig {
            url: server.url(),
            tenant: "DEFAULT".into(),
            controller: "box-7".into(),
            ca_file: None,
            token_file,
            token: TokenKind::Target,
            artifact_origins: vec![],
            interval_s_min: 5,
            interval_s_max: 86_400,
            bundle_bytes_max: 1 << 20,
            silence_ms_max: 20_000,
            download_ms_max: 20_000,
        };
        let (device, store) = (Device::new(power.clone()), MemoryStore::new(power.clone()));
        Self { server, device, store, config, stop: Stop::default(), folder, power }
    }

    fn staging(&self) -> PathBuf {
        self.folder.path().join("staging.mbundle")
    }

    fn agent(&self) -> Agent<Device, MemoryStore> {
        let (store, device) = (self.store.clone(), self.device.clone());
        Agent::new(self.config.clone(), self.staging(), store, device, self.stop.clone()).unwrap()
    }

    /// Turns of a new agent until the server hears the end of the action, at most 40.
    fn until_closed(&self, id: u64) -> String {
        let mut agent = self.agent();
        for _ in 0..40 {
            turn(&mut agent);
            // The end is heard first and forgotten then.
            if let Some(end) = self.server.closed(id)
                && !self.staging().exists()
            {
                return end;
            }
        }
        panic!("action {id} is not closed: {:?}", self.server.heard());
    }
}

/// One turn, in whose words there is nothing that nobody may print.
fn turn(agent: &mut Agent<Device, MemoryStore>) -> Turn {
    let turn = agent.turn();
    assert!(!turn.trouble.as_ref().is_some_and(|words| words.contains("secret")), "{turn:?}");
    turn
}
