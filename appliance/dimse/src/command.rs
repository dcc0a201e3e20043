//! The elements of a command set (PS3.7 section 6.3.1), read and written.

use contract::Uid;

use crate::{CommandError, NO_DATA_SET};

/// The elements of a command set.
pub(crate) struct Values<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Values<'a> {
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Result<Self, CommandError> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let (header, rest) = bytes.split_first_chunk::<8>().ok_or(CommandError::Damaged)?;
            let [0, 0, e0, e1, l0, l1, l2, l3] = *header else { return Err(CommandError::Damaged) };
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let value = rest.get(..length).ok_or(CommandError::Damaged)?;
            values.push((u16::from_le_bytes([e0, e1]), value));
            bytes = &rest[length..];
        }
        Ok(Self(values))
    }

    fn get(&self, element: u16) -> Option<&'a [u8]> {
        self.0.iter().find(|(found, _)| *found == element).map(|(_, value)| *value)
    }

    pub(crate) fn number(&self, element: u16) -> Option<u16> {
        self.get(element)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// Command Data Set Type (0000,0800): does a data set follow?
    pub(crate) fn has_data_set(&self) -> bool {
        self.number(0x0800).is_some_and(|kind| kind != NO_DATA_SET)
    }

    pub(crate) fn uid(&self, element: u16) -> Option<Uid> {
        std::str::from_utf8(self.get(element)?).ok().and_then(|text| Uid::parse(text).ok())
    }
}

#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    fn element(&mut self, element: u16, value: &[u8]) {
        self.0.extend([0, 0]);
        self.0.extend(element.to_le_bytes());
        self.0.extend((value.len() as u32).to_le_bytes());
        self.0.extend(value);
    }

    pub(crate) fn number(&mut self, element: u16, number: u16) {
        self.element(element, &number.to_le_bytes());
    }

    pub(crate) fn text(&mut self, element: u16, text: &str) {
        let padding = if text.len().is_multiple_of(2) { "" } else { "\0" };
        self.element(element, format!("{text}{padding}").as_bytes());
    }

    pub(crate) fn uid(&mut self, element: u16, uid: &Uid) {
        self.text(element, uid.as_str());
    }

    /// Puts Command Group Length (0000,0000) in front.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut group = Self::default();
        group.element(0, &(self.0.len() as u32).to_le_bytes());
        [group.0, self.0].concat()
    }
}
