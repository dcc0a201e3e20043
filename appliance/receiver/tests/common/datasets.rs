//! Data sets as bytes (PS3.5 section 7.1).

use super::wire::MAMMOGRAM;

/// A writer of little-endian data sets.
#[derive(Clone)]
pub struct Dataset {
    pub bytes: Vec<u8>,
    explicit: bool,
}

impl Dataset {
    pub const fn explicit() -> Self {
        Self { bytes: Vec::new(), explicit: true }
    }

    pub const fn implicit() -> Self {
        Self { bytes: Vec::new(), explicit: false }
    }

    /// An element.
    pub fn element(self, group: u16, element: u16, vr: &str, value: &[u8]) -> Self {
        let mut writer = self.header(group, element, vr, value.len() as u32);
        writer.bytes.extend(value);
        writer
    }

    /// An element's tag, VR and length.
    pub fn header(mut self, group: u16, element: u16, vr: &str, length: u32) -> Self {
        self.bytes.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
        if !self.explicit {
            self.bytes.extend(length.to_le_bytes());
            return self;
        }
        self.bytes.extend(vr.as_bytes());
        if matches!(vr, "OB" | "OW" | "SQ" | "UN") {
            self.bytes.extend([0, 0]);
            self.bytes.extend(length.to_le_bytes());
        } else {
            self.bytes.extend((length as u16).to_le_bytes());
        }
        self
    }

    pub fn text(self, group: u16, element: u16, vr: &str, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), if vr == "UI" { 0 } else { b' ' });
        self.element(group, element, vr, &value)
    }

    pub fn number(self, group: u16, element: u16, number: u16) -> Self {
        self.element(group, element, "US", &number.to_le_bytes())
    }

    /// UIDs of a mammogram.
    pub fn uids(self, instance: &str) -> Self {
        self.text(8, 0x16, "UI", MAMMOGRAM).text(8, 0x18, "UI", instance).text(0x20, 0x0D, "UI", "1.2.3")
    }

    pub fn size(self, rows: u16, columns: u16) -> Self {
        self.number(0x28, 0x10, rows).number(0x28, 0x11, columns).number(0x28, 0x100, 16)
    }

    pub fn pixels(self, bytes: usize) -> Self {
        self.element(0x7FE0, 0x10, "OW", &vec![7; bytes])
    }
}

/// An explicit mammogram with `rows` rows of 512 bytes.
pub fn dataset(instance: &str, rows: u16) -> Vec<u8> {
    Dataset::explicit().uids(instance).size(rows, 256).pixels(usize::from(rows) * 512).bytes
}
