//! DIMSE command sets (PS3.7): C-ECHO and C-STORE, as types.
//!
//! Bytes of a whole command set come in (Implicit VR Little Endian, PS3.7 section 6.3.1) and go out. Parsing is bounded by
//! its input, never panics and ignores elements that it does not know. No network here, and no data sets.

pub mod sop_class;
mod status;

use contract::Uid;
use thiserror::Error;

pub use status::Status;

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

impl Request {
    /// Parses a whole command set.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CommandError> {
        let values = Values::parse(bytes)?;
        let command_field = values.number(0x0100).ok_or(CommandError::Missing("Command Field"))?;
        if command_field & RESPONSE != 0 {
            return Err(CommandError::Response);
        }
        if command_field == C_CANCEL_RQ {
            return Ok(Self::Cancel);
        }
        let message_id = values.number(0x0110).ok_or(CommandError::Missing("Message ID"))?;
        let has_data_set = values.number(0x0800).is_some_and(|kind| kind != NO_DATA_SET);
        match command_field {
            C_ECHO_RQ if !has_data_set => Ok(Self::Echo { message_id }),
            C_STORE_RQ if !has_data_set => Err(CommandError::Missing("data set")),
            C_STORE_RQ => Ok(Self::Store(StoreRequest {
                message_id,
                sop_class: values.uid(0x0002).ok_or(CommandError::Missing("Affected SOP Class UID"))?,
                sop_instance: values.uid(0x1000).ok_or(CommandError::Missing("Affected SOP Instance UID"))?,
            })),
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
    let values = Values::parse(bytes)?;
    let message_id = values.number(0x0120).ok_or(CommandError::Missing("Message ID Being Responded To"))?;
    let status = values.number(0x0900).ok_or(CommandError::Missing("Status"))?;
    Ok((message_id, Status(status)))
}

/// The elements of a command set.
struct Values<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Values<'a> {
    fn parse(mut bytes: &'a [u8]) -> Result<Self, CommandError> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let (header, rest) = bytes.split_first_chunk::<8>().ok_or(CommandError::Damaged)?;
            let [0, 0, e0, e1, l0, l1, l2, l3] = *header else { return Err(CommandError::Damaged) };
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let value = rest.get(..length).ok_or(CommandError::Damaged)?;
            values.push((u16::from_le_bytes([e0, e1]), value));
            bytes = &rest[length..];
        }
        Ok(Self(values))
    }

    fn get(&self, element: u16) -> Option<&'a [u8]> {
        self.0.iter().find(|(found, _)| *found == element).map(|(_, value)| *value)
    }

    fn number(&self, element: u16) -> Option<u16> {
        self.get(element)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn uid(&self, element: u16) -> Option<Uid> {
        std::str::from_utf8(self.get(element)?).ok().and_then(|text| Uid::parse(text).ok())
    }
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn element(&mut self, element: u16, value: &[u8]) {
        self.0.extend([0, 0]);
        self.0.extend(element.to_le_bytes());
        self.0.extend((value.len() as u32).to_le_bytes());
        self.0.extend(value);
    }

    fn number(&mut self, element: u16, number: u16) {
        self.element(element, &number.to_le_bytes());
    }

    fn text(&mut self, element: u16, text: &str) {
        let padding = if text.len().is_multiple_of(2) { "" } else { "\0" };
        self.element(element, format!("{text}{padding}").as_bytes());
    }

    fn uid(&mut self, element: u16, uid: &Uid) {
        self.text(element, uid.as_str());
    }

    /// Puts Command Group Length (0000,0000) in front.
    fn finish(self) -> Vec<u8> {
        let mut group = Self::default();
        group.element(0, &(self.0.len() as u32).to_le_bytes());
        [group.0, self.0].concat()
    }
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
