//! The packets of MQTT 5.0 that a publisher sends and gets (sections 2 and 3 of the standard).

/// The largest packet that is taken, in bytes: nothing is subscribed to.
pub(super) const INCOMING_BYTES_MAX: u32 = 64 * 1024;
/// The largest packet that can be sent (section 2.1.4), in bytes without its first part.
const LENGTH_MAX: usize = 268_435_455;

/// What a packet of the broker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incoming {
    ConnAck { reason: u8, limits: Limits },
    PubAck { id: u16, reason: u8 },
    PingResp,
    Disconnect { reason: u8 },
}

/// What the broker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// The largest packet, in bytes.
    pub(super) packet_bytes_max: u32,
    /// In place of the time that was asked for, in seconds.
    pub(super) keep_alive_s: Option<u16>,
    pub(super) has_qos_1: bool,
    pub(super) has_retain: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packet_bytes_max: u32::MAX, keep_alive_s: None, has_qos_1: true, has_retain: true }
    }
}

/// How a client introduces itself.
pub(super) struct Connect<'a> {
    pub(super) client: &'a str,
    pub(super) keep_alive_s: u16,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    /// What the broker says there when the client goes without a word, retained.
    pub(super) will: (&'a str, &'a [u8]),
}

impl Connect<'_> {
    /// Section 3.1. Begins a new session: what was not acknowledged, the source still has.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        const CLEAN_START: u8 = 0x02;
        const WILL_RETAINED_QOS_1: u8 = 0x04 | 0x08 | 0x20;
        let flags = CLEAN_START
            | WILL_RETAINED_QOS_1
            | if self.password.is_some() { 0x40 } else { 0 }
            | if self.user.is_some() { 0x80 } else { 0 };
        let mut body = Vec::new();
        put_text(&mut body, b"MQTT")?;
        body.extend([5, flags]);
        body.extend(self.keep_alive_s.to_be_bytes());
        // Properties: Maximum Packet Size.
        body.extend([5, 0x27]);
        body.extend(INCOMING_BYTES_MAX.to_be_bytes());
        put_text(&mut body, self.client.as_bytes())?;
        body.push(0);
        put_text(&mut body, self.will.0.as_bytes())?;
        put_text(&mut body, self.will.1)?;
        for text in [self.user, self.password].into_iter().flatten() {
            put_text(&mut body, text.as_bytes())?;
        }
        packet(0x10, &body)
    }
}

/// A message that wants an acknowledgement (section 3.3, QoS 1).
pub(super) fn publish(topic: &str, id: u16, payload: &[u8], is_retained: bool, kind: &str) -> Option<Vec<u8>> {
    let mut properties = vec![0x01, 1, 0x03];
    put_text(&mut properties, kind.as_bytes())?;
    let mut body = Vec::with_capacity(topic.len() + properties.len() + payload.len() + 8);
    put_text(&mut body, topic.as_bytes())?;
    body.extend(id.to_be_bytes());
    put_length(&mut body, properties.len())?;
    body.extend(properties);
    body.extend(payload);
    packet(0x30 | 0x02 | u8::from(is_retained), &body)
}

pub(super) const PING: [u8; 2] = [0xc0, 0];
pub(super) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Reads what came behind the first part; `None` when it is none of these, or not sound.
pub(super) fn decode(first: u8, body: &[u8]) -> Option<Incoming> {
    let mut rest = Reader(body);
    match first {
        0x20 => {
            let (flags, reason) = (rest.byte()?, rest.byte()?);
            // A broker of version 3.1.1 has no more; a session was not asked for.
            let limits = if rest.0.is_empty() && reason != 0 { Limits::default() } else { rest.limits()? };
            (flags & 0xfe == 0 && rest.0.is_empty()).then_some(Incoming::ConnAck { reason, limits })
        }
        0x40 => {
            let id = rest.number()?;
            let reason = if rest.0.is_empty() { 0 } else { rest.byte()? };
            Some(Incoming::PubAck { id, reason })
        }
        0xd0 => body.is_empty().then_some(Incoming::PingResp),
        0xe0 => Some(Incoming::Disconnect { reason: rest.byte().unwrap_or(0) }),
        _ => None,
    }
}

fn packet(first: u8, body: &[u8]) -> Option<Vec<u8>> {
    let mut packet = Vec::with_capacity(body.len() + 5);
    packet.push(first);
    put_length(&mut packet, body.len())?;
    packet.extend(body);
    Some(packet)
}

fn put_text(into: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    into.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
    into.extend(text);
    Some(())
}

/// A variable byte integer (section 1.5.5).
fn put_length(into: &mut Vec<u8>, mut length: usize) -> Option<()> {
    if length > LENGTH_MAX {
        return None;
    }
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        into.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return Some(());
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<()> {
        let length = self.number()?;
        self.take(usize::from(length)).map(drop)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(length);
            }
        }
        None
    }

    /// The properties of a CONNACK (section 3.2.2.3); one that is not known cannot be passed over.
    fn limits(&mut self) -> Option<Limits> {
        let length = self.length()?;
        let mut of = Reader(self.take(length)?);
        let mut limits = Limits::default();
        while !of.0.is_empty() {
            match of.byte()? {
                0x24 => limits.has_qos_1 = of.byte()? > 0,
                0x25 => limits.has_retain = of.byte()? > 0,
                0x13 => limits.keep_alive_s = Some(of.number()?),
                0x27 => limits.packet_bytes_max = of.long()?,
                0x28..=0x2a => drop(of.byte()?),
                0x21 | 0x22 => drop(of.number()?),
                0x11 => drop(of.long()?),
                0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => of.text()?,
                0x26 => {
                    of.text()?;
                    of.text()?;
                }
                _ => return None,
            }
        }
        Some(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_the_standard_has_them() {
        let will = ("a/status", &b"offline"[..]);
        let connect = Connect { client: "box", keep_alive_s: 60, user: Some("u"), password: Some("pw"), will };
        let mut expected =
            b"\x10\x30\0\x04MQTT\x05\xee\0\x3c\x05\x27\0\x01\0\0\0\x03box\0\0\x08a/status\0\x07offline".to_vec();
        expected.extend(b"\0\x01u\0\x02pw");
        assert_eq!(connect.encode().unwrap(), expected);
        let anonymous = Connect { user: None, password: None, ..connect };
        assert_eq!(anonymous.encode().unwrap()[9], 0x2e);
        let publish = publish("t", 0x0102, b"{}", true, "x").unwrap();
        assert_eq!(publish, b"\x33\x0e\0\x01t\x01\x02\x06\x01\x01\x03\0\x01x{}");
    }

    #[test]
    fn lengths_have_one_to_four_bytes() {
        for (length, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (16_383, &[0xff, 0x7f]),
            (2_097_152, &[0x80, 0x80, 0x80, 1]),
            (LENGTH_MAX, &[0xff, 0xff, 0xff, 0x7f]),
        ] {
            let mut written = vec![];
            put_length(&mut written, length).unwrap();
            assert_eq!((written.as_slice(), Reader(bytes).length()), (bytes, Some(length)));
        }
        assert_eq!(put_length(&mut vec![], LENGTH_MAX + 1), None);
        assert_eq!(Reader(&[0x80, 0x80, 0x80, 0x80, 1]).length(), None);
    }

    #[test]
    fn what_a_broker_says_is_read() {
        let limits = Limits::default();
        let with = |properties: &[u8]| decode(0x20, &[&[0, 0, properties.len() as u8], properties].concat());
        assert_eq!(with(&[]), Some(Incoming::ConnAck { reason: 0, limits }));
        let full = [0x24, 0, 0x25, 0, 0x13, 0, 30, 0x27, 0, 1, 0, 0, 0x12, 0, 1, b'x', 0x26, 0, 0, 0, 0, 0x22, 0, 9];
        let found = Limits { packet_bytes_max: 65_536, keep_alive_s: Some(30), has_qos_1: false, has_retain: false };
        assert_eq!(with(&full), Some(Incoming::ConnAck { reason: 0, limits: found }));
        assert_eq!(decode(0x20, &[0, 1]), Some(Incoming::ConnAck { reason: 1, limits }), "of version 3.1.1");
        assert_eq!(decode(0x40, &[1, 2]), Some(Incoming::PubAck { id: 258, reason: 0 }));
        assert_eq!(decode(0x40, &[1, 2, 0x87, 0]), Some(Incoming::PubAck { id: 258, reason: 0x87 }));
        assert_eq!(decode(0xd0, &[]), Some(Incoming::PingResp));
        assert_eq!(decode(0xe0, &[0x8e, 0]), Some(Incoming::Disconnect { reason: 0x8e }));
        assert_eq!(decode(0xe0, &[]), Some(Incoming::Disconnect { reason: 0 }));
    }

    #[test]
    fn nonsense_is_nothing() {
        for (first, body) in [
            (0x20, &[][..]),
            (0x20, &[0]),
            (0x20, &[0, 0]),
            (0x20, &[0, 0, 5]),
            (0x20, &[2, 0, 0]),
            (0x20, &[0, 0, 1, 0x7f]),
            (0x20, &[0, 0, 2, 0x27, 0]),
            (0x20, &[0, 0, 0, 7]),
            (0x40, &[1]),
            (0xd0, &[1]),
            (0x32, &[0, 0]),
            (0x00, &[]),
        ] {
            assert_eq!(decode(first, body), None, "{first:#x} {body:?}");
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let length = random.usize(0..40);
            let body: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            let _ = decode(random.choice([0x20, 0x40, 0xd0, 0xe0]).unwrap(), &body);
        }
    }
}
