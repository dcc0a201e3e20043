//! One instruction's text.

use super::parse::Names;
use super::program::{Atomic, Binary, Comparison, Instruction, Kernel, Operand, Operation, Space, Special, Unary};
use super::types::{Kind, Type};

/// `@!%p1 add.s32 %r1, %r2, 5`, without its semicolon.
pub fn instruction(text: &str, line: usize, kernel: &Kernel, names: &Names) -> Result<Instruction, String> {
    let (guard, rest) = match text.strip_prefix('@') {
        Some(rest) => {
            let (name, rest) = rest.split_once(char::is_whitespace).ok_or("a guard guards nothing")?;
            (Some((names.register(name.trim_start_matches('!'))?, name.starts_with('!'))), rest.trim())
        }
        None => (None, text),
    };
    let (opcode, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (operation, data) = operation(opcode).ok_or_else(|| format!("unknown instruction {opcode}"))?;
    let operands: Vec<&str> = rest.split(',').map(str::trim).filter(|operand| !operand.is_empty()).collect();
    if operands.len() != operand_count(operation) {
        return Err(format!("{opcode} has {} operands", operands.len()));
    }
    let operands = operands.iter().map(|text| operand(text, operation, kernel, names)).collect::<Result<_, _>>()?;
    Ok(Instruction { guard, operation, data, operands, line })
}

const fn operand_count(operation: Operation) -> usize {
    match operation {
        Operation::Return => 0,
        Operation::Branch | Operation::Barrier => 1,
        Operation::Move
        | Operation::LoadParameter
        | Operation::Load(_)
        | Operation::Store(_)
        | Operation::Unary(_)
        | Operation::Convert(_) => 2,
        Operation::Atomic(..) | Operation::Binary(_) | Operation::Compare(..) => 3,
        Operation::MultiplyAdd | Operation::Select => 4,
    }
}

/// What an opcode does, and its type. Floating-point arithmetic must say that it rounds to nearest: without, the driver may
/// fuse a product and a sum.
fn operation(opcode: &str) -> Option<(Operation, Type)> {
    let parts: Vec<&str> = opcode.split('.').collect();
    let none = Type { kind: Kind::Bits, bits: 32 };
    match parts.as_slice() {
        ["ret"] => return Some((Operation::Return, none)),
        ["bra"] | ["bra", "uni"] => return Some((Operation::Branch, none)),
        ["bar", "sync"] => return Some((Operation::Barrier, none)),
        _ => {}
    }
    let data = Type::parse(parts.last()?)?;
    let is_float = data.kind == Kind::Float;
    let operation = match &parts[..parts.len() - 1] {
        ["mov"] | ["cvta", "to", "global"] => Operation::Move,
        ["ld", "param"] => Operation::LoadParameter,
        ["ld", space] => Operation::Load(state_space(space)?),
        ["st", space] => Operation::Store(state_space(space)?),
        ["atom", space, "add"] if data.is(Kind::Unsigned, 32) => Operation::Atomic(state_space(space)?, Atomic::Add),
        ["atom", space, "min"] if data.is(Kind::Unsigned, 32) => Operation::Atomic(state_space(space)?, Atomic::Min),
        ["atom", space, "max"] if data.is(Kind::Unsigned, 32) => Operation::Atomic(state_space(space)?, Atomic::Max),
        ["atom", space, "or"] if data.is(Kind::Bits, 32) => Operation::Atomic(state_space(space)?, Atomic::Or),
        ["mul", "wide"] if !is_float && data.bits <= 32 => Operation::Binary(Binary::MulWide),
        ["mad", "lo"] if !is_float => Operation::MultiplyAdd,
        ["sqrt", "rn"] if is_float => Operation::Unary(Unary::Sqrt),
        ["neg"] => Operation::Unary(Unary::Neg),
        ["abs"] => Operation::Unary(Unary::Abs),
        ["not"] => Operation::Unary(Unary::Not),
        ["selp"] => Operation::Select,
        ["setp", how] => comparison(how, data)?,
        ["cvt", rest @ ..] => return conversion(rest, data),
        other => Operation::Binary(binary(other, data)?),
    };
    Some((operation, data))
}

fn state_space(name: &str) -> Option<Space> {
    match name {
        "global" => Some(Space::Global),
        "shared" => Some(Space::Shared),
        _ => None,
    }
}

fn binary(parts: &[&str], data: Type) -> Option<Binary> {
    let is_float = data.kind == Kind::Float;
    let is_bits = matches!(data.kind, Kind::Bits | Kind::Predicate);
    Some(match parts {
        ["add", "rn"] if is_float => Binary::Add,
        ["sub", "rn"] if is_float => Binary::Sub,
        ["mul", "rn"] if is_float => Binary::MulLow,
        ["div", "rn"] if is_float => Binary::Div,
        ["min"] if !is_bits => Binary::Min,
        ["max"] if !is_bits => Binary::Max,
        ["add"] if !is_float && !is_bits => Binary::Add,
        ["sub"] if !is_float && !is_bits => Binary::Sub,
        ["mul", "lo"] if !is_float && !is_bits => Binary::MulLow,
        ["div"] if data.kind == Kind::Unsigned => Binary::Div,
        ["rem"] if data.kind == Kind::Unsigned => Binary::Rem,
        ["and"] if is_bits => Binary::And,
        ["or"] if is_bits => Binary::Or,
        ["xor"] if is_bits => Binary::Xor,
        ["shl"] if data.kind == Kind::Bits => Binary::ShiftLeft,
        ["shr"] if !is_float => Binary::ShiftRight,
        _ => return None,
    })
}

fn comparison(how: &str, data: Type) -> Option<Operation> {
    // "leu" is true with a NaN; of whole numbers only "lt" and its like are compared.
    let (how, unordered) = match how {
        "equ" | "neu" | "ltu" | "leu" | "gtu" | "geu" if data.kind == Kind::Float => (&how[..2], true),
        _ => (how, false),
    };
    let comparison = match how {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "le" => Comparison::LessEqual,
        "gt" => Comparison::Greater,
        "ge" => Comparison::GreaterEqual,
        _ => return None,
    };
    Some(Operation::Compare(comparison, unordered))
}

/// `cvt.rn.f32.f64`: rounding, result, source.
fn conversion(parts: &[&str], source: Type) -> Option<(Operation, Type)> {
    let (rounding, name) = match parts {
        [name] => (None, name),
        [rounding, name] => (Some(*rounding), name),
        _ => return None,
    };
    let result = Type::parse(name)?;
    let is_float = |data: Type| data.kind == Kind::Float;
    let needed = match (is_float(source), is_float(result)) {
        (false, false) => None,
        (true, false) => Some("rzi"),
        (false, true) => Some("rn"),
        (true, true) if result.bits > source.bits => None,
        (true, true) => Some("rn"),
    };
    (rounding == needed).then_some((Operation::Convert(source), result))
}

fn operand(text: &str, operation: Operation, kernel: &Kernel, names: &Names) -> Result<Operand, String> {
    let shared = |name: &str| kernel.shared.iter().find(|array| array.name == name).map(|array| array.address);
    if operation == Operation::Branch {
        return names.label(text);
    }
    if let Some(place) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        if operation == Operation::LoadParameter {
            let index = kernel.parameters.iter().position(|(name, _)| name == place);
            return index.map(Operand::Parameter).ok_or(format!("unknown parameter {place}"));
        }
        let (base, offset) = place.split_once('+').unwrap_or((place, "0"));
        let offset = offset.parse::<i64>().map_err(|_| format!("unknown address {text}"))?;
        if let Some(address) = shared(base) {
            return Ok(Operand::SharedAddress(address.wrapping_add_signed(offset)));
        }
        return Ok(Operand::Address(names.register(base)?, offset));
    }
    if let Some(bits) = text.strip_prefix("0f").or_else(|| text.strip_prefix("0d")) {
        return u64::from_str_radix(bits, 16).map(Operand::Constant).map_err(|_| format!("unknown number {text}"));
    }
    if let Some(special) = special(text) {
        return Ok(Operand::Special(special));
    }
    if text.starts_with('%') {
        return Ok(Operand::Register(names.register(text)?));
    }
    if let Some(address) = shared(text) {
        return Ok(Operand::Constant(address));
    }
    text.parse::<i64>().map(|value| Operand::Constant(value as u64)).map_err(|_| format!("unknown operand {text}"))
}

fn special(name: &str) -> Option<Special> {
    let (register, axis) = name.split_once('.')?;
    let axis = ["x", "y", "z"].iter().position(|letter| *letter == axis)?;
    match register {
        "%tid" => Some(Special::Thread(axis)),
        "%ctaid" => Some(Special::Block(axis)),
        "%ntid" => Some(Special::BlockSize(axis)),
        "%nctaid" => Some(Special::GridSize(axis)),
        _ => None,
    }
}
