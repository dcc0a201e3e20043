//! The lines of a log that this software wrote: whatever else is in the file stays out.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::logging::TARGETS;

/// What is read of a log, from its end.
const BYTES_MAX: u64 = 4 << 20;

/// The last lines of the log `file`, with a last line of how many were left out.
///
/// # Errors
/// When it cannot be read.
pub fn own_lines(file: &Path) -> anyhow::Result<String> {
    let unreadable = || format!("log {} cannot be read", file.display());
    // A pipe or device might never end.
    if !std::fs::metadata(file).with_context(unreadable)?.is_file() {
        bail!("log {} is not a file", file.display());
    }
    let mut opened = File::open(file).with_context(unreadable)?;
    let from = opened.metadata().with_context(unreadable)?.len().saturating_sub(BYTES_MAX);
    opened.seek(SeekFrom::Start(from)).with_context(unreadable)?;
    let mut bytes = Vec::new();
    opened.take(BYTES_MAX).read_to_end(&mut bytes).with_context(unreadable)?;
    Ok(own(&String::from_utf8_lossy(&bytes)))
}

fn own(text: &str) -> String {
    let mut kept: String = text.lines().filter(|line| is_own(line)).flat_map(|line| [line, "\n"]).collect();
    let left_out = text.lines().filter(|line| !is_own(line)).count();
    kept.push_str(&format!("({left_out} lines that are not this software's own were left out)\n"));
    kept
}

/// `TIME LEVEL TARGET: ...`, as [`crate::logging`] writes it.
fn is_own(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (Some(time), Some(level), Some(target)) = (words.next(), words.next(), words.next()) else { return false };
    let is_time = time.len() >= 20 && time.ends_with('Z') && time.contains('T') && time.starts_with("20");
    let name = target.split(':').next().unwrap_or_default();
    is_time && ["ERROR", "WARN", "INFO", "DEBUG"].contains(&level) && target.ends_with(':') && TARGETS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lines_are_taken() {
        let ours = "2026-11-25T13:06:05.123456Z  INFO mamoru::device: device is ready engine=\"tract\"\n\
                    2026-11-25T13:06:06.123456Z ERROR receiver: association broken off\n";
        let others = "ANNA^ZZMARKER\n2026-11-25T13:06:05.1Z INFO patient: ZZMARKER\nZZMARKER INFO mamoru: a\n\
                      2026-11-25T13:06:05.123456Z LOUD mamoru: ZZMARKER\n\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mamoru.log");
        std::fs::write(&file, [others, ours].concat()).unwrap();
        let expected = format!("{ours}(5 lines that are not this software's own were left out)\n");
        assert_eq!(own_lines(&file).unwrap(), expected);
        assert!(own_lines(folder.path()).is_err() && own_lines(&folder.path().join("none")).is_err());
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mamoru.log");
        let line = "2026-11-25T13:06:05.123456Z  INFO mamoru::device: device is ready\n";
        std::fs::write(&file, line.repeat(BYTES_MAX as usize / line.len() + 10)).unwrap();
        let lines = own_lines(&file).unwrap();
        assert!(lines.len() as u64 <= BYTES_MAX + 100 && lines.contains("(1 lines"), "{}", lines.len());
    }
}
