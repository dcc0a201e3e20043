//! DIMSE command sets (PS3.7): C-ECHO, C-STORE, N-ACTION and N-EVENT-REPORT, as types.
//!
//! Bytes of a whole command set come in (Implicit VR Little Endian, PS3.7 section 6.3.1) and go out. Parsing is bounded by
//! its input, never panics and ignores elements that it does not know. No network here, and no data sets.

mod command;
mod notification;
pub mod sop_class;
mod status;

use contract::Uid;
use thiserror::Error;

pub use notification::{ActionRequest, EventReportRequest, N_ACTION_RQ, N_EVENT_REPORT_RQ};
pub use status::Status;

use command::{Values, Writer};

/// The longest command set that is worth reading.
pub const COMMAND_BYTES_MAX: usize = 16 << 10;

/// Command Data Set Type (0000,0800): no data set follows.
const NO_DATA_SET: u16 = 0x0101;

/// Command Field (0000,0100).
const C_STORE_RQ: u16 = 0x0001;
const C_ECHO_RQ: u16 = 0x0030;
const C_CANCEL_RQ: u16 = 0x0FFF;
/// Set in the command field of a response.
const RESPONSE: u16 = 0x8000;

/// A command set from a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// What every response has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Command Field of the request that it answers.
    pub command_field: u16,
    /// Message ID Being Responded To.
    pub message_id: u16,
    /// Status.
    pub status: Status,
    /// Does a data set follow?
    pub has_data_set: bool,
}

/// A request from a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// C-ECHO-RQ.
    Echo {
        /// Message ID.
        message_id: u16,
    },
    /// C-STORE-RQ.
    Store(StoreRequest),
    /// N-ACTION-RQ.
    Action(ActionRequest),
    /// N-EVENT-REPORT-RQ.
    EventReport(EventReportRequest),
    /// C-CANCEL-RQ: nothing here can be cancelled, and none is answered.
    Cancel,
    /// A request of another service.
    Other {
        /// Command Field.
        command_field: u16,
        /// Message ID.
        message_id: u16,
        /// Does a data set follow?
        has_data_set: bool,
    },
}

/// C-STORE-RQ (PS3.7 section 9.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRequest {
    /// Message ID.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class: Uid,
    /// Affected SOP Instance UID.
    pub sop_instance: Uid,
}

/// Why a command set is none. No value of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommandError {
    /// An element reaches beyond the end, or is not of group 0000.
    #[error("command set is damaged")]
    Damaged,
    /// An element that the command must have is missing or not valid.
    #[error("command set has no valid {0}")]
    Missing(&'static str),
    /// A response where a request was expected.
    #[error("command is a response")]
    Response,
}

impl Message {
    /// Parses a whole command set.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CommandError> {
        let values = Values::parse(bytes)?;
        let command_field = values.number(0x0100).ok_or(CommandError::Missing("Command Field"))?;
        if command_field & RESPONSE == 0 {
            return Request::from_values(&values).map(Self::Request);
        }
        let (message_id, status) = response_of(&values)?;
        let command_field = command_field & !RESPONSE;
        Ok(Self::Response(Response { command_field, message_id, status, has_data_set: values.has_data_set() }))
    }
}

impl Request {
    /// Parses a whole command set.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CommandError> {
        Self::from_values(&Values::parse(bytes)?)
    }

    fn from_values(values: &Values<'_>) -> Result<Self, CommandError> {
        let command_field = values.number(0x0100).ok_or(CommandError::Missing("Command Field"))?;
        if command_field & RESPONSE != 0 {
            return Err(CommandError::Response);
        }
        if command_field == C_CANCEL_RQ {
            return Ok(Self::Cancel);
        }
        let message_id = values.number(0x0110).ok_or(CommandError::Missing("Message ID"))?;
        let has_data_set = values.has_data_set();
        match command_field {
            C_ECHO_RQ if !has_data_set => Ok(Self::Echo { message_id }),
            C_STORE_RQ if !has_data_set => Err(CommandError::Missing("data set")),
            C_STORE_RQ => Ok(Self::Store(StoreRequest {
                message_id,
                sop_class: values.uid(0x0002).ok_or(CommandError::Missing("Affected SOP Class UID"))?,
                sop_instance: values.uid(0x1000).ok_or(CommandError::Missing("Affected SOP Instance UID"))?,
            })),
            N_ACTION_RQ => ActionRequest::from_values(values, message_id).map(Self::Action),
            N_EVENT_REPORT_RQ => EventReportRequest::from_values(values, message_id).map(Self::EventReport),
            _ => Ok(Self::Other { command_field, message_id, has_data_set }),
        }
    }
}

impl StoreRequest {
    /// The bytes of this request with medium priority.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.uid(0x0002, &self.sop_class);
        writer.number(0x0100, C_STORE_RQ);
        writer.number(0x0110, self.message_id);
        writer.number(0x0700, 0);
        writer.number(0x0800, 0);
        writer.uid(0x1000, &self.sop_instance);
        writer.finish()
    }

    /// The bytes of the response to this request.
    #[must_use]
    pub fn response(&self, status: Status) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.uid(0x0002, &self.sop_class);
        writer.number(0x0100, C_STORE_RQ | RESPONSE);
        writer.number(0x0120, self.message_id);
        writer.number(0x0800, NO_DATA_SET);
        writer.number(0x0900, status.0);
        writer.uid(0x1000, &self.sop_instance);
        writer.finish()
    }
}

/// The bytes of a C-ECHO-RQ.
#[must_use]
pub fn echo_request(message_id: u16) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(0x0002, sop_class::VERIFICATION);
    writer.number(0x0100, C_ECHO_RQ);
    writer.number(0x0110, message_id);
    writer.number(0x0800, NO_DATA_SET);
    writer.finish()
}

/// The bytes of a C-ECHO-RSP.
#[must_use]
pub fn echo_response(message_id: u16, status: Status) -> Vec<u8> {
    response(C_ECHO_RQ, message_id, status)
}

/// The bytes of the response to any request, without more than every response has.
#[must_use]
pub fn response(command_field: u16, message_id: u16, status: Status) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(0x0100, command_field | RESPONSE);
    writer.number(0x0120, message_id);
    writer.number(0x0800, NO_DATA_SET);
    writer.number(0x0900, status.0);
    writer.finish()
}

/// Status (0000,0900) of a response's bytes, and the Message ID it responds to.
///
/// # Errors
/// [`CommandError`] when the bytes are no response.
pub fn parse_response(bytes: &[u8]) -> Result<(u16, Status), CommandError> {
    response_of(&Values::parse(bytes)?)
}

fn response_of(values: &Values<'_>) -> Result<(u16, Status), CommandError> {
    let message_id = values.number(0x0120).ok_or(CommandError::Missing("Message ID Being Responded To"))?;
    let status = values.number(0x0900).ok_or(CommandError::Missing("Status"))?;
    Ok((message_id, Status(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> StoreRequest {
        let uid = |text| Uid::parse(text).unwrap();
        StoreRequest { message_id: 7, sop_class: uid("1.2.840.10008.5.1.4.1.1.1.2"), sop_instance: uid("1.2.3.4") }
    }

    #[test]
    fn requests_come_back() {
        assert_eq!(Request::parse(&store().to_bytes()), Ok(Request::Store(store())));
        assert_eq!(Request::parse(&echo_request(3)), Ok(Request::Echo { message_id: 3 }));
        assert_eq!(parse_response(&store().response(Status::SUCCESS)), Ok((7, Status::SUCCESS)));
        assert_eq!(parse_response(&echo_response(3, Status::SUCCESS)), Ok((3, Status::SUCCESS)));
        assert_eq!(Request::parse(&echo_response(3, Status::SUCCESS)), Err(CommandError::Response));
    }

    #[test]
    fn a_message_is_a_request_or_a_response() {
        assert_eq!(Message::parse(&store().to_bytes()), Ok(Message::Request(Request::Store(store()))));
        let response = Response {
            command_field: C_STORE_RQ,
            message_id: 7,
            status: Status::OUT_OF_RESOURCES,
            has_data_set: false,
        };
        assert_eq!(Message::parse(&store().response(Status::OUT_OF_RESOURCES)), Ok(Message::Response(response)));
        assert_eq!(Message::parse(&[]), Err(CommandError::Missing("Command Field")));
    }

    #[test]
    fn every_cut_and_damage_is_an_answer_and_no_panic() {
        let bytes = store().to_bytes();
        for length in 0..bytes.len() {
            assert!(Request::parse(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = Request::parse(&damaged);
            }
        }
    }

    #[test]
    fn paths_are_no_uids() {
        let mut writer = Writer::default();
        writer.uid(0x0002, &store().sop_class);
        writer.number(0x0100, C_STORE_RQ);
        writer.number(0x0110, 1);
        writer.number(0x0800, 0);
        writer.text(0x1000, "../../etc/passwd");
        assert_eq!(Request::parse(&writer.finish()), Err(CommandError::Missing("Affected SOP Instance UID")));
    }
}
