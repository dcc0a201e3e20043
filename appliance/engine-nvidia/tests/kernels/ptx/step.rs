//! One instruction of one thread.

use super::arithmetic;
use super::memory::{Addressed, Global, Shared};
use super::program::{Binary, Instruction, Kernel, Operand, Operation, Space, Special};

/// Why a thread stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Barrier,
    End,
}

/// What all threads of a block see.
pub struct Surroundings<'a> {
    pub kernel: &'a Kernel,
    pub arguments: &'a [u64],
    pub block: [u32; 3],
    pub grid_size: [u32; 3],
    pub block_size: [u32; 3],
}

/// A thread's own state.
pub struct Thread {
    pub place: [u32; 3],
    pub registers: Vec<u64>,
    pub next: usize,
    pub stop: Option<Stop>,
}

impl Thread {
    /// Runs up to the next barrier or the end; adds to `steps`, of which there may be `steps_max`.
    pub fn run(
        &mut self,
        around: &Surroundings<'_>,
        shared: &mut Shared,
        global: &mut Global,
        steps: &mut u64,
        steps_max: u64,
    ) -> Result<Stop, String> {
        loop {
            let Some(instruction) = around.kernel.instructions.get(self.next) else { return Ok(Stop::End) };
            self.next += 1;
            *steps += 1;
            if *steps > steps_max {
                return Err(format!("more than {steps_max} steps"));
            }
            if let Some((register, inverted)) = instruction.guard
                && (self.registers[register] != 0) == inverted
            {
                continue;
            }
            match instruction.operation {
                Operation::Barrier => return Ok(Stop::Barrier),
                Operation::Return => return Ok(Stop::End),
                _ => self
                    .step(instruction, around, shared, global)
                    .map_err(|error| format!("{error}, at line {} by thread {:?}", instruction.line, self.place))?,
            }
        }
    }

    fn step(
        &mut self,
        instruction: &Instruction,
        around: &Surroundings<'_>,
        shared: &mut Shared,
        global: &mut Global,
    ) -> Result<(), String> {
        let data = instruction.data;
        let operands = instruction.operands.as_slice();
        let value = |at: usize| self.value(operands[at], around);
        let result = match instruction.operation {
            Operation::Branch => {
                let Operand::Target(target) = operands[0] else { return Err("no target".into()) };
                self.next = target;
                return Ok(());
            }
            Operation::Store(space) => {
                let (address, stored) = (self.address(operands[0])?, value(1)?);
                return memory(space, shared, global).store(address, data.bytes(), data.truncated(stored));
            }
            Operation::Load(space) => {
                let address = self.address(operands[1])?;
                let loaded = memory(space, shared, global).load(address, data.bytes())?;
                // A narrow signed number fills its register.
                if data.kind == super::types::Kind::Signed { data.signed(loaded) as u64 } else { loaded }
            }
            Operation::Atomic(space, atomic) => {
                let (address, given) = (self.address(operands[1])?, value(2)?);
                let memory = memory(space, shared, global);
                let old = memory.load(address, data.bytes())?;
                memory.store(address, data.bytes(), arithmetic::atomic(atomic, old, given))?;
                old
            }
            Operation::Move | Operation::LoadParameter => data.truncated(value(1)?),
            Operation::Binary(binary) => arithmetic::binary(binary, data, value(1)?, value(2)?)?,
            Operation::MultiplyAdd => {
                let product = arithmetic::binary(Binary::MulLow, data, value(1)?, value(2)?)?;
                arithmetic::binary(Binary::Add, data, product, value(3)?)?
            }
            Operation::Unary(unary) => arithmetic::unary(unary, data, value(1)?)?,
            Operation::Convert(from) => arithmetic::convert(from, data, value(1)?)?,
            Operation::Compare(how, unordered) => {
                arithmetic::compare(how, unordered, data, value(1)?, value(2)?).into()
            }
            Operation::Select => data.truncated(if value(3)? == 0 { value(2)? } else { value(1)? }),
            Operation::Barrier | Operation::Return => return Ok(()),
        };
        match operands[0] {
            Operand::Register(register) => self.registers[register] = result,
            other => return Err(format!("a result cannot go to {other:?}")),
        }
        Ok(())
    }

    fn value(&self, operand: Operand, around: &Surroundings<'_>) -> Result<u64, String> {
        Ok(match operand {
            Operand::Register(register) => self.registers[register],
            Operand::Constant(value) => value,
            Operand::Parameter(index) => around.arguments[index],
            Operand::Special(Special::Thread(axis)) => self.place[axis].into(),
            Operand::Special(Special::Block(axis)) => around.block[axis].into(),
            Operand::Special(Special::BlockSize(axis)) => around.block_size[axis].into(),
            Operand::Special(Special::GridSize(axis)) => around.grid_size[axis].into(),
            other => return Err(format!("{other:?} is no value")),
        })
    }

    fn address(&self, operand: Operand) -> Result<u64, String> {
        match operand {
            Operand::Address(register, offset) => Ok(self.registers[register].wrapping_add_signed(offset)),
            Operand::SharedAddress(address) => Ok(address),
            other => Err(format!("{other:?} is no address")),
        }
    }
}

fn memory<'a>(space: Space, shared: &'a mut Shared, global: &'a mut Global) -> &'a mut dyn Addressed {
    match space {
        Space::Global => global,
        Space::Shared => shared,
    }
}
