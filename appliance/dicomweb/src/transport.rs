//! Two mends of ureq 3.5, for servers that answer before they have the whole object.
//!
//! Where such an answer comes instead of "100 Continue" and in one piece, ureq looks at it, takes nothing out of its
//! buffer, and then waits for more bytes before it looks again: with a server that keeps the connection open, until the
//! deadline. So what was read is offered once more before anything is waited for. Where nothing is wrong this costs a
//! second look at the same bytes.
//!
//! Where it comes in the middle of the object and the server then closes, ureq reports the write that failed and never
//! reads the answer. One object that is too large would look like a destination that is away, and hold back all others. So
//! the status is looked for before the failure is reported.

use std::io;

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};

/// The server answered with this status and closed while the object was being sent. It does not have the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("answered with status {0} in the middle of the request")]
pub(crate) struct EarlyAnswer(pub(crate) u16);

/// TCP, TLS where the URL wants it, and the mends around both; no proxy of any kind.
pub(crate) fn connector() -> impl Connector {
    let tcp = Connector::<()>::chain(TcpConnector::default(), Lower);
    tcp.chain(RustlsConnector::default()).chain(Upper)
}

/// Makes the connection below TLS: when a write has failed, all later ones are dropped, so that what the server has sent
/// before can still be read; TLS reads nothing while it has something to write.
#[derive(Debug)]
struct Lower;

#[derive(Debug)]
struct LowerTransport<T> {
    inner: T,
    is_cut_off: bool,
}

impl<In: Transport> Connector<In> for Lower {
    type Out = LowerTransport<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| LowerTransport { inner, is_cut_off: false }))
    }
}

impl<T: Transport> Transport for LowerTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.is_cut_off {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(Error::Io(_)) => {
                self.is_cut_off = true;
                Ok(())
            }
            other => other,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    /// What the upper side learns of it by: connections are not pooled, nobody else asks.
    fn is_open(&mut self) -> bool {
        !self.is_cut_off
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Makes the connection above TLS.
#[derive(Debug)]
struct Upper;

#[derive(Debug)]
struct UpperTransport<T> {
    inner: T,
    /// Was the input read, and not offered again since?
    is_fresh: bool,
}

impl<In: Transport> Connector<In> for Upper {
    type Out = UpperTransport<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| UpperTransport { inner, is_fresh: false }))
    }
}

impl<T: Transport> UpperTransport<T> {
    /// Why a write failed: for the status that the server has sent, where it has, or as connections break. One read is
    /// enough: a status line comes in one piece.
    fn cut_off(&mut self, timeout: NextTimeout) -> Error {
        if self.inner.buffers().input().is_empty()
            && let Err(error) = self.inner.await_input(timeout)
        {
            return error;
        }
        match status(self.inner.buffers().input()) {
            Some(status) => Error::Other(Box::new(EarlyAnswer(status))),
            None => Error::Io(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl<T: Transport> Transport for UpperTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)?;
        if self.inner.is_open() { Ok(()) } else { Err(self.cut_off(timeout)) }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if std::mem::take(&mut self.is_fresh) && !self.inner.buffers().input().is_empty() {
            return Ok(true);
        }
        self.is_fresh = self.inner.await_input(timeout)?;
        Ok(self.is_fresh)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// The status of an answer that begins with `bytes` (RFC 9112 section 4), unless it is a preliminary one.
fn status(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
    let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| *status >= 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_the_beginning_of_an_answer_alone() {
        for (text, expected) in [
            ("HTTP/1.1 413 Payload Too Large\r\n", Some(413)),
            ("HTTP/1.0 503", Some(503)),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("HTTP/1.1 41", None),
            ("HTTP/1.1 4 3 ", None),
            ("HTTP/1.1 +13 ", None),
            ("HTTP/2 413", None),
            ("", None),
            ("413", None),
        ] {
            assert_eq!(status(text.as_bytes()), expected, "{text:?}");
        }
    }
}
