//! The program that `tests/fault/power_cut.py` cuts the power of.
//!
//! `endure work FOLDER` receives, decides and reports studies of two instances for ever and prints a line for everything that
//! is promised; `endure judge FOLDER` opens the state after the cut and holds the lines on standard input against it.

#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::Duration;

use contract::{Digest, Uid};
use domain::eligibility::ExclusionReason;
use domain::{
    AeTitle, Delivery, DeliveryId, DeliveryState, DestinationName, InstanceOutcome, ReceivedInstance, Reported,
    ResultKind, StoredFile, StudyKey, UnixMillis,
};
use queue::{Queue, StateDir};

/// After each promise: most cuts then come when nothing else syncs the disk by chance.
const REST: Duration = Duration::from_millis(20);

type Failure = Box<dyn std::error::Error>;

/// Bytes of one spooled file: enough to have blocks of its own.
const FILE_BYTES: usize = 20_000;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [task, folder] if task == "work" => work(Path::new(folder)),
        [task, folder] if task == "judge" => judge(Path::new(folder)),
        _ => Err("usage: endure work|judge FOLDER".into()),
    }
}

fn open(folder: &Path) -> Result<(Queue, StateDir), Failure> {
    let state = StateDir::create(folder)?;
    let (queue, recovery) = Queue::open(&state, &reread, UnixMillis(0))?;
    if recovery.corrupt_database.is_some() || recovery.missing > 0 || !recovery.unreadable.is_empty() {
        return Err(format!("the state had to be repaired: {recovery:?}").into());
    }
    Ok((queue, state))
}

fn work(folder: &Path) -> Result<(), Failure> {
    let (queue, state) = open(folder)?;
    let first = queue.counts()?.decided + queue.counts()?.waiting;
    for number in first.next_multiple_of(2).. {
        let instance = received(number)?;
        state.write(&state.spool(), &instance.spool.name, &content(number))?;
        queue.admit(&instance)?;
        say(&format!("admitted {number}"))?;
        std::thread::sleep(REST);
        queue.record_outcome(
            &instance.key,
            None,
            InstanceOutcome::Excluded { reason: ExclusionReason::NotScreeningView },
        )?;
        if number % 2 == 1 {
            hand_over(&queue, &state, &instance.study, number)?;
            say(&format!("reported {number}"))?;
            std::thread::sleep(REST);
        }
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

fn hand_over(queue: &Queue, state: &StateDir, study: &StudyKey, number: usize) -> Result<(), Failure> {
    let name = format!("report-{number}.json");
    let file = state.write(&state.results(), &name, &content(number))?;
    let destination = DestinationName::parse("pacs")?;
    let delivery = Delivery {
        id: DeliveryId::of(study, 1, &destination, &name),
        destination,
        study: study.clone(),
        revision: 1,
        kind: ResultKind::Json,
        sop: None,
        file,
        attempts: 0,
        last_error: None,
        state: DeliveryState::Due { at: UnixMillis(0) },
    };
    let instances = [number - 1, number].into_iter().map(|number| Ok(received(number)?.key));
    let instances = instances.collect::<Result<BTreeSet<_>, Failure>>()?;
    Ok(queue.hand_over(study, &Reported { revision: 1, instances }, &[delivery])?)
}

fn judge(folder: &Path) -> Result<(), Failure> {
    let (queue, state) = open(folder)?;
    let deliveries = queue.deliveries(|_| true, usize::MAX)?;
    let (mut admitted, mut reported) = (0, 0);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some((what, number)) = line.split_once(' ') else { continue };
        let number: usize = number.parse()?;
        let instance = received(number)?;
        match what {
            "admitted" => {
                queue.instance(&instance.key)?.ok_or_else(|| format!("instance {number} is lost"))?;
                let bytes = std::fs::read(state.spool().join(&instance.spool.name))?;
                if bytes != content(number) {
                    return Err(format!("file of instance {number} is damaged").into());
                }
                admitted += 1;
            }
            _ => {
                let study = queue.study(&instance.study)?.ok_or_else(|| format!("study of {number} is lost"))?;
                let of_study = deliveries.iter().filter(|delivery| delivery.study == instance.study);
                let of_study: Vec<_> = of_study.collect();
                let [delivery] = of_study[..] else {
                    return Err(format!("study of {number} has {} deliveries", of_study.len()).into());
                };
                let bytes = std::fs::read(state.results().join(&delivery.file.name))?;
                if study.reported.instances.len() != 2 || bytes != content(number) {
                    return Err(format!("report of {number} is damaged").into());
                }
                reported += 1;
            }
        }
    }
    println!("{admitted} admitted and {reported} reported, all there");
    Ok(())
}

/// Instance `number`, of a study that it shares with its neighbour.
fn received(number: usize) -> Result<ReceivedInstance, Failure> {
    let bytes = content(number);
    Ok(ReceivedInstance {
        key: domain::InstanceKey(Uid::derived(&["instance", &number.to_string()])),
        study: StudyKey(Uid::derived(&["study", &(number / 2).to_string()])),
        sop_class: Uid::parse("1.2.840.10008.5.1.4.1.1.1.2")?,
        calling_ae: AeTitle::parse("UNIT")?,
        transfer_syntax: Uid::parse(contract::transfer_syntax::EXPLICIT_LE)?,
        spool: StoredFile { name: format!("{number:013}.dcm"), len: bytes.len() as u64, sha256: Digest::of(&bytes) },
        dataset_sha256: Digest::of(&bytes),
        received_at: UnixMillis(0),
    })
}

fn content(number: usize) -> Vec<u8> {
    format!("{number:013}").into_bytes().into_iter().cycle().take(FILE_BYTES).collect()
}

/// The row of a spooled file, by its name.
fn reread(path: &Path) -> Result<ReceivedInstance, String> {
    let name = path.file_stem().and_then(|name| name.to_str()).ok_or("not ours")?;
    received(name.parse().map_err(|_| "not ours")?).map_err(|error| error.to_string())
}
