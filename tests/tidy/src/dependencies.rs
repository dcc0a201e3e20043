//! Which package may depend on which. Direct dependencies: what they pull in is theirs to answer for.

use crate::source::{code, words};
use crate::{Package, Repository, Violation};

/// Nothing under `models/` or in `appliance/domain` depends on a runtime, a database or an engine, except in tests.
#[must_use]
pub fn pure_core(repository: &Repository) -> Vec<Violation> {
    let core = |package: &Package| is_model(package) || package.folder == "appliance/domain";
    let heavy = |name: &str| matches!(name, "tokio" | "sled" | "tch") || name.starts_with("tract");
    forbid(repository, |package, name, dev| core(package) && heavy(name) && !dev)
}

/// Nothing under `models/` depends on anything of the appliance.
#[must_use]
pub fn models_below_appliance(repository: &Repository) -> Vec<Violation> {
    forbid(repository, |package, name, _| is_model(package) && is_appliance(repository, name))
}

/// Only the package `appliance` depends on the engines.
#[must_use]
pub fn engines_in_composition_root(repository: &Repository) -> Vec<Violation> {
    forbid(repository, |package, name, _| package.name != "appliance" && name.starts_with("engine-"))
}

/// Training and the appliance meet in `models/` only.
#[must_use]
pub fn trainer_apart(repository: &Repository) -> Vec<Violation> {
    forbid(repository, |package, name, _| {
        (is_trainer(repository, &package.name) && is_appliance(repository, name))
            || (is_appliance(repository, &package.name) && is_trainer(repository, name))
    })
}

/// Only `engine-tract` depends on tract or names it in its code, and the trainer's check of what it packs: a bundle that the
/// CPU engine would refuse must not be written, and the trainer may not depend on the engine's crate.
#[must_use]
pub fn only_engine_tract(repository: &Repository) -> Vec<Violation> {
    let mut violations = forbid(repository, |package, name, _| {
        !matches!(package.name.as_str(), "engine-tract" | "trainer") && (name == "tract" || name.starts_with("tract-"))
    });
    let may = |path: &str| path.starts_with("appliance/engine-tract/") || path == "trainer/src/pack/check.rs";
    for file in repository.files_with(&[".rs"]).filter(|file| !may(&file.path)) {
        for (index, line) in code(&file.text).iter().enumerate() {
            if words(line).any(|word| word == "tract" || word.starts_with("tract_")) {
                violations.push(format!("{}:{}: only engine-tract names tract", file.path, index + 1));
            }
        }
    }
    violations
}

fn is_model(package: &Package) -> bool {
    package.folder.starts_with("models/")
}

fn is_appliance(repository: &Repository, name: &str) -> bool {
    is_below(repository, name, "appliance")
}

fn is_trainer(repository: &Repository, name: &str) -> bool {
    is_below(repository, name, "trainer")
}

/// Whether the package `name` is at `folder` or below it.
fn is_below(repository: &Repository, name: &str, folder: &str) -> bool {
    let package = repository.packages.iter().find(|package| package.name == name);
    let rest = package.and_then(|package| package.folder.strip_prefix(folder));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One violation for each dependency of which `forbidden(package, dependency's name, only for tests)` holds.
fn forbid(repository: &Repository, forbidden: impl Fn(&Package, &str, bool) -> bool) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &repository.packages {
        for dependency in &package.dependencies {
            if forbidden(package, &dependency.name, dependency.dev) {
                let (folder, name) = (&package.folder, &dependency.name);
                violations.push(format!("{folder}/Cargo.toml: {} must not depend on {name}", package.name));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dependency, File};

    fn repository(packages: &[(&str, &[&str])]) -> Repository {
        let package = |&(folder, dependencies): &(&str, &[&str])| Package {
            name: folder.rsplit('/').next().unwrap_or(folder).into(),
            folder: folder.into(),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency { name: name.trim_start_matches("dev:").into(), dev: name.starts_with("dev:") })
                .collect(),
        };
        Repository { files: vec![], packages: packages.iter().map(package).collect() }
    }

    #[test]
    fn a_heavy_core_is_found() {
        let bad =
            repository(&[("models/imaging", &["tokio", "dev:sled", "serde"]), ("appliance/domain", &["tract-x"])]);
        assert_eq!(pure_core(&bad).len(), 2);
        assert!(pure_core(&repository(&[("appliance/queue", &["sled"])])).is_empty());
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let bad = repository(&[("models/imaging", &["domain"]), ("appliance/domain", &["imaging"])]);
        assert_eq!(models_below_appliance(&bad), ["models/imaging/Cargo.toml: imaging must not depend on domain"]);
    }

    #[test]
    fn an_engine_outside_the_composition_root_is_found() {
        let bad = repository(&[("appliance", &["engine-tract"]), ("appliance/inference", &["dev:engine-tract"])]);
        assert_eq!(engines_in_composition_root(&bad).len(), 1);
    }

    #[test]
    fn a_trainer_that_meets_the_appliance_is_found() {
        let bad = repository(&[
            ("trainer", &["domain", "contract"]),
            ("trainer/evaluation", &["domain"]),
            ("appliance/domain", &["trainer", "evaluation"]),
        ]);
        assert_eq!(trainer_apart(&bad).len(), 4);
        assert!(trainer_apart(&repository(&[("trainer", &["contract"]), ("models/contract", &[])])).is_empty());
    }

    #[test]
    fn an_engine_library_elsewhere_is_found() {
        let mut bad =
            repository(&[("appliance/inference", &["tract-onnx"]), ("appliance/engine-tract", &["tract-onnx"])]);
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        bad.files = vec![
            file("appliance/engine-tract/src/lib.rs", "use tract_onnx::prelude;"),
            file("appliance/src/main.rs", "use engine_tract::extract_all; // tract_onnx"),
            file("appliance/src/cli.rs", "\nuse tract_onnx::prelude;"),
            file("trainer/src/pack/check.rs", "use tract_onnx::prelude;"),
            file("trainer/src/pack.rs", "use tract_onnx::prelude;"),
        ];
        let violations = only_engine_tract(&bad);
        assert_eq!(violations.len(), 3, "{violations:?}");
        assert!(violations[1].starts_with("appliance/src/cli.rs:2:"));
    }
}
