//! A peer that plays one association of storage commitment.

use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use commitment::{ACTION_REQUEST, Request, service};
use contract::transfer_syntax::IMPLICIT_LE;
use dicom_ul::association::server::{Negotiation, ServerAssociation, ServerAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu, RequestorRoles};
use dimse::{EventReportRequest, Message, Status, sop_class};
use domain::{AeTitle, Sop};
use scu::Peer;

use crate::{IMPLICIT, LONG, request};

/// What a peer grants of storage commitment: the class, and a requestor's role as SCP.
#[derive(Clone, Copy)]
pub struct Grants {
    pub class: bool,
    pub role: bool,
}

pub const ALL: Grants = Grants { class: true, role: true };

impl Negotiation for Grants {
    fn negotiate_roles(&self, class: &str, scu: bool, scp: bool) -> Option<RequestorRoles> {
        (class == sop_class::STORAGE_COMMITMENT && self.role).then_some(RequestorRoles { scu, scp })
    }
}

/// The peer's side of one association.
pub struct Side {
    pub association: ServerAssociation<TcpStream>,
    pub context: u8,
}

impl Side {
    /// A whole message; its data set is empty where it has none.
    pub fn receive(&mut self) -> Option<(Message, Vec<u8>)> {
        let (mut command, mut data, mut message) = (Vec::new(), Vec::new(), None);
        loop {
            let Ok(Pdu::PData { data: values }) = self.association.receive() else { return None };
            for value in values {
                self.context = value.presentation_context_id;
                match value.value_type {
                    PDataValueType::Command => command.extend(value.data),
                    PDataValueType::Data => data.extend(value.data),
                }
                if !value.is_last {
                    continue;
                }
                let parsed = message.take().unwrap_or_else(|| Message::parse(&command).unwrap());
                let more = match &parsed {
                    Message::Request(dimse::Request::Action(request)) => request.has_data_set,
                    Message::Request(dimse::Request::EventReport(request)) => request.has_data_set,
                    _ => false,
                };
                if value.value_type == PDataValueType::Command && more {
                    message = Some(parsed);
                } else {
                    return Some((parsed, data));
                }
            }
        }
    }

    /// The N-ACTION, checked; returns the response that grants it.
    pub fn action(&mut self) -> Vec<u8> {
        let (message, data) = self.receive().unwrap();
        let Message::Request(dimse::Request::Action(action)) = message else { panic!("{message:?}") };
        assert_eq!((&action.sop_class, &action.sop_instance), (&service().class, &service().instance));
        assert_eq!(action.action_type, ACTION_REQUEST);
        assert_eq!(Request::parse(&data, IMPLICIT), Ok(request()));
        action.response(Status::SUCCESS)
    }

    pub fn values(&self, command: Vec<u8>, data: Option<Vec<u8>>) -> Vec<PDataValue> {
        let value =
            |value_type, data| PDataValue { presentation_context_id: self.context, value_type, is_last: true, data };
        let data = data.map(|data| value(PDataValueType::Data, data));
        [value(PDataValueType::Command, command)].into_iter().chain(data).collect()
    }

    pub fn say(&mut self, command: Vec<u8>, data: Option<Vec<u8>>) {
        let values = self.values(command, data);
        self.association.send(&Pdu::PData { data: values }).unwrap();
    }

    /// An N-EVENT-REPORT, and what it is answered with.
    pub fn event(&mut self, event_type: u16, data: Vec<u8>) -> Status {
        self.event_of(&service(), event_type, data)
    }

    pub fn event_of(&mut self, names: &Sop, event_type: u16, data: Vec<u8>) -> Status {
        self.say(event(names, event_type), None);
        let mut chunks = data.chunks(10_000).peekable();
        while let Some(chunk) = chunks.next() {
            let mut values = self.values(Vec::new(), Some(chunk.to_vec())).split_off(1);
            values[0].is_last = chunks.peek().is_none();
            self.association.send(&Pdu::PData { data: values }).unwrap();
        }
        self.answer()
    }

    pub fn answer(&mut self) -> Status {
        let message = self.receive().unwrap().0;
        let Message::Response(response) = message else { panic!("{message:?}") };
        response.status
    }

    /// Waits for the release, and consents.
    pub fn until_release(mut self) {
        assert!(matches!(self.association.receive(), Ok(Pdu::ReleaseRQ)));
        self.association.send(&Pdu::ReleaseRP).unwrap();
    }
}

/// An N-EVENT-REPORT-RQ with message id 5.
pub fn event(names: &Sop, event_type: u16) -> Vec<u8> {
    let (sop_class, sop_instance) = (names.class.clone(), names.instance.clone());
    EventReportRequest { message_id: 5, sop_class, sop_instance, event_type, has_data_set: true }.to_bytes()
}

/// A peer for one association, which `play` plays.
pub fn peer<T: Send + 'static>(grants: Grants, play: impl FnOnce(Side) -> T + Send + 'static) -> (Peer, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let title = |text| AeTitle::parse(text).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = Peer::plain(address, title("PACS"), title("MAMORU"));
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut options = ServerAssociationOptions::new().accept_any().with_negotiation(grants);
        options = options.with_abstract_syntax(sop_class::VERIFICATION).with_transfer_syntax(IMPLICIT_LE);
        if grants.class {
            options = options.with_abstract_syntax(sop_class::STORAGE_COMMITMENT);
        }
        play(Side { association: options.establish(stream).unwrap(), context: 0 })
    });
    (peer, thread)
}
