//! Does anything in the queue or the quarantine wait for a person?

use std::path::Path;

use super::{Finding, quarantine};
use crate::control::Status;

const QUEUE: &str = "queue";
const QUARANTINE: &str = "quarantine";

/// The running device's queue, and the folder of what was refused.
pub fn check(state_dir: &Path, status: Option<&Status>) -> Vec<Finding> {
    let queue = match status {
        Some(status) => of_counts(&status.queue),
        None => Finding::ok(QUEUE, "what is on its way is known while the device runs"),
    };
    vec![queue, of_refusals(&quarantine::list(state_dir), &quarantine::folder(state_dir))]
}

fn of_counts(counts: &::queue::Counts) -> Finding {
    let found = format!(
        "{} images waiting, {} studies not reported yet, {} results on their way, {} parked",
        counts.waiting, counts.studies_open, counts.deliveries_due, counts.deliveries_parked
    );
    if counts.deliveries_parked > 0 {
        let next = "mamoru queue says why; mend that at the destination, then: mamoru queue retry";
        return Finding::attention(QUEUE, found, next);
    }
    if counts.conflicts > 0 {
        let found = format!("{found}; {} images came with a UID that another image has", counts.conflicts);
        let next = "the unit that sends them gives UIDs twice: tell its vendor; those images are not scored";
        return Finding::attention(QUEUE, found, next);
    }
    Finding::ok(QUEUE, found)
}

fn of_refusals(found: &quarantine::Refusals, folder: &Path) -> Finding {
    let count = found.refused.len() + found.other_files;
    let Some(latest) = found.refused.last() else {
        return match found.other_files {
            0 => Finding::ok(QUARANTINE, "nothing was refused and kept"),
            _ => {
                let next = format!("see who put them into {}, and take them away", folder.display());
                Finding::attention(QUARANTINE, format!("{count} files that the device did not put there"), next)
            }
        };
    };
    let found = format!("{count} refused images are kept; the latest: {} ({})", latest.reason, latest.status);
    let next = format!(
        "tell who runs the sending unit; when it is mended, empty {} (it holds patient data)",
        folder.display()
    );
    Finding::attention(QUARANTINE, found, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_needs_a_person_needs_attention() {
        let counts = ::queue::Counts { waiting: 3, deliveries_due: 2, ..Default::default() };
        assert_eq!(of_counts(&counts).verdict, Verdict::Ok);
        let parked = of_counts(&::queue::Counts { deliveries_parked: 1, conflicts: 1, ..counts });
        assert!(parked.verdict == Verdict::Attention && parked.next.unwrap().contains("mamoru queue retry"));
        assert_eq!(of_counts(&::queue::Counts { conflicts: 1, ..counts }).verdict, Verdict::Attention);
    }

    #[test]
    fn what_was_refused_is_counted_with_its_latest_reason() {
        let state = tempfile::tempdir().unwrap();
        let last = || check(state.path(), None).pop().unwrap();
        assert_eq!(last().verdict, Verdict::Ok);
        let folder = quarantine::folder(state.path());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("ANNA.dcm"), "").unwrap();
        let strange = last();
        assert!(strange.verdict == Verdict::Attention && !format!("{strange:?}").contains("ANNA"), "{strange:?}");
        std::fs::write(folder.join("1790000000001-0000abcd00000000.C000.dcm"), "").unwrap();
        let refused = last();
        assert!(refused.found.starts_with("2 refused images") && refused.found.contains("damaged"), "{refused:?}");
    }
}
