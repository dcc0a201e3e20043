//! Huffman tables (ITU-T T.81 annex C) with a direct lookup of short codes.

use super::bits::BitReader;

/// Codes up to this length are looked up at once.
const LOOKUP_BITS: u32 = 12;

/// A table that turns bits into symbols.
#[derive(Debug)]
pub(crate) struct HuffmanTable {
    /// For each `LOOKUP_BITS` next bits: length in the high byte and symbol in the low byte; 0 for a longer code.
    lookup: Vec<u16>,
    /// For each length from 1: one more than its greatest code, left-aligned in 16 bits.
    limits: [u32; 17],
    /// For each length: index of its first symbol, less its first code.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// From the number of codes of each length and the symbols; `None` when they make no prefix code.
    pub(crate) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut lookup = vec![0_u16; 1 << LOOKUP_BITS];
        let (mut limits, mut offsets) = ([0_u32; 17], [0_i32; 17]);
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            offsets[length as usize] = i32::try_from(index).ok()? - i32::try_from(code).ok()?;
            if code + count > 1 << length {
                return None;
            }
            for symbol in symbols.get(index..index + count as usize)? {
                if length <= LOOKUP_BITS {
                    let first = (code << (LOOKUP_BITS - length)) as usize;
                    lookup[first..first + (1 << (LOOKUP_BITS - length))]
                        .fill((length << 8) as u16 | u16::from(*symbol));
                }
                code += 1;
            }
            index += count as usize;
            limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(Self { lookup, limits, offsets, symbols: symbols.to_vec() })
    }

    /// Takes one symbol; `None` when the bits are no code. The reader was refilled.
    #[inline]
    pub(crate) fn decode(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let entry = self.lookup[bits.peek(LOOKUP_BITS) as usize];
        if entry != 0 {
            bits.consume(u32::from(entry >> 8));
            return Some(entry as u8);
        }
        self.decode_long(bits)
    }

    fn decode_long(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let next = bits.peek(16);
        let length = (LOOKUP_BITS + 1..=16).find(|&length| next < self.limits[length as usize])?;
        bits.consume(length);
        let index = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        self.symbols.get(usize::try_from(index).ok()?).copied()
    }
}

/// Takes the `category` bits of a difference or coefficient and extends its sign (T.81 table F.1, function EXTEND).
#[inline]
pub(crate) fn receive_extend(bits: &mut BitReader<'_>, category: u32) -> i32 {
    if category == 0 {
        return 0;
    }
    let value = bits.peek(category) as i32;
    bits.consume(category);
    if value < 1 << (category - 1) { value - (1 << category) + 1 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_codes() {
        // One code of each length from 1 to 16: 0, 10, 110, ...
        let table = HuffmanTable::new(&[1; 16], &(0..16).collect::<Vec<_>>()).unwrap();
        let data = [0b0101_1011, 0b1111_1111, 0x00, 0b1111_1110, 0, 0, 0, 0, 0, 0, 0];
        let mut bits = BitReader::new(&data);
        bits.refill();
        for symbol in 0..3 {
            assert_eq!(table.decode(&mut bits), Some(symbol));
            bits.refill();
        }
        // 2 + 8 + 7 ones, then a zero: longer than any code.
        assert_eq!(table.decode(&mut bits), None);
    }

    #[test]
    fn no_prefix_code_is_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanTable::new(&counts, &[1, 2, 3]).is_none());
        assert!(HuffmanTable::new(&[1; 16], &[1]).is_none(), "too few symbols");
    }

    #[test]
    fn signs_are_extended() {
        let data = [0b0100_1100, 0, 0, 0, 0, 0, 0, 0];
        let mut bits = BitReader::new(&data);
        bits.refill();
        let values: Vec<_> = [1, 1, 2, 2].into_iter().map(|category| receive_extend(&mut bits, category)).collect();
        assert_eq!(values, [-1, 1, -3, 3]);
    }
}
