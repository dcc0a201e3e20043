//! Rules on the sources' text.

use crate::source::{code, functions, words};
use crate::{File, Repository, Violation};

/// Files that may have more than [`FILE_LINES`] lines, each with its reason. None may have more than [`FILE_LINES_MAX`].
const LONG_FILES: [(&str, &str); 0] = [];

/// A file's lines.
pub const FILE_LINES: usize = 400;

/// A file's lines when there is a reason.
pub const FILE_LINES_MAX: usize = 800;

/// A function's lines.
pub const FUNCTION_LINES_MAX: usize = 70;

/// The word is put together here so that this file does not hold it.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// What else than Rust is source: scripts are tracked with and without an ending.
const SOURCES: [&str; 11] = [
    ".rs",
    ".py",
    ".sh",
    ".cu",
    ".cpp",
    ".h",
    "/run",
    "/fetch-mammograms",
    "/fetch-tensorrt",
    "/shim/build",
    "/doubles/build",
];

/// Folders that belong to one machine or user.
const MACHINE_FOLDERS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/")];

/// What every double of a vendor's library holds; put together here so that this file does not hold it.
const DOUBLE_MARKER: &str = concat!("MAMORU TEST ", "DOUBLE");

/// Only the engine that talks to a C interface has unsafe code.
#[must_use]
pub fn no_unsafe(repository: &Repository) -> Vec<Violation> {
    let files = repository.files_with(&[".rs"]).filter(|file| !file.path.starts_with("appliance/engine-nvidia/"));
    lines_of_code(files, |line| words(line).any(|word| word == "unsafe"), "unsafe code is for engine-nvidia alone")
}

/// A module stands beside its folder.
#[must_use]
pub fn no_mod_rs(repository: &Repository) -> Vec<Violation> {
    let files = repository.files_with(&["/mod.rs"]);
    files.map(|file| format!("{}: write foo.rs beside foo/", file.path)).collect()
}

/// Files are short.
#[must_use]
pub fn short_files(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository.files_with(&SOURCES) {
        let lines = file.text.lines().count();
        let reason = LONG_FILES.iter().find(|(path, _)| *path == file.path);
        let allowed = if reason.is_some() { FILE_LINES_MAX } else { FILE_LINES };
        if lines > allowed {
            violations.push(format!("{}: {lines} lines, {allowed} are allowed", file.path));
        }
    }
    violations
}

/// Functions are short.
#[must_use]
pub fn short_functions(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository.files_with(&[".rs"]) {
        for function in functions(&code(&file.text)) {
            if function.lines > FUNCTION_LINES_MAX {
                let (path, line, name, lines) = (&file.path, function.line, function.name, function.lines);
                violations.push(format!("{path}:{line}: {name} has {lines} lines, {FUNCTION_LINES_MAX} are allowed"));
            }
        }
    }
    violations
}

/// No test is switched off.
#[must_use]
pub fn no_ignored_tests(repository: &Repository) -> Vec<Violation> {
    let ignored = |line: &str| {
        let line: String = line.split_whitespace().collect();
        line.contains("#[ignore") || (line.contains("#[cfg_attr(") && words(&line).any(|word| word == "ignore"))
    };
    lines_of_code(repository.files_with(&[".rs"]), ignored, "no test is ignored")
}

/// Nothing is left for later.
#[must_use]
pub fn nothing_unfinished(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository.files_with(&SOURCES) {
        for (index, line) in file.text.lines().enumerate() {
            if words(line).any(|word| UNFINISHED.contains(&word)) {
                violations.push(format!("{}:{}: unfinished", file.path, index + 1));
            }
        }
    }
    let macros = |line: &str| ["todo!", "unimplemented!"].iter().any(|name| line.contains(name));
    violations.extend(lines_of_code(repository.files_with(&[".rs"]), macros, "unfinished"));
    violations
}

/// Tests wait for events, never for time.
#[must_use]
pub fn no_sleep_in_tests(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository.files_with(&[".rs"]) {
        let all = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        let code = code(&file.text);
        let tests = if all { Some(0) } else { code.iter().position(|line| line.trim() == "#[cfg(test)]") };
        for (index, line) in code.iter().enumerate().skip(tests.unwrap_or(code.len())) {
            if line.contains("thread::sleep") {
                violations.push(format!("{}:{}: no sleeping in tests", file.path, index + 1));
            }
        }
    }
    violations
}

/// No committed file names a folder of one machine.
#[must_use]
pub fn no_machine_paths(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &repository.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| is_absolute(line, folder)) {
                violations.push(format!(
                    "{}:{}: a path below {folder} exists on one machine only",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    violations
}

/// Doubles of vendors' libraries are for tests alone: no other source is one, includes one or names its file.
#[must_use]
pub fn doubles_stay_in_tests(repository: &Repository) -> Vec<Violation> {
    let in_tests = |path: &str| path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
    let mut violations = Vec::new();
    for file in repository.files_with(&SOURCES).filter(|file| !in_tests(&file.path)) {
        for (index, line) in file.text.lines().enumerate() {
            let includes = (line.contains("include") || line.contains("#[path")) && line.contains("tests/");
            if includes || line.contains(DOUBLE_MARKER) || line.contains("_double.so") || line.contains("doubles/") {
                violations.push(format!("{}:{}: doubles are for tests alone", file.path, index + 1));
            }
        }
    }
    violations
}

/// `folder` occurs in `line` and is not the middle of a longer path or of an address.
fn is_absolute(line: &str, folder: &str) -> bool {
    let within_path = |before: char| before.is_alphanumeric() || "._-}*".contains(before);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(within_path))
}

/// One violation for each line of code that is `bad`.
fn lines_of_code<'a>(files: impl Iterator<Item = &'a File>, bad: impl Fn(&str) -> bool, rule: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        for (index, line) in code(&file.text).iter().enumerate() {
            if bad(line) {
                violations.push(format!("{}:{}: {rule}", file.path, index + 1));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Repository) -> Vec<Violation>, path: &str, text: &str) -> usize {
        rule(&Repository { files: vec![File { path: path.into(), text: text.into() }], packages: vec![] }).len()
    }

    #[test]
    fn unsafe_code_is_found() {
        assert_eq!(found(no_unsafe, "a/src/lib.rs", "fn f() {\n    unsafe { g() }\n}\n"), 1);
        assert_eq!(found(no_unsafe, "a/src/lib.rs", "// unsafe\n#![deny(unsafe_code)]\nlet a = \"unsafe\";"), 0);
        assert_eq!(found(no_unsafe, "appliance/engine-nvidia/src/lib.rs", "unsafe { g() }"), 0);
    }

    #[test]
    fn files_out_of_shape_are_found() {
        assert_eq!(found(no_mod_rs, "a/src/scan/mod.rs", ""), 1);
        assert_eq!(found(short_files, "a/src/lib.rs", &"\n".repeat(FILE_LINES)), 0);
        assert_eq!(found(short_files, "a/src/lib.rs", &"\n".repeat(FILE_LINES + 1)), 1);
        assert_eq!(found(short_files, "tests/run", &"\n".repeat(FILE_LINES + 1)), 1);
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        assert_eq!(found(short_functions, "a/src/lib.rs", &function(FUNCTION_LINES_MAX)), 0);
        assert_eq!(found(short_functions, "a/src/lib.rs", &function(FUNCTION_LINES_MAX + 1)), 1);
    }

    #[test]
    fn tests_that_do_not_test_are_found() {
        assert_eq!(
            found(no_ignored_tests, "a/src/lib.rs", "#[ignore]\n#[ignore = \"slow\"]\n#[cfg_attr(a, ignore)]"),
            3
        );
        let sleep = "std::thread::sleep(second);";
        assert_eq!(found(no_sleep_in_tests, "a/tests/a.rs", sleep), 1);
        assert_eq!(found(no_sleep_in_tests, "a/src/a/tests.rs", sleep), 1);
        assert_eq!(found(no_sleep_in_tests, "a/src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {sleep} }}")), 1);
        assert_eq!(found(no_sleep_in_tests, "a/src/a.rs", sleep), 0, "the code itself may wait");
    }

    #[test]
    fn unfinished_work_is_found() {
        let text = format!("// {}: more\nlet a = todo!();\nunimplemented!()\n", UNFINISHED[0]);
        assert_eq!(found(nothing_unfinished, "a/src/lib.rs", &text), 3);
        assert_eq!(found(nothing_unfinished, "tests/run", &format!("# {}", UNFINISHED[1])), 1);
    }

    #[test]
    fn doubles_outside_of_tests_are_found() {
        let lines = [
            "include_str!(\"../tests/tensorrt/doubles/told.h\")",
            "#[path = \"../tests/fake.rs\"]",
            "Path::new(\"libcuda_double.so\")",
            DOUBLE_MARKER,
        ];
        for line in lines {
            assert_eq!(found(doubles_stay_in_tests, "appliance/engine-nvidia/src/gate.rs", line), 1, "{line}");
            assert_eq!(found(doubles_stay_in_tests, "appliance/engine-nvidia/shim/a.cpp", line), 1, "{line}");
            assert_eq!(found(doubles_stay_in_tests, "appliance/engine-nvidia/tests/tensorrt/main.rs", line), 0);
        }
        assert_eq!(found(doubles_stay_in_tests, "a/src/lib.rs", "// it doubles with each, see `tests/system`"), 0);
    }

    #[test]
    fn machine_paths_are_found() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(found(no_machine_paths, "README.md", &format!("see {folder}main")), 1);
            assert_eq!(found(no_machine_paths, "README.md", &format!("\"{folder}main\"")), 1);
            assert_eq!(found(no_machine_paths, "README.md", &format!("target{folder}main")), 0);
        }
    }
}
