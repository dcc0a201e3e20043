//! A mend of ureq 3.5: an answer that comes instead of "100 Continue" is seen at once.
//!
//! Where such an answer arrives in one piece, ureq looks at it, takes nothing out of its buffer, and then waits for more
//! bytes before it looks again: with a server that keeps the connection open, until the deadline. So what was read is
//! offered once more before anything is waited for. Where nothing is wrong this costs a second look at the same bytes.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Comes last in a chain of connectors.
#[derive(Debug)]
pub(crate) struct OfferAgain;

impl<In: Transport> Connector<In> for OfferAgain {
    type Out = Offered<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Offered { inner, is_fresh: false }))
    }
}

/// A connection whose input is offered twice.
#[derive(Debug)]
pub(crate) struct Offered<T> {
    inner: T,
    /// Was the input read, and not offered again since?
    is_fresh: bool,
}

impl<T: Transport> Transport for Offered<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
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
