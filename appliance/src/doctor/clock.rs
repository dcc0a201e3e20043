//! Can the machine's clock be right?

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Finding;

const CHECK: &str = "clock";
/// What clocks of machines in one room may differ.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// Entries of a folder that are looked at.
const ENTRIES_MAX: usize = 10_000;
const NEXT: &str =
    "set the clock, or see why it is not set over the network (timedatectl): times in results are taken from it";

/// When this command was built; 1970 where the build did not say.
pub fn built_at() -> SystemTime {
    let seconds = option_env!("MAMORU_BUILT_AT_SECONDS").and_then(|text| text.parse().ok()).unwrap_or(0);
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// It cannot be earlier than the software, nor earlier than what the device wrote.
pub fn check(state_dir: &Path, now: SystemTime, built_at: SystemTime) -> Finding {
    if now + TOLERANCE < built_at {
        let behind = text(built_at.duration_since(now).unwrap_or_default());
        return Finding::failed(CHECK, format!("it is {behind} before this software was built"), NEXT);
    }
    match newest(state_dir).and_then(|newest| newest.duration_since(now).ok()).filter(|ahead| *ahead > TOLERANCE) {
        Some(ahead) => {
            let found =
                format!("the state folder holds a file from {} in the future: the clock was set back", text(ahead));
            Finding::attention(CHECK, found, NEXT)
        }
        None => Finding::ok(CHECK, "not before this software was built, and no file is from the future"),
    }
}

/// The latest change in the state folder.
fn newest(state_dir: &Path) -> Option<SystemTime> {
    let folders =
        ["", "spool", "quarantine", "heatmaps", "results", "models", "queue"].map(|name| state_dir.join(name));
    let entries =
        folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flat_map(|found| found.take(ENTRIES_MAX));
    entries.filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok()).max()
}

fn text(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match minutes / 60 {
        0 => format!("{minutes} minutes"),
        hours @ 1..=47 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_clock_is_not_before_the_software_nor_before_what_was_written() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("spool")).unwrap();
        let file = fs::File::create(state.path().join("spool/a.dcm")).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        let check = |now, built_at| check(state.path(), now, built_at);
        assert_eq!(check(written, UNIX_EPOCH).verdict, Verdict::Ok);
        assert_eq!(check(written, written + TOLERANCE).verdict, Verdict::Ok);
        let early = check(written - 3 * day, written);
        assert!(early.verdict == Verdict::Failed && early.found.contains("3 days before"), "{early:?}");
        file.set_modified(written + TOLERANCE).unwrap();
        assert_eq!(check(written, UNIX_EPOCH).verdict, Verdict::Ok);
        file.set_modified(written + day).unwrap();
        let back = check(written, UNIX_EPOCH);
        assert!(back.verdict == Verdict::Attention && back.found.contains("24 hours in the future"), "{back:?}");
    }

    #[test]
    fn this_build_knows_when_it_was_made() {
        assert!(built_at() > UNIX_EPOCH && built_at() <= SystemTime::now());
    }
}
