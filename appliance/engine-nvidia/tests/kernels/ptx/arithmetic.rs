//! What instructions compute, on bits.

use half::f16;

use super::program::{Atomic, Binary, Comparison, Unary};
use super::types::{Kind, Type};

fn single(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn double(bits: u64) -> f64 {
    f64::from_bits(bits)
}

pub fn binary(operation: Binary, data: Type, a: u64, b: u64) -> Result<u64, String> {
    match (data.kind, data.bits) {
        (Kind::Float, 32) => float(operation, single(a), single(b)).map(|value| value.to_bits().into()),
        (Kind::Float, 64) => float(operation, double(a), double(b)).map(f64::to_bits),
        (Kind::Float, _) => Err(format!("{operation:?} of 16-bit floats")),
        _ => whole(operation, data, data.truncated(a), b),
    }
}

/// The numbers that arithmetic is done with.
trait Float: Copy {
    fn compute(operation: Binary, a: Self, b: Self) -> Option<Self>;
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            fn compute(operation: Binary, a: Self, b: Self) -> Option<Self> {
                match operation {
                    Binary::Add => Some(a + b),
                    Binary::Sub => Some(a - b),
                    Binary::MulLow => Some(a * b),
                    Binary::Div => Some(a / b),
                    // Of a number and a NaN, PTX and Rust take the number.
                    Binary::Min => Some(a.min(b)),
                    Binary::Max => Some(a.max(b)),
                    _ => None,
                }
            }
        }
    };
}
float!(f32);
float!(f64);

fn float<T: Float>(operation: Binary, a: T, b: T) -> Result<T, String> {
    T::compute(operation, a, b).ok_or_else(|| format!("{operation:?} of floats"))
}

fn whole(operation: Binary, data: Type, a: u64, b: u64) -> Result<u64, String> {
    let is_signed = data.kind == Kind::Signed;
    let (signed_a, signed_b) = (data.signed(a), data.signed(b));
    let shift = b & u64::from(u32::MAX);
    let b = data.truncated(b);
    let value = match operation {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::MulLow => a.wrapping_mul(b),
        // The result has twice the bits, and is not truncated to the operands' type.
        Binary::MulWide => {
            let product = if is_signed { (signed_a * signed_b) as u64 } else { a * b };
            return Ok(Type { kind: data.kind, bits: data.bits * 2 }.truncated(product));
        }
        Binary::Div => a.checked_div(b).ok_or("division by zero")?,
        Binary::Rem => a.checked_rem(b).ok_or("division by zero")?,
        Binary::Min if is_signed => signed_a.min(signed_b) as u64,
        Binary::Max if is_signed => signed_a.max(signed_b) as u64,
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        // Shifts by more than the type's bits leave nothing, or the sign.
        Binary::ShiftLeft if shift >= data.bits.into() => 0,
        Binary::ShiftLeft => a << shift,
        Binary::ShiftRight if is_signed => (signed_a >> shift.min(63)) as u64,
        Binary::ShiftRight if shift >= data.bits.into() => 0,
        Binary::ShiftRight => a >> shift,
    };
    Ok(data.truncated(value))
}

pub fn unary(operation: Unary, data: Type, a: u64) -> Result<u64, String> {
    let value = match (operation, data.kind, data.bits) {
        (Unary::Not, Kind::Predicate, _) => u64::from(a == 0),
        (Unary::Not, Kind::Bits, _) => !a,
        (Unary::Neg, Kind::Signed, _) => data.signed(a).wrapping_neg() as u64,
        (Unary::Abs, Kind::Signed, _) => data.signed(a).wrapping_abs() as u64,
        (Unary::Neg, Kind::Float, 32) => (-single(a)).to_bits().into(),
        (Unary::Neg, Kind::Float, 64) => (-double(a)).to_bits(),
        (Unary::Abs, Kind::Float, 32) => single(a).abs().to_bits().into(),
        (Unary::Abs, Kind::Float, 64) => double(a).abs().to_bits(),
        (Unary::Sqrt, Kind::Float, 32) => single(a).sqrt().to_bits().into(),
        (Unary::Sqrt, Kind::Float, 64) => double(a).sqrt().to_bits(),
        _ => return Err(format!("{operation:?} of {data:?}")),
    };
    Ok(data.truncated(value))
}

pub fn atomic(operation: Atomic, old: u64, value: u64) -> u64 {
    let (old, value) = (old as u32, value as u32);
    let new = match operation {
        Atomic::Add => old.wrapping_add(value),
        Atomic::Min => old.min(value),
        Atomic::Max => old.max(value),
        Atomic::Or => old | value,
    };
    new.into()
}

pub fn compare(comparison: Comparison, unordered: bool, data: Type, a: u64, b: u64) -> bool {
    let order = match (data.kind, data.bits) {
        (Kind::Float, 64) => double(a).partial_cmp(&double(b)),
        (Kind::Float, _) => single(a).partial_cmp(&single(b)),
        (Kind::Signed, _) => Some(data.signed(a).cmp(&data.signed(b))),
        _ => Some(data.truncated(a).cmp(&data.truncated(b))),
    };
    order.map_or(unordered, |order| match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterEqual => order.is_ge(),
    })
}

/// Whole numbers from floats are the nearest towards zero that the type has; Rust's `as` says the same.
pub fn convert(from: Type, to: Type, value: u64) -> Result<u64, String> {
    let bits = match (from.kind, from.bits, to.kind, to.bits) {
        (Kind::Float, 64, Kind::Float, 32) => (double(value) as f32).to_bits().into(),
        (Kind::Float, 32, Kind::Float, 64) => f64::from(single(value)).to_bits(),
        (Kind::Float, 32, Kind::Float, 16) => f16::from_f32(single(value)).to_bits().into(),
        (Kind::Float, 64, Kind::Unsigned, 32) => u64::from(double(value) as u32),
        (Kind::Float, 64, Kind::Signed, 32) => double(value) as i32 as u64,
        (Kind::Float, 32, Kind::Unsigned, 32) => u64::from(single(value) as u32),
        (Kind::Unsigned, _, Kind::Float, 64) => (from.truncated(value) as f64).to_bits(),
        (Kind::Unsigned, _, Kind::Float, 32) => (from.truncated(value) as f32).to_bits().into(),
        (Kind::Signed, _, Kind::Float, 64) => (from.signed(value) as f64).to_bits(),
        (Kind::Signed, _, Kind::Unsigned | Kind::Signed, _) => from.signed(value) as u64,
        (Kind::Unsigned, _, Kind::Unsigned | Kind::Signed, _) => from.truncated(value),
        _ => return Err(format!("conversion of {from:?} to {to:?}")),
    };
    Ok(to.truncated(bits))
}
