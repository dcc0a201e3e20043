//! Rules on docs/specification.md and docs/complaints.md: each promise names what enforces it, and that is there.

use crate::{Package, Repository, Violation};

/// Documents with such a table.
const PATHS: [&str; 2] = ["docs/specification.md", "docs/complaints.md"];

/// Each promise has a number, a text and what enforces it. Numbers rise: a subject may leave room for more.
#[must_use]
pub fn rows_complete(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for path in PATHS {
        let rows = rows(repository, path);
        if rows.is_empty() {
            violations.push(format!("{path}: there are no promises"));
        }
        let mut last = 0;
        for (line, cells) in &rows {
            let number = cells[0].parse::<usize>().ok().filter(|number| *number > last);
            if cells.len() != 3 || cells.iter().any(|cell| cell.is_empty()) {
                violations.push(format!("{path}:{line}: a promise is a number, a text and what enforces it"));
            } else if number.is_none() {
                violations.push(format!("{path}:{line}: the promise's number should be above {last}"));
            }
            last = number.unwrap_or(last);
        }
    }
    violations
}

/// Each test that a promise names exists: `` `package` `module::tests` ``, `` `package` `tests/file.rs` `` or a path.
#[must_use]
pub fn references_exist(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    let all = PATHS.into_iter().flat_map(|path| rows(repository, path).into_iter().map(move |row| (path, row)));
    for (path, (line, cells)) in all {
        let mut package = None;
        for reference in cells.last().into_iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
            let named = repository.packages.iter().find(|package| package.name == reference);
            package = named.or(package);
            if named.is_none() && !exists(repository, package, reference) {
                violations.push(format!("{path}:{line}: {reference} does not exist"));
            }
        }
    }
    violations
}

/// The table's rows without its head: line from 1 on, and cells.
fn rows<'a>(repository: &'a Repository, path: &str) -> Vec<(usize, Vec<&'a str>)> {
    let text = repository.text(path).unwrap_or_default();
    let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with('|')).skip(2);
    lines.map(|(index, line)| (index + 1, line.trim().trim_matches('|').split('|').map(str::trim).collect())).collect()
}

/// Whether `reference` is there, or is no reference to a file at all but a command or a function's name.
fn exists(repository: &Repository, package: Option<&Package>, reference: &str) -> bool {
    if reference.contains(' ') {
        return true;
    }
    if reference.contains('/') {
        let (path, items) = reference.split_once("::").unwrap_or((reference, ""));
        let in_package = package.map(|package| format!("{}/{path}", package.folder));
        let place = in_package.filter(|place| repository.contains(place)).unwrap_or_else(|| path.into());
        return repository.contains(&place) && has_items(repository, &place, items.split("::"));
    }
    if !reference.contains("::") {
        return true;
    }
    let modules: Vec<&str> = reference.split("::").collect();
    let has = |package: Option<&Package>, modules: &[&str]| {
        package.is_some_and(|package| has_module(repository, package, modules))
    };
    // A module may have the name of another package.
    let named = repository.packages.iter().find(|package| package.name.replace('-', "_") == modules[0]);
    has(named, &modules[1..]) || has(package, &modules)
}

/// Whether the path of modules leads to a file and the rest of it to items in there; `*` stands for several modules.
fn has_module(repository: &Repository, package: &Package, modules: &[&str]) -> bool {
    if let Some(star) = modules.iter().position(|&module| module == "*") {
        return star > 0 && repository.contains(&format!("{}/src/{}", package.folder, modules[..star].join("/")));
    }
    (0..=modules.len()).rev().any(|depth| {
        let stem = if depth == 0 { "lib".into() } else { modules[..depth].join("/") };
        let place = format!("{}/src/{stem}.rs", package.folder);
        repository.text(&place).is_some() && has_items(repository, &place, modules[depth..].iter().copied())
    })
}

/// Whether the file has each of `items` as a module or a function.
fn has_items<'a>(repository: &Repository, place: &str, items: impl Iterator<Item = &'a str>) -> bool {
    let text = repository.text(place).unwrap_or_default();
    let has = |item: &str| text.contains(&format!("mod {item}")) || text.contains(&format!("fn {item}"));
    items.filter(|item| !item.is_empty()).all(has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn repository(rows: &str) -> Repository {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let package =
            |name: &str| Package { name: name.into(), folder: format!("appliance/{name}"), dependencies: vec![] };
        let files = vec![
            file(PATHS[0], &format!("# Specification\n\n| # | promise | enforced by |\n| --- | --- | --- |\n{rows}")),
            file(
                PATHS[1],
                "| # | complaint | answered by |\n| --- | --- | --- |\n| 1 | a | `tests/peers/store.sh` |\n",
            ),
            file("tests/peers/store.sh", ""),
            file("appliance/engine-a/src/scan.rs", "mod tests {\n    fn one() {}\n}"),
            file("appliance/engine-a/src/scan/walk.rs", ""),
            file("appliance/engine-a/src/twin.rs", "mod tests {}"),
            file("appliance/engine-a/tests/run.rs", "fn two() {}"),
        ];
        Repository { files, packages: vec![package("engine-a"), package("twin")] }
    }

    #[test]
    fn the_complaints_are_held_to_the_same_rules() {
        let mut repository = repository("| 1 | a | b |");
        repository.files[1].text = "| # | a | b |\n| - | - | - |\n| 1 | a | `tests/none.rs` |\n| 1 | a | b |\n".into();
        assert_eq!((rows_complete(&repository).len(), references_exist(&repository).len()), (1, 1));
        repository.files.remove(1);
        assert_eq!(rows_complete(&repository), ["docs/complaints.md: there are no promises"]);
    }

    #[test]
    fn incomplete_rows_are_found() {
        assert_eq!(rows_complete(&repository("")).len(), 1);
        assert_eq!(
            rows_complete(&repository("| 1 | a | b |\n| 2 | a | b | c |\n| 3 | a | |\n| 2 | a | b |\n")).len(),
            3
        );
    }

    #[test]
    fn references_to_nothing_are_found() {
        for missing in [
            "`tests/peers/other.sh`",
            "`engine-a` `walk::tests`",
            "`engine-a` `tests/none.rs`",
            "`engine-a` `tests/run.rs::three`",
            "`engine_a::scan::tests::two`",
            "`none::tests`",
            "`engine_a::none`",
        ] {
            assert_eq!(references_exist(&repository(&format!("| 1 | a | {missing} |"))).len(), 1, "{missing}");
        }
    }

    #[test]
    fn references_are_followed() {
        let row = "| 1 | `x::y` | `tests/peers/store.sh`, `engine-a` `scan::tests`, `tests/run.rs`, `tests/run.rs::two`, \
                   `scan::*::tests`, `scan::walk`, `twin::tests`, `engine_a::scan::tests::one`, `fdatasync`, `mamoru serve a/b` |";
        assert_eq!(references_exist(&repository(row)), Vec::<String>::new());
    }
}
