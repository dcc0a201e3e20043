//! Rules on the members' manifests.

use crate::{Package, Repository, Violation};

/// Every member has the workspace's lints.
#[must_use]
pub fn lints_inherited(repository: &Repository) -> Vec<Violation> {
    let manifests = manifests(repository);
    let inherits = |text: &str| entries(text).any(|(section, line)| section == "lints" && is_workspace(line));
    let without = manifests.filter(|(_, text)| !inherits(text));
    without.map(|(path, _)| format!("{path}: [lints] must say workspace = true")).collect()
}

/// Every dependency has its version from the workspace, so that there is one place to read and to change it.
#[must_use]
pub fn dependencies_from_workspace(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in manifests(repository) {
        for (section, line) in entries(text) {
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            let own_section = section.contains("dependencies.");
            if own_section {
                violations.push(format!("{path}: write the table [{section}] as a line with workspace = true"));
            } else if section.ends_with("dependencies") && !is_workspace(line) {
                violations.push(format!("{path}: {name} must say workspace = true"));
            }
        }
    }
    violations
}

/// Every member is built by default, but the trainer, which needs libtorch.
#[must_use]
pub fn members_by_default(repository: &Repository) -> Vec<Violation> {
    const ON_REQUEST: [&str; 1] = ["trainer"];
    let text = repository.text("Cargo.toml").unwrap_or_default();
    let default = text.split_once("default-members").and_then(|(_, rest)| rest.split_once(']')).unwrap_or_default().0;
    let missing = |package: &&Package| {
        !default.contains(&format!("\"{}\"", package.folder)) && !ON_REQUEST.contains(&package.folder.as_str())
    };
    let missing = repository.packages.iter().filter(missing);
    missing.map(|package| format!("Cargo.toml: default-members lacks {}", package.folder)).collect()
}

/// Path and text of each member's manifest.
fn manifests(repository: &Repository) -> impl Iterator<Item = (String, &str)> {
    repository.packages.iter().map(|package| {
        let path = format!("{}/Cargo.toml", package.folder);
        let text = repository.text(&path).unwrap_or_default();
        (path, text)
    })
}

/// Lines with the name of their section; arrays over several lines stay what they are.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(move |line| {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => {
                section = name.trim_matches(['[', ']']);
                None
            }
            None => Some((section, line)),
        }
    })
}

/// `workspace = true`, `name.workspace = true` or `name = { workspace = true, ... }`.
fn is_workspace(line: &str) -> bool {
    line.split(['.', '{', ',', '}']).any(|part| part.split_whitespace().eq(["workspace", "=", "true"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn repository(manifest: &str) -> Repository {
        let package = Package { name: "domain".into(), folder: "appliance/domain".into(), dependencies: vec![] };
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let root = file("Cargo.toml", "[workspace]\ndefault-members = [\n    \"appliance/queue\",\n]\n");
        Repository { files: vec![root, file("appliance/domain/Cargo.toml", manifest)], packages: vec![package] }
    }

    #[test]
    fn lints_of_its_own_are_found() {
        assert_eq!(lints_inherited(&repository("[package]\nname = \"domain\"\n")).len(), 1);
        assert_eq!(lints_inherited(&repository("[lints.rust]\nunsafe_code = \"allow\"\n")).len(), 1);
        assert!(lints_inherited(&repository("[lints]\nworkspace = true\n")).is_empty());
    }

    #[test]
    fn versions_of_its_own_are_found() {
        let bad = "[dependencies]\nserde = \"1\"\nok.workspace = true\n[dev-dependencies.png]\nversion = \"1\"\n\
                   [target.'cfg(unix)'.dependencies]\nrustix = { version = \"1\" }\n";
        assert_eq!(dependencies_from_workspace(&repository(bad)).len(), 3);
        let good = "[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }\n\
                    [package]\nversion = \"1\"\n";
        assert!(dependencies_from_workspace(&repository(good)).is_empty());
    }

    #[test]
    fn a_member_that_nobody_builds_is_found() {
        assert_eq!(members_by_default(&repository("")), ["Cargo.toml: default-members lacks appliance/domain"]);
    }
}
