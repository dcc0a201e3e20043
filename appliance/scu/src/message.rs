//! What a peer says on an association that we asked for: responses, and reports of storage commitment.

use std::time::Duration;

use commitment::BYTES_MAX;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{COMMAND_BYTES_MAX, Message, Request, Status};
use tokio::time::{Instant, timeout_at};

use crate::{Association, ScuError};

/// A whole message.
pub(crate) struct Received {
    pub(crate) context: u8,
    pub(crate) message: Message,
    /// Its data set; `None` when it was longer than [`BYTES_MAX`], and was read without being kept.
    pub(crate) data: Option<Vec<u8>>,
}

/// What came before a deadline.
pub(crate) enum Arrival {
    Message(Received),
    /// The peer released the association, and was answered.
    Release,
    /// Nothing that is whole.
    Late,
}

impl Association {
    /// The status of the response to `message_id`, whatever reports come before it.
    pub(crate) async fn response(&mut self, message_id: u16) -> Result<Status, ScuError> {
        const DOING: &str = "waiting for its response";
        let deadline = later(self.timeouts.response());
        loop {
            match self.next(deadline, DOING).await? {
                Arrival::Late => return Err(ScuError::Timeout(DOING)),
                Arrival::Release => return Err(ScuError::Ended(DOING)),
                Arrival::Message(Received { message: Message::Response(response), .. }) => {
                    return if response.message_id != message_id {
                        Err(ScuError::Protocol("response to another message"))
                    } else if response.has_data_set {
                        Err(ScuError::Protocol("data set in a response"))
                    } else {
                        Ok(response.status)
                    };
                }
                Arrival::Message(received) => {
                    if let Some(report) = self.take_request(received, deadline).await? {
                        self.early.push_back(report);
                    }
                }
            }
        }
    }

    /// The next message, if all of it comes before `deadline`. What came of a late one is lost: the association is of no
    /// use after it but to be released.
    pub(crate) async fn next(&mut self, deadline: Instant, doing: &'static str) -> Result<Arrival, ScuError> {
        let mut partial = Partial::default();
        loop {
            if let Some(value) = self.values.pop_front() {
                if let Some(received) = partial.take(value)? {
                    return Ok(Arrival::Message(received));
                }
                continue;
            }
            let Ok(received) = timeout_at(deadline, self.inner.receive()).await else { return Ok(Arrival::Late) };
            match received.map_err(|_| ScuError::Ended(doing))? {
                Pdu::PData { data } => self.values.extend(data),
                Pdu::ReleaseRQ if partial.context.is_none() => {
                    // The peer is done: whether it hears of our consent changes nothing.
                    self.is_released = true;
                    let _ = timeout_at(later(self.timeouts.send()), self.inner.send(&Pdu::ReleaseRP)).await;
                    return Ok(Arrival::Release);
                }
                Pdu::AbortRQ { .. } | Pdu::ReleaseRQ => return Err(ScuError::Ended(doing)),
                _ => return Err(ScuError::Protocol("unexpected PDU")),
            }
        }
    }
}

/// A message of which more is to come.
#[derive(Default)]
struct Partial {
    context: Option<u8>,
    command: Vec<u8>,
    message: Option<Message>,
    data: Vec<u8>,
    /// All that came, also what is not kept.
    data_bytes: usize,
}

impl Partial {
    /// Takes a value; the whole message when it was the last one.
    fn take(&mut self, value: PDataValue) -> Result<Option<Received>, ScuError> {
        let PDataValue { presentation_context_id: context, value_type, is_last, data } = value;
        if *self.context.get_or_insert(context) != context {
            return Err(ScuError::Protocol("two messages are interleaved"));
        }
        let message = match (value_type, self.message.take()) {
            (PDataValueType::Command, None) => {
                self.command.extend(data);
                if self.command.len() > COMMAND_BYTES_MAX {
                    return Err(ScuError::Protocol("command set is too long"));
                }
                if !is_last {
                    return Ok(None);
                }
                let message = Message::parse(&self.command).map_err(|_| ScuError::Protocol("response is not valid"))?;
                if has_data_set(&message) {
                    self.message = Some(message);
                    return Ok(None);
                }
                message
            }
            (PDataValueType::Data, Some(message)) => {
                self.data_bytes = self.data_bytes.saturating_add(data.len());
                if self.data_bytes <= BYTES_MAX {
                    self.data.extend(data);
                }
                if !is_last {
                    self.message = Some(message);
                    return Ok(None);
                }
                message
            }
            _ => return Err(ScuError::Protocol("command and data are interleaved")),
        };
        let data = Some(std::mem::take(&mut self.data)).filter(|_| self.data_bytes <= BYTES_MAX);
        Ok(Some(Received { context, message, data }))
    }
}

/// Does a data set follow the command? That of a response is an error before it is read.
const fn has_data_set(message: &Message) -> bool {
    match message {
        Message::Request(Request::Store(_)) => true,
        Message::Request(Request::Action(request)) => request.has_data_set,
        Message::Request(Request::EventReport(request)) => request.has_data_set,
        Message::Request(Request::Other { has_data_set, .. }) => *has_data_set,
        Message::Request(Request::Echo { .. } | Request::Cancel) | Message::Response(_) => false,
    }
}

/// So long from now.
pub(crate) fn later(wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + wait.min(YEAR)
}
