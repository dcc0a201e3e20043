//! The process that loses its power in `tests/fault/power_cut.py`.
//!
//! `power_cut store STATE SEED` runs a receiver on STATE and two modalities that send small images to it for ever. It
//! prints `ready`, then `ack KEY` for each instance that was answered with success, and `report KEY` for each result that
//! was handed over to its delivery. `power_cut check STATE` opens STATE as the device does and prints `ack KEY` and
//! `report KEY` for each that is there with all its bytes, `repaired ...` and, when the database was lost,
//! `corrupt`.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use contract::{Digest, Uid};
use dataset::testing::DataSetWriter;
use domain::eligibility::ExclusionReason;
use domain::{
    AeTitle, Delivery, DeliveryId, DeliveryState, DestinationName, InstanceOutcome, InstanceRecord, Reported,
    ResultKind, StoredFile, StudyKey, UnixMillis,
};
use queue::{Queue, StateDir};
use receiver::{Receiver, ReceiverConfig, reread};
use scu::{Association, Object, Peer, Timeouts};
use tokio::sync::watch;

const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";
/// Images of one association.
const IMAGES_PER_ASSOCIATION: u64 = 8;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["store", state, seed] => store(Path::new(state), seed.parse()?),
        ["check", state] => check(Path::new(state)),
        _ => Err("usage: power_cut store STATE SEED | check STATE".into()),
    }
}

fn store(folder: &Path, seed: u64) -> Outcome<()> {
    let state = StateDir::create(folder)?;
    let (queue, _) = Queue::open(&state, &reread, UnixMillis(0))?;
    let config = ReceiverConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)).into(),
        disk_free_bytes_min: 0,
        ..ReceiverConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let receiver = runtime.block_on(Receiver::bind(config, queue.clone(), state.clone()))?;
    let address = receiver.local_addr();
    let (_stop, stopped) = watch::channel(false);
    runtime.spawn(receiver.run(stopped));
    say("ready")?;
    let modalities = [0, 1].map(|unit| runtime.spawn(send_for_ever(address, 2 * seed + unit)));
    let reporting = std::thread::spawn(move || report_for_ever(&queue, &state));
    runtime.block_on(async {
        for modality in modalities {
            modality.await??;
        }
        Outcome::Ok(())
    })?;
    reporting.join().map_err(|_| "reporting panicked")?
}

/// One modality: its files lie on another disk than the receiver's.
async fn send_for_ever(address: SocketAddr, seed: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let peer = Peer::plain(address.to_string(), AeTitle::parse("MAMORU")?, AeTitle::parse("UNIT")?);
    for batch in 0.. {
        let numbers = batch * IMAGES_PER_ASSOCIATION..(batch + 1) * IMAGES_PER_ASSOCIATION;
        let objects: Vec<Object> =
            numbers.map(|number| image(folder.path(), seed, batch, number)).collect::<Outcome<_>>()?;
        let mut association = Association::request(&peer, &objects, Timeouts::default()).await?;
        for object in objects {
            if association.store(&object).await?.is_success() {
                say(&format!("ack {}", object.sop_instance.redacted()))?;
            }
        }
        association.release().await?;
    }
    Ok(())
}

/// An image of about 30 to 60 KB that no other is like.
fn image(folder: &Path, seed: u64, batch: u64, number: u64) -> Outcome<Object> {
    let instance = Uid::derived(&["power cut", &seed.to_string(), &number.to_string()]);
    let study = Uid::derived(&["power cut, study", &seed.to_string(), &batch.to_string()]);
    let rows = 128 + (number % 128) as u16;
    let mut random = fastrand::Rng::with_seed(seed << 32 | number);
    let samples: Vec<u16> = (0..u32::from(rows) * 128).map(|_| random.u16(..4096)).collect();
    let writer = DataSetWriter::part_10().uids(MAMMOGRAM, instance.as_str(), study.as_str());
    let path = folder.join(format!("{}.dcm", number % IMAGES_PER_ASSOCIATION));
    std::fs::write(&path, writer.grey(rows, 128, 16, 12).samples(&samples).bytes)?;
    Ok(Object::open(&path)?)
}

/// The other stages in short: each instance is excluded, and reported alone with a result file.
fn report_for_ever(queue: &Queue, state: &StateDir) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut changes = queue.changes();
    loop {
        for record in queue.waiting(usize::MAX)? {
            let outcome = InstanceOutcome::Excluded { reason: ExclusionReason::NotScreeningView };
            queue.record_outcome(record.key(), None, outcome)?;
            let report = report(queue, state, &record)?;
            say(&format!("report {report}"))?;
        }
        runtime.block_on(changes.changed())?;
    }
}

fn report(queue: &Queue, state: &StateDir, record: &InstanceRecord) -> Outcome<DeliveryId> {
    let study: &StudyKey = &record.received.study;
    let mut reported: Reported = queue.study(study)?.ok_or("study is not known")?.reported;
    reported.revision += 1;
    reported.instances.insert(record.key().clone());
    let destination = DestinationName::parse("folder")?;
    let id = DeliveryId::of(study, reported.revision, &destination, "report");
    let text = format!("result {id} of {}", record.received.spool.sha256);
    let file = state.write(&state.results(), &format!("{id}.json"), text.as_bytes())?;
    let delivery = Delivery {
        id: id.clone(),
        destination,
        study: study.clone(),
        revision: reported.revision,
        kind: ResultKind::Json,
        choice: None,
        sop: None,
        file,
        attempts: 0,
        last_error: None,
        state: DeliveryState::Due { at: UnixMillis(0) },
    };
    queue.hand_over(study, &reported, &[delivery])?;
    Ok(id)
}

fn check(folder: &Path) -> Outcome<()> {
    let state = StateDir::create(folder)?;
    let (queue, recovery) = Queue::open(&state, &reread, UnixMillis(1))?;
    if recovery.corrupt_database.is_some() {
        say("corrupt")?;
    }
    say(&format!(
        "repaired admitted={} missing={} unfinished={} unreadable={}",
        recovery.admitted,
        recovery.missing,
        recovery.unfinished,
        recovery.unreadable.len()
    ))?;
    for entry in std::fs::read_dir(state.spool())? {
        let path = entry?.path();
        // The file alone says which instance it is; the queue must know it, with these bytes.
        let Ok(found) = reread(&path) else { continue };
        let record = queue.instance(&found.key)?;
        if record.is_some_and(|record| record.received.spool == found.spool) {
            say(&format!("ack {}", found.key.0.redacted()))?;
        }
    }
    for delivery in queue.deliveries(|_| true, usize::MAX)? {
        let bytes = std::fs::read(state.results().join(&delivery.file.name)).unwrap_or_default();
        let found =
            StoredFile { name: delivery.file.name.clone(), len: bytes.len() as u64, sha256: Digest::of(&bytes) };
        if found == delivery.file {
            say(&format!("report {}", delivery.id))?;
        }
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    // One write for the whole line: the parent reads whole lines only.
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes())
}
