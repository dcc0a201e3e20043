//! The queue as its callers see it, over crashes and corruption.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod commitments;
mod deliveries;
mod instances;
mod retention;

use std::path::Path;

use contract::{Digest, Uid};
use domain::eligibility::ExclusionReason;
use domain::{AeTitle, InstanceKey, InstanceOutcome, ReceivedInstance, StoredFile, StudyKey, UnixMillis};
use queue::{Queue, Recovery, StateDir};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn received(number: u64, content: &str) -> ReceivedInstance {
    ReceivedInstance {
        key: InstanceKey(Uid::parse(&format!("1.2.3.{number}")).unwrap()),
        study: StudyKey(Uid::parse(&format!("1.2.{number}")).unwrap()),
        sop_class: Uid::parse("1.2.840.10008.5.1.4.1.1.1.2").unwrap(),
        calling_ae: AeTitle::parse("UNIT").unwrap(),
        transfer_syntax: Uid::parse("1.2.840.10008.1.2.1").unwrap(),
        spool: StoredFile {
            name: format!("{number:013}.dcm"),
            len: content.len() as u64,
            sha256: Digest::of(content.as_bytes()),
        },
        dataset_sha256: Digest::of(content.as_bytes()),
        received_at: NOW,
    }
}

/// Spools a file whose content is its number.
fn spool(state: &StateDir, number: u64) -> ReceivedInstance {
    let received = received(number, &number.to_string());
    std::fs::write(state.spool().join(&received.spool.name), number.to_string()).unwrap();
    received
}

fn reread(path: &Path) -> Result<ReceivedInstance, String> {
    let content = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(received(content.parse().map_err(|_| "no number")?, &content))
}

fn open(folder: &Path) -> (Queue, StateDir, Recovery) {
    let state = StateDir::create(folder).unwrap();
    let (queue, recovery) = Queue::open(&state, &reread, NOW).unwrap();
    (queue, state, recovery)
}

const EXCLUDED: InstanceOutcome = InstanceOutcome::Excluded { reason: ExclusionReason::NotScreeningView };
