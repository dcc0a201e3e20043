//! The one walk over a data set that comes from a peer: iterative, over bytes that are all here already.
//!
//! Every length is held against what encloses it. What is not known is skipped, whatever it holds.

use contract::Uid;

use crate::encoding::Encoding;
use crate::{BYTES_MAX, CommitmentError, INSTANCES_MAX};

/// Group and element.
type Tag = (u16, u16);

pub(crate) const TRANSACTION_UID: Tag = (0x0008, 0x1195);
pub(crate) const REFERENCED_CLASS: Tag = (0x0008, 0x1150);
pub(crate) const REFERENCED_INSTANCE: Tag = (0x0008, 0x1155);
pub(crate) const FAILURE_REASON: Tag = (0x0008, 0x1197);
pub(crate) const FAILED_SEQUENCE: Tag = (0x0008, 0x1198);
pub(crate) const REFERENCED_SEQUENCE: Tag = (0x0008, 0x1199);

const ITEM: Tag = (0xFFFE, 0xE000);
const ITEM_END: Tag = (0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = (0xFFFE, 0xE0DD);
const UNDEFINED_LENGTH: u32 = u32::MAX;
/// Sequences and items inside each other, counted together: what is read needs two.
const DEPTH_MAX: usize = 32;

/// What an item of a sequence of references says; nothing is checked yet.
#[derive(Debug, Default)]
pub(crate) struct Reference<'a> {
    pub(crate) class: Option<&'a [u8]>,
    pub(crate) instance: Option<&'a [u8]>,
    pub(crate) reason: Option<u16>,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    pub(crate) transaction: Option<&'a [u8]>,
    pub(crate) referenced: Vec<Reference<'a>>,
    pub(crate) failed: Vec<Reference<'a>>,
}

/// A UID's value.
pub(crate) fn uid(value: Option<&[u8]>, name: &'static str) -> Result<Uid, CommitmentError> {
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| Uid::parse(text).ok()).ok_or(CommitmentError::Missing(name))
}

/// Walks the whole data set.
pub(crate) fn walk(bytes: &[u8], encoding: Encoding) -> Result<Found<'_>, CommitmentError> {
    if bytes.len() > BYTES_MAX {
        return Err(CommitmentError::TooLarge { limit: BYTES_MAX, what: "bytes" });
    }
    let mut walker = Walker { bytes, at: 0, encoding, levels: Vec::new(), found: Found::default() };
    while walker.step()? {}
    Ok(walker.found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Sequence(Tag),
    Item,
}

struct Level {
    open: Open,
    /// Where it ends; `None` when a delimiter ends it.
    end: Option<usize>,
    encoding: Encoding,
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
    levels: Vec<Level>,
    found: Found<'a>,
}

impl<'a> Walker<'a> {
    /// Takes one element, item or delimiter; false at the end of the data set.
    fn step(&mut self) -> Result<bool, CommitmentError> {
        while self.levels.last().is_some_and(|level| level.end == Some(self.at)) {
            self.levels.pop();
        }
        if self.at == self.bytes.len() {
            return if self.levels.is_empty() { Ok(false) } else { Err(self.damaged()) };
        }
        let encoding = self.levels.last().map_or(self.encoding, |level| level.encoding);
        let tag = (encoding.number16(self.take()?), encoding.number16(self.take()?));
        if tag.0 == ITEM.0 {
            let length = encoding.number32(self.take()?);
            self.delimiter(tag, length, encoding)?;
        } else if matches!(self.levels.last(), Some(Level { open: Open::Sequence(_), .. })) {
            return Err(self.damaged());
        } else {
            self.element(tag, encoding)?;
        }
        Ok(true)
    }

    fn delimiter(&mut self, tag: Tag, length: u32, encoding: Encoding) -> Result<(), CommitmentError> {
        let open = self.levels.last().map(|level| (level.open, level.end));
        match (tag, open) {
            (ITEM, Some((Open::Sequence(sequence), _))) => {
                if let Some(references) = self.references(sequence) {
                    if references.len() >= INSTANCES_MAX {
                        return Err(CommitmentError::TooLarge { limit: INSTANCES_MAX, what: "instances" });
                    }
                    references.push(Reference::default());
                }
                self.open(Open::Item, length, encoding)
            }
            (ITEM_END, Some((Open::Item, None))) | (SEQUENCE_END, Some((Open::Sequence(_), None))) if length == 0 => {
                self.levels.pop();
                Ok(())
            }
            _ => Err(self.damaged()),
        }
    }

    /// The list that items of `sequence` belong to, when the sequence that is open last stands in the data set itself.
    fn references(&mut self, sequence: Tag) -> Option<&mut Vec<Reference<'a>>> {
        match sequence {
            REFERENCED_SEQUENCE if self.levels.len() == 1 => Some(&mut self.found.referenced),
            FAILED_SEQUENCE if self.levels.len() == 1 => Some(&mut self.found.failed),
            _ => None,
        }
    }

    fn open(&mut self, open: Open, length: u32, encoding: Encoding) -> Result<(), CommitmentError> {
        if self.levels.len() >= DEPTH_MAX {
            return Err(CommitmentError::TooLarge { limit: DEPTH_MAX, what: "levels of nesting" });
        }
        let end = if length == UNDEFINED_LENGTH { None } else { Some(self.end_of(length)?) };
        self.levels.push(Level { open, end, encoding });
        Ok(())
    }

    fn element(&mut self, tag: Tag, encoding: Encoding) -> Result<(), CommitmentError> {
        // Neither command nor file meta elements stand in a data set.
        if tag.0 <= 0x0002 {
            return Err(self.damaged());
        }
        let (vr, length) = self.vr_and_length(encoding)?;
        let is_sequence = matches!(tag, REFERENCED_SEQUENCE | FAILED_SEQUENCE) || vr == Some(*b"SQ");
        if length == UNDEFINED_LENGTH || is_sequence {
            // A value of VR UN and undefined length is a sequence in implicit VR (PS3.5 section 6.2.2).
            let inner = if vr == Some(*b"UN") { Encoding::ImplicitLittle } else { encoding };
            return self.open(Open::Sequence(tag), length, inner);
        }
        let end = self.end_of(length)?;
        let value = &self.bytes[self.at..end];
        self.at = end;
        match self.levels.as_slice() {
            [] if tag == TRANSACTION_UID => self.found.transaction = Some(value),
            [Level { open: Open::Sequence(sequence), .. }, _] => {
                let references = match *sequence {
                    REFERENCED_SEQUENCE => &mut self.found.referenced,
                    FAILED_SEQUENCE => &mut self.found.failed,
                    _ => return Ok(()),
                };
                let Some(reference) = references.last_mut() else { return Ok(()) };
                match tag {
                    REFERENCED_CLASS => reference.class = Some(value),
                    REFERENCED_INSTANCE => reference.instance = Some(value),
                    FAILURE_REASON => {
                        reference.reason = value.try_into().ok().map(|value| encoding.number16(value));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// VR, where it is written, and length after a tag.
    fn vr_and_length(&mut self, encoding: Encoding) -> Result<(Option<[u8; 2]>, u32), CommitmentError> {
        if !encoding.is_explicit() {
            return Ok((None, encoding.number32(self.take()?)));
        }
        let vr: [u8; 2] = self.take()?;
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(self.damaged());
        }
        // VRs whose length takes four bytes after two reserved ones (PS3.5 section 7.1.2).
        let is_long = matches!(
            &vr,
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV"
        );
        if !is_long {
            return Ok((Some(vr), u32::from(encoding.number16(self.take()?))));
        }
        let _: [u8; 2] = self.take()?;
        Ok((Some(vr), encoding.number32(self.take()?)))
    }

    /// Where a value of `length` bytes ends; it must lie inside what encloses it.
    fn end_of(&self, length: u32) -> Result<usize, CommitmentError> {
        let enclosing = self.levels.iter().rev().find_map(|level| level.end).unwrap_or(self.bytes.len());
        let end = self.at.checked_add(length as usize);
        end.filter(|end| *end <= enclosing).ok_or_else(|| self.damaged())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CommitmentError> {
        let end = self.end_of(N as u32)?;
        let taken = self.bytes[self.at..end].try_into().map_err(|_| self.damaged())?;
        self.at = end;
        Ok(taken)
    }

    const fn damaged(&self) -> CommitmentError {
        CommitmentError::Damaged(self.at)
    }
}
