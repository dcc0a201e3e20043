//! The entropy-coded bits: stuffed zero bytes removed, restart markers found (ITU-T T.81 annex F.1.2.3).

/// A reader of bits, most significant first. After the data it gives zeros, and says so by [`BitReader::overrun`].
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits not yet taken, left-aligned.
    window: u64,
    /// How many bits of `window` are there.
    count: u32,
    /// How many bits of `window` were made up after the end.
    made_up: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, window: 0, count: 0, made_up: 0 }
    }

    /// Makes at least 56 bits ready.
    #[inline]
    pub(crate) fn refill(&mut self) {
        if self.count >= 56 {
            return;
        }
        if let Some(&bytes) = self.data.get(self.at..).and_then(|ahead| ahead.first_chunk::<8>()) {
            let word = u64::from_be_bytes(bytes);
            // Is any byte 0xFF? Then its complement has a zero byte.
            let inverted = !word;
            if inverted.wrapping_sub(0x0101_0101_0101_0101) & !inverted & 0x8080_8080_8080_8080 == 0 {
                let whole_bytes = (64 - self.count) / 8;
                self.window |= word >> self.count;
                self.at += whole_bytes as usize;
                self.count += whole_bytes * 8;
                // Bits below `count` would be or-ed again by the next refill: the same bits, hence harmless.
                return;
            }
        }
        self.refill_bytes();
    }

    fn refill_bytes(&mut self) {
        // Bits below `count` may hold a look-ahead of the quick path; they are written anew below.
        self.window &= u64::MAX.checked_shl(64 - self.count).unwrap_or(0);
        while self.count <= 56 {
            let byte = match self.data.get(self.at) {
                Some(0xFF) if self.data.get(self.at + 1) == Some(&0) => {
                    self.at += 2;
                    0xFF
                }
                None | Some(0xFF) => {
                    self.made_up += 8;
                    0
                }
                Some(&byte) => {
                    self.at += 1;
                    byte
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `bits` bits (1 to 32), not taken.
    #[inline]
    pub(crate) const fn peek(&self, bits: u32) -> u32 {
        (self.window >> (64 - bits)) as u32
    }

    /// Takes `bits` bits; [`BitReader::refill`] made sure that they are there.
    #[inline]
    pub(crate) const fn consume(&mut self, bits: u32) {
        self.window <<= bits;
        self.count = self.count.saturating_sub(bits);
    }

    /// Were bits taken that are not in the data?
    pub(crate) const fn overrun(&self) -> bool {
        self.made_up > self.count
    }

    /// Goes behind the next restart marker; `None` when something else comes first.
    pub(crate) fn restart(&mut self) -> Option<()> {
        if self.overrun() {
            return None;
        }
        // No marker is ever read into the window; fill bytes may stand before it.
        let ahead = self.data.get(self.at..)?;
        let found = ahead.windows(2).take(8).position(|pair| pair[0] == 0xFF && matches!(pair[1], 0xD0..=0xD7))?;
        *self = Self { at: self.at + found + 2, ..Self::new(self.data) };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(reader: &mut BitReader<'_>, bits: u32) -> u32 {
        reader.refill();
        let value = reader.peek(bits);
        reader.consume(bits);
        value
    }

    #[test]
    fn stuffed_bytes_are_removed() {
        let data: Vec<u8> =
            (0..=255_u8).flat_map(|byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }).collect();
        let mut reader = BitReader::new(&data);
        for byte in 0..=255 {
            assert_eq!(take(&mut reader, 3) << 5 | take(&mut reader, 5), byte);
        }
        assert!(!reader.overrun());
        take(&mut reader, 1);
        assert!(reader.overrun());
    }

    #[test]
    fn restart_goes_behind_the_marker() {
        let data = [0xA0, 0xFF, 0xD0, 0x5F, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut reader = BitReader::new(&data);
        assert_eq!(take(&mut reader, 4), 0xA);
        reader.restart().unwrap();
        assert_eq!(take(&mut reader, 8), 0x5F);
        assert!(reader.restart().is_none());
    }
}
