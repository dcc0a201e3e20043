//! A destination that does what a test wants: takes some SOP classes, and says about commitment what it is told to say.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use commitment::{Encoding, Report, Request};
use contract::Uid;
use contract::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE};
use dicom_ul::association::server::{ServerAssociation, ServerAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{Message, Request as Command, Status, sop_class};

/// What it answers to a request for commitment.
pub struct Answer {
    /// The status of its response.
    pub status: Status,
    /// What it reports on the same association.
    pub report: Option<Report>,
}

impl Answer {
    /// "I will tell you", and nothing more.
    pub const LATER: Self = Self { status: Status::SUCCESS, report: None };
}

/// What happened to it.
#[derive(Default)]
pub struct Seen {
    /// SOP Instance UIDs that were stored, in their order.
    pub stored: Vec<Uid>,
    /// Requests for commitment, in their order.
    pub asked: Vec<Request>,
}

type Script = dyn FnMut(&Request) -> Answer + Send;

/// A running double. It ends with the process: its threads wait for connections.
pub struct Double {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Seen>>,
}

impl Double {
    /// Takes objects of `classes`, and answers requests for commitment by `script`.
    pub fn start(classes: &'static [&'static str], script: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::<Mutex<Seen>>::default());
        let (shared, script) = (Arc::clone(&seen), Arc::new(Mutex::new(script)));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, script) = (Arc::clone(&shared), Arc::clone(&script));
                std::thread::spawn(move || serve(stream.unwrap(), classes, &shared, &mut *script.lock().unwrap()));
            }
        });
        Self { address, seen }
    }
}

fn serve(stream: TcpStream, classes: &[&str], seen: &Mutex<Seen>, script: &mut Script) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut options = ServerAssociationOptions::new().accept_any().ae_title("PACS");
    for class in classes.iter().chain([&sop_class::VERIFICATION]) {
        options = options.with_abstract_syntax(*class);
    }
    let options = options.with_transfer_syntax(EXPLICIT_LE).with_transfer_syntax(IMPLICIT_LE);
    // A peer that goes away is no failure of the test.
    let Ok(mut association) = options.establish(stream) else { return };
    while let Some((context, message, data)) = receive(&mut association) {
        match message {
            Message::Request(Command::Store(request)) => {
                seen.lock().unwrap().stored.push(request.sop_instance.clone());
                send(&mut association, context, PDataValueType::Command, request.response(Status::SUCCESS));
            }
            Message::Request(Command::Action(request)) => {
                let asked = Request::parse(&data, Encoding::ImplicitLittle).unwrap();
                let answer = script(&asked);
                seen.lock().unwrap().asked.push(asked);
                send(&mut association, context, PDataValueType::Command, request.response(answer.status));
                if let Some(report) = answer.report {
                    send(&mut association, context, PDataValueType::Command, report.command(1).to_bytes());
                    send(&mut association, context, PDataValueType::Data, report.to_bytes(Encoding::ImplicitLittle));
                }
            }
            _ => {}
        }
    }
}

/// A whole message and its data set; `None` at the association's end.
fn receive(association: &mut ServerAssociation<TcpStream>) -> Option<(u8, Message, Vec<u8>)> {
    let (mut command, mut data) = (Vec::new(), Vec::new());
    let mut message = None;
    loop {
        let values = match association.receive() {
            Ok(Pdu::PData { data }) => data,
            Ok(Pdu::ReleaseRQ) => {
                association.send(&Pdu::ReleaseRP).unwrap();
                return None;
            }
            _ => return None,
        };
        for value in values {
            match value.value_type {
                PDataValueType::Command => command.extend(value.data),
                PDataValueType::Data => data.extend(value.data),
            }
            if !value.is_last {
                continue;
            }
            let parsed = message.take().unwrap_or_else(|| Message::parse(&command).unwrap());
            let is_whole = match &parsed {
                Message::Request(Command::Store(_)) => value.value_type == PDataValueType::Data,
                Message::Request(Command::Action(request)) => {
                    !request.has_data_set || value.value_type == PDataValueType::Data
                }
                _ => true,
            };
            if is_whole {
                return Some((value.presentation_context_id, parsed, data));
            }
            message = Some(parsed);
        }
    }
}

fn send(association: &mut ServerAssociation<TcpStream>, context: u8, value_type: PDataValueType, data: Vec<u8>) {
    let value = PDataValue { presentation_context_id: context, value_type, is_last: true, data };
    // Whoever has gone away hears nothing.
    let _ = association.send(&Pdu::PData { data: vec![value] });
}
