//! PDUs as bytes (PS3.8 section 9.3).

use contract::Uid;
use dimse::StoreRequest;

pub const VERIFICATION: &str = "1.2.840.10008.1.1";
pub const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.70";

/// Context ids that [`AssociateRq::default`] proposes.
pub const ECHO: u8 = 1;
pub const STORE: u8 = 3;
pub const STORE_IMPLICIT: u8 = 5;
pub const STORE_DEFLATED: u8 = 7;
pub const STORE_JPEG: u8 = 9;

pub fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

/// A PDU that only promises its body.
pub fn pdu_header(kind: u8, length: u32) -> Vec<u8> {
    [&[kind, 0][..], &length.to_be_bytes()].concat()
}

fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// An A-ASSOCIATE-RQ.
#[derive(Clone)]
pub struct AssociateRq {
    pub calling: String,
    pub called: String,
    /// Id, abstract syntax, transfer syntax.
    pub contexts: Vec<(u8, &'static str, &'static str)>,
    pub pdu_bytes_max: u32,
    /// Role selection: class, as SCU, as SCP.
    pub roles: Vec<(&'static str, bool, bool)>,
}

impl Default for AssociateRq {
    fn default() -> Self {
        let contexts = vec![
            (ECHO, VERIFICATION, IMPLICIT),
            (STORE, MAMMOGRAM, EXPLICIT),
            (STORE_IMPLICIT, MAMMOGRAM, IMPLICIT),
            (STORE_DEFLATED, MAMMOGRAM, DEFLATED),
            (STORE_JPEG, MAMMOGRAM, JPEG_LOSSLESS),
        ];
        Self { calling: "UNIT".into(), called: "MAMORU".into(), contexts, pdu_bytes_max: 65_536, roles: vec![] }
    }
}

impl AssociateRq {
    pub fn with_ids(ids: impl IntoIterator<Item = u8>) -> Self {
        let contexts = ids.into_iter().map(|id| (id, VERIFICATION, IMPLICIT)).collect();
        Self { contexts, ..Self::default() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut body = vec![0, 1, 0, 0];
        body.extend(format!("{:16}{:16}", self.called, self.calling).bytes());
        body.extend([0; 32]);
        body.extend(item(0x10, b"1.2.840.10008.3.1.1.1"));
        for (id, abstract_syntax, transfer_syntax) in &self.contexts {
            let syntaxes = [item(0x30, abstract_syntax.as_bytes()), item(0x40, transfer_syntax.as_bytes())].concat();
            body.extend(item(0x20, &[&[*id, 0, 0, 0][..], &syntaxes].concat()));
        }
        let maximum = item(0x51, &self.pdu_bytes_max.to_be_bytes());
        let roles = self.roles.iter().map(|(class, scu, scp)| {
            let class = class.as_bytes();
            item(0x54, &[&(class.len() as u16).to_be_bytes()[..], class, &[u8::from(*scu), u8::from(*scp)]].concat())
        });
        body.extend(item(0x50, &[maximum, item(0x52, b"2.25.1"), roles.collect::<Vec<_>>().concat()].concat()));
        pdu(1, &body)
    }
}

/// A presentation data value: command or data, the last of its kind or not.
pub fn value(context: u8, is_command: bool, is_last: bool, data: &[u8]) -> Vec<u8> {
    let control = u8::from(is_command) | u8::from(is_last) << 1;
    [&(data.len() as u32 + 2).to_be_bytes()[..], &[context, control], data].concat()
}

pub fn command(context: u8, bytes: &[u8]) -> Vec<u8> {
    pdu(4, &value(context, true, true, bytes))
}

pub fn data(context: u8, is_last: bool, bytes: &[u8]) -> Vec<u8> {
    pdu(4, &value(context, false, is_last, bytes))
}

pub fn store_request(instance: &str) -> Vec<u8> {
    store_request_of(MAMMOGRAM, instance)
}

pub fn store_request_of(sop_class: &str, instance: &str) -> Vec<u8> {
    let uid = |text| Uid::parse(text).unwrap();
    StoreRequest { message_id: 1, sop_class: uid(sop_class), sop_instance: uid(instance) }.to_bytes()
}

/// A C-STORE-RQ whose instance is any text: what [`StoreRequest`] cannot be made to say.
pub fn store_request_with_text(instance: &str) -> Vec<u8> {
    let sound = store_request("1.2.3.4.5.6.7.8");
    let place = sound.windows(15).position(|bytes| bytes == b"1.2.3.4.5.6.7.8").unwrap();
    let mut text = instance.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(2), 0);
    let length = (text.len() as u32).to_le_bytes();
    [&sound[..place - 4], &length, &text].concat()
}
