//! The file meta information of a Part 10 file (PS3.10 section 7.1), read with bounds.

use std::io::{Read, Seek, SeekFrom};

use contract::Uid;
use thiserror::Error;

/// The longest file meta information that is read.
pub const META_BYTES_MAX: u64 = 64 << 10;

/// What the file meta information says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: Option<Uid>,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: Option<Uid>,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: Uid,
    /// Source Application Entity Title (0002,0016).
    pub source_ae_title: Option<String>,
    /// Where the data set begins, in bytes from the start of the file.
    pub dataset_offset: u64,
}

/// Why a file is no Part 10 file that can be read.
#[derive(Debug, Error)]
pub enum Part10Error {
    /// Reading failed.
    #[error("file cannot be read: {}", .0.kind())]
    Read(#[from] std::io::Error),
    /// No `DICM` after 128 bytes.
    #[error("file is no DICOM Part 10 file: the letters DICM are missing")]
    NoPrefix,
    /// The meta group is broken.
    #[error("file meta information is damaged: {0}")]
    Damaged(&'static str),
    /// The meta group has no transfer syntax.
    #[error("file meta information names no transfer syntax")]
    NoTransferSyntax,
}

/// Reads the file meta information from the start of `reader` and leaves it at the data set's first byte.
///
/// # Errors
/// [`Part10Error`]; group 0002 is read up to [`META_BYTES_MAX`].
pub fn read_file_meta<R: Read + Seek>(reader: &mut R) -> Result<FileMeta, Part10Error> {
    reader.seek(SeekFrom::Start(0))?;
    let mut prefix = [0_u8; 132];
    match reader.read_exact(&mut prefix) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(Part10Error::NoPrefix),
        other => other?,
    }
    if &prefix[128..] != b"DICM" {
        return Err(Part10Error::NoPrefix);
    }
    let mut group = Vec::new();
    reader.by_ref().take(META_BYTES_MAX).read_to_end(&mut group)?;
    let mut meta = MetaValues::default();
    let mut at = 0;
    while group.get(at..at + 2) == Some(&[0x02, 0x00]) {
        at = meta.element(&group, at)?;
    }
    let dataset_offset = 132 + at as u64;
    reader.seek(SeekFrom::Start(dataset_offset))?;
    Ok(FileMeta {
        sop_class: meta.sop_class,
        sop_instance: meta.sop_instance,
        transfer_syntax: meta.transfer_syntax.ok_or(Part10Error::NoTransferSyntax)?,
        source_ae_title: meta.source_ae_title,
        dataset_offset,
    })
}

#[derive(Default)]
struct MetaValues {
    sop_class: Option<Uid>,
    sop_instance: Option<Uid>,
    transfer_syntax: Option<Uid>,
    source_ae_title: Option<String>,
}

impl MetaValues {
    /// Reads the element at `at` (always Explicit VR Little Endian) and returns the place after it.
    fn element(&mut self, group: &[u8], at: usize) -> Result<usize, Part10Error> {
        const SHORT: Part10Error = Part10Error::Damaged("it ends early or is longer than 64 KiB");
        let header = group.get(at..at + 8).ok_or(SHORT)?;
        let (value_at, length) = match &header[4..6] {
            b"OB" | b"UN" | b"OW" => {
                let length = group.get(at + 8..at + 12).ok_or(SHORT)?;
                (at + 12, u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize)
            }
            vr if vr.iter().all(u8::is_ascii_uppercase) => {
                (at + 8, usize::from(u16::from_le_bytes([header[6], header[7]])))
            }
            _ => return Err(Part10Error::Damaged("a value representation is not two capital letters")),
        };
        let end = value_at.checked_add(length).ok_or(SHORT)?;
        let value = group.get(value_at..end).ok_or(SHORT)?;
        self.keep(u16::from_le_bytes([header[2], header[3]]), value)?;
        Ok(end)
    }

    fn keep(&mut self, element: u16, value: &[u8]) -> Result<(), Part10Error> {
        let uid = || {
            let text = std::str::from_utf8(value).map_err(|_| Part10Error::Damaged("a UID is not text"))?;
            Uid::parse(text).map_err(|_| Part10Error::Damaged("a UID is not valid"))
        };
        match element {
            0x0002 => self.sop_class = Some(uid()?),
            0x0003 => self.sop_instance = Some(uid()?),
            0x0010 => self.transfer_syntax = Some(uid()?),
            0x0016 => self.source_ae_title = std::str::from_utf8(value).ok().map(|text| text.trim().to_owned()),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn file(elements: &[(u16, &[u8; 2], &[u8])], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        for (element, vr, value) in elements {
            bytes.extend([2, 0]);
            bytes.extend(element.to_le_bytes());
            bytes.extend(*vr);
            bytes.extend((value.len() as u16).to_le_bytes());
            bytes.extend(*value);
        }
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn reads_what_is_there_and_stops_at_the_data_set() {
        let bytes = file(&[(0x10, b"UI", b"1.2.840.10008.1.2\0"), (0x16, b"AE", b"UNIT1 ")], &[8, 0, 5, 0]);
        let mut reader = Cursor::new(&bytes);
        let meta = read_file_meta(&mut reader).unwrap();
        assert_eq!(meta.transfer_syntax.as_str(), "1.2.840.10008.1.2");
        assert_eq!(meta.source_ae_title.as_deref(), Some("UNIT1"));
        assert_eq!(meta.dataset_offset, bytes.len() as u64 - 4);
        assert_eq!(reader.position(), meta.dataset_offset);
    }

    #[test]
    fn refuses_what_is_no_part_10_file() {
        assert!(matches!(read_file_meta(&mut Cursor::new(b"GIF89a")), Err(Part10Error::NoPrefix)));
        assert!(matches!(read_file_meta(&mut Cursor::new(vec![0; 200])), Err(Part10Error::NoPrefix)));
        assert!(matches!(read_file_meta(&mut Cursor::new(file(&[], &[]))), Err(Part10Error::NoTransferSyntax)));
        let bad = file(&[(0x10, b"UI", b"not a uid")], &[]);
        assert!(matches!(read_file_meta(&mut Cursor::new(bad)), Err(Part10Error::Damaged(_))));
    }

    #[test]
    fn every_cut_is_an_error_and_no_panic() {
        let bytes = file(&[(0x02, b"UI", b"1.2"), (0x10, b"UI", b"1.2.840.10008.1.2\0")], &[]);
        for length in 0..bytes.len() {
            assert!(read_file_meta(&mut Cursor::new(&bytes[..length])).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_length_beyond_the_file_is_refused() {
        let mut bytes = file(&[], &[2, 0, 1, 0, b'O', b'B', 0, 0]);
        bytes.extend(u32::MAX.to_le_bytes());
        assert!(matches!(read_file_meta(&mut Cursor::new(bytes)), Err(Part10Error::Damaged(_))));
    }
}
