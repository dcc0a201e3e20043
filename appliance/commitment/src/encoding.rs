//! The three uncompressed ways to write a data set (PS3.5 annex A), and a writer of what this crate needs.

use contract::{Uid, transfer_syntax as syntax};
use domain::Sop;

use crate::CommitmentError;

/// How a data set is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Implicit VR Little Endian, which everybody must take.
    ImplicitLittle,
    /// Explicit VR Little Endian.
    ExplicitLittle,
    /// Explicit VR Big Endian (retired).
    ExplicitBig,
}

impl Encoding {
    /// The encoding of a negotiated transfer syntax.
    ///
    /// # Errors
    /// [`CommitmentError::Syntax`] for any other: these data sets are never compressed.
    pub fn of(transfer_syntax: &Uid) -> Result<Self, CommitmentError> {
        match transfer_syntax.as_str() {
            syntax::IMPLICIT_LE => Ok(Self::ImplicitLittle),
            syntax::EXPLICIT_LE => Ok(Self::ExplicitLittle),
            syntax::EXPLICIT_BE => Ok(Self::ExplicitBig),
            _ => Err(CommitmentError::Syntax),
        }
    }

    pub(crate) const fn is_explicit(self) -> bool {
        !matches!(self, Self::ImplicitLittle)
    }

    pub(crate) fn number16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::ExplicitBig { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(crate) fn number32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::ExplicitBig { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Elements one after the other, in the order of their tags as they are given.
pub(crate) struct Writer {
    encoding: Encoding,
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) const fn new(encoding: Encoding) -> Self {
        Self { encoding, bytes: Vec::new() }
    }

    fn put16(&mut self, number: u16) {
        let big = self.encoding == Encoding::ExplicitBig;
        self.bytes.extend(if big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn put32(&mut self, number: u32) {
        let big = self.encoding == Encoding::ExplicitBig;
        self.bytes.extend(if big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn header(&mut self, (group, element): (u16, u16), vr: &[u8; 2], length: usize) {
        self.put16(group);
        self.put16(element);
        if !self.encoding.is_explicit() {
            return self.put32(length as u32);
        }
        self.bytes.extend(vr);
        if vr == b"SQ" {
            self.put16(0);
            self.put32(length as u32);
        } else {
            self.put16(length as u16);
        }
    }

    pub(crate) fn uid(&mut self, tag: (u16, u16), uid: &Uid) {
        let text = uid.as_str();
        self.header(tag, b"UI", text.len().next_multiple_of(2));
        self.bytes.extend(text.bytes());
        if !text.len().is_multiple_of(2) {
            self.bytes.push(0);
        }
    }

    pub(crate) fn number(&mut self, tag: (u16, u16), number: u16) {
        self.header(tag, b"US", 2);
        self.put16(number);
    }

    /// A sequence of defined lengths with one item for each of `items`: its names, and the reason of a failed one.
    pub(crate) fn references<'a>(&mut self, tag: (u16, u16), items: impl IntoIterator<Item = (&'a Sop, Option<u16>)>) {
        let mut all = Self::new(self.encoding);
        for (sop, reason) in items {
            let mut item = Self::new(self.encoding);
            item.uid(crate::walk::REFERENCED_CLASS, &sop.class);
            item.uid(crate::walk::REFERENCED_INSTANCE, &sop.instance);
            if let Some(reason) = reason {
                item.number(crate::walk::FAILURE_REASON, reason);
            }
            // Items have no VR in any encoding (PS3.5 section 7.5).
            all.put16(0xFFFE);
            all.put16(0xE000);
            all.put32(item.bytes.len() as u32);
            all.bytes.extend(item.bytes);
        }
        self.header(tag, b"SQ", all.bytes.len());
        self.bytes.extend(all.bytes);
    }
}
