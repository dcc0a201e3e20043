//! Types of instructions and registers.

/// What the bits of a register mean to an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Predicate,
    Bits,
    Unsigned,
    Signed,
    Float,
}

/// A type such as `u32`: registers hold its bits, the ones above are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    pub kind: Kind,
    pub bits: u32,
}

impl Type {
    pub fn parse(name: &str) -> Option<Self> {
        if name == "pred" {
            return Some(Self { kind: Kind::Predicate, bits: 1 });
        }
        let kind = match name.chars().next()? {
            'b' => Kind::Bits,
            'u' => Kind::Unsigned,
            's' => Kind::Signed,
            'f' => Kind::Float,
            _ => return None,
        };
        let bits = name[1..].parse().ok().filter(|bits| matches!(bits, 8 | 16 | 32 | 64))?;
        Some(Self { kind, bits })
    }

    pub const fn bytes(self) -> usize {
        (self.bits as usize).div_ceil(8)
    }

    pub fn is(self, kind: Kind, bits: u32) -> bool {
        self.kind == kind && self.bits == bits
    }

    /// The lowest bits of `value`, as many as the type has.
    pub const fn truncated(self, value: u64) -> u64 {
        if self.bits == 64 { value } else { value & ((1 << self.bits) - 1) }
    }

    /// `value` as a number with a sign.
    pub const fn signed(self, value: u64) -> i64 {
        let unused = 64 - self.bits;
        ((value << unused) as i64) >> unused
    }
}
