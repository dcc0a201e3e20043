//! A writer of small data sets for tests and benches of this workspace (PS3.5 section 7.1).

/// Little-endian elements, one after the other, as they are given: it checks nothing, so that it can write what is wrong.
#[derive(Debug, Clone)]
pub struct DataSetWriter {
    /// What was written.
    pub bytes: Vec<u8>,
    explicit: bool,
}

impl DataSetWriter {
    /// A data set in Explicit VR Little Endian.
    #[must_use]
    pub const fn explicit() -> Self {
        Self { bytes: Vec::new(), explicit: true }
    }

    /// A data set in Implicit VR Little Endian.
    #[must_use]
    pub const fn implicit() -> Self {
        Self { bytes: Vec::new(), explicit: false }
    }

    /// A Part 10 file in Explicit VR Little Endian, with the least file meta information that is readable.
    #[must_use]
    pub fn part_10() -> Self {
        Self::file_meta(contract::transfer_syntax::EXPLICIT_LE)
    }

    /// Preamble and file meta information of a file whose data set is in `transfer_syntax`.
    #[must_use]
    pub fn file_meta(transfer_syntax: &str) -> Self {
        let preamble = [vec![0; 128], b"DICM".to_vec()].concat();
        Self { bytes: preamble, explicit: true }.text(2, 0x10, "UI", transfer_syntax)
    }

    /// An element.
    #[must_use]
    pub fn element(self, group: u16, element: u16, vr: &str, value: &[u8]) -> Self {
        let mut writer = self.header(group, element, vr, value.len() as u32);
        writer.bytes.extend(value);
        writer
    }

    /// An element's tag, VR and length.
    #[must_use]
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

    /// A text, padded to an even length.
    #[must_use]
    pub fn text(self, group: u16, element: u16, vr: &str, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), if vr == "UI" { 0 } else { b' ' });
        self.element(group, element, vr, &value)
    }

    /// A number of VR US.
    #[must_use]
    pub fn number(self, group: u16, element: u16, number: u16) -> Self {
        self.element(group, element, "US", &number.to_le_bytes())
    }

    /// SOP Class, SOP Instance and Study Instance UID.
    #[must_use]
    pub fn uids(self, class: &str, instance: &str, study: &str) -> Self {
        self.text(8, 0x16, "UI", class).text(8, 0x18, "UI", instance).text(0x20, 0x0D, "UI", study)
    }

    /// Image Pixel module of one unsigned grey frame, without its pixels.
    #[must_use]
    pub fn grey(self, rows: u16, columns: u16, bits_allocated: u16, bits_stored: u16) -> Self {
        self.number(0x28, 2, 1)
            .text(0x28, 4, "CS", "MONOCHROME2")
            .number(0x28, 0x10, rows)
            .number(0x28, 0x11, columns)
            .number(0x28, 0x100, bits_allocated)
            .number(0x28, 0x101, bits_stored)
            .number(0x28, 0x102, bits_stored - 1)
            .number(0x28, 0x103, 0)
    }

    /// Pixel Data of 16-bit samples.
    #[must_use]
    pub fn samples(self, samples: &[u16]) -> Self {
        let pixels: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.element(0x7FE0, 0x10, "OW", &pixels)
    }

    /// A sequence of defined lengths; each item is given as its bytes.
    #[must_use]
    pub fn sequence(self, group: u16, element: u16, items: &[Vec<u8>]) -> Self {
        let item = |item: &Vec<u8>| {
            let head = [[0xFE, 0xFF, 0x00, 0xE0], (item.len() as u32).to_le_bytes()].concat();
            [head, item.clone()].concat()
        };
        self.element(group, element, "SQ", &items.iter().flat_map(item).collect::<Vec<u8>>())
    }

    /// The item of a code sequence, with its value and scheme.
    #[must_use]
    pub fn code((value, scheme): (&str, &str)) -> Vec<u8> {
        Self::explicit().text(8, 0x100, "SH", value).text(8, 0x102, "SH", scheme).bytes
    }
}

/// A Key Object Selection Document as Part 10 file, in Explicit VR Little Endian: it names `instances`, mammograms of its
/// own study, in its content and in its evidence (PS3.16 TID 2010).
#[must_use]
pub fn key_object_selection(instance: &str, study: &str, title: (&str, &str), instances: &[&str]) -> Vec<u8> {
    let reference = |uid: &&str| {
        let class = DataSetWriter::explicit().text(8, 0x1150, "UI", "1.2.840.10008.5.1.4.1.1.1.2");
        class.text(8, 0x1155, "UI", uid).bytes
    };
    let references: Vec<Vec<u8>> = instances.iter().map(reference).collect();
    let series = DataSetWriter::explicit().sequence(8, 0x1199, &references).text(0x20, 0x0E, "UI", "1.2.3.5").bytes;
    let evidence = DataSetWriter::explicit().sequence(8, 0x1115, &[series]).text(0x20, 0x0D, "UI", study).bytes;
    let image = |reference: &Vec<u8>| {
        let item = DataSetWriter::explicit().sequence(8, 0x1199, std::slice::from_ref(reference));
        item.text(0x40, 0xA010, "CS", "CONTAINS").text(0x40, 0xA040, "CS", "IMAGE").bytes
    };
    let content: Vec<Vec<u8>> = references.iter().map(image).collect();
    DataSetWriter::part_10()
        .text(8, 0x16, "UI", crate::KEY_OBJECT_SELECTION)
        .text(8, 0x18, "UI", instance)
        .text(8, 0x60, "CS", "KO")
        .text(0x20, 0x0D, "UI", study)
        .text(0x20, 0x0E, "UI", "1.2.3.6")
        .text(0x40, 0xA040, "CS", "CONTAINER")
        .sequence(0x40, 0xA043, &[DataSetWriter::code(title)])
        .text(0x40, 0xA050, "CS", "SEPARATE")
        .sequence(0x40, 0xA375, &[evidence])
        .sequence(0x40, 0xA730, &content)
        .bytes
}
