//! A bundle on its way from a client to the device: nothing of it is kept here.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::Field;
use hyper::body::{Body as _, Bytes};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::device::{Device, Fault, Id};
use crate::jobs::{Job, Outcome};

/// A client that sends nothing for so long is gone.
const CHUNK_WAIT: Duration = Duration::from_secs(30);
/// Chunks that wait for the device.
const CHUNKS_WAITING: usize = 4;
/// No other chunk is empty.
const END: Bytes = Bytes::new();

/// Where a bundle comes from.
pub enum Source<'a> {
    /// The body of a request.
    Body(Body),
    /// A field of a form.
    Field(Box<Field<'a>>),
}

impl Source<'_> {
    /// The next bytes; `None` at the end, an error when the client is gone.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let gone = |_| io::Error::from(io::ErrorKind::UnexpectedEof);
        match self {
            Self::Field(field) => field.chunk().await.map_err(gone).transpose(),
            Self::Body(body) => loop {
                match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
                    Err(_) => return Some(Err(io::ErrorKind::UnexpectedEof.into())),
                    Ok(frame) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Some(Ok(bytes));
                        }
                    }
                }
            },
        }
    }
}

/// Gives what comes from `source`, at most `bytes_max`, to the device. All of it is taken from the client, also when the
/// device has refused it: a browser shows no answer to a form that it could not send to its end.
pub async fn install(
    device: Arc<dyn Device>,
    mut job: Job,
    mut source: Source<'_>,
    bytes_max: u64,
) -> Result<Id, Fault> {
    let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
    let work = tokio::task::spawn_blocking(move || {
        let mut reader = Reader { chunks, current: END, is_over: false };
        let result = device.install(&mut reader, bytes_max, &mut |progress| job.progress(progress));
        drop(reader);
        job.end(match &result {
            Ok(id) => {
                Outcome { good: true, sentence: format!("Installed as {}. It can be activated now.", id.short()) }
            }
            Err(fault) => Outcome { good: false, sentence: fault.to_string() },
        });
        result
    });
    let mut left = bytes_max;
    loop {
        let chunk = match timeout(CHUNK_WAIT, source.next()).await {
            Ok(Some(Ok(bytes))) if bytes.is_empty() => continue,
            Ok(Some(Ok(bytes))) if bytes.len() as u64 <= left => {
                left -= bytes.len() as u64;
                Ok(bytes)
            }
            Ok(None) => Ok(END),
            Ok(Some(_)) | Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let is_last = chunk.as_ref().map_or(true, Bytes::is_empty);
        // The device takes no more when it has refused it; the rest is read and forgotten.
        let _ = sender.send(chunk).await;
        if is_last {
            break;
        }
    }
    drop(sender);
    work.await
        .unwrap_or_else(|_| Err(Fault::Broken("A fault of the software. Look at the log, then try again.".into())))
}

/// Takes all from a client, at most `bytes_max`, and forgets it; see [`install`].
pub async fn drain(mut source: Source<'_>, bytes_max: u64) {
    let mut left = bytes_max;
    while let Ok(Some(Ok(bytes))) = timeout(CHUNK_WAIT, source.next()).await {
        let Some(less) = left.checked_sub(bytes.len() as u64) else { return };
        left = less;
    }
}

struct Reader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    is_over: bool,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                // The client is gone, and with it who would have said that this is the end.
                None if !self.is_over => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(chunk) => {
                    self.current = chunk?;
                    self.is_over = self.current.is_empty();
                }
                None => {}
            }
            if self.is_over {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}
