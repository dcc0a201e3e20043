//! What the rules look at: the committed files and the workspace's packages.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A committed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// Content; what is not UTF-8 is replaced.
    pub text: String,
}

/// A direct dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the package, not what it is renamed to.
    pub name: String,
    /// Only tests, examples and benches see it.
    pub dev: bool,
}

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name of the package.
    pub name: String,
    /// Folder of its manifest from the repository's root.
    pub folder: String,
    /// Direct dependencies of all kinds.
    pub dependencies: Vec<Dependency>,
}

/// Everything that the rules look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// Committed files that are there.
    pub files: Vec<File>,
    /// Members of the workspace.
    pub packages: Vec<Package>,
}

impl Repository {
    /// Reads the clone at `root` with git and cargo, without network.
    ///
    /// # Errors
    /// When git or cargo fails, or a file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        // A checkout may belong to another user than the one who tests.
        let listed = run(Command::new("git").args(["-c", "safe.directory=*", "ls-files", "-z"]).current_dir(&root))?;
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&listed).split('\0').filter(|path| !path.is_empty()) {
            let place = root.join(path);
            // Files deleted but not yet committed are still listed.
            if place.is_file() {
                files.push(File { path: path.into(), text: String::from_utf8_lossy(&std::fs::read(place)?).into() });
            }
        }
        let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
        let metadata = run(Command::new(env!("CARGO")).args(arguments).current_dir(&root))?;
        let metadata: Value = serde_json::from_slice(&metadata)?;
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let packages = packages.map(|value| package(value, &root)).collect::<Option<_>>();
        Ok(Self { files, packages: packages.ok_or_else(|| io::Error::other("cargo metadata is not as expected"))? })
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether a file or a folder with files is at `path`.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = |file: &File| file.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.files.iter().any(|file| file.path == path || below(file))
    }

    /// Files whose name ends in one of `endings`.
    pub fn files_with<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(|file| endings.iter().any(|ending| file.path.ends_with(ending)))
    }
}

fn run(command: &mut Command) -> io::Result<Vec<u8>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(io::Error::other(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn package(value: &Value, root: &Path) -> Option<Package> {
    let manifest = PathBuf::from(value["manifest_path"].as_str()?);
    let folder = manifest.parent()?.strip_prefix(root).ok()?.to_str()?.to_owned();
    let dependencies = value["dependencies"].as_array()?.iter();
    let dependencies = dependencies
        .map(|value| Some(Dependency { name: value["name"].as_str()?.into(), dev: value["kind"] == "dev" }))
        .collect::<Option<_>>()?;
    Some(Package { name: value["name"].as_str()?.into(), folder, dependencies })
}
