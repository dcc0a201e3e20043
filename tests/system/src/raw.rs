//! A peer that sends whatever bytes it is given.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dicom_ul::association::client::{ClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use dimse::{Status, StoreRequest};

use crate::Mammogram;

/// How long the device may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Bytes in one data value: below what every peer takes.
const CHUNK_BYTES: usize = 16_000;

/// An association with one presentation context.
#[derive(Debug)]
pub struct RawPeer {
    association: ClientAssociation<TcpStream>,
    context: u8,
}

impl RawPeer {
    /// An association for objects of `mammogram`'s class in `transfer_syntax`.
    ///
    /// # Panics
    /// When the device does not take it.
    #[must_use]
    pub fn associate(device: SocketAddr, mammogram: &Mammogram, transfer_syntax: &str) -> Self {
        let association = ClientAssociationOptions::new()
            .calling_ae_title("UNIT")
            .called_ae_title("MAMORU")
            .with_presentation_context(mammogram.class.as_str(), vec![transfer_syntax])
            .read_timeout(ANSWER_LIMIT)
            .establish(device)
            .expect("the device takes the association");
        let context = association.presentation_contexts()[0].id;
        Self { association, context }
    }

    /// Sends the command for `mammogram`.
    pub fn command(&mut self, mammogram: &Mammogram) {
        let request = StoreRequest {
            message_id: 1,
            sop_class: mammogram.class.clone(),
            sop_instance: mammogram.instance.clone(),
        };
        self.send(PDataValueType::Command, true, request.to_bytes());
    }

    /// Sends bytes of the data set; whether they are its last is the caller's to say.
    pub fn data(&mut self, bytes: &[u8], is_last: bool) {
        let mut chunks = bytes.chunks(CHUNK_BYTES).peekable();
        if chunks.peek().is_none() {
            self.send(PDataValueType::Data, is_last, Vec::new());
        }
        while let Some(chunk) = chunks.next() {
            self.send(PDataValueType::Data, is_last && chunks.peek().is_none(), chunk.to_vec());
        }
    }

    /// The status of the response; `None` when the device aborted or closed.
    pub fn response(&mut self) -> Option<Status> {
        match self.association.receive() {
            Ok(Pdu::PData { data }) => dimse::parse_response(&data.first()?.data).ok().map(|(_, status)| status),
            _ => None,
        }
    }

    /// C-STORE of `dataset` under the names of `mammogram`.
    pub fn store(&mut self, mammogram: &Mammogram, dataset: &[u8]) -> Option<Status> {
        self.command(mammogram);
        self.data(dataset, true);
        self.response()
    }

    fn send(&mut self, value_type: PDataValueType, is_last: bool, data: Vec<u8>) {
        let value = PDataValue { presentation_context_id: self.context, value_type, is_last, data };
        self.association.send(&Pdu::PData { data: vec![value] }).unwrap();
    }
}
