//! The entropy-coded bits of JPEG-LS: after a byte of ones, one stuffed zero bit (T.87 annex A.1).

/// A reader of bits, most significant first; after the data it gives zeros, and says so by [`BitReader::overrun`].
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    window: u64,
    count: u32,
    made_up: u32,
    after_ones: bool,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, window: 0, count: 0, made_up: 0, after_ones: false }
    }

    /// Makes at least 56 bits ready.
    #[inline]
    fn refill(&mut self) {
        while self.count <= 56 {
            let (byte, bits) = match self.data.get(self.at) {
                // A marker: the data end here.
                Some(&byte) if self.after_ones && byte >= 0x80 => (0, 0),
                Some(&byte) if self.after_ones => (byte, 7),
                Some(&byte) => (byte, 8),
                None => (0, 0),
            };
            if bits == 0 {
                self.made_up += 8;
                self.count += 8;
                continue;
            }
            self.at += 1;
            self.after_ones = byte == 0xFF;
            self.window |= u64::from(byte) << (64 - bits - self.count);
            self.count += bits;
        }
    }

    /// Takes `bits` bits, at most 32; `None` when they are not there.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> Option<u32> {
        if bits == 0 {
            return Some(0);
        }
        if self.count < bits {
            self.refill();
        }
        let value = (self.window >> (64 - bits)) as u32;
        self.window <<= bits;
        self.count -= bits;
        (!self.overrun()).then_some(value)
    }

    /// A value of the limited Golomb code (T.87 section A.5.3).
    #[inline]
    pub(super) fn golomb(&mut self, order: u32, limit: u32, escape_bits: u32) -> Option<i32> {
        if self.count < 48 {
            self.refill();
        }
        let zeros = self.window.leading_zeros();
        if zeros >= self.count || zeros > limit - escape_bits - 1 {
            return None;
        }
        self.window = self.window << zeros << 1;
        self.count -= zeros + 1;
        if zeros == limit - escape_bits - 1 {
            return Some(self.take(escape_bits)? as i32 + 1);
        }
        Some((zeros << order) as i32 | self.take(order)? as i32)
    }

    /// Were bits taken that are not in the data?
    pub(super) const fn overrun(&self) -> bool {
        self.made_up > self.count
    }
}
