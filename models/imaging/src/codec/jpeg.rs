//! What the JPEG processes share (ITU-T T.81): marker segments, Huffman tables and the entropy-coded bits.

pub(crate) mod bits;
pub(crate) mod huffman;

use super::{CodecError, FrameSpec};
use huffman::HuffmanTable;

pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DHT: u8 = 0xC4;
const DAC: u8 = 0xCC;
pub(crate) const DRI: u8 = 0xDD;
/// Start of frame: baseline, extended sequential and lossless, all with Huffman coding.
pub(crate) const SOF_BASELINE: u8 = 0xC0;
pub(crate) const SOF_EXTENDED: u8 = 0xC1;
pub(crate) const SOF_LOSSLESS: u8 = 0xC3;

/// Everything before the entropy-coded data of a one-component image.
#[derive(Debug)]
pub(crate) struct JpegImage<'a> {
    /// Which start-of-frame marker.
    pub(crate) process: u8,
    /// Bits of a sample.
    pub(crate) precision: u8,
    pub(crate) dc_table: HuffmanTable,
    /// Absent in lossless images.
    pub(crate) ac_table: Option<HuffmanTable>,
    /// In zigzag order; absent in lossless images.
    pub(crate) quantisation: Option<[u16; 64]>,
    /// Samples or blocks between restart markers; 0 for none.
    pub(crate) restart_interval: u32,
    /// Predictor of a lossless image, 1 to 7.
    pub(crate) predictor: u8,
    /// Point transform of a lossless image.
    pub(crate) point_transform: u8,
    /// From the first entropy-coded byte on.
    pub(crate) entropy: &'a [u8],
}

#[derive(Default)]
struct Tables {
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
    quantisation: [Option<[u16; 64]>; 4],
    restart_interval: u32,
    frame: Option<StartOfFrame>,
}

#[derive(Clone, Copy)]
struct StartOfFrame {
    process: u8,
    precision: u8,
    quantisation: u8,
}

/// Errors of one codec.
#[derive(Clone, Copy)]
pub(crate) struct Blame(pub(crate) &'static str);

impl Blame {
    pub(crate) fn damaged(self, what: &str) -> CodecError {
        CodecError::Damaged { codec: self.0, what: what.into() }
    }

    pub(crate) fn unsupported(self, what: &str) -> CodecError {
        CodecError::Unsupported { codec: self.0, what: what.into() }
    }

    pub(crate) fn mismatch(self, stream: String, header: String) -> CodecError {
        CodecError::Mismatch { codec: self.0, stream, header }
    }

    /// Holds a stream's size and precision against the header's.
    pub(crate) fn check_size(
        self,
        frame: &FrameSpec,
        rows: u32,
        columns: u32,
        precision: u32,
    ) -> Result<(), CodecError> {
        if (rows, columns) != (frame.rows, frame.columns) {
            return Err(self.mismatch(format!("{rows} x {columns}"), format!("{} x {}", frame.rows, frame.columns)));
        }
        if precision > u32::from(frame.bits_allocated) {
            return Err(self.mismatch(format!("{precision} bits"), format!("{} bits allocated", frame.bits_allocated)));
        }
        Ok(())
    }
}

/// Parses all marker segments up to the start of the (only) scan.
pub(crate) fn parse<'a>(stream: &'a [u8], frame: &FrameSpec, blame: Blame) -> Result<JpegImage<'a>, CodecError> {
    let mut at = stream
        .windows(2)
        .take(16)
        .position(|pair| pair == [0xFF, SOI])
        .map(|start| start + 2)
        .ok_or_else(|| blame.damaged("there is no start of image"))?;
    let mut tables = Tables::default();
    loop {
        let marker = next_marker(stream, &mut at).ok_or_else(|| blame.damaged("it ends before the scan"))?;
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            continue;
        }
        if marker == EOI {
            return Err(blame.damaged("there is no scan"));
        }
        let segment =
            segment(stream, &mut at).ok_or_else(|| blame.damaged("a marker segment reaches beyond the end"))?;
        match marker {
            DHT => tables.huffman(segment, blame)?,
            DQT => tables.quantisation(segment, blame)?,
            DRI => {
                let [high, low] =
                    *segment.first_chunk().ok_or_else(|| blame.damaged("restart interval is too short"))?;
                tables.restart_interval = u32::from(u16::from_be_bytes([high, low]));
            }
            SOF_BASELINE | SOF_EXTENDED | SOF_LOSSLESS => tables.start_of_frame(marker, segment, frame, blame)?,
            DAC | 0xC2 | 0xC5..=0xCF => return Err(blame.unsupported("progressive, hierarchical or arithmetic coding")),
            SOS => return tables.start_of_scan(segment, &stream[at..], blame),
            _ => {}
        }
    }
}

/// The next marker's code, fill bytes skipped; `at` moves behind it.
fn next_marker(stream: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let ahead = stream.get(*at..)?;
        let skipped = ahead.iter().position(|&byte| byte == 0xFF)?;
        *at += skipped + 1;
        match *stream.get(*at)? {
            0x00 => *at += 1,
            0xFF => {}
            marker => {
                *at += 1;
                return Some(marker);
            }
        }
    }
}

fn segment<'a>(stream: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let [high, low] = *stream.get(*at..)?.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let segment = stream.get(*at + 2..*at + length.max(2))?;
    *at += length.max(2);
    Some(segment)
}

impl Tables {
    fn huffman(&mut self, mut segment: &[u8], blame: Blame) -> Result<(), CodecError> {
        while let Some((&selector, rest)) = segment.split_first() {
            let (counts, rest) =
                rest.split_first_chunk::<16>().ok_or_else(|| blame.damaged("a Huffman table is short"))?;
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest.get(..total).ok_or_else(|| blame.damaged("a Huffman table is short"))?;
            let table =
                HuffmanTable::new(counts, symbols).ok_or_else(|| blame.damaged("a Huffman table is no prefix code"))?;
            let slots = if selector >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *slots
                .get_mut(usize::from(selector & 15))
                .ok_or_else(|| blame.damaged("a Huffman table's place is wrong"))? = Some(table);
            segment = &rest[total..];
        }
        Ok(())
    }

    fn quantisation(&mut self, mut segment: &[u8], blame: Blame) -> Result<(), CodecError> {
        let short = || blame.damaged("a quantisation table is short");
        while let Some((&selector, rest)) = segment.split_first() {
            let mut table = [0_u16; 64];
            let width = if selector >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * width).ok_or_else(short)?;
            for (entry, value) in table.iter_mut().zip(values.chunks_exact(width)) {
                *entry = value.iter().fold(0, |number, &byte| number << 8 | u16::from(byte));
            }
            *self.quantisation.get_mut(usize::from(selector & 15)).ok_or_else(short)? = Some(table);
            segment = &rest[64 * width..];
        }
        Ok(())
    }

    fn start_of_frame(
        &mut self,
        process: u8,
        segment: &[u8],
        frame: &FrameSpec,
        blame: Blame,
    ) -> Result<(), CodecError> {
        let [precision, r1, r0, c1, c0, components] =
            *segment.first_chunk().ok_or_else(|| blame.damaged("start of frame is short"))?;
        if self.frame.is_some() {
            return Err(blame.damaged("there is a second start of frame"));
        }
        if components != 1 {
            return Err(blame.mismatch(format!("{components} components"), "1 sample per pixel".into()));
        }
        let (rows, columns) = (u16::from_be_bytes([r1, r0]), u16::from_be_bytes([c1, c0]));
        blame.check_size(frame, rows.into(), columns.into(), precision.into())?;
        let quantisation = *segment.get(8).ok_or_else(|| blame.damaged("start of frame is short"))?;
        self.frame = Some(StartOfFrame { process, precision, quantisation });
        Ok(())
    }

    fn start_of_scan<'a>(
        mut self,
        segment: &[u8],
        entropy: &'a [u8],
        blame: Blame,
    ) -> Result<JpegImage<'a>, CodecError> {
        let [components, _, selectors, predictor, _, transform] =
            *segment.first_chunk().ok_or_else(|| blame.damaged("start of scan is short"))?;
        if components != 1 {
            return Err(blame.damaged("the scan has several components"));
        }
        let frame = self.frame.ok_or_else(|| blame.damaged("there is no start of frame"))?;
        let table =
            |slots: &mut [Option<HuffmanTable>; 4], slot: u8| slots.get_mut(usize::from(slot)).and_then(Option::take);
        Ok(JpegImage {
            process: frame.process,
            precision: frame.precision,
            dc_table: table(&mut self.dc, selectors >> 4).ok_or_else(|| blame.damaged("a Huffman table is missing"))?,
            ac_table: table(&mut self.ac, selectors & 15),
            quantisation: self.quantisation.get(usize::from(frame.quantisation)).copied().flatten(),
            restart_interval: self.restart_interval,
            predictor,
            point_transform: transform & 15,
            entropy,
        })
    }
}
