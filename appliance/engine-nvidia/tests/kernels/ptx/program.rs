//! What a PTX file says, ready to be run.

use super::types::Type;

/// A state space that kernels address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    Global,
    Shared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    MulLow,
    MulWide,
    Div,
    Rem,
    Min,
    Max,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Neg,
    Not,
    Abs,
    Sqrt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomic {
    Add,
    Min,
    Max,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// An instruction's work. Its type is that of its result, except where it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Move,
    LoadParameter,
    Load(Space),
    Store(Space),
    Atomic(Space, Atomic),
    Binary(Binary),
    /// Low half of a product, and a sum.
    MultiplyAdd,
    Unary(Unary),
    /// From the named type.
    Convert(Type),
    /// The type is that of what is compared; `true` with a NaN only when the flag is set.
    Compare(Comparison, bool),
    Select,
    Branch,
    Barrier,
    Return,
}

/// Registers that the hardware fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Place of the thread in its block, along x, y or z.
    Thread(usize),
    /// Place of the block in the grid.
    Block(usize),
    /// Size of a block.
    BlockSize(usize),
    /// Size of the grid.
    GridSize(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    Register(usize),
    Constant(u64),
    Special(Special),
    /// What the register holds, plus a number.
    Address(usize, i64),
    /// A fixed place in shared memory.
    SharedAddress(u64),
    /// Index of the kernel's argument.
    Parameter(usize),
    /// Index of an instruction.
    Target(usize),
}

#[derive(Clone, Debug)]
pub struct Instruction {
    /// Runs only if the register is set, or if it is not when the flag is set.
    pub guard: Option<(usize, bool)>,
    pub operation: Operation,
    pub data: Type,
    pub operands: Vec<Operand>,
    /// In the file, from 1 on.
    pub line: usize,
}

/// An array in shared memory.
#[derive(Clone, Debug)]
pub struct SharedArray {
    pub name: String,
    pub address: u64,
    pub bytes: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Kernel {
    pub name: String,
    /// Types of its arguments.
    pub parameters: Vec<(String, Option<Type>)>,
    pub shared: Vec<SharedArray>,
    pub registers: usize,
    /// The most threads of a block, if the source says so.
    pub threads_max: Option<u32>,
    pub instructions: Vec<Instruction>,
}

/// The kernels of a file.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub kernels: Vec<Kernel>,
}

impl Module {
    pub fn kernel(&self, name: &str) -> Result<&Kernel, String> {
        self.kernels.iter().find(|kernel| kernel.name == name).ok_or_else(|| format!("no kernel {name} in the PTX"))
    }

    pub fn names(&self) -> Vec<&str> {
        self.kernels.iter().map(|kernel| kernel.name.as_str()).collect()
    }
}
