//! The walk itself.

use std::io::Read;

use contract::Uid;
use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_core::header::Tag;
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::source::Source;
use super::texts::{self, Texts};
use super::{Encoding, IMPLICIT_LE, Scan, ScanError, ScanLimits, SyntaxForm};
use crate::pixels::{PixelPlace, native_length};

const UNDEFINED_LENGTH: u32 = u32::MAX;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// The longest value that is kept: a UID with its padding.
const KEPT_BYTES_MAX: u32 = 66;

/// What is open at the current place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Sequence,
    Item,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    open: Open,
    /// Where it ends; `None` when a delimiter ends it.
    end: Option<u64>,
    encoding: Encoding,
}

/// An element's tag, length and kind.
struct Header {
    tag: Tag,
    vr: Option<[u8; 2]>,
    length: u32,
}

pub(super) fn walk<R: Read>(source: Source<R>, form: SyntaxForm, limits: &ScanLimits) -> Result<Scan, ScanError> {
    let mut walker = Walker { source, form, limits, levels: Vec::new(), elements: 0, found: Found::default() };
    while walker.step()? {}
    walker.found.finish(form)
}

struct Walker<'a, R> {
    source: Source<R>,
    form: SyntaxForm,
    limits: &'a ScanLimits,
    levels: Vec<Level>,
    elements: u64,
    found: Found,
}

impl<R: Read> Walker<'_, R> {
    /// Takes one element, item or delimiter; false at the end of the data set.
    fn step(&mut self) -> Result<bool, ScanError> {
        while self.levels.last().is_some_and(|level| level.end == Some(self.source.position())) {
            self.levels.pop();
        }
        let encoding = self.levels.last().map_or(self.form.encoding, |level| level.encoding);
        let Some(group) = self.source.read_pair_or_end()? else {
            return if self.levels.is_empty() {
                Ok(false)
            } else {
                Err(self.source.damaged("it ends inside a sequence"))
            };
        };
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return Err(ScanError::TooLarge { limit: self.limits.elements_max, what: "elements" });
        }
        let tag = Tag(number16(encoding, group), number16(encoding, self.source.read()?));
        if tag.0 == ITEM.0 {
            self.delimiter(tag, encoding)?;
        } else if self.levels.last().is_some_and(|level| level.open == Open::Sequence) {
            return Err(self.source.damaged("an element stands where an item should"));
        } else {
            let header = self.header(tag, encoding)?;
            self.element(&header, encoding)?;
        }
        Ok(true)
    }

    /// Item, Item Delimitation Item or Sequence Delimitation Item.
    fn delimiter(&mut self, tag: Tag, encoding: Encoding) -> Result<(), ScanError> {
        let length = number32(encoding, self.source.read()?);
        let open = self.levels.last().map(|level| (level.open, level.end));
        match (tag, open) {
            (ITEM, Some((Open::Sequence, _))) => self.open(Open::Item, length, encoding),
            (ITEM_END, Some((Open::Item, None))) | (SEQUENCE_END, Some((Open::Sequence, None))) => {
                self.levels.pop();
                self.source.skip(u64::from(length))
            }
            _ => Err(self.source.damaged("an item or delimiter stands where none may")),
        }
    }

    fn open(&mut self, open: Open, length: u32, encoding: Encoding) -> Result<(), ScanError> {
        if self.levels.len() >= self.limits.depth_max {
            return Err(ScanError::TooLarge { limit: self.limits.depth_max as u64, what: "levels of nesting" });
        }
        let end = match length {
            UNDEFINED_LENGTH => None,
            length => Some(self.end_of(length)?),
        };
        self.levels.push(Level { open, end, encoding });
        Ok(())
    }

    /// Where a value of `length` bytes ends; it must lie inside what encloses it.
    fn end_of(&self, length: u32) -> Result<u64, ScanError> {
        let end = self.source.position() + u64::from(length);
        let enclosing = self.levels.iter().rev().find_map(|level| level.end).unwrap_or(self.source.end());
        if end > enclosing {
            return Err(self.source.damaged("a length reaches beyond what encloses it"));
        }
        Ok(end)
    }

    /// VR and length after `tag`.
    fn header(&mut self, tag: Tag, encoding: Encoding) -> Result<Header, ScanError> {
        if !encoding.explicit {
            let length = number32(encoding, self.source.read()?);
            return Ok(Header { tag, vr: None, length });
        }
        let vr: [u8; 2] = self.source.read()?;
        let Ok(known) = std::str::from_utf8(&vr).map_err(|_| ()).and_then(|text| text.parse::<VR>().map_err(|_| ()))
        else {
            return Err(self.source.damaged("a value representation is not known (is it implicit VR?)"));
        };
        let length = if has_long_length(known) {
            let [_, _, a, b, c, d] = self.source.read()?;
            number32(encoding, [a, b, c, d])
        } else {
            u32::from(number16(encoding, self.source.read()?))
        };
        Ok(Header { tag, vr: Some(vr), length })
    }

    fn element(&mut self, header: &Header, encoding: Encoding) -> Result<(), ScanError> {
        let Header { tag, vr, length } = *header;
        if tag.0 <= 0x0002 {
            return Err(self.source.damaged("a command or file meta element stands in the data set"));
        }
        let at_root = self.levels.is_empty();
        if length == UNDEFINED_LENGTH {
            return match vr {
                _ if tag == tags::PIXEL_DATA => self.encapsulated(at_root, encoding),
                Some(vr) if &vr == b"UN" => self.open(Open::Sequence, length, IMPLICIT_LE),
                Some(vr) if &vr != b"SQ" => Err(self.source.damaged("a value other than a sequence has no length")),
                _ => self.open(Open::Sequence, length, encoding),
            };
        }
        let end = self.end_of(length)?;
        if at_root && texts::wants(tag) && length <= texts::BYTES_MAX {
            let mut value = vec![0_u8; length as usize];
            self.source.read_into(&mut value)?;
            self.found.texts.keep(tag, value);
            return Ok(());
        }
        if vr.map_or_else(|| is_sequence(tag), |vr| &vr == b"SQ") {
            return self.open(Open::Sequence, length, encoding);
        }
        if at_root && tag == tags::PIXEL_DATA {
            let place = PixelPlace::Native { offset: self.source.position(), length: u64::from(length) };
            self.found.pixels(place)?;
        } else if at_root && Found::wants(tag) {
            if length > KEPT_BYTES_MAX {
                return Err(self.source.damaged("a UID or image attribute is too long"));
            }
            let mut value = [0_u8; KEPT_BYTES_MAX as usize];
            let value = &mut value[..length as usize];
            self.source.read_into(value)?;
            return self.found.keep(header, encoding, value, self.source.position());
        }
        self.source.skip(end - self.source.position())
    }

    /// Encapsulated pixel data (PS3.5 annex A.4): offset table, fragments, delimiter.
    fn encapsulated(&mut self, at_root: bool, encoding: Encoding) -> Result<(), ScanError> {
        let mut offset_table = None;
        let mut fragments = Vec::new();
        loop {
            let tag = Tag(number16(encoding, self.source.read()?), number16(encoding, self.source.read()?));
            let length = number32(encoding, self.source.read()?);
            match tag {
                ITEM if length == UNDEFINED_LENGTH => return Err(self.source.damaged("a fragment has no length")),
                ITEM => {
                    let end = self.end_of(length)?;
                    if offset_table.is_none() {
                        offset_table = Some(self.offset_table(length, encoding)?);
                    } else {
                        fragments.push((self.source.position(), length));
                        self.source.skip(end - self.source.position())?;
                    }
                }
                SEQUENCE_END => break,
                _ => return Err(self.source.damaged("encapsulated pixel data holds something other than fragments")),
            }
            if fragments.len() > self.limits.fragments_max {
                return Err(ScanError::TooLarge { limit: self.limits.fragments_max as u64, what: "fragments" });
            }
        }
        if at_root {
            let offset_table = offset_table.unwrap_or_default();
            self.found.pixels(PixelPlace::Encapsulated { offset_table, fragments })?;
        }
        Ok(())
    }

    fn offset_table(&mut self, length: u32, encoding: Encoding) -> Result<Vec<u32>, ScanError> {
        if !length.is_multiple_of(4) || (length / 4) as usize > self.limits.fragments_max {
            return Err(self.source.damaged("the basic offset table has a wrong length"));
        }
        (0..length / 4).map(|_| Ok(number32(encoding, self.source.read()?))).collect()
    }
}

fn number16(encoding: Encoding, bytes: [u8; 2]) -> u16 {
    if encoding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

fn number32(encoding: Encoding, bytes: [u8; 4]) -> u32 {
    if encoding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// VRs whose length takes four bytes after two reserved ones (PS3.5 section 7.1.2).
const fn has_long_length(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}

fn is_sequence(tag: Tag) -> bool {
    StandardDataDictionary.by_tag(tag).is_some_and(|entry| entry.vr().exact() == Some(VR::SQ))
}

/// The values that the walk keeps.
#[derive(Debug, Default)]
struct Found {
    sop_class: Option<Uid>,
    sop_instance: Option<Uid>,
    study: Option<Uid>,
    series: Option<Uid>,
    samples: Option<u16>,
    frames: Option<u32>,
    rows: Option<u16>,
    columns: Option<u16>,
    bits_allocated: Option<u16>,
    pixels: Option<PixelPlace>,
    texts: Texts,
    seen: Vec<Tag>,
}

impl Found {
    fn wants(tag: Tag) -> bool {
        matches!(
            tag,
            tags::SOP_CLASS_UID
                | tags::SOP_INSTANCE_UID
                | tags::STUDY_INSTANCE_UID
                | tags::SERIES_INSTANCE_UID
                | tags::SAMPLES_PER_PIXEL
                | tags::NUMBER_OF_FRAMES
                | tags::ROWS
                | tags::COLUMNS
                | tags::BITS_ALLOCATED
        )
    }

    fn keep(&mut self, header: &Header, encoding: Encoding, value: &[u8], offset: u64) -> Result<(), ScanError> {
        let damaged = |what| Err(ScanError::Damaged { offset, what });
        if self.seen.contains(&header.tag) {
            return damaged("a UID or image attribute stands twice");
        }
        self.seen.push(header.tag);
        let text = || std::str::from_utf8(value).ok().map(|text| text.trim_matches([' ', '\0']));
        let uid = || text().and_then(|text| Uid::parse(text).ok());
        match header.tag {
            tags::SOP_CLASS_UID => self.sop_class = uid(),
            tags::SOP_INSTANCE_UID => self.sop_instance = uid(),
            tags::STUDY_INSTANCE_UID => self.study = uid(),
            tags::SERIES_INSTANCE_UID => self.series = uid(),
            tags::NUMBER_OF_FRAMES => match text().map(str::parse) {
                Some(Ok(frames)) => self.frames = Some(frames),
                _ if value.is_empty() => {}
                _ => return damaged("the number of frames is no number"),
            },
            tag => {
                let number = match value {
                    [] => None,
                    [a, b] if header.vr.is_none_or(|vr| &vr == b"US") => Some(number16(encoding, [*a, *b])),
                    _ => return damaged("an image attribute is not one US value"),
                };
                match tag {
                    tags::SAMPLES_PER_PIXEL => self.samples = number,
                    tags::ROWS => self.rows = number,
                    tags::COLUMNS => self.columns = number,
                    _ => self.bits_allocated = number,
                }
            }
        }
        Ok(())
    }

    fn pixels(&mut self, place: PixelPlace) -> Result<(), ScanError> {
        match self.pixels.replace(place) {
            None => Ok(()),
            Some(_) => Err(ScanError::PixelMismatch("there is pixel data twice")),
        }
    }

    fn finish(self, form: SyntaxForm) -> Result<Scan, ScanError> {
        if let Some(pixels) = &self.pixels {
            self.check_pixels(pixels, form)?;
        }
        Ok(Scan {
            sop_class: self.sop_class.ok_or(ScanError::MissingUid("SOP Class UID"))?,
            sop_instance: self.sop_instance.ok_or(ScanError::MissingUid("SOP Instance UID"))?,
            study: self.study.ok_or(ScanError::MissingUid("Study Instance UID"))?,
            series: self.series,
            pixels: self.pixels,
            texts: self.texts,
        })
    }

    fn check_pixels(&self, pixels: &PixelPlace, form: SyntaxForm) -> Result<(), ScanError> {
        let mismatch = |what| Err(ScanError::PixelMismatch(what));
        match pixels {
            PixelPlace::Native { .. } if form.encapsulated => mismatch("native pixels in a compressed transfer syntax"),
            PixelPlace::Encapsulated { .. } if !form.encapsulated => {
                mismatch("encapsulated pixels in a native transfer syntax")
            }
            PixelPlace::Encapsulated { fragments, .. } if fragments.is_empty() => mismatch("there is no fragment"),
            PixelPlace::Encapsulated { .. } => Ok(()),
            PixelPlace::Native { length, .. } => {
                let (Some(rows), Some(columns), Some(bits)) = (self.rows, self.columns, self.bits_allocated) else {
                    return mismatch("rows, columns or bits allocated are missing");
                };
                let expected = native_length(rows, columns, self.samples.unwrap_or(1), self.frames.unwrap_or(1), bits);
                match expected {
                    Some(expected) if *length == expected || *length == expected + expected % 2 => Ok(()),
                    _ => mismatch("its length is not that of rows, columns, samples, frames and bits"),
                }
            }
        }
    }
}
