//! This repository, held against each rule.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use tidy::{Repository, Violation, dependencies, manifests, sources, specification};

fn check(rule: fn(&Repository) -> Vec<Violation>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let repository = Repository::read(&root).unwrap();
    assert!(!repository.files.is_empty() && !repository.packages.is_empty(), "there is nothing to check");
    let violations = rule(&repository);
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn models_and_domain_need_no_runtime_database_or_engine() {
    check(dependencies::pure_core);
}

#[test]
fn models_know_nothing_of_the_appliance() {
    check(dependencies::models_below_appliance);
}

#[test]
fn only_the_composition_root_names_an_engine() {
    check(dependencies::engines_in_composition_root);
}

#[test]
fn trainer_and_appliance_do_not_know_each_other() {
    check(dependencies::trainer_apart);
}

#[test]
fn only_engine_tract_names_tract() {
    check(dependencies::only_engine_tract);
}

#[test]
fn members_inherit_the_lints() {
    check(manifests::lints_inherited);
}

#[test]
fn dependencies_come_from_the_workspace() {
    check(manifests::dependencies_from_workspace);
}

#[test]
fn members_are_built_by_default() {
    check(manifests::members_by_default);
}

#[test]
fn no_unsafe_code() {
    check(sources::no_unsafe);
}

#[test]
fn no_mod_rs() {
    check(sources::no_mod_rs);
}

#[test]
fn files_are_short() {
    check(sources::short_files);
}

#[test]
fn functions_are_short() {
    check(sources::short_functions);
}

#[test]
fn no_test_is_ignored() {
    check(sources::no_ignored_tests);
}

#[test]
fn nothing_is_unfinished() {
    check(sources::nothing_unfinished);
}

#[test]
fn tests_do_not_sleep() {
    check(sources::no_sleep_in_tests);
}

#[test]
fn doubles_are_for_tests_alone() {
    check(sources::doubles_stay_in_tests);
}

#[test]
fn no_paths_of_one_machine() {
    check(sources::no_machine_paths);
}

#[test]
fn promises_are_complete() {
    check(specification::rows_complete);
}

#[test]
fn promises_name_tests_that_exist() {
    check(specification::references_exist);
}
