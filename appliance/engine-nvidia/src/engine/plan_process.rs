//! A builder in a process of its own: what goes through its standard input, and how it is waited for.
//!
//! Input: the manifest's length as 8 bytes, little endian; the manifest as JSON; the network file up to the end. Settings are
//! the caller's arguments. It ends with success when the plan is in the cache; else its last line of standard output is the
//! reason. What it says on standard error goes where ours goes.

use std::io::{self, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use inference::{EngineError, ModelFiles};

use super::opened::load;
use crate::vendor_text;

/// A build that takes longer has failed: on the smallest device it takes some minutes.
const BUILD_MAX: Duration = Duration::from_secs(3_600);
/// Between two looks whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Bytes of a manifest.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a network.
const NETWORK_BYTES_MAX: u64 = 256 << 20;
/// Bytes of the builder's answer.
const ANSWER_BYTES_MAX: u64 = 1 << 16;

/// Reads the model that [`super::NvidiaEngine`] gives to the process that builds its plan.
///
/// # Errors
/// When the input is not of the form above, or the model's files do not belong together.
pub fn read_model(mut input: impl Read) -> io::Result<ModelFiles> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MANIFEST_BYTES_MAX {
        return Err(invalid("the manifest is too large"));
    }
    let mut manifest = vec![0; length as usize];
    input.read_exact(&mut manifest)?;
    let manifest = serde_json::from_slice(&manifest).map_err(|error| invalid(&error.to_string()))?;
    let mut network = Vec::new();
    input.take(NETWORK_BYTES_MAX + 1).read_to_end(&mut network)?;
    if network.len() as u64 > NETWORK_BYTES_MAX {
        return Err(invalid("the network is too large"));
    }
    ModelFiles::new(manifest, network).map_err(|error| invalid(&error.to_string()))
}

/// The form that [`read_model`] reads, up to the network.
fn header(model: &ModelFiles) -> serde_json::Result<Vec<u8>> {
    let manifest = serde_json::to_vec(model.manifest())?;
    let mut header = (manifest.len() as u64).to_le_bytes().to_vec();
    header.extend(manifest);
    Ok(header)
}

/// Has `program` build the model's plan.
///
/// # Errors
/// [`EngineError::Load`] with what it says, or how it ended.
pub(super) fn build(program: &std::path::Path, arguments: &[String], model: &ModelFiles) -> Result<(), EngineError> {
    let header = header(model).map_err(load)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| load(format!("the builder cannot be started: {error}")))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let network = model.network();
    let (status, answer) = thread::scope(|scope| {
        scope.spawn(move || {
            // A builder that ends before it has read everything says why.
            let _ = input.map(|mut input| input.write_all(&header).and_then(|()| input.write_all(network)));
        });
        let answer = scope.spawn(move || {
            let mut bytes = Vec::new();
            let _ = output.map(|output| output.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes));
            bytes
        });
        let status = wait(&mut child);
        (status, answer.join().unwrap_or_default())
    });
    let mut lines = answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let last = lines.next_back().map(vendor_text::line);
    match status.map_err(|error| load(format!("the builder cannot be waited for: {error}")))? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(load(last.unwrap_or_else(|| format!("the builder ended without a word: {status}")))),
        None => Err(load(format!("the builder was ended after {} minutes", BUILD_MAX.as_secs() / 60))),
    }
}

/// Waits for the end; `None` when it had to be ended.
fn wait(child: &mut Child) -> io::Result<Option<std::process::ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > BUILD_MAX {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A model whose network is larger than what a pipe holds.
    fn model() -> ModelFiles {
        let (topology, spec) = inference::conformance::small_model();
        let (mut manifest, _) = export::untrained_model(&topology, spec).unwrap();
        let network = vec![7; 1 << 18];
        manifest.network = contract::Digest::of(&network);
        ModelFiles::new(manifest, network).unwrap()
    }

    fn built_by(script: &str) -> Result<(), String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        build(Path::new("sh"), &arguments, &model()).map_err(super::super::words)
    }

    #[test]
    fn what_is_given_is_what_is_read() {
        let model = model();
        let mut input = header(&model).unwrap();
        input.extend(model.network());
        let read = read_model(input.as_slice()).unwrap();
        assert_eq!((read.manifest(), read.network()), (model.manifest(), model.network()));
        for cut in [0, 7, 8, 100, input.len() - 1] {
            assert!(read_model(&input[..cut]).is_err(), "{cut}");
        }
        input[7] = 1;
        assert_eq!(read_model(input.as_slice()).unwrap_err().to_string(), "the manifest is too large");
    }

    #[test]
    fn a_builder_gets_the_whole_model_and_its_success_is_success() {
        let length = header(&model()).unwrap().len() + model().network().len();
        assert_eq!(built_by(&format!("test $(wc -c) -eq {length}")), Ok(()));
    }

    #[test]
    fn the_last_line_of_a_builder_that_fails_is_the_reason() {
        assert_eq!(built_by("cat > /dev/null; echo one; echo no memory left; exit 3"), Err("no memory left".into()));
        assert_eq!(built_by("cat > /dev/null; exit 3"), Err("the builder ended without a word: exit status: 3".into()));
    }

    #[test]
    fn a_builder_that_reads_nothing_or_is_killed_costs_nothing_else() {
        assert_eq!(built_by("echo cannot start; exit 1"), Err("cannot start".into()));
        assert_eq!(built_by("kill -9 $$"), Err("the builder ended without a word: signal: 9 (SIGKILL)".into()));
        let missing = build(Path::new("/no/such/builder"), &[], &model()).unwrap_err();
        assert!(super::super::words(missing).starts_with("the builder cannot be started"));
    }
}
