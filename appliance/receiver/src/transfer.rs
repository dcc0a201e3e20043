//! A data set that is coming in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dimse::{Status, StoreRequest};
use domain::StudyKey;
use tokio::time::Instant;

use crate::admission::{admit, refused};
use crate::association::Fault;
use crate::spool::{Incoming, SpoolFile, SpoolLimits};
use crate::{ReceiverConfig, Shared};

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// A data set that is coming in, and what it is for.
pub(crate) struct Transfer {
    context: u8,
    answer: Answer,
    begun: Instant,
    /// Bytes of the data set so far.
    length: u64,
    buffer: Vec<u8>,
}

/// What becomes of the data set, and what is answered after its last byte.
enum Answer {
    Store { request: StoreRequest, sink: Result<Box<SpoolFile>, Status> },
    Other { command_field: u16, message_id: u16 },
}

impl Transfer {
    /// The data set of a C-STORE. A refusal that is certain already is answered after the data set, as PS3.7 has it.
    pub(crate) async fn store(
        shared: &Arc<Shared>,
        context: u8,
        incoming: Result<Incoming, (StoreRequest, Status)>,
    ) -> Self {
        let (request, sink) = match incoming {
            Err((request, status)) => (request, Err(status)),
            Ok(incoming) => {
                let request = incoming.request.clone();
                let create = move |shared: &Shared| {
                    let limits = SpoolLimits {
                        bytes_max: shared.config.instance_bytes_max,
                        disk_free_bytes_min: shared.config.disk_free_bytes_min,
                    };
                    SpoolFile::create(&shared.state, incoming, limits).map(Box::new).map_err(|error| refused(&error))
                };
                (request, blocking(shared, create).await.unwrap_or(Err(Status::PROCESSING_FAILURE)))
            }
        };
        Self::new(context, Answer::Store { request, sink })
    }

    /// The data set of a request that is not understood: read, thrown away and answered so.
    pub(crate) fn other(context: u8, command_field: u16, message_id: u16) -> Self {
        Self::new(context, Answer::Other { command_field, message_id })
    }

    fn new(context: u8, answer: Answer) -> Self {
        Self { context, answer, begun: Instant::now(), length: 0, buffer: Vec::new() }
    }

    /// The presentation context that the rest must come on.
    pub(crate) const fn context(&self) -> u8 {
        self.context
    }

    /// Until when the next PDU must be here, and what is wrong otherwise.
    pub(crate) fn deadline(&self, config: &ReceiverConfig) -> (Instant, Fault) {
        let rate = config.rate_bytes_per_second_min;
        let instance = (after(self.begun, config.instance_timeout_ms), Fault::InstanceTimeout);
        if rate == 0 {
            return instance;
        }
        // What has come is enough until then.
        let earned_ms = self.length.saturating_mul(1000) / rate;
        let slow = (after(self.begun, earned_ms.max(config.rate_grace_ms)), Fault::Slow);
        if slow.0 < instance.0 { slow } else { instance }
    }

    /// Takes bytes; after a failure the rest of the data set is read and thrown away.
    pub(crate) async fn take(mut self: Box<Self>, shared: &Arc<Shared>, bytes: &[u8], is_last: bool) -> Box<Self> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        let Answer::Store { sink, .. } = &mut self.answer else { return self };
        let Ok(_) = sink else { return self };
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < WRITE_BYTES && !is_last {
            return self;
        }
        let Ok(mut file) = std::mem::replace(sink, Err(Status::PROCESSING_FAILURE)) else { return self };
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = blocking(shared, move |_| {
            let written = file.write(&buffer).map(|()| file).map_err(|error| refused(&error));
            buffer.clear();
            (written, buffer)
        });
        if let Some((written, buffer)) = written.await {
            *sink = written;
            self.buffer = buffer;
        }
        self
    }

    /// The response, once the last byte was taken, and the study of an instance that was acknowledged.
    pub(crate) async fn finish(self: Box<Self>, shared: &Arc<Shared>) -> (Vec<u8>, Option<StudyKey>) {
        let (request, sink) = match self.answer {
            Answer::Other { command_field, message_id } => {
                return (dimse::response(command_field, message_id, Status::UNRECOGNIZED_OPERATION), None);
            }
            Answer::Store { request, sink } => (request, sink),
        };
        let failed = (Status::PROCESSING_FAILURE, None);
        let (status, study) = match sink {
            Ok(file) => blocking(shared, move |shared| admit(shared, *file)).await.unwrap_or(failed),
            Err(status) => (status, None),
        };
        let counters = &shared.counters;
        let counter = if status.is_success() { &counters.instances_acknowledged } else { &counters.instances_refused };
        counter.fetch_add(1, Ordering::Relaxed);
        (request.response(status), study)
    }
}

/// `milliseconds` after `instant`, however many they are.
pub(crate) fn after(instant: Instant, milliseconds: u64) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    instant + Duration::from_millis(milliseconds).min(YEAR)
}

/// Runs what blocks off the network's threads. `None` when it panicked: that is this message's failure alone.
pub(crate) async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> T + Send + 'static,
) -> Option<T> {
    let theirs = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || work(&theirs)).await;
    if done.is_err() {
        shared.counters.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!("a message's handling panicked");
    }
    done.ok()
}
