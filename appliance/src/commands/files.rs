//! Which files to work on.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Folders inside each other.
const DEPTH_MAX: usize = 16;
/// Files in one run.
const FILES_MAX: usize = 100_000;

/// The files among `paths` as they are named, and the DICOM files of folders, in the order of their names.
///
/// # Errors
/// When a path does not exist or a folder cannot be read.
pub fn collect(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let kind = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if kind.is_dir() {
            collect_folder(path, 0, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn collect_folder(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    ensure!(depth < DEPTH_MAX, "{}: folders are nested deeper than {DEPTH_MAX}", folder.display());
    let entries = fs::read_dir(folder).with_context(|| format!("folder {} cannot be read", folder.display()))?;
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        // A link may lead back to a folder above.
        let kind = fs::symlink_metadata(&path)?;
        if kind.is_dir() {
            collect_folder(&path, depth + 1, files)?;
        } else if kind.is_file() && is_dicom(&path) {
            ensure!(files.len() < FILES_MAX, "more than {FILES_MAX} files");
            files.push(path);
        }
    }
    Ok(())
}

/// Does the file begin as a Part 10 file does?
fn is_dicom(path: &Path) -> bool {
    let mut start = [0_u8; 132];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start.ends_with(b"DICM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_dicom_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let dicom = [vec![0; 128], b"DICM".to_vec()].concat();
        fs::create_dir(folder.path().join("inner")).unwrap();
        for name in ["b.dcm", "a.dcm", "inner/c"] {
            fs::write(folder.path().join(name), &dicom).unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "no image").unwrap();
        let found = collect(&[folder.path().to_owned()]).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.dcm", "b.dcm", "c"]);
        assert!(collect(&[folder.path().join("missing")]).is_err());
    }
}
