//! Files in a folder: beside it, synced, renamed, so that a reader never sees half of one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use domain::Attempt;

use crate::carrier::Outcome;

/// Copies the result file at `path` as `name` into `folder`, which is made when it is missing.
pub(crate) fn deliver(path: &Path, folder: &Path, name: &str) -> Outcome {
    match copy(path, folder, name) {
        Ok(()) => Outcome::Object(Attempt::Delivered),
        Err(error) if !path.exists() => {
            Outcome::Object(Attempt::Refused { why: format!("result file is gone: {}", error.kind()) })
        }
        Err(error) => Outcome::unreachable(format!("folder cannot be written: {}", error.kind())),
    }
}

fn copy(path: &Path, folder: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let part = folder.join(format!("{name}.part"));
    let written = fs::copy(path, &part)
        .and_then(|_| File::open(&part)?.sync_all())
        .and_then(|()| fs::rename(&part, folder.join(name)));
    if written.is_err() {
        // What cannot be removed is written over by the next try.
        let _ = fs::remove_file(&part);
    }
    written?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_a_missing_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::write(&source, "content").unwrap();
        let target = folder.path().join("a/b");
        for _ in 0..2 {
            assert_eq!(deliver(&source, &target, "report.json"), Outcome::Object(Attempt::Delivered));
        }
        assert_eq!(fs::read_to_string(target.join("report.json")).unwrap(), "content");
        assert_eq!(fs::read_dir(&target).unwrap().count(), 1, "no part file stays");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_tried_again_and_a_lost_result_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::write(&source, "content").unwrap();
        // A file stands where the folder should be.
        assert!(matches!(deliver(&source, &source, "a"), Outcome::Unreachable { .. }));
        let lost = deliver(&folder.path().join("gone"), folder.path(), "a");
        assert!(matches!(lost, Outcome::Object(Attempt::Refused { .. })), "{lost:?}");
    }
}
