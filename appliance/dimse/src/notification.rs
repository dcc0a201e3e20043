//! N-ACTION and N-EVENT-REPORT (PS3.7 sections 10.3.5 and 10.3.1).

use contract::Uid;

use crate::command::{Values, Writer};
use crate::{CommandError, NO_DATA_SET, RESPONSE, Status};

/// Command Field of N-EVENT-REPORT-RQ.
pub const N_EVENT_REPORT_RQ: u16 = 0x0100;
/// Command Field of N-ACTION-RQ.
pub const N_ACTION_RQ: u16 = 0x0130;

/// N-ACTION-RQ: a peer is asked to do something about an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRequest {
    /// Message ID.
    pub message_id: u16,
    /// Requested SOP Class UID.
    pub sop_class: Uid,
    /// Requested SOP Instance UID.
    pub sop_instance: Uid,
    /// Action Type ID.
    pub action_type: u16,
    /// Does a data set follow?
    pub has_data_set: bool,
}

/// N-EVENT-REPORT-RQ: a peer is told what happened to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReportRequest {
    /// Message ID.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class: Uid,
    /// Affected SOP Instance UID.
    pub sop_instance: Uid,
    /// Event Type ID.
    pub event_type: u16,
    /// Does a data set follow?
    pub has_data_set: bool,
}

impl ActionRequest {
    pub(crate) fn from_values(values: &Values<'_>, message_id: u16) -> Result<Self, CommandError> {
        Ok(Self {
            message_id,
            sop_class: values.uid(0x0003).ok_or(CommandError::Missing("Requested SOP Class UID"))?,
            sop_instance: values.uid(0x1001).ok_or(CommandError::Missing("Requested SOP Instance UID"))?,
            action_type: values.number(0x1008).ok_or(CommandError::Missing("Action Type ID"))?,
            has_data_set: values.has_data_set(),
        })
    }

    /// The bytes of this request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.uid(0x0003, &self.sop_class);
        writer.number(0x0100, N_ACTION_RQ);
        writer.number(0x0110, self.message_id);
        writer.number(0x0800, if self.has_data_set { 0 } else { NO_DATA_SET });
        writer.uid(0x1001, &self.sop_instance);
        writer.number(0x1008, self.action_type);
        writer.finish()
    }

    /// The bytes of the response to this request, without an action reply.
    #[must_use]
    pub fn response(&self, status: Status) -> Vec<u8> {
        let names = (&self.sop_class, &self.sop_instance);
        response(N_ACTION_RQ, self.message_id, names, status, (0x1008, self.action_type))
    }
}

impl EventReportRequest {
    pub(crate) fn from_values(values: &Values<'_>, message_id: u16) -> Result<Self, CommandError> {
        Ok(Self {
            message_id,
            sop_class: values.uid(0x0002).ok_or(CommandError::Missing("Affected SOP Class UID"))?,
            sop_instance: values.uid(0x1000).ok_or(CommandError::Missing("Affected SOP Instance UID"))?,
            event_type: values.number(0x1002).ok_or(CommandError::Missing("Event Type ID"))?,
            has_data_set: values.has_data_set(),
        })
    }

    /// The bytes of this request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.uid(0x0002, &self.sop_class);
        writer.number(0x0100, N_EVENT_REPORT_RQ);
        writer.number(0x0110, self.message_id);
        writer.number(0x0800, if self.has_data_set { 0 } else { NO_DATA_SET });
        writer.uid(0x1000, &self.sop_instance);
        writer.number(0x1002, self.event_type);
        writer.finish()
    }

    /// The bytes of the response to this request, without an event reply.
    #[must_use]
    pub fn response(&self, status: Status) -> Vec<u8> {
        let names = (&self.sop_class, &self.sop_instance);
        response(N_EVENT_REPORT_RQ, self.message_id, names, status, (0x1002, self.event_type))
    }
}

/// Both responses repeat the names and the type of their request.
fn response(
    command_field: u16,
    message_id: u16,
    (sop_class, sop_instance): (&Uid, &Uid),
    status: Status,
    (type_element, type_id): (u16, u16),
) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.uid(0x0002, sop_class);
    writer.number(0x0100, command_field | RESPONSE);
    writer.number(0x0120, message_id);
    writer.number(0x0800, NO_DATA_SET);
    writer.number(0x0900, status.0);
    writer.uid(0x1000, sop_instance);
    writer.number(type_element, type_id);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Request, Response, sop_class};

    fn action() -> ActionRequest {
        let uid = |text| Uid::parse(text).unwrap();
        ActionRequest {
            message_id: 9,
            sop_class: uid(sop_class::STORAGE_COMMITMENT),
            sop_instance: uid(sop_class::STORAGE_COMMITMENT_INSTANCE),
            action_type: 1,
            has_data_set: true,
        }
    }

    fn event() -> EventReportRequest {
        let ActionRequest { message_id, sop_class, sop_instance, .. } = action();
        EventReportRequest { message_id, sop_class, sop_instance, event_type: 2, has_data_set: true }
    }

    #[test]
    fn requests_and_responses_come_back() {
        let bare = ActionRequest { has_data_set: false, ..action() };
        for request in [action(), bare] {
            assert_eq!(Request::parse(&request.to_bytes()), Ok(Request::Action(request)));
        }
        let bare = EventReportRequest { has_data_set: false, ..event() };
        for request in [event(), bare] {
            assert_eq!(Request::parse(&request.to_bytes()), Ok(Request::EventReport(request)));
        }
        let response = |command_field, status| {
            Ok(Message::Response(Response { command_field, message_id: 9, status, has_data_set: false }))
        };
        let status = Status::NO_SUCH_ACTION;
        assert_eq!(Message::parse(&action().response(status)), response(N_ACTION_RQ, status));
        assert_eq!(Message::parse(&event().response(Status::SUCCESS)), response(N_EVENT_REPORT_RQ, Status::SUCCESS));
    }

    #[test]
    fn the_bytes_are_those_of_the_standard() {
        // PS3.7 table 10.3-7, written by hand: group length, then the elements in their order.
        let expected = [
            &[0, 0, 0, 0, 4, 0, 0, 0, 98, 0, 0, 0][..],
            b"\0\0\x03\0\x14\0\0\x001.2.840.10008.1.20.1",
            b"\0\0\0\x01\x02\0\0\0\x30\x01",
            b"\0\0\x10\x01\x02\0\0\0\x09\0",
            b"\0\0\0\x08\x02\0\0\0\0\0",
            b"\0\0\x01\x10\x16\0\0\x001.2.840.10008.1.20.1.1",
            b"\0\0\x08\x10\x02\0\0\0\x01\0",
        ];
        assert_eq!(action().to_bytes(), expected.concat());
    }

    #[test]
    fn what_lacks_a_name_or_a_type_is_none() {
        let bytes = event().to_bytes();
        // Every cut between elements: each element is needed but Command Data Set Type.
        for length in 0..bytes.len() {
            assert!(Request::parse(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = [action().to_bytes(), bytes.clone()][at % 2].clone();
                let at = at.min(damaged.len() - 1);
                damaged[at] = value;
                let _ = Message::parse(&damaged);
            }
        }
    }
}
