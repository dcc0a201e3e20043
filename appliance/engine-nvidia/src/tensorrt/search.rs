//! Where the libraries are looked for.

use std::path::{Path, PathBuf};

use super::version::MAJORS;

/// Where packages put the shims.
const INSTALLED: &str = "/usr/lib/mamoru";

/// Folders of shims and of TensorRT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Folders of shims, in the order in which they are looked into. What is in them is run as code.
    pub shim_folders: Vec<PathBuf>,
    /// Folder of TensorRT's libraries; without one the dynamic loader finds them.
    pub tensorrt_folder: Option<PathBuf>,
}

impl Search {
    /// Shims beside the executable, then in the `configured` folder, then in `/usr/lib/mamoru`; TensorRT by the dynamic
    /// loader.
    #[must_use]
    pub fn installed(configured: Option<&Path>) -> Self {
        let executable = std::env::current_exe().ok();
        let beside = executable.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let configured = configured.map(Path::to_path_buf);
        let shim_folders = beside.into_iter().chain(configured).chain([PathBuf::from(INSTALLED)]).collect();
        Self { shim_folders, tensorrt_folder: None }
    }

    /// Majors to look for, each with the path or name of its library, newest first.
    pub(super) fn libraries(&self) -> impl Iterator<Item = (u32, PathBuf)> + '_ {
        MAJORS.into_iter().map(|major| (major, self.library("libnvinfer", major)))
    }

    /// Path or name of the ONNX parser.
    pub(super) fn parser(&self, major: u32) -> PathBuf {
        self.library("libnvonnxparser", major)
    }

    fn library(&self, stem: &str, major: u32) -> PathBuf {
        let name = format!("{stem}.so.{major}");
        self.tensorrt_folder.as_deref().map_or_else(|| PathBuf::from(&name), |folder| absolute(folder).join(&name))
    }

    /// File name of the shim of a major.
    pub(super) fn shim_name(major: u32) -> String {
        format!("libmamoru_tensorrt_{major}.so")
    }

    /// The first folder's shim that is there.
    pub(super) fn shim(&self, major: u32) -> Option<PathBuf> {
        let name = Self::shim_name(major);
        self.shim_folders.iter().map(|folder| absolute(folder).join(&name)).find(|path| path.is_file())
    }

    /// The shims' folders, for people.
    pub(super) fn shim_folders_text(&self) -> String {
        let folders: Vec<String> = self.shim_folders.iter().map(|folder| folder.display().to_string()).collect();
        folders.join(", ")
    }
}

/// A path with a `/`: a bare name would be looked for on the library path.
fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| Path::new(".").join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_with_the_shim_wins() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let search = Search {
            shim_folders: folders.iter().map(|folder| folder.path().to_owned()).collect(),
            ..Search::default()
        };
        assert_eq!(search.shim(11), None);
        for folder in &folders[1..] {
            std::fs::write(folder.path().join("libmamoru_tensorrt_11.so"), b"").unwrap();
        }
        std::fs::create_dir(folders[0].path().join("libmamoru_tensorrt_11.so")).unwrap();
        assert_eq!(search.shim(11), Some(folders[1].path().join("libmamoru_tensorrt_11.so")));
        assert_eq!(search.shim(10), None);
    }

    #[test]
    fn shims_are_looked_for_beside_the_executable_first_and_in_the_system_last() {
        let search = Search::installed(Some(Path::new("configured")));
        assert!(search.shim_folders[0].is_absolute());
        assert_eq!(search.shim_folders[1..], [PathBuf::from("configured"), PathBuf::from("/usr/lib/mamoru")]);
    }

    #[test]
    fn the_newest_library_comes_first_and_a_folder_makes_paths() {
        let names: Vec<PathBuf> = Search::default().libraries().map(|(_, path)| path).collect();
        assert_eq!(names, ["libnvinfer.so.11", "libnvinfer.so.10", "libnvinfer.so.8"].map(PathBuf::from));
        let search = Search { tensorrt_folder: Some("libs".into()), ..Search::default() };
        assert!(search.libraries().all(|(_, path)| path.is_absolute()));
        assert_eq!(Search::default().parser(8), PathBuf::from("libnvonnxparser.so.8"));
    }
}
