//! The kernels' source as C++ on the host.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::machine::{Job, Machine, Slot};

/// How the source is compiled, and how lanes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Fibers.
    Plain,
    /// Fibers under AddressSanitizer and UndefinedBehaviorSanitizer.
    Address,
    /// A thread for each lane under ThreadSanitizer.
    Thread,
}

/// A program that runs jobs.
#[derive(Clone, Debug)]
pub struct Host {
    program: PathBuf,
    backwards: bool,
}

impl Host {
    /// The kernels as they are, compiled once for all tests of this process; `None`, and said so, without a compiler.
    pub fn new(build: Build) -> Option<Self> {
        static HOSTS: [OnceLock<Option<Host>>; 3] = [const { OnceLock::new() }; 3];
        let source = engine_nvidia::kernels::SOURCE;
        HOSTS[build as usize].get_or_init(|| Self::compile(build, source, &format!("{build:?}"))).clone()
    }

    /// Another source, as a program called `name`.
    pub fn compile(build: Build, source: &str, name: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels").join(name);
        fs::create_dir_all(&folder).unwrap();
        let (kernels, program) = (folder.join("kernels.cu"), folder.join("run"));
        fs::write(&kernels, source).unwrap();
        let (machine, options): (_, &[&str]) = match build {
            Build::Plain => ("fibers.h", &["-O2"]),
            Build::Address => ("fibers.h", &["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]),
            Build::Thread => ("threads.h", &["-O1", "-g", "-fsanitize=thread"]),
        };
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/host");
        let compiled = Command::new("g++")
            .args(["-std=c++20", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pthread"])
            .args(options)
            .arg(format!("-DMACHINE=\"{machine}\""))
            .arg(format!("-DKERNELS=\"{}\"", kernels.display()))
            .arg(here.join("run.cpp"))
            .arg("-o")
            .arg(&program)
            .output();
        let Ok(compiled) = compiled else {
            crate::not_run("NVIDIA kernels as C++ on the host: no g++");
            return None;
        };
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Some(Self { program, backwards: false })
    }

    /// The same with lanes and blocks in the opposite order.
    pub fn backwards(self) -> Self {
        Self { backwards: true, ..self }
    }
}

impl Machine for Host {
    fn run(&self, job: &Job) -> Result<Vec<Vec<u8>>, String> {
        let mut command = Command::new(&self.program);
        command.env("TSAN_OPTIONS", "halt_on_error=1").env_remove("BACKWARDS");
        if self.backwards {
            command.env("BACKWARDS", "1");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut input = child.stdin.take().ok_or("no standard input")?;
        // A program that stops early says why on standard error.
        let _ = input.write_all(&encoded(job));
        drop(input);
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
        let mut rest = output.stdout.as_slice();
        let mut buffers = Vec::new();
        for memory in &job.memory {
            let (buffer, after) = rest.split_at_checked(memory.bytes).ok_or("output is short")?;
            buffers.push(buffer.to_vec());
            rest = after;
        }
        Ok(buffers)
    }
}

/// As `host/run.cpp` reads it.
fn encoded(job: &Job) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((job.memory.len() as u32).to_le_bytes());
    for memory in &job.memory {
        bytes.extend((memory.bytes as u64).to_le_bytes());
        bytes.push(memory.content.is_some().into());
        bytes.extend(memory.content.iter().flatten());
    }
    bytes.extend((job.launches.len() as u32).to_le_bytes());
    for launch in &job.launches {
        bytes.extend((launch.kernel.len() as u32).to_le_bytes());
        bytes.extend(launch.kernel.as_bytes());
        bytes.extend(launch.grid.iter().chain(&launch.block).flat_map(|size| size.to_le_bytes()));
        bytes.extend((launch.arguments.len() as u32).to_le_bytes());
        for slot in job.slots(launch) {
            let (is_buffer, bits) = match slot {
                Slot::Buffer(index) => (1, index as u64),
                Slot::Bits(bits) => (0, bits),
            };
            bytes.push(is_buffer);
            bytes.extend(bits.to_le_bytes());
        }
    }
    bytes
}
