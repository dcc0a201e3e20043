//! A small receiving destination: a storage SCP of our own with state of its own.

use std::net::SocketAddr;
use std::path::Path;

use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::device::now;

/// The destination's AE title.
pub const AE_TITLE: &str = "PACS";

/// A running destination.
pub struct Destination {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it received.
    pub queue: Queue,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Destination {
    /// Starts one on a free port, with its files in `folder`.
    ///
    /// # Errors
    /// When its state or its port cannot be had.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let state = StateDir::create(folder)?;
        let (queue, _) = Queue::open(&state, &receiver::reread, now())?;
        let config = ReceiverConfig {
            listen: "127.0.0.1:0".parse()?,
            ae_title: AE_TITLE.into(),
            disk_free_bytes_min: 0,
            ..ReceiverConfig::default()
        };
        let receiver = Receiver::bind(config, queue.clone(), state).await?;
        let address = receiver.local_addr();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(receiver.run(stopped));
        Ok(Self { address, queue, stop, task })
    }

    /// Stops it.
    pub async fn stop(self) {
        // It may have ended already.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}
