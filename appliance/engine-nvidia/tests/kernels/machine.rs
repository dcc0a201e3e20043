//! What runs kernels, and the work that it is given: buffers and launches of a plan.

use engine_nvidia::plan::{Argument, Buffer, Launch, Plan, Stage};
use imaging::DecodedImage;

/// The host or the interpreter.
pub trait Machine {
    /// All buffers after the launches of `job`, or what went wrong.
    fn run(&self, job: &Job) -> Result<Vec<Vec<u8>>, String>;
}

/// A buffer's memory before the launches.
pub struct Memory {
    pub name: Buffer,
    pub bytes: usize,
    /// `None`: anything.
    pub content: Option<Vec<u8>>,
}

/// Buffers and launches.
#[derive(Default)]
pub struct Job {
    pub memory: Vec<Memory>,
    pub launches: Vec<Launch>,
}

/// A kernel's argument with its buffer's index.
#[derive(Clone, Copy)]
pub enum Slot {
    Buffer(usize),
    Bits(u64),
}

impl Job {
    /// The work that `plan` wants done on `image`.
    pub fn of(plan: &Plan, image: &DecodedImage) -> Self {
        let mut job = Self::default();
        job.add(&plan.stage);
        job.fill(Buffer::Image, image.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect());
        job.fill(Buffer::Values, plan.values.iter().flat_map(|value| value.to_le_bytes()).collect());
        job
    }

    pub fn add(&mut self, stage: &Stage) {
        let memory = stage.buffers.iter().map(|&(name, bytes)| Memory { name, bytes, content: None });
        self.memory.extend(memory);
        self.launches.extend(stage.launches.iter().cloned());
    }

    pub fn fill(&mut self, name: Buffer, content: Vec<u8>) {
        let at = self.place(name);
        let memory = &mut self.memory[at];
        assert_eq!(memory.bytes, content.len(), "{name:?}");
        memory.content = Some(content);
    }

    pub fn place(&self, name: Buffer) -> usize {
        self.memory.iter().position(|memory| memory.name == name).unwrap_or_else(|| panic!("no buffer {name:?}"))
    }

    pub fn slots(&self, launch: &Launch) -> Vec<Slot> {
        let slot = |argument: &Argument| match *argument {
            Argument::Buffer(name) => Slot::Buffer(self.place(name)),
            Argument::Whole(value) => Slot::Bits(value.into()),
            Argument::Real(value) => Slot::Bits(value.to_bits().into()),
        };
        launch.arguments.iter().map(slot).collect()
    }
}

/// A buffer's 32-bit words.
pub fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}
