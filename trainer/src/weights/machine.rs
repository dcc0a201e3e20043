//! The pickle machine: protocol 2 as far as dictionaries of tensors need it (Python, `Lib/pickletools.py`).

use std::collections::BTreeMap;

/// How many values may be on the stack, in a container or in the memo.
const VALUES_MAX: usize = 1 << 20;

/// Where a tensor's numbers are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    /// Key of the storage in the archive.
    pub(super) storage: String,
    /// For example `FloatStorage`.
    pub(super) kind: String,
    /// In numbers.
    pub(super) offset: i64,
    pub(super) size: Vec<i64>,
    pub(super) stride: Vec<i64>,
}

/// What the machine builds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `None`, a float, and what nobody asks for.
    Other,
    Mark,
    Int(i64),
    Text(String),
    Global(String),
    Tuple(Vec<Value>),
    Dictionary(Vec<(Value, Value)>),
    /// Key and kind.
    Storage(String, String),
    Tensor(Box<Stored>),
}

type Outcome<T> = Result<T, String>;

/// Runs a program to its end and gives the value that it leaves.
///
/// # Errors
/// At an instruction or a name that such files have no need of, and where the program is cut.
pub(super) fn run(program: &[u8]) -> Outcome<Value> {
    let mut machine = Machine { program, at: 0, stack: Vec::new(), memo: BTreeMap::new() };
    while machine.step()? {}
    machine.pop()
}

struct Machine<'a> {
    program: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
}

impl Machine<'_> {
    /// One instruction; false at the end.
    fn step(&mut self) -> Outcome<bool> {
        let [code] = self.take::<1>()?;
        match code {
            b'.' => return Ok(false),
            0x80 => drop(self.take::<1>()?),
            b'(' => self.push(Value::Mark)?,
            b'}' => self.push(Value::Dictionary(Vec::new()))?,
            b')' | b']' => self.push(Value::Tuple(Vec::new()))?,
            b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
            b'G' => {
                self.take::<8>()?;
                self.push(Value::Other)?;
            }
            b'K' => self.take::<1>().and_then(|[byte]| self.push(Value::Int(byte.into())))?,
            b'M' => self.take().and_then(|bytes| self.push(Value::Int(u16::from_le_bytes(bytes).into())))?,
            b'J' => self.take().and_then(|bytes| self.push(Value::Int(i32::from_le_bytes(bytes).into())))?,
            0x8a => self.long()?,
            b'X' => self.text()?,
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Value::Global(name))?;
            }
            b'q' => self.take::<1>().and_then(|[key]| self.remember(key.into()))?,
            b'r' => self.take().and_then(|bytes| self.remember(u32::from_le_bytes(bytes)))?,
            b'h' => self.take::<1>().and_then(|[key]| self.recall(key.into()))?,
            b'j' => self.take().and_then(|bytes| self.recall(u32::from_le_bytes(bytes)))?,
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(code - 0x84)).ok_or("the stack is empty")?;
                let values = self.stack.split_off(start);
                self.push(Value::Tuple(values))?;
            }
            b't' => {
                let values = self.since_mark()?;
                self.push(Value::Tuple(values))?;
            }
            b's' | b'u' => self.set_items(code)?,
            b'a' | b'e' => self.append(code)?,
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            // What a class's state is set to: `_metadata` of a state dictionary. Nobody asks for it.
            b'b' => drop(self.pop()?),
            other => return Err(format!("data.pkl: instruction {other:#04x} is not supported")),
        }
        Ok(true)
    }

    fn take<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let bytes = self.program.get(self.at..self.at + N).and_then(|bytes| bytes.try_into().ok());
        self.at += N;
        bytes.ok_or_else(|| "data.pkl: ends early".into())
    }

    fn line(&mut self) -> Outcome<String> {
        let rest = self.program.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("data.pkl: ends early")?;
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn text(&mut self) -> Outcome<()> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let bytes = self.program.get(self.at..self.at + length).ok_or("data.pkl: ends early")?;
        self.at += length;
        self.push(Value::Text(String::from_utf8_lossy(bytes).into_owned()))
    }

    /// A little-endian integer of up to eight bytes.
    fn long(&mut self) -> Outcome<()> {
        let [length] = self.take::<1>()?;
        let mut value = 0_i64;
        for index in 0..length {
            let [byte] = self.take::<1>()?;
            let is_last = index + 1 == length;
            let byte = if is_last { i64::from(byte.cast_signed()) } else { i64::from(byte) };
            value |= byte.checked_shl(8 * u32::from(index)).ok_or("data.pkl: an integer is too long")?;
        }
        self.push(Value::Int(value))
    }

    fn push(&mut self, value: Value) -> Outcome<()> {
        if self.stack.len() >= VALUES_MAX {
            return Err("data.pkl: too many values".into());
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Outcome<Value> {
        self.stack.pop().ok_or_else(|| "data.pkl: the stack is empty".into())
    }

    fn since_mark(&mut self) -> Outcome<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| *value == Value::Mark).ok_or("data.pkl: no mark")?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(values)
    }

    fn remember(&mut self, key: u32) -> Outcome<()> {
        let value = self.stack.last().ok_or("data.pkl: the stack is empty")?;
        // Only what is small: containers are remembered empty, before they are filled, and are not asked for again.
        let is_small = !matches!(value, Value::Dictionary(entries) if !entries.is_empty());
        if is_small && self.memo.len() < VALUES_MAX {
            self.memo.insert(key, value.clone());
        }
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Outcome<()> {
        let value = self.memo.get(&key).cloned().ok_or("data.pkl: recalls what was not remembered")?;
        self.push(value)
    }

    fn set_items(&mut self, code: u8) -> Outcome<()> {
        let values = if code == b'u' {
            self.since_mark()?
        } else {
            let value = self.pop()?;
            vec![self.pop()?, value]
        };
        let Some(Value::Dictionary(entries)) = self.stack.last_mut() else {
            return Err("data.pkl: sets items of what is no dictionary".into());
        };
        let mut values = values.into_iter();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            entries.push((key, value));
        }
        Ok(())
    }

    fn append(&mut self, code: u8) -> Outcome<()> {
        let values = if code == b'e' { self.since_mark()? } else { vec![self.pop()?] };
        let Some(Value::Tuple(list)) = self.stack.last_mut() else {
            return Err("data.pkl: appends to what is no list".into());
        };
        list.extend(values);
        Ok(())
    }

    /// `('storage', kind, key, device, length)` to a storage.
    fn storage(&mut self) -> Outcome<()> {
        let value = match self.pop()? {
            Value::Tuple(values) => match values.as_slice() {
                [Value::Text(word), Value::Global(kind), Value::Text(key), ..] if word == "storage" => {
                    Value::Storage(key.clone(), kind.trim_start_matches("torch.").into())
                }
                _ => return Err("data.pkl: refers to something else than a storage".into()),
            },
            _ => return Err("data.pkl: refers to something else than a storage".into()),
        };
        self.push(value)
    }

    /// Calls nothing: knows what three functions would give.
    fn reduce(&mut self) -> Outcome<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Global(name), Value::Tuple(arguments)) = (function, arguments) else {
            return Err("data.pkl: calls what is no function".into());
        };
        let value = match (name.as_str(), arguments.as_slice()) {
            ("collections.OrderedDict", []) => Value::Dictionary(Vec::new()),
            (
                "torch._utils._rebuild_tensor_v2",
                [Value::Storage(storage, kind), Value::Int(offset), Value::Tuple(size), Value::Tuple(stride), ..],
            ) => Value::Tensor(Box::new(Stored {
                storage: storage.clone(),
                kind: kind.clone(),
                offset: *offset,
                size: integers(size)?,
                stride: integers(stride)?,
            })),
            ("torch._utils._rebuild_parameter", [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
            _ => return Err(format!("data.pkl: {name} is not supported")),
        };
        self.push(value)
    }
}

fn integers(values: &[Value]) -> Outcome<Vec<i64>> {
    let integer = |value: &Value| match value {
        Value::Int(value) => Ok(*value),
        _ => Err("data.pkl: a shape is no tuple of integers".to_owned()),
    };
    values.iter().map(integer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_calls_is_refused() {
        let error = run(b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.").unwrap_err();
        assert!(error.contains("os.system is not supported"), "{error}");
    }

    #[test]
    fn damaged_programs_are_errors() {
        let whole = b"\x80\x02ccollections\nOrderedDict\n)Rq\x00(X\x01\x00\x00\x00aK\x07u.";
        let expected = Value::Dictionary(vec![(Value::Text("a".into()), Value::Int(7))]);
        assert_eq!(run(whole).unwrap(), expected);
        (0..whole.len()).for_each(|length| assert!(run(&whole[..length]).is_err(), "{length}"));
        for wrong in
            [&b"\x80\x02h\x05."[..], b"t.", b"\x87.", b"R.", b"u.", b"X\xff\xff\xff\xffa.", b"\x8a\xff.", b"Q."]
        {
            assert!(run(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(run(b"\x8a\x02\xff\xff.").unwrap(), Value::Int(-1));
        assert_eq!(run(b"\x8a\x02\x00\x01.").unwrap(), Value::Int(256));
    }
}
