//! Is the state folder there, ours alone and writable, and is there room on its disk?

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Finding;

const FOLDER: &str = "state folder";
const DISK: &str = "disk";
/// Rights of others than the owner.
const OTHERS: u32 = 0o077;
const MIB: u64 = 1 << 20;

/// The folder and its disk, of which `reserve_bytes` must stay free.
pub fn check(state_dir: &Path, reserve_bytes: u64) -> Vec<Finding> {
    let folder = folder(state_dir);
    match free_bytes(state_dir) {
        Some(free) => vec![folder, judge_disk(free, reserve_bytes)],
        None => vec![folder],
    }
}

fn folder(state_dir: &Path) -> Finding {
    let shown = state_dir.display();
    let metadata = match fs::metadata(state_dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let next = "check `state_dir` in the configuration; mamoru serve makes the folder at its first start";
            return Finding::attention(FOLDER, format!("{shown} is not there"), next);
        }
        Err(error) => {
            let next = "run this command as the user that the device runs as";
            return Finding::failed(FOLDER, format!("{shown} cannot be looked at: {}", error.kind()), next);
        }
    };
    if !metadata.is_dir() {
        return Finding::failed(FOLDER, format!("{shown} is no folder"), "name a folder as `state_dir`");
    }
    if let Err(error) = try_to_write(state_dir) {
        let found = format!("{shown} cannot be written: {}", error.kind());
        let next = "run this command as the user that the device runs as; if it is that user, see who owns the folder and \
                    whether its disk is mounted read-only or full";
        return Finding::failed(FOLDER, found, next);
    }
    if metadata.mode() & OTHERS != 0 {
        let found =
            format!("{shown} holds patient data and is open to other users (mode {:o})", metadata.mode() & 0o777);
        return Finding::attention(FOLDER, found, format!("chmod 700 {shown}"));
    }
    Finding::ok(FOLDER, format!("{shown} is there, writable and closed to others"))
}

/// Writes a file without a name, of which nothing stays.
fn try_to_write(folder: &Path) -> std::io::Result<()> {
    tempfile::tempfile_in(folder)?.write_all(&[0])
}

/// Of the disk that holds the folder, or will.
fn free_bytes(state_dir: &Path) -> Option<u64> {
    let whole = std::path::absolute(state_dir).unwrap_or_else(|_| PathBuf::from(state_dir));
    let there = whole.ancestors().find(|path| path.exists())?;
    rustix::fs::statvfs(there).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn judge_disk(free_bytes: u64, reserve_bytes: u64) -> Finding {
    let found = format!("{} MiB free; the device keeps {} MiB free", free_bytes / MIB, reserve_bytes.div_ceil(MIB));
    if free_bytes < reserve_bytes {
        let next =
            "images are refused (status A700) and stay with the units: free space, or give the device a larger disk";
        Finding::failed(DISK, found, next)
    } else if free_bytes / 2 < reserve_bytes {
        Finding::attention(DISK, found, "free space soon, or lower retention.images_hours")
    } else {
        Finding::ok(DISK, found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_folder_is_judged_by_what_it_is() {
        let outer = tempfile::tempdir().unwrap();
        let (state, file) = (outer.path().join("state"), outer.path().join("file"));
        assert_eq!(folder(&state).verdict, Verdict::Attention);
        fs::write(&file, "").unwrap();
        assert_eq!((folder(&file).verdict, folder(&file.join("below")).verdict), (Verdict::Failed, Verdict::Failed));
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
        let open = folder(&state);
        assert!(open.verdict == Verdict::Attention && open.found.contains("mode 755"), "{open:?}");
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(folder(&state).verdict, Verdict::Ok);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0, "nothing is left behind");
        assert!(free_bytes(&state.join("not/there")).unwrap() > 0);
        // The kernel's own files are never ours to write, also for root.
        assert_eq!(folder(Path::new("/proc/self")).verdict, Verdict::Failed);
    }

    #[test]
    fn the_reserve_decides_about_the_disk() {
        let verdict = |free, reserve| judge_disk(free, reserve).verdict;
        assert_eq!(verdict(99, 100), Verdict::Failed);
        assert_eq!((verdict(100, 100), verdict(199, 100)), (Verdict::Attention, Verdict::Attention));
        assert_eq!((verdict(200, 100), verdict(0, 0), verdict(u64::MAX, 1)), (Verdict::Ok, Verdict::Ok, Verdict::Ok));
    }
}
