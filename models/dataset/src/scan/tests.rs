use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const EXPLICIT: &str = syntax::EXPLICIT_LE;

/// A small writer of explicit or implicit little-endian data sets.
#[derive(Clone)]
struct Writer {
    bytes: Vec<u8>,
    explicit: bool,
}

impl Writer {
    fn explicit() -> Self {
        Self { bytes: Vec::new(), explicit: true }
    }

    fn tag(mut self, group: u16, element: u16) -> Self {
        self.bytes.extend(group.to_le_bytes());
        self.bytes.extend(element.to_le_bytes());
        self
    }

    fn short(self, group: u16, element: u16, vr: &str, value: &[u8]) -> Self {
        let mut writer = self.tag(group, element);
        if writer.explicit {
            writer.bytes.extend(vr.as_bytes());
            writer.bytes.extend((value.len() as u16).to_le_bytes());
        } else {
            writer.bytes.extend((value.len() as u32).to_le_bytes());
        }
        writer.bytes.extend(value);
        writer
    }

    fn long(self, group: u16, element: u16, vr: &str, length: u32, value: &[u8]) -> Self {
        let mut writer = self.tag(group, element);
        if writer.explicit {
            writer.bytes.extend(vr.as_bytes());
            writer.bytes.extend([0, 0]);
        }
        writer.bytes.extend(length.to_le_bytes());
        writer.bytes.extend(value);
        writer
    }

    fn item(self, element: u16, length: u32) -> Self {
        let mut writer = self.tag(0xFFFE, element);
        writer.bytes.extend(length.to_le_bytes());
        writer
    }

    fn uids(self) -> Self {
        self.short(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.1.2\0").short(8, 0x18, "UI", b"1.2.3.4\0")
    }

    fn study(self) -> Self {
        self.short(0x20, 0x0D, "UI", b"1.2.3.40").short(0x20, 0x0E, "UI", b"1.2.3.41")
    }

    fn image(self, rows: u16, columns: u16) -> Self {
        self.short(0x28, 2, "US", &1_u16.to_le_bytes())
            .short(0x28, 0x10, "US", &rows.to_le_bytes())
            .short(0x28, 0x11, "US", &columns.to_le_bytes())
            .short(0x28, 0x100, "US", &16_u16.to_le_bytes())
    }

    fn scan(&self, syntax: &str) -> Result<Scan, ScanError> {
        scan(&mut Cursor::new(&self.bytes), &Uid::parse(syntax).unwrap(), &ScanLimits::default())
    }
}

fn minimal() -> Writer {
    Writer::explicit().uids().study()
}

fn native() -> Writer {
    minimal().image(2, 3).long(0x7FE0, 0x10, "OW", 12, &[7; 12])
}

fn encapsulated() -> Writer {
    minimal()
        .image(2, 3)
        .long(0x7FE0, 0x10, "OB", u32::MAX, &[])
        .item(0xE000, 4)
        .raw(&[0; 4])
        .item(0xE000, 6)
        .raw(&[9; 6])
        .item(0xE0DD, 0)
}

impl Writer {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }
}

#[test]
fn finds_uids_and_native_pixels() {
    let scan = native().scan(EXPLICIT).unwrap();
    assert_eq!(scan.sop_instance.as_str(), "1.2.3.4");
    assert_eq!(scan.study.as_str(), "1.2.3.40");
    let length = native().bytes.len() as u64;
    assert_eq!(scan.pixels, Some(PixelPlace::Native { offset: length - 12, length: 12 }));
}

#[test]
fn finds_fragments_and_offset_table() {
    let writer = encapsulated();
    let scan = writer.scan(syntax::RLE_LOSSLESS).unwrap();
    let at = writer.bytes.len() as u64 - 8 - 6;
    assert_eq!(scan.pixels, Some(PixelPlace::Encapsulated { offset_table: vec![0], fragments: vec![(at, 6)] }));
}

#[test]
fn implicit_and_deflated_are_read() {
    let mut writer = Writer { bytes: Vec::new(), explicit: false };
    writer = writer.uids().study().image(2, 3).long(0x7FE0, 0x10, "OW", 12, &[7; 12]);
    assert!(writer.scan(syntax::IMPLICIT_LE).is_ok());
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut deflater, &native().bytes).unwrap();
    let deflated = Writer { bytes: deflater.finish().unwrap(), explicit: true };
    assert_eq!(deflated.scan(syntax::DEFLATED_LE).unwrap(), native().scan(EXPLICIT).unwrap());
}

#[test]
fn big_endian_is_read() {
    let mut bytes = Vec::new();
    for (group, element, value) in [(8_u16, 0x16_u16, b"1.2."), (8, 0x18, b"1.3."), (0x20, 0x0D, b"1.4.")] {
        bytes.extend(group.to_be_bytes());
        bytes.extend(element.to_be_bytes());
        bytes.extend(b"UI");
        bytes.extend(4_u16.to_be_bytes());
        bytes.extend(&value[..3]);
        bytes.push(0);
    }
    let writer = Writer { bytes, explicit: true };
    assert!(writer.scan(syntax::EXPLICIT_BE).is_ok());
    assert!(writer.scan(EXPLICIT).is_err());
}

#[test]
fn implicit_bytes_in_an_explicit_syntax_are_refused() {
    let writer = Writer { bytes: Vec::new(), explicit: false }.uids().study();
    assert!(matches!(writer.scan(EXPLICIT), Err(ScanError::Damaged { .. })));
}

#[test]
fn a_huge_length_is_refused_at_once() {
    let writer = minimal().long(0x0008, 0x1140, "OB", 0xFFFF_FFF0, &[0; 16]);
    assert!(matches!(writer.scan(EXPLICIT), Err(ScanError::Damaged { .. })));
}

#[test]
fn sixty_thousand_nested_sequences_are_refused() {
    let mut writer = minimal();
    for _ in 0..60_000 {
        writer = writer.long(0x0040, 0x0260, "SQ", u32::MAX, &[]).item(0xE000, u32::MAX);
    }
    assert!(matches!(writer.scan(EXPLICIT), Err(ScanError::TooLarge { limit: 64, .. })));
}

#[test]
fn an_inflating_bomb_is_cut_off() {
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let start = minimal().long(0x0009, 0x1001, "OB", 0x1000_0000, &[]);
    std::io::Write::write_all(&mut deflater, &start.bytes).unwrap();
    for _ in 0..256 {
        std::io::Write::write_all(&mut deflater, &[0; 1 << 20]).unwrap();
    }
    let bytes = deflater.finish().unwrap();
    assert!(bytes.len() < 1 << 20);
    let limits = ScanLimits { inflated_bytes_max: 1 << 20, ..ScanLimits::default() };
    let result = scan(&mut Cursor::new(bytes), &Uid::parse(syntax::DEFLATED_LE).unwrap(), &limits);
    assert!(matches!(result, Err(ScanError::Damaged { .. } | ScanError::TooLarge { .. })), "{result:?}");
}

#[test]
fn uids_must_be_there_and_valid() {
    let no_study = Writer::explicit().uids();
    assert!(matches!(no_study.scan(EXPLICIT), Err(ScanError::MissingUid("Study Instance UID"))));
    let traversal = Writer::explicit().short(8, 0x16, "UI", b"../../x\0").short(8, 0x18, "UI", b"1.2\0").study();
    assert!(matches!(traversal.scan(EXPLICIT), Err(ScanError::MissingUid("SOP Class UID"))));
    let empty = Writer::explicit();
    assert!(matches!(empty.scan(EXPLICIT), Err(ScanError::MissingUid(_))));
}

#[test]
fn a_repeated_uid_is_refused() {
    let writer = minimal().short(0x20, 0x0D, "UI", b"1.2.9.9\0");
    assert!(matches!(writer.scan(EXPLICIT), Err(ScanError::Damaged { .. })));
}

#[test]
fn rows_of_another_type_are_refused() {
    let writer = minimal().short(0x28, 0x10, "UL", &100_000_u32.to_le_bytes());
    assert!(matches!(writer.scan(EXPLICIT), Err(ScanError::Damaged { .. })));
}

#[test]
fn pixel_data_must_fit_the_header_and_the_syntax() {
    let short = minimal().image(2, 3).long(0x7FE0, 0x10, "OW", 10, &[7; 10]);
    assert!(matches!(short.scan(EXPLICIT), Err(ScanError::PixelMismatch(_))));
    assert!(matches!(native().scan(syntax::RLE_LOSSLESS), Err(ScanError::PixelMismatch(_))));
    assert!(matches!(encapsulated().scan(EXPLICIT), Err(ScanError::PixelMismatch(_))));
    assert!(matches!(native().scan("1.2.3"), Err(ScanError::UnsupportedSyntax)));
}

#[test]
fn legal_oddities_pass() {
    let private = native().long(0x0009, 0x1010, "UN", 3, &[1, 2, 3]);
    assert!(private.scan(EXPLICIT).is_ok(), "elements out of order, private");
    let unknown = minimal()
        .long(0x0009, 0x1010, "UN", u32::MAX, &[])
        .item(0xE000, u32::MAX)
        .raw(&[8, 0, 0x50, 0, 2, 0, 0, 0, b'a', b' '])
        .item(0xE00D, 0)
        .item(0xE0DD, 0);
    assert!(unknown.scan(EXPLICIT).is_ok(), "UN of undefined length holds implicit VR (CP-246)");
    let padded = native().long(0xFFFC, 0xFFFC, "OB", 8, &[0; 8]);
    assert!(padded.scan(EXPLICIT).is_ok(), "data set trailing padding");
    let icon = minimal()
        .long(0x0088, 0x0200, "SQ", u32::MAX, &[])
        .item(0xE000, u32::MAX)
        .long(0x7FE0, 0x10, "OW", 4, &[0; 4])
        .item(0xE00D, 0)
        .item(0xE0DD, 0);
    assert_eq!(icon.scan(EXPLICIT).unwrap().pixels, None, "an icon's pixels are not the image's");
}

#[test]
fn group_lengths_are_skipped() {
    let bytes = Writer::explicit().short(8, 0, "UL", &[40, 0, 0, 0]);
    let writer = Writer { bytes: [bytes.bytes, minimal().bytes].concat(), explicit: true };
    assert!(writer.scan(EXPLICIT).is_ok());
}

#[test]
fn every_cut_is_an_error() {
    for (writer, syntax) in [(native(), EXPLICIT), (encapsulated(), syntax::RLE_LOSSLESS)] {
        let pixels_from = writer.bytes.len() - 64;
        for length in 0..writer.bytes.len() {
            let cut = Writer { bytes: writer.bytes[..length].to_vec(), explicit: true };
            let result = cut.scan(syntax);
            // A cut exactly between two elements cannot be told from an object without the rest.
            assert!(result.is_err() || length < pixels_from || result.unwrap().pixels.is_none(), "cut at {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn damage_never_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), encapsulate: bool) {
        let mut writer = if encapsulate { encapsulated() } else { native() };
        for (index, value) in flips {
            let at = index.index(writer.bytes.len());
            writer.bytes[at] = value;
        }
        for syntax in [EXPLICIT, syntax::IMPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE, syntax::RLE_LOSSLESS] {
            let _ = writer.scan(syntax);
        }
    }
}
