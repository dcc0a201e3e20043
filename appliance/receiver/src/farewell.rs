//! The last words to a peer. They cost seconds at most, whatever the peer does.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the last words, and for the peer to close: what PS3.8 section 9.2 leaves to the ARTIM timer.
const PARTING_TIMEOUT: Duration = Duration::from_secs(1);
/// For a request that is rejected anyway.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// What a peer may still send after the last words.
const UNREAD_BYTES_MAX: u64 = 4 << 20;

/// A-ASSOCIATE-RJ (PS3.8 section 9.3.4): transient, by the presentation-related provider, local limit exceeded.
const REJECTED: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 2, 3, 2];
/// The first byte of a connection without TLS (PS3.8 section 9.3.2).
pub(crate) const A_ASSOCIATE_RQ: u8 = 1;

/// Tells the peer that its association has ended, with a Reason/Diag of PS3.8 section 9.3.8, and closes.
pub(crate) async fn abort(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reason: u8) {
    part(stream, &[7, 0, 0, 0, 0, 4, 0, 0, 2, reason]).await;
}

/// Says the last words and closes.
pub(crate) async fn say(stream: &mut TcpStream, words: &[u8]) {
    part(stream, words).await;
}

/// Closes without another word.
pub(crate) async fn close(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    part(stream, &[]).await;
}

/// Reads an A-ASSOCIATE-RQ of at most `bytes_max` without looking at it, rejects it and closes.
pub(crate) async fn reject(mut stream: TcpStream, bytes_max: u32) {
    let request = async {
        let mut header = [0; 6];
        stream.read_exact(&mut header).await?;
        let [kind, _, length @ ..] = header;
        let length = u32::from_be_bytes(length);
        if kind != A_ASSOCIATE_RQ || length > bytes_max {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        discard(&mut stream, u64::from(length)).await
    };
    if matches!(timeout(REJECTION_TIMEOUT, request).await, Ok(Ok(()))) {
        part(&mut stream, &REJECTED).await;
    }
}

/// Says `words` and waits for the peer to close: what is unread when a socket closes makes the kernel send a reset, and a
/// reset takes the words away again.
async fn part(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), words: &[u8]) {
    let parting = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        discard(stream, UNREAD_BYTES_MAX).await
    };
    // A peer that is gone already misses nothing.
    let _ = timeout(PARTING_TIMEOUT, parting).await;
}

async fn discard(stream: &mut (impl AsyncRead + Unpin), bytes: u64) -> io::Result<()> {
    tokio::io::copy(&mut stream.take(bytes), &mut tokio::io::sink()).await.map(|_| ())
}
