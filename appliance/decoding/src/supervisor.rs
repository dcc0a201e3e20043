//! The supervising side: starts a worker, waits with a deadline, takes its answer.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use imaging::DecodedImage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use crate::slots::Slots;
use crate::wire::{Inspection, Response, Task, read_response, read_samples};

/// What one worker may use, and all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerLimits {
    /// Address space of one worker, in bytes.
    pub memory_bytes_max: u64,
    /// Address space of all workers together, in bytes: decides how many run at once.
    pub memory_bytes_total: u64,
    /// Processor time of one worker, in seconds.
    pub cpu_seconds_max: u64,
    /// Wall time of one worker, in seconds.
    pub wall_seconds_max: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self { memory_bytes_max: 2 << 30, memory_bytes_total: 4 << 30, cpu_seconds_max: 60, wall_seconds_max: 60 }
    }
}

/// Why there is no answer: the file's fault or the worker's end. Costs one image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct DecodeFailure {
    /// Stable and machine-readable.
    pub code: String,
    /// For people, without patient data.
    pub text: String,
    /// Did this machine fail, rather than the file? Then the same file may do another time.
    pub transient: bool,
}

impl DecodeFailure {
    fn of_file(code: String, text: String) -> Self {
        Self { code, text, transient: false }
    }

    fn of_machine(code: &str, text: String) -> Self {
        Self { code: code.to_owned(), text, transient: true }
    }
}

/// Starts workers. Shared by threads; calls block.
#[derive(Debug)]
pub struct Decoder {
    program: PathBuf,
    limits: WorkerLimits,
    slots: Slots,
}

impl Decoder {
    /// A decoder whose workers are `program decode-worker ...`, as a rule this very binary.
    #[must_use]
    pub fn new(program: PathBuf, limits: WorkerLimits) -> Self {
        let places = limits.memory_bytes_total / limits.memory_bytes_max.max(1);
        Self { program, limits, slots: Slots::new(usize::try_from(places).unwrap_or(1)) }
    }

    /// Reads the header of the Part 10 file at `path`.
    ///
    /// # Errors
    /// [`DecodeFailure`] when the file is damaged or the worker came to an end.
    pub fn inspect(&self, path: &Path) -> Result<Inspection, DecodeFailure> {
        let (response, _) = self.run(Task::Inspect, path)?;
        match response {
            Response::Inspected(inspection) => Ok(*inspection),
            Response::Failed { code, text } => Err(DecodeFailure::of_file(code, text)),
            Response::Decoded(_) => Err(wrong_answer("a decoded image where a header was asked for")),
        }
    }

    /// Decodes the image in the Part 10 file at `path`.
    ///
    /// # Errors
    /// As [`Decoder::inspect`].
    pub fn decode(&self, path: &Path) -> Result<DecodedImage, DecodeFailure> {
        let (response, mut output) = self.run(Task::Decode, path)?;
        match response {
            Response::Decoded(header) => {
                let samples =
                    read_samples(&mut output, header.pixels()).map_err(|error| wrong_answer(&error.to_string()))?;
                DecodedImage::from_parts(*header, samples).map_err(|error| wrong_answer(&error.to_string()))
            }
            Response::Failed { code, text } => Err(DecodeFailure::of_file(code, text)),
            Response::Inspected(_) => Err(wrong_answer("a header where an image was asked for")),
        }
    }

    fn run(&self, task: Task, path: &Path) -> Result<(Response, File), DecodeFailure> {
        let machine = |what: &'static str| {
            move |error: std::io::Error| DecodeFailure::of_machine("worker_not_started", format!("{what}: {error}"))
        };
        let input = File::open(path).map_err(|error| {
            DecodeFailure::of_machine(
                "spool_file_unreadable",
                format!("spooled file could not be opened: {}", error.kind()),
            )
        })?;
        let output = memfd_create("mamoru-decode", MemfdFlags::CLOEXEC)
            .map_err(|error| machine("no memory file for the worker")(error.into()))?;
        let mut output = File::from(output);
        let worker_output = output.try_clone().map_err(machine("no memory file for the worker"))?;
        let _slot = self.slots.take();
        let mut child = Command::new(&self.program)
            .arg("decode-worker")
            .arg(task.word())
            .arg(self.limits.memory_bytes_max.to_string())
            .arg(self.limits.cpu_seconds_max.to_string())
            .env_clear()
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(worker_output))
            .stderr(Stdio::null())
            .spawn()
            .map_err(machine("worker process could not be started"))?;
        let status = wait(&mut child, Duration::from_secs(self.limits.wall_seconds_max))?;
        judge_status(status)?;
        output.seek(SeekFrom::Start(0)).map_err(machine("memory file"))?;
        let response = read_response(&mut output).map_err(|error| wrong_answer(&error.to_string()))?;
        Ok((response, output))
    }
}

/// Waits for the worker's end; kills it at the deadline.
fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, DecodeFailure> {
    let ended = ends_within(child, limit);
    if !matches!(ended, Ok(true)) {
        // An error here means that it has just ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| {
        DecodeFailure::of_machine("worker_lost", format!("worker process could not be awaited: {error}"))
    })?;
    match ended {
        Ok(true) => Ok(status),
        Ok(false) => Err(DecodeFailure::of_file(
            "worker_timeout".into(),
            format!("decoding took longer than {} s and was ended", limit.as_secs()),
        )),
        Err(error) => {
            Err(DecodeFailure::of_machine("worker_lost", format!("worker process could not be watched: {error}")))
        }
    }
}

fn ends_within(child: &Child, limit: Duration) -> std::io::Result<bool> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + limit;
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(rest).map_err(std::io::Error::other)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn judge_status(status: ExitStatus) -> Result<(), DecodeFailure> {
    if status.success() {
        return Ok(());
    }
    let (code, text) = match status.signal() {
        Some(signal) if signal == rustix::process::Signal::XCPU.as_raw() => {
            ("worker_cpu_limit", "decoding used up its processor time and was ended".to_owned())
        }
        Some(signal) => ("worker_crashed", format!("decoder crashed (signal {signal})")),
        None => ("worker_crashed", format!("decoder ended with code {}", status.code().unwrap_or_default())),
    };
    Err(DecodeFailure::of_file(code.into(), text))
}

fn wrong_answer(what: &str) -> DecodeFailure {
    DecodeFailure::of_file("worker_answer_invalid".into(), format!("decoder's answer is invalid: {what}"))
}
