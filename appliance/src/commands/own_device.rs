//! A device that a command starts for itself, on a free port of this machine's own.

use std::time::Duration;

use queue::Queue;
use receiver::ReceiverConfig;

use super::progress::Progress;

/// Without any change in the queue for so long, it has failed.
pub const STALL_WAIT: Duration = Duration::from_secs(180);

/// Its receiver.
///
/// # Errors
/// None that could be met: the address is well formed.
pub fn receiver() -> anyhow::Result<ReceiverConfig> {
    Ok(ReceiverConfig { listen: "127.0.0.1:0".parse()?, disk_free_bytes_min: 0, ..ReceiverConfig::default() })
}

/// Waits until everything that was received is reported and delivered; false when nothing happens any more.
///
/// # Errors
/// When the queue cannot be read.
pub async fn wait_until_done(queue: &Queue, progress: &mut Progress) -> anyhow::Result<bool> {
    let mut changes = queue.changes();
    loop {
        changes.borrow_and_update();
        let counts = queue.counts()?;
        let deliveries = counts.deliveries_due + counts.deliveries_parked + counts.deliveries_delivered;
        progress.show(&format!(
            "analysed {} of {}, studies reported {} of {}, results delivered {} of {deliveries}",
            counts.decided,
            counts.decided + counts.waiting,
            counts.studies - counts.studies_open,
            counts.studies,
            counts.deliveries_delivered,
        ));
        if counts.waiting == 0 && counts.studies_open == 0 && counts.deliveries_due == 0 {
            return Ok(true);
        }
        if tokio::time::timeout(STALL_WAIT, changes.changed()).await.is_err() {
            return Ok(false);
        }
    }
}
