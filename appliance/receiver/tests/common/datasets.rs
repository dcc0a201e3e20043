//! Data sets as bytes.

use dataset::testing::DataSetWriter;

use super::wire::MAMMOGRAM;

/// What the receiver's tests write often.
pub trait Mammogram: Sized {
    /// UIDs of a mammogram.
    fn mammogram(self, instance: &str) -> Self;
    /// Rows, columns and Bits Allocated 16, and no more.
    fn size(self, rows: u16, columns: u16) -> Self;
    /// Pixel Data of so many bytes.
    fn pixels(self, bytes: usize) -> Self;
}

impl Mammogram for DataSetWriter {
    fn mammogram(self, instance: &str) -> Self {
        self.uids(MAMMOGRAM, instance, "1.2.3")
    }

    fn size(self, rows: u16, columns: u16) -> Self {
        self.number(0x28, 0x10, rows).number(0x28, 0x11, columns).number(0x28, 0x100, 16)
    }

    fn pixels(self, bytes: usize) -> Self {
        self.element(0x7FE0, 0x10, "OW", &vec![7; bytes])
    }
}

/// An explicit mammogram with `rows` rows of 512 bytes.
pub fn dataset(instance: &str, rows: u16) -> Vec<u8> {
    DataSetWriter::explicit().mammogram(instance).size(rows, 256).pixels(usize::from(rows) * 512).bytes
}
