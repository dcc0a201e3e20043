//! `mamoru selftest`: a synthetic exam through the whole path, and on the running device's own engine.

mod running;
mod walk;

use std::io::Write;

use anyhow::bail;
use serde::Serialize;

use crate::cli::SelftestArgs;
use crate::commands::progress::Progress;
use crate::commands::{print_json, running_config};
use crate::device::tested;
use crate::exit_code::Exit;
use crate::selftest::{SelfTest, Verdict, difference};
use walk::Walk;

/// The schema of `mamoru selftest --json`; fields are only ever added.
#[derive(Debug, Serialize)]
struct Document {
    notice: &'static str,
    version: &'static str,
    /// The worst of all.
    verdict: Verdict,
    /// The way of an exam through a device that was started for it: received over DICOM, scored, reported, delivered.
    path: Part,
    /// The exam on the engine of the running device; nothing where none runs.
    device: Option<SelfTest>,
}

/// One part of the self-test.
#[derive(Debug, Serialize)]
struct Part {
    verdict: Verdict,
    /// What was seen, or why not.
    found: String,
    #[serde(flatten)]
    walk: Option<Walk>,
}

/// Holds the self-test. What is expected is kept by the running device; nothing of it is changed but that, and no result of
/// the exam leaves this machine.
///
/// # Errors
/// When the configuration or the model cannot be used, or the device does not answer.
pub fn run(arguments: &SelftestArgs) -> anyhow::Result<Exit> {
    let mut config = running_config(&arguments.running)?;
    config.engine = arguments.engine.over(config.engine)?;
    let mut progress = Progress::new();
    let is_running = running::is_running(&config.state_dir)?;
    if arguments.accept && !is_running {
        bail!(
            "--accept is for a running device, which keeps what is expected; none runs on {}",
            config.state_dir.display()
        );
    }
    let walked = walk::walk(&config, &mut progress)?;
    let device = match is_running {
        true => Some(running::test(&config.state_dir, arguments.accept, &mut progress)?),
        false => None,
    };
    drop(progress);
    let path = match (walked, &device) {
        (Err(part), _) => part,
        (Ok(walk), Some(device)) if device.subject == walk.subject && !device.images.is_empty() => {
            compared(walk, &device.images, "the running device")
        }
        (Ok(walk), Some(_)) => {
            Part::passed(walk, "another engine than the running device's, so that scores are not compared")
        }
        (Ok(walk), None) => {
            let book = tested::read(&config.state_dir).unwrap_or_default();
            match book.expected(&walk.subject) {
                Some(expected) => compared(walk, expected, "what is expected"),
                None => Part::passed(walk, "no earlier self-test of a running device to compare scores with"),
            }
        }
    };
    let verdict = worst(path.verdict, device.as_ref().map(|device| device.verdict));
    let document = Document { notice: results::NOTICE, version: env!("CARGO_PKG_VERSION"), verdict, path, device };
    if arguments.running.json {
        print_json(&document)?;
    } else {
        print(&document, &mut std::io::stdout().lock())?;
    }
    Ok(match verdict {
        Verdict::Passed | Verdict::First => Exit::Success,
        Verdict::NotHeld => Exit::Attention,
        Verdict::Failed => Exit::Failure,
    })
}

impl Part {
    fn passed(walk: Walk, compared: &str) -> Self {
        let found = format!("{} results of 4 images in {:.1} s; {compared}", walk.results, walk.seconds);
        Self { verdict: Verdict::Passed, found, walk: Some(walk) }
    }
}

fn compared(walk: Walk, expected: &[crate::selftest::Answer], with: &str) -> Part {
    match difference(expected, &walk.images) {
        None => Part::passed(walk, &format!("scores and maps are bit for bit those of {with}")),
        Some(why) => {
            Part { verdict: Verdict::Failed, found: format!("not the scores of {with}: {why}"), walk: Some(walk) }
        }
    }
}

fn worst(path: Verdict, device: Option<Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Passed => 0,
        Verdict::First => 1,
        Verdict::NotHeld => 2,
        Verdict::Failed => 3,
    };
    [Some(path), device].into_iter().flatten().max_by_key(rank).unwrap_or(path)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::First => "first",
        Verdict::NotHeld => "not held",
        Verdict::Failed => "failed",
    }
}

fn print(document: &Document, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{}", document.notice)?;
    let Part { verdict, found, walk } = &document.path;
    writeln!(output, "{:<9}  whole path  {found}", word(*verdict))?;
    let images = walk.as_ref().map_or(&[][..], |walk| &walk.images);
    match &document.device {
        Some(device) => {
            let found = device.why.as_deref().unwrap_or("scores and maps are bit for bit what they were before");
            writeln!(output, "{:<9}  device      {}: {found}", word(device.verdict), device.subject.engine)?;
        }
        None => writeln!(output, "{:<9}  device      no device is running; start it and repeat this", "-")?,
    }
    for image in images {
        writeln!(output, "{:<9}  {} {:<8} {:.6}", "", image.laterality.letter(), image.view.term(), image.score)?;
    }
    match document.verdict {
        Verdict::Passed => writeln!(output, "The self-test passed."),
        Verdict::First => writeln!(output, "The self-test passed; these scores are expected from now on."),
        Verdict::NotHeld => writeln!(output, "The self-test could not be held: mend what stands above and repeat it."),
        Verdict::Failed => writeln!(
            output,
            "THE SELF-TEST FAILED. Results of this device say so until one passes. Look at mamoru doctor; go back to the model\n\
             before with mamoru bundle rollback. After a change of processor, driver or GPU other scores are to be expected: then\n\
             mamoru engine check, and if that passes mamoru selftest --accept."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides() {
        use Verdict::{Failed, First, NotHeld, Passed};
        for (path, device, expected) in [
            (Passed, None, Passed),
            (Passed, Some(First), First),
            (Passed, Some(Failed), Failed),
            (Failed, Some(Passed), Failed),
            (NotHeld, Some(First), NotHeld),
        ] {
            assert_eq!(worst(path, device), expected, "{path:?} {device:?}");
        }
    }
}
