//! The worker's side: one task on standard input, one answer on standard output, then the end.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::AsFd as _;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

use crate::wire::{Inspection, Response, Task, write_response, write_samples};

/// Runs one task: limits first, then standard input is read. The caller ends the process with the result.
///
/// # Errors
/// When the limits cannot be set or the answer cannot be written. A fault of the file is an answer, not an error.
pub fn run_worker(task: Task, memory_bytes_max: u64, cpu_seconds_max: u64) -> std::io::Result<()> {
    limit_this_process(memory_bytes_max, cpu_seconds_max)?;
    let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut output = BufWriter::new(output);
    match task {
        Task::Inspect => {
            let response = match dataset::inspect(input) {
                Ok(dataset::Header { study, instance, attributes, patient_study }) => {
                    Response::Inspected(Box::new(Inspection { study, instance, attributes, patient_study }))
                }
                Err(error) => Response::Failed { code: error.code().to_owned(), text: error.to_string() },
            };
            write_response(&mut output, &response)?;
        }
        Task::Decode => match imaging::decode(input) {
            Ok(image) => {
                let (header, samples) = image.into_parts();
                write_response(&mut output, &Response::Decoded(Box::new(header)))?;
                write_samples(&mut output, &samples)?;
            }
            Err(error) => {
                let response = Response::Failed { code: error.code().to_owned(), text: error.to_string() };
                write_response(&mut output, &response)?;
            }
        },
    }
    output.flush()
}

fn limit_this_process(memory_bytes_max: u64, cpu_seconds_max: u64) -> std::io::Result<()> {
    let both = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::As, both(memory_bytes_max))?;
    // SIGXCPU at the soft limit, SIGKILL a second later.
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu_seconds_max), maximum: Some(cpu_seconds_max + 1) })?;
    setrlimit(Resource::Core, both(0))?;
    Ok(())
}
