//! Server-sent events: the overview, the latest studies and the work on models, when they change.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::device::Window;
use crate::routes::{Shared, Wrong};

/// Between two looks at the device.
const SPACING: Duration = Duration::from_millis(500);
/// A client that takes nothing for so long is gone.
const SEND_WAIT: Duration = Duration::from_secs(20);
const WAITING_MAX: usize = 8;
const STUDIES: Window = Window { skip: 0, take: 20 };

/// A stream until the client goes, its session ends or the console stops.
///
/// # Errors
/// [`Wrong`] when there are too many.
pub fn stream(shared: &Arc<Shared>, headers: HeaderMap, stop: watch::Receiver<bool>) -> Result<Response, Wrong> {
    let too_many = |_| Wrong::new(StatusCode::SERVICE_UNAVAILABLE, "Too many live views are open. Close one, or wait.");
    let place = Arc::clone(&shared.streams).try_acquire_owned().map_err(too_many)?;
    let (sender, chunks) = mpsc::channel(WAITING_MAX);
    let teller = Teller { shared: Arc::clone(shared), headers, sender, last: Last::default() };
    tokio::spawn(teller.run(stop));
    let body = Body::new(Stream { chunks, _place: place });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

struct Stream {
    chunks: mpsc::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.chunks.poll_recv(context).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// What was told last, as JSON.
#[derive(Default)]
struct Last {
    overview: String,
    studies: String,
    work: String,
}

struct Teller {
    shared: Arc<Shared>,
    headers: HeaderMap,
    sender: mpsc::Sender<Bytes>,
    last: Last,
}

impl Teller {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let (mut device, mut jobs) = (self.shared.device.changes(), self.shared.jobs.changes());
        if !self.send("retry: 3000\n\n".into()).await {
            return;
        }
        // So that both ends know that the other one lives, and that a session that ended is seen.
        let wait = self.shared.limits.heartbeat;
        let mut heartbeat = Instant::now() + wait;
        loop {
            let looked = Instant::now();
            device.mark_unchanged();
            jobs.mark_unchanged();
            if !self.tell().await {
                return;
            }
            tokio::select! {
                Ok(()) = device.changed() => {}
                Ok(()) = jobs.changed() => {}
                () = sleep_until(heartbeat) => {
                    heartbeat = Instant::now() + wait;
                    if !self.shared.access.still(&self.headers) || !self.send(": heartbeat\n\n".into()).await {
                        return;
                    }
                }
                () = self.sender.closed() => return,
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
            }
            sleep_until(looked + SPACING).await;
        }
    }

    /// Tells what has changed; `false` when the stream is over.
    async fn tell(&mut self) -> bool {
        let asked = self.shared.ask(|device| (device.overview(), device.studies(STUDIES))).await;
        let Ok((overview, studies)) = asked else { return false };
        let work = self.shared.jobs.last();
        let mut text = String::new();
        event(&mut text, "overview", &overview, &mut self.last.overview);
        if let Ok(studies) = studies {
            event(&mut text, "studies", &studies, &mut self.last.studies);
        }
        event(&mut text, "work", &work, &mut self.last.work);
        text.is_empty() || self.send(text).await
    }

    async fn send(&self, text: String) -> bool {
        timeout(SEND_WAIT, self.sender.send(text.into())).await.is_ok_and(|sent| sent.is_ok())
    }
}

/// One event, when it says something else than the last one of its name.
fn event(text: &mut String, name: &str, content: &impl Serialize, last: &mut String) {
    // JSON holds no line feed, which would end the line of data.
    let Ok(json) = serde_json::to_string(content) else { return };
    if json != *last {
        text.push_str(&format!("event: {name}\ndata: {json}\n\n"));
        *last = json;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_data_and_not_repeated() {
        let (mut text, mut last) = (String::new(), String::new());
        event(&mut text, "overview", &"two\nlines", &mut last);
        assert_eq!(text, "event: overview\ndata: \"two\\nlines\"\n\n");
        event(&mut text, "overview", &"two\nlines", &mut last);
        assert_eq!(text.matches("event:").count(), 1);
        event(&mut text, "overview", &"another", &mut last);
        assert!(text.ends_with("event: overview\ndata: \"another\"\n\n"));
    }
}
