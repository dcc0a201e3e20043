//! What must not be lost, when everything else goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod disk;
mod hostile;
mod kill;
mod outage;
mod stop;

use std::time::Duration;

use system_tests::{Device, Oracle, Pacs, arrivals_of, objects_of, reports_in};

/// Everything that waits is done, on a shared machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

/// What is wrong with the reports and at the PACS.
fn verdict(oracle: &Oracle, device: &Device, pacs: Option<&Pacs>) -> Vec<String> {
    let mut faults = oracle.judge_reports(&reports_in(&device.settings().reports));
    if let Some(pacs) = pacs {
        faults.extend(Oracle::judge_objects(&objects_of(&device.settings().state), &arrivals_of(pacs)));
        if pacs.conflicts() > 0 {
            faults.push(format!("{} objects came with other bytes than before", pacs.conflicts()));
        }
    }
    faults
}

fn assert_kept(oracle: &Oracle, device: &Device, pacs: Option<&Pacs>) {
    let faults = verdict(oracle, device, pacs);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
